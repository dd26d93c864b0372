"""Writing of figures of several methods to one file for lab.figures, with weights, commit and command."""

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
    """Return a figure without an interval: its ends are NaN."""
    return Interval(value, math.nan, math.nan)


def alone(compare: Callable[[Sequence[str], int], Compared], method: str, size: int) -> dict[str, Interval]:
    """Measure one method by itself."""
    return compare((method,), size)[method]


def write(
    path: Path,
    module: str,
    metrics: Metrics,
    weights: Mapping[str, str],
    more: Mapping[str, Mapping[str, object]] | None = None,
    **about: object,
) -> None:
    """Write metrics (method -> metric -> interval) to a JSON file, with NaN as null, and print them.

    module: module of the command. weights: method -> name of its network's card. more: method -> entries beside its
    metrics. about: other entries of the file, for example weights_sha256 of other networks.
    """
    record = {
        "weights_sha256": {name: read_card(weights[name]).weights_sha256 for name in metrics if name in weights},
        "commit": code_version(),
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "methods": {
            method: {"metrics": plain(values)} | dict((more or {}).get(method, {}))
            for method, values in metrics.items()
        },
    } | about
    path.write_text(json.dumps(record, indent=1) + "\n")
    for method, values in metrics.items():
        show(method, values)


def show(label: str, values: Mapping[str, Interval]) -> None:
    """Print metric -> interval, a line each."""
    for name, interval in values.items():
        print(f"{label:26s} {name:34s} {interval.value:8.4f}  ({interval.low:.4f} to {interval.high:.4f})")


def plain(values: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """Return metric -> interval for JSON, with null for NaN."""
    return {
        name: {part: value if math.isfinite(value) else None for part, value in interval._asdict().items()}
        for name, interval in values.items()
    }
