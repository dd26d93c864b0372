"""`python -m lab.coherence.compare METHOD …`: several methods on the same simulated pairs, each pair made once."""

import argparse
from pathlib import Path

from lab.coherence.evaluate import BENCHMARKS, STRUCTURED
from lab.results import write
from ml.coherence import METHODS
from ml.coherence.infer import WEIGHTS

SIZE = 60
COMPARE = {one.name: (one.compare, one.truth_sha256) for one in BENCHMARKS if one.compare}


def main() -> None:
    """Write and print every figure of each method."""
    parser = argparse.ArgumentParser(prog="python -m lab.coherence.compare", description=__doc__)
    parser.add_argument("methods", nargs="+", choices=METHODS)
    parser.add_argument("--benchmark", choices=[*COMPARE], default=STRUCTURED)
    parser.add_argument("--size", type=int, default=SIZE, metavar="N", help="number of pairs (default: %(default)s)")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    compare, truth_sha256 = COMPARE[args.benchmark]
    about = {"benchmark": args.benchmark, "truth_sha256": truth_sha256(args.size), "size": args.size}
    write(args.json, "lab.coherence.compare", compare(args.methods, args.size), WEIGHTS, **about)


if __name__ == "__main__":
    main()
