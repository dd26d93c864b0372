"""`python -m lab.offsets.compare`: methods and baseline methods on the same pairs of a benchmark, as JSON."""

import argparse
from pathlib import Path

from lab import results
from lab.offsets import agreement, baselines, critical, evaluate, fast, foreign_evaluate, real_evaluate
from ml.offsets.infer import WEIGHTS

BENCHMARKS = (
    *(*evaluate.BENCHMARKS, *critical.BENCHMARKS, *agreement.BENCHMARKS),
    *(fast.BENCHMARK, real_evaluate.BENCHMARK, foreign_evaluate.BENCHMARK),
)
COMPARE = {benchmark.name: benchmark.compare for benchmark in BENCHMARKS if benchmark.compare}


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
