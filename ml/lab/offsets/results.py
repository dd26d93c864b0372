"""Results of several offset trackers in one file."""

from pathlib import Path

from ml.lab import results
from ml.lab.results import Metrics, exact
from ml.offsets.infer import WEIGHTS

__all__ = ["Metrics", "exact", "write"]


def write(path: Path, module: str, metrics: Metrics, note: str) -> None:
    """Write and print method -> metric -> interval; module: whose command it was."""
    results.write(path, module, metrics, WEIGHTS, note=note)
