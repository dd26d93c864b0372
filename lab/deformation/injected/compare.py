"""`python -m lab.deformation.injected.compare METHOD …`: methods on `deformation-injected`, and the first's gains.

Prints and writes every figure of each, by how much the first finds more of each shape than each of the others in the
same scenes, and the least of these gains: that over the best of them. --weights: a folder that holds one folder for
each fold (`places.folds`) with the weights of a network that never saw the fold's test places.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

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
from lab.deformation.injected.places import folds
from lab.deformation.injected.scenes import NAME
from lab.deformation.injected.thresholds import THRESHOLDS
from ml.deformation import METHODS
from ml.deformation.infer import WEIGHTS
from ml.runtime.checkpoints import read_card
from ml.runtime.code_version import code_version
from ml.statistics.intervals import Interval


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("methods", nargs="+", choices=[*METHODS, TUNED])
    parser.add_argument("--weights", type=Path, metavar="DIR", help="folder with a network's weights for each fold")
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    entrants = [entrant(name, args.weights, args.processes) for name in args.methods]
    scores = measure(entrants, args.size, args.processes)
    by_method = {one.method: _part(one, scores, i) for i, one in enumerate(entrants)}
    about = {
        "weights_sha256": _hashes(args.methods, args.weights),
        "command": shlex.join(["python", "-m", "lab.deformation.injected.compare", *sys.argv[1:]]),
        "commit": code_version(),
        "size": args.size,
        "benchmark": NAME,
        "truth_sha256": truth_sha256(args.size),
        "methods": by_method,
    }
    if len(entrants) > 1:
        about["gains_of_the_first"] = _gains(scores, args.methods)
    args.json.write_text(json.dumps(about, indent=1) + "\n")
    for name, part in by_method.items():
        for key, interval in part["metrics"].items():
            print(f"{name:16s} {key:36s} {_text(interval)}")
    for over, parts in about.get("gains_of_the_first", {}).items():
        for key, interval in parts.items():
            print(f"{args.methods[0]} over {over:16s} {key:32s} {_text(interval)}")


def _part(one: Entrant, scores: list[SceneScores], i: int) -> dict[str, Any]:
    """Figures of a method, and its threshold in each place where that was tuned."""
    part: dict[str, Any] = {"metrics": _plain(figures_of(scores, i))}
    if one.method in THRESHOLDS:
        part["thresholds"] = {place: getattr(config, THRESHOLDS[one.method]) for place, config in one.configs.items()}
    if one.raised:
        part["raised_by_logits"] = dict(one.raised)
    return part


def _gains(scores: list[SceneScores], methods: list[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Of the first method over each of the others, and over whichever of them is best at each shape."""
    over = {name: gains(scores, 0, i) for i, name in enumerate(methods) if i}
    best = {
        key: min((each[key] for each in over.values()), key=lambda gain: gain.value)
        for key in next(iter(over.values()))
    }
    return {name: _plain(each) for name, each in {**over, "best": best}.items()}


def _hashes(methods: list[str], weights: Path | None) -> dict[str, str]:
    """Of the networks' weights; with weights for each fold, these one after the other."""
    folders = [weights / fold.name for fold in folds()] if weights else [None]
    hashes = {
        name: " ".join(
            (read_card(WEIGHTS[name], folder) if folder else read_card(WEIGHTS[name])).weights_sha256
            for folder in folders
        )
        for name in methods
        if name in WEIGHTS
    }
    if TUNED in methods:
        hashes[TUNED] = read_card(WEIGHTS["model"]).weights_sha256
    return hashes


def _plain(figures: dict[str, Interval]) -> dict[str, dict[str, float]]:
    return {key: interval._asdict() for key, interval in figures.items()}


def _text(interval: dict[str, float]) -> str:
    return "{value:7.3f} ({low:.3f} to {high:.3f})".format(**interval)


if __name__ == "__main__":
    main()
