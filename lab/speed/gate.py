"""scripts/bench gate FILE…: compare new results with the committed ones. Exit code 1 if a figure got worse.

Ratios to a control and figures of accuracy are compared, never absolute times. A figure got worse if the two intervals
do not overlap: the best end of the new one is worse than the worst end of the committed one.
"""

import argparse
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lab.figures import ROOT, results_of

NOMINAL = re.compile(r"within_(68|90|95)(?!\d)")  # a share whose ideal value is in the name
LESS = {"alarm", "alarms", "alerts", "ece", "epe", "error", "false", "invented", "outlier", "rmse", "unsure"}
MORE = {"auc", "f1", "found", "iou", "objects", "pd", "precision", "recall", "skill"}


class Figure(NamedTuple):
    """Value and interval. best, worst: distances of the ends from the ideal; minus the ends if more is better."""

    value: float
    low: float
    high: float
    best: float
    worst: float


class Worse(NamedTuple):
    """A figure that got worse. new: None if it is no longer measured."""

    name: str
    old: Figure
    new: Figure | None

    def __str__(self) -> str:
        now = "is missing" if self.new is None else f"{self.new.value:g} ({self.new.low:g} to {self.new.high:g})"
        return f"{self.name}: {self.old.value:g} ({self.old.low:g} to {self.old.high:g}), now {now}"


def figures(content: Mapping[str, Any]) -> dict[str, Figure]:
    """Return name -> figure for all figures with an interval and a known better direction."""
    return {name: figure for name, part, side in _parts(content) if (figure := _figure(part, side))}


def _parts(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yield the name, the value with its interval, and a text that says which direction is better."""
    if "results" not in content:
        for result in results_of(content):
            for name, part in result.metrics.items():
                yield f"{result.method}: {name}", part, name
        return
    for row in content["results"]:
        if row["ratio"] is not None:
            yield row["what"], row | {"value": row["ratio"]}, "found" if row["unit"].endswith("/s") else "error"
        else:
            yield row["what"], row, f"{row['what']} {row['unit']}"


def _figure(part: Mapping[str, Any], side: str) -> Figure | None:
    ends = [end for name in ("value", "low", "high") if (end := part.get(name)) is not None]
    if len(ends) < 3:
        return None
    value, low, high = ends
    words = set(re.findall(r"[a-z0-9]+", side.lower()))
    nominal = NOMINAL.search(side)
    if nominal or "bias" in words:
        aim = int(nominal[1]) / 100 if nominal else 0.0
        away = abs(low - aim), abs(high - aim)
        return Figure(value, low, high, 0.0 if low <= aim <= high else min(away), max(away))
    if words & LESS:
        return Figure(value, low, high, low, high)
    return Figure(value, low, high, -high, -low) if words & MORE else None


def worse(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Worse]:
    """Return the figures that got worse between two results of a benchmark. ValueError if their truths differ."""
    if old.get("truth_sha256") != new.get("truth_sha256"):
        raise ValueError("the two results are measured on different truths")
    now = figures(new)
    return [
        Worse(name, was, now.get(name))
        for name, was in figures(old).items()
        if name not in now or now[name].best > was.worst
    ]


def committed(name: str, revision: str) -> dict[str, Any]:
    """Read docs/figures/NAME.json of a commit. Raises SystemExit if the commit has none."""
    command = ["git", "-C", str(ROOT), "show", f"{revision}:docs/figures/{name}.json"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode:
        raise SystemExit(f"no figures to compare with: {shown.stderr.strip()}")
    content: dict[str, Any] = json.loads(shown.stdout)
    return content


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare files with committed figures; exit code 1 where something got worse."""
    parser = argparse.ArgumentParser(prog="scripts/bench gate", description="Compare new results with committed ones.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="of scripts/bench or python -m ml evaluate")
    parser.add_argument("--against", default="HEAD", metavar="COMMIT")
    given = parser.parse_args(arguments)
    failed = False
    for path in given.files:
        new = json.loads(path.read_text())
        name = f"bench-{new['name']}" if "results" in new else path.stem
        old = committed(name, given.against)
        found = worse(old, new)
        print(f"{name}: {len(figures(old))} figures compared, {len(found)} worse", *found, sep="\n  ")
        failed = failed or bool(found)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
