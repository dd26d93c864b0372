"""`python -m ml evaluate`: a method against a benchmark, as the JSON that figures in the docs are made from."""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

from ingest.errors import InputError
from ml.code_version import code_version
from ml.deformation import evaluate as deformation
from ml.deformation.infer import METHODS, VERSIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=["deformation"])
    parser.add_argument("--benchmark", choices=[deformation.NAME], default=deformation.NAME)
    parser.add_argument("--method", choices=METHODS, default="matched-filter")
    parser.add_argument("--json", type=Path, required=True, metavar="OUT.json")
    parser.add_argument("--still-tiles", type=int, default=300)
    parser.add_argument("--bowl-tiles", type=int, default=200)


def run(args: argparse.Namespace) -> int:
    """Measure, write, print. ValueError for a folder that does not exist or counts that measure nothing."""
    if not args.json.parent.is_dir():
        raise InputError(args.json, "its folder does not exist", "Make the folder first")
    if min(args.still_tiles, args.bowl_tiles) < 1:
        raise ValueError("--still-tiles and --bowl-tiles must be at least 1.")
    started = time.monotonic()
    metrics = deformation.evaluate(args.method, args.still_tiles, args.bowl_tiles)
    result = {
        "task": args.task,
        "benchmark": args.benchmark,
        "benchmark_version": deformation.VERSION,
        "truth_sha256": deformation.truth_sha256(args.still_tiles, args.bowl_tiles),
        "method": args.method,
        "model_version": f"{args.method} {VERSIONS[args.method]}",
        "weights_sha256": None,
        "device": "cpu",
        "seconds": round(time.monotonic() - started, 1),
        "commit": code_version(),
        "command": shlex.join(["python", "-m", "ml", *sys.argv[1:]]),
        "metrics": {name: interval._asdict() for name, interval in metrics.items()},
    }
    args.json.write_text(json.dumps(result, indent=2) + "\n")
    for name, interval in metrics.items():
        print(f"{name:28s} {interval.value:6.3f}   ({interval.low:.3f} to {interval.high:.3f})")
    return 0
