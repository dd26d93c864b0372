"""`python -m lab.deformation.injected.compare METHOD …`: methods on `deformation-injected`, and the first's gains.

Prints and writes all figures, the first method's gain over each of the others in the share of each shape found in the
same scenes, and the smallest gain, which is that over the best other method.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from lab import results
from lab.deformation.injected.evaluate import (
    SIZE,
    TUNED,
    Entrant,
    SceneScores,
    entrant,
    figures_of,
    gains,
    measure,
    truth_sha256,
)
from lab.deformation.injected.scenes import NAME
from lab.deformation.injected.thresholds import THRESHOLDS
from ml.deformation import METHODS
from ml.deformation.infer import WEIGHTS
from ml.statistics.intervals import Interval


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("methods", nargs="+", choices=[*METHODS, TUNED])
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    entrants = {name: entrant(name, args.processes) for name in args.methods}
    scores = measure([*entrants.values()], args.size, args.processes)
    over = _gains(scores, args.methods)
    results.write(
        args.json,
        "lab.deformation.injected.compare",
        {name: figures_of(scores, i) for i, name in enumerate(entrants)},
        WEIGHTS | {TUNED: WEIGHTS["model"]},
        {name: _thresholds(one) for name, one in entrants.items()},
        size=args.size,
        benchmark=NAME,
        truth_sha256=truth_sha256(args.size),
        gains_of_the_first={name: results.plain(gain) for name, gain in over.items()},
    )
    for name, gain in over.items():
        results.show(f"{args.methods[0]} over {name}", gain)


def _thresholds(one: Entrant) -> dict[str, Mapping[str, float]]:
    """Return the tuned threshold of each place that has one."""
    if one.method in THRESHOLDS:
        return {"thresholds": {place: getattr(config, THRESHOLDS[one.method]) for place, config in one.configs.items()}}
    return {"raised_by_logits": one.raised} if one.raised else {}


def _gains(scores: list[SceneScores], methods: list[str]) -> dict[str, dict[str, Interval]]:
    """Return the gains of the first method over each of the others, and over the best of them at each shape."""
    over = {name: gains(scores, 0, i) for i, name in enumerate(methods) if i}
    shapes = next(iter(over.values()), {})
    best = {key: min((each[key] for each in over.values()), key=lambda gain: gain.value) for key in shapes}
    return {**over, "best": best} if over else {}


if __name__ == "__main__":
    main()
