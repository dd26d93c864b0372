"""Measurements of a benchmark: pairs in turn, medians, the range, and the machine it ran on."""

import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ground_motion.runtime.code_version import code_version


def seconds(work: Callable[[], object]) -> float:
    """Return the time that a function takes, s."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def pairs(
    ours: Callable[[], object], control: Callable[[], object], rounds: int = 5
) -> tuple[list[float], list[float]]:
    """Time two functions in alternating order, after one round to warm up; return (seconds of ours, of the control)."""
    ours(), control()
    times: tuple[list[float], list[float]] = ([], [])
    for index in range(rounds):
        order = ((0, ours), (1, control)) if index % 2 else ((1, control), (0, ours))
        for place, work in order:
            times[place].append(seconds(work))
    return times


def result(
    what: str, unit: str, ours: list[float], control: list[float], amount: float | None = None
) -> dict[str, Any]:
    """Return one line of the report. amount: if given, values are amount per second instead of seconds."""
    mine, theirs = np.array(ours), np.array(control)
    if amount is not None:
        mine, theirs = amount / mine, amount / theirs
    ratios = mine / theirs
    return {
        "what": what,
        "value": round(float(np.median(mine)), 4),
        "unit": unit,
        "control": round(float(np.median(theirs)), 4),
        "ratio": round(float(np.median(ratios)), 3),
        "n": len(ours),
        "low": round(float(ratios.min()), 3),
        "high": round(float(ratios.max()), 3),
    }


def figure(what: str, unit: str, value: float, n: int = 1) -> dict[str, Any]:
    """Return one line of the report that has no control."""
    nothing = dict.fromkeys(("control", "ratio", "low", "high"))
    return {"what": what, "value": round(value, 3), "unit": unit, **nothing, "n": n}


def report(name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a report with the results, the machine and the commit."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {"name": name, "commit": code_version(), "machine": machine, "load": os.getloadavg()[0], "results": results}
