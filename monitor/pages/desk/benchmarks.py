"""Published results of methods on benchmarks, read from docs/figures, with the commands and weights behind them."""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ingest.foundation.folders import INSTALLED, SITE_DIR

FOLDER = SITE_DIR / "figures" if INSTALLED else SITE_DIR / "docs" / "figures"
SPEED = "speed-"  # prefix of the names of speed benchmarks


class Value(NamedTuple):
    """Figure of a result. low, high: ends of the interval that the benchmark states; None if it states none."""

    value: float
    low: float | None
    high: float | None


class Result(NamedTuple):
    """Result of one method. weights: SHA-256, empty for methods without weights; commit, command: may be empty."""

    method: str
    values: dict[str, Value]
    weights: str
    commit: str
    command: str
    note: str


class Benchmark(NamedTuple):
    """Results of several methods on one benchmark. metrics: label by name."""

    name: str
    metrics: dict[str, str]
    results: list[Result]


@cache
def benchmarks(folder: Path = FOLDER) -> dict[str, Benchmark]:
    """Return every benchmark in a folder by its name; empty if the folder has no figures."""
    labels = _labels(folder / "tables.toml")
    found: dict[str, list[Result]] = {}
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        name, results = _speed(content) if "results" in content else _methods(content, path.stem)
        found.setdefault(name, []).extend(results)
    made: dict[str, Benchmark] = {}
    for name, results in sorted(found.items()):
        metrics = dict.fromkeys(metric for result in results for metric in result.values)
        if results:
            named = {metric: labels.get(metric) or metric.replace("_", " ") for metric in metrics}
            made[name] = Benchmark(name, named, results)
    return made


def _labels(path: Path) -> dict[str, str]:
    """Read the labels of metrics from tables.toml, except those that differ between tables."""
    if not path.is_file():
        return {}
    said: dict[str, set[str]] = {}
    for table in tomllib.loads(path.read_text()).values():
        metrics = table.get("metrics", {})
        for name, label in metrics.items() if isinstance(metrics, dict) else ():
            said.setdefault(name, set()).add(label)
    return {name: next(iter(labels)) for name, labels in said.items() if len(labels) == 1}


def _speed(content: Mapping[str, Any]) -> tuple[str, list[Result]]:
    """Return the benchmark's name and, as one result, the ratios to its control, from a report of scripts/bench."""
    values = {
        row["what"]: Value(row["ratio"], row.get("low"), row.get("high"))
        for row in content["results"]
        if row.get("ratio") is not None
    }
    note = " ".join(filter(None, [content.get("note", ""), str(content.get("machine", ""))]))
    name = content["name"]
    command = "" if content.get("frozen") else f"scripts/bench {name}"
    result = Result("ratio to the control", values, "", str(content.get("commit", "")), command, note)
    return SPEED + name, [result] if values else []


def _methods(content: Mapping[str, Any], stem: str) -> tuple[str, list[Result]]:
    """Return the benchmark's name and the results in a file of `evaluate` (one method) or `compare` (several)."""
    hashes = content.get("weights_sha256") or {}
    common = str(content.get("command", "")), str(content.get("note", ""))

    def result(method: str, part: Mapping[str, Any], weights: str | None) -> Result:
        commit = str(part.get("commit") or content.get("commit", ""))
        return Result(method, _values(part["metrics"]), weights or "", commit, *common)

    if "methods" in content:
        return stem, [result(name, part, hashes.get(name)) for name, part in content["methods"].items()]
    return str(content.get("benchmark", stem)), [result(str(content["method"]), content, str(hashes or ""))]


def _values(metrics: Mapping[str, Mapping[str, float | None]]) -> dict[str, Value]:
    return {
        name: Value(value, one.get("low"), one.get("high"))
        for name, one in metrics.items()
        if (value := one.get("value")) is not None
    }
