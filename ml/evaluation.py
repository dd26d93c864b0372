"""`python -m ml evaluate`: a method against a benchmark, as the JSON that figures in the docs are made from."""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

from ingest.errors import InputError
from ml.code_version import code_version
from ml.coherence import evaluate as coherence
from ml.deformation import evaluate as deformation
from ml.offsets import evaluate as offsets

TASKS = {"deformation": deformation, "coherence": coherence, "offsets": offsets}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    tasks = parser.add_subparsers(dest="task", required=True)
    for name, module in TASKS.items():
        task = tasks.add_parser(name, help=module.__doc__)
        task.add_argument("--benchmark", choices=[module.NAME], default=module.NAME)
        task.add_argument("--method", choices=module.METHODS, default=module.METHODS[0])
        task.add_argument("--json", type=Path, required=True, metavar="OUT.json")
        if module is deformation:
            task.add_argument("--still-tiles", type=int, default=300)
            task.add_argument("--bowl-tiles", type=int, default=200)
        else:
            task.add_argument("--pairs", type=int, default=60, help="of each kind (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure, write, print. ValueError for a folder that does not exist or counts that measure nothing."""
    if not args.json.parent.is_dir():
        raise InputError(args.json, "its folder does not exist", "Make the folder first")
    module, started = TASKS[args.task], time.monotonic()
    counts = {name: getattr(args, name) for name in ("still_tiles", "bowl_tiles", "pairs") if hasattr(args, name)}
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1.")
    metrics = module.evaluate(args.method, **counts)
    result = {
        "task": args.task,
        "benchmark": args.benchmark,
        "benchmark_version": module.VERSION,
        "truth_sha256": module.truth_sha256(**counts),
        "method": args.method,
        "model_version": f"{args.method} {module.VERSIONS[args.method]}",
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
