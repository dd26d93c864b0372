"""Fault injection: processes and servers are killed during work, and nothing may be partial, lost or done twice.

Each fault is a real one: SIGKILL of whoever loads a file, computes a run or sends messages, or PostgreSQL restarted in
mode immediate, as a power cut would. It works on the private cluster of this checkout only: scripts/services brings it
up, and takes it down in the middle. Killed processes are forked from this one, which has everything loaded.
"""

from typing import Any

from lab.speed.faults import loads, messages, runs
from lab.speed.measure import report

LOADERS, RESTARTS, CHILDREN, WORKERS, SENDERS = 150, 30, 60, 15, 100


def run(rounds: int | None = None) -> dict[str, Any]:
    """Make every fault. rounds: how often each is made; by default, 455 faults in all."""
    results = [
        *loads.measure(loaders=rounds or LOADERS, restarts=rounds or RESTARTS),
        *runs.measure(children=rounds or CHILDREN, workers=rounds or WORKERS),
        *messages.measure(senders=rounds or SENDERS),
    ]
    return report("faults", results)
