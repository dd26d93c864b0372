"""`python -m lab.deformation.absent.compare METHOD …`: compare methods in one pass over a benchmark.

Prints and writes all figures of each method, and its gain over the last method in the share of the table's bowls found.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from lab import results
from lab.deformation import evaluate
from lab.deformation.absent import evaluate as absent
from lab.deformation.absent.tiles import NAME as ABSENT
from lab.deformation.measures.benchmark_tiles import NATIONAL
from ml.deformation.infer import CONFIGS, WEIGHTS


class Comparable(NamedTuple):
    """Benchmark whose `module` has figures_of and gains. measure: configurations, size, processes -> scores.

    size: number of tiles for published figures. truth_sha256: size -> hash of the generated tiles.
    """

    module: ModuleType
    measure: Callable[..., Any]
    size: int
    truth_sha256: Callable[[int], str]


BENCHMARKS = {
    name: Comparable(evaluate, partial(evaluate.measure, name), size, partial(evaluate.truth_sha256, name))
    for name, size in evaluate.SIZES.items()
} | {ABSENT: Comparable(absent, absent.measure, absent.SIZE, absent.truth_sha256)}


def main() -> None:
    """Measure the methods, write and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("methods", nargs="+", choices=[*CONFIGS])
    parser.add_argument("--benchmark", choices=[*BENCHMARKS], default=NATIONAL)
    parser.add_argument("--size", type=int, metavar="N", help="number of tiles; published figures are of the default")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    benchmark, last = BENCHMARKS[args.benchmark], args.methods[-1]
    size = benchmark.size if args.size is None else args.size
    scores = benchmark.measure([CONFIGS[name]() for name in args.methods], size, processes=args.processes)
    figures = {name: benchmark.module.figures_of(scores, i) for i, name in enumerate(args.methods)}
    gains = {name: benchmark.module.gains(scores, i, len(args.methods) - 1) for i, name in enumerate(args.methods)}
    results.write(
        args.json,
        "lab.deformation.absent.compare",
        figures,
        WEIGHTS,
        {name: {"gains": results.plain(gain)} for name, gain in gains.items()},
        size=size,
        benchmark=args.benchmark,
        truth_sha256=benchmark.truth_sha256(size),
        over=last,
    )
    for name, gain in gains.items():
        results.show(f"{name} over {last}", gain)


if __name__ == "__main__":
    main()
