"""Figures of several methods in one file, as lab.figures reads them: with weights, commit and command."""

import json
import math
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ml.runtime.checkpoints import read_card
from ml.runtime.code_version import code_version
from ml.statistics.intervals import Interval

Metrics = Mapping[str, Mapping[str, Interval]]
Compared = dict[str, dict[str, Interval]]  # method -> metric -> interval


def exact(value: float) -> Interval:
    """A figure whose interval is not known."""
    return Interval(value, math.nan, math.nan)


def alone(compare: Callable[[Sequence[str], int], Compared], method: str, size: int) -> dict[str, Interval]:
    """Measure one method by itself."""
    return compare((method,), size)[method]


def write(path: Path, module: str, metrics: Metrics, weights: Mapping[str, str], **about: object) -> None:
    """Write and print method -> metric -> interval; what is no number becomes null.

    module: whose command it was; weights: shipped networks and the names of their cards; about: what else the file
    says, weights_sha256 of other networks too.
    """
    record = {
        "weights_sha256": {name: read_card(weights[name]).weights_sha256 for name in metrics if name in weights},
        "commit": code_version(),
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "methods": {
            method: {"metrics": {name: _plain(interval) for name, interval in values.items()}}
            for method, values in metrics.items()
        },
    } | about
    path.write_text(json.dumps(record, indent=1) + "\n")
    for method, values in metrics.items():
        for name, interval in values.items():
            print(f"{method:26s} {name:34s} {interval.value:8.4f}  ({interval.low:.4f} to {interval.high:.4f})")


def _plain(interval: Interval) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in interval._asdict().items()}
