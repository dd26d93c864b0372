"""`python -m lab.coherence.compare METHOD …`: several methods on the same simulated pairs, each pair made once."""

import argparse
from pathlib import Path

from lab.coherence.evaluate import BENCHMARKS, GROUNDS, STRUCTURED, compared
from lab.results import write
from ml.coherence import METHODS
from ml.coherence.infer import WEIGHTS

SIZE = 60


def main() -> None:
    """Write and print every figure of each method."""
    parser = argparse.ArgumentParser(prog="python -m lab.coherence.compare", description=__doc__)
    parser.add_argument("methods", nargs="+", choices=METHODS)
    parser.add_argument("--benchmark", choices=[*GROUNDS], default=STRUCTURED)
    parser.add_argument("--size", type=int, default=SIZE, metavar="N", help="number of pairs (default: %(default)s)")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    results = dict(zip(args.methods, compared(args.benchmark, args.methods, args.size), strict=True))
    truth = next(one.truth_sha256 for one in BENCHMARKS if one.name == args.benchmark)
    about = {"benchmark": args.benchmark, "truth_sha256": truth(args.size), "size": args.size}
    write(args.json, "lab.coherence.compare", results, WEIGHTS, **about)


if __name__ == "__main__":
    main()
