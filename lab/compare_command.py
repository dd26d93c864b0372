"""Commands that compare methods on the same scenes of a benchmark, each scene made once, and write JSON."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from lab import results
from lab.benchmark import Benchmark


def main(module: str, benchmarks: Iterable[Benchmark], methods: str = "methods") -> None:
    """Measure, write and print every figure of each method. methods: the argument or option that names them."""
    comparing = {one.name: one for one in benchmarks if one.compare}
    known = {method: None for one in comparing.values() for method in one.methods}
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=__doc__)
    parser.add_argument(methods, nargs="+", choices=[*known])
    parser.add_argument("--benchmark", choices=[*comparing], required=True)
    parser.add_argument("--size", type=int, metavar="N", help="number of scenes (default: that of published figures)")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    benchmark = comparing[args.benchmark]
    size = args.size or benchmark.size
    if benchmark.compare is None or not args.methods:
        parser.error(f"{methods} is missing")
    results.write(
        args.json,
        module,
        benchmark.compare(args.methods, size),
        {name: row.weights for name, row in benchmark.methods.items() if row.weights},
        benchmark=benchmark.name,
        truth_sha256=benchmark.truth_sha256(size),
        size=size,
    )
