"""Results of several offset trackers, and one file of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lab import results
from lab.results import Metrics, exact
from ml.offsets.infer import WEIGHTS
from ml.statistics.intervals import Interval

__all__ = ["Compared", "Metrics", "alone", "exact", "write"]
Compared = dict[str, dict[str, Interval]]  # method -> metric -> interval


def alone(compare: Callable[[Sequence[str], int], Compared], method: str, pairs: int) -> dict[str, Interval]:
    """What one method reaches by itself."""
    return compare((method,), pairs)[method]


def write(path: Path, module: str, metrics: Metrics, note: str) -> None:
    """Write and print method -> metric -> interval; module: whose command it was."""
    results.write(path, module, metrics, WEIGHTS, note=note)
