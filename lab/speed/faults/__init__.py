"""Fault injection: kill processes and servers during work, and check that no result is partial, lost or doubled.

A fault is SIGKILL of a process that loads a file, computes a run or sends messages, or an immediate restart of
PostgreSQL, like a power cut. Only the private cluster of this checkout is used, which scripts/services starts and
stops. Killed processes are forked from this one, in which all modules are loaded.
"""

from typing import Any

from lab.speed.faults import loads, messages, runs
from lab.speed.measure import report

LOADERS, RESTARTS, CHILDREN, WORKERS, SENDERS = 150, 30, 60, 15, 100


def run(rounds: int | None = None) -> dict[str, Any]:
    """Cause every fault. rounds: number of each; by default, 455 faults in all."""
    results = [
        *loads.measure(loaders=rounds or LOADERS, restarts=rounds or RESTARTS),
        *runs.measure(children=rounds or CHILDREN, workers=rounds or WORKERS),
        *messages.measure(senders=rounds or SENDERS),
    ]
    return report("faults", results)
