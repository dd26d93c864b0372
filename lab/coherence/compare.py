"""`python -m lab.coherence.compare METHOD …`: several methods on the same simulated pairs, each pair made once."""

import argparse
from pathlib import Path

from lab.coherence.evaluate import GROUNDS, STRUCTURED, compared, even_sha256, structured_sha256
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
    truth = structured_sha256 if args.benchmark == STRUCTURED else even_sha256
    about = {"benchmark": args.benchmark, "truth_sha256": truth(args.size), "size": args.size}
    write(args.json, "lab.coherence.compare", results, WEIGHTS, **about)


if __name__ == "__main__":
    main()
