"""`python -m ml evaluate`: measure a method on a benchmark; write the JSON from which documents take their figures."""

import argparse
import json
import shlex
import sys
import time
from functools import partial
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.runtime.checkpoints import read_card
from ground_motion.runtime.code_version import code_version
from ground_motion.runtime.methods import method_of
from lab import results
from lab.benchmark import Benchmark
from lab.coherence import evaluate as coherence
from lab.deformation import real_fields
from lab.deformation.alarms import equal, held
from lab.deformation.wide import evaluate as wide
from lab.glaciers import evaluate as surges
from lab.offsets import compare as offsets

TASKS: dict[str, tuple[Benchmark, ...]] = {
    "deformation": (
        equal.BENCHMARK,
        held.BENCHMARK,
        real_fields.BENCHMARK,
        wide.BENCHMARK,
    ),
    "coherence": coherence.BENCHMARKS,
    "offsets": (*offsets.BENCHMARKS, surges.BENCHMARK),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the task, and its benchmark, method, output and size."""
    tasks = parser.add_subparsers(dest="task", required=True)
    for name, benchmarks in TASKS.items():
        task = tasks.add_parser(name, help=f"benchmarks: {', '.join(benchmark.name for benchmark in benchmarks)}")
        methods = {method: None for benchmark in benchmarks for method in benchmark.methods}
        task.add_argument(
            "--benchmark", choices=[benchmark.name for benchmark in benchmarks], default=benchmarks[0].name
        )
        task.add_argument("--method", type=partial(method_of, name), choices=[*methods], default=next(iter(methods)))
        task.add_argument("--json", type=Path, required=True, metavar="OUT.json", help="file to write")
        task.add_argument(
            "--size", type=int, metavar="N", help="number of scenes; published figures are of the default"
        )


def run(args: argparse.Namespace) -> int:
    """Measure, write and print. Raises ValueError for a missing folder, an unknown method or a size below 1."""
    if not args.json.parent.is_dir():
        raise InputError(args.json, "its folder does not exist", "Make the folder first")
    benchmark = next(task for task in TASKS[args.task] if task.name == args.benchmark)
    if args.method not in benchmark.methods:
        raise ValueError(f"{benchmark.name} measures {', '.join(benchmark.methods)}, not {args.method}")
    size, started = benchmark.size if args.size is None else args.size, time.monotonic()
    if size < 1:
        raise ValueError("--size must be at least 1.")
    row = benchmark.methods[args.method]
    with results.recording() as used:
        metrics = benchmark.evaluate(args.method, size)
    result = {
        "task": args.task,
        "benchmark": benchmark.name,
        "benchmark_version": benchmark.version,
        "truth_sha256": benchmark.truth_sha256(size),
        "method": args.method,
        "model_version": f"{args.method} {row.version}",
        "weights_sha256": read_card(row.weights).weights_sha256 if row.weights else None,
        "device": "cpu",
        "seconds": round(time.monotonic() - started, 1),
        "commit": code_version(),
        "code": results.code_of(used),
        "command": shlex.join(["python", "-m", "ml", *sys.argv[1:]]),
        "metrics": results.plain(metrics),
    }
    args.json.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{benchmark.name} {benchmark.version}, {size} {benchmark.of}, {args.method}, {result['seconds']} s")
    for name, interval in metrics.items():
        print(f"{name:28s} {interval.value:6.3f}   ({interval.low:.3f} to {interval.high:.3f})")
    return 0
