"""Compare several methods in one pass over a benchmark: python -m lab.deformation.foreign.compare METHOD …

Prints and writes every figure of each, and by how much each finds more of the table's bowls than the last one named.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from lab.deformation import evaluate
from lab.deformation.evaluate import card_of
from lab.deformation.foreign import evaluate as foreign
from lab.deformation.foreign.tiles import NAME as FOREIGN
from lab.deformation.measures.benchmark_tiles import NATIONAL
from ml.deformation.infer import CONFIGS
from ml.runtime.code_version import code_version
from ml.statistics.intervals import Interval


class Comparable(NamedTuple):
    """measure: configurations, size, processes -> scores; figures_of, gains: of these; size: of published figures.

    truth_sha256: size -> hash of what is generated.
    """

    measure: Callable[..., Any]
    figures_of: Callable[..., dict[str, Interval]]
    gains: Callable[..., dict[str, Interval]]
    size: int
    truth_sha256: Callable[[int], str]


BENCHMARKS = {
    name: Comparable(
        partial(evaluate.measure, name), evaluate.figures_of, evaluate.gains, size, partial(evaluate.truth_sha256, name)
    )
    for name, size in evaluate.SIZES.items()
} | {FOREIGN: Comparable(foreign.measure, foreign.figures_of, foreign.gains, foreign.SIZE, foreign.truth_sha256)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("methods", nargs="+", choices=[*CONFIGS])
    parser.add_argument("--benchmark", choices=[*BENCHMARKS], default=NATIONAL)
    parser.add_argument("--size", type=int, metavar="N", help="number of tiles; published figures are of the default")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    configs = [CONFIGS[name]() for name in args.methods]
    benchmark = BENCHMARKS[args.benchmark]
    size = benchmark.size if args.size is None else args.size
    scores = benchmark.measure(configs, size, processes=args.processes)
    last = len(args.methods) - 1
    by_method = {
        name: {"metrics": _plain(benchmark.figures_of(scores, i)), "gains": _plain(benchmark.gains(scores, i, last))}
        for i, name in enumerate(args.methods)
    }
    command = shlex.join(["python", "-m", "lab.deformation.foreign.compare", *sys.argv[1:]])
    cards = {name: card_of(config) for name, config in zip(args.methods, configs, strict=True)}
    hashes = {name: card.weights_sha256 for name, card in cards.items() if card}
    about = {
        "weights_sha256": hashes,
        "command": command,
        "commit": code_version(),
        "size": size,
        "benchmark": args.benchmark,
        "truth_sha256": benchmark.truth_sha256(size),
    }
    args.json.write_text(json.dumps(about | {"over": args.methods[last], "methods": by_method}, indent=1) + "\n")
    for name, parts in by_method.items():
        for part, values in parts.items():
            for key, interval in values.items():
                print(f"{name:22s} {part:8s} {key:32s} {_text(interval)}")


def _plain(figures: dict[str, Interval]) -> dict[str, dict[str, float]]:
    return {key: interval._asdict() for key, interval in figures.items()}


def _text(interval: dict[str, float]) -> str:
    return "{value:7.3f} ({low:.3f} to {high:.3f})".format(**interval)


if __name__ == "__main__":
    main()
