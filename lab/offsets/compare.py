"""`python -m lab.offsets.compare`: methods and baseline methods on the same pairs of a benchmark, as JSON."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from lab import results
from lab.offsets import agreement, baselines, critical, evaluate, fast, real_evaluate
from lab.offsets import foreign_evaluate as foreign
from ml.offsets.infer import WEIGHTS

COMPARE: dict[str, Callable[[Sequence[str], int], results.Compared]] = {
    evaluate.CONSTANT: evaluate.compare_constant,
    evaluate.FIELDS: evaluate.compare_fields,
    critical.NAME: critical.compare,
    critical.TEXTURED: critical.compare_textured,
    agreement.CLOSURE: agreement.compare_closure,
    agreement.POLARISATIONS: agreement.compare_polarisations,
    fast.NAME: fast.compare,
    foreign.NAME: foreign.compare,
    real_evaluate.NAME: real_evaluate.compare,
}


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmark", choices=list(COMPARE), required=True)
    parser.add_argument("--size", type=int, required=True, help="as of `python -m ml evaluate`")
    parser.add_argument("--methods", nargs="+", choices=list(baselines.VERSIONS), required=True)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    metrics = COMPARE[args.benchmark](args.methods, args.size)
    results.write(args.json, "lab.offsets.compare", metrics, WEIGHTS)


if __name__ == "__main__":
    main()
