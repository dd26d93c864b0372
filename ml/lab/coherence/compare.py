"""`python -m ml.lab.coherence.compare METHOD …`: several methods on the same simulated pairs, each pair made once."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from ml.coherence.infer import METHODS, WEIGHTS
from ml.lab.coherence.evaluate import GROUNDS, STRUCTURED, compared, even_sha256, structured_sha256
from ml.runtime.checkpoints import read_card
from ml.runtime.code_version import code_version

SIZE = 60


def main() -> None:
    """Write and print every figure of each method."""
    parser = argparse.ArgumentParser(prog="python -m ml.lab.coherence.compare", description=__doc__)
    parser.add_argument("methods", nargs="+", choices=METHODS)
    parser.add_argument("--benchmark", choices=[*GROUNDS], default=STRUCTURED)
    parser.add_argument("--size", type=int, default=SIZE, metavar="N", help="number of pairs (default: %(default)s)")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    results = dict(zip(args.methods, compared(args.benchmark, args.methods, args.size), strict=True))
    truth = structured_sha256 if args.benchmark == STRUCTURED else even_sha256
    about = {
        "benchmark": args.benchmark,
        "truth_sha256": truth(args.size),
        "size": args.size,
        "weights_sha256": {name: read_card(WEIGHTS[name]).weights_sha256 for name in results if name in WEIGHTS},
        "commit": code_version(),
        "command": shlex.join(["python", "-m", "ml.lab.coherence.compare", *sys.argv[1:]]),
        "methods": {
            name: {"metrics": {metric: interval._asdict() for metric, interval in metrics.items()}}
            for name, metrics in results.items()
        },
    }
    args.json.write_text(json.dumps(about, indent=1) + "\n")
    for name, metrics in results.items():
        for metric, (value, low, high) in metrics.items():
            print(f"{name:18s} {metric:20s} {value:6.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
