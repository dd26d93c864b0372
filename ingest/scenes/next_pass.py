"""When a satellite sees a place next: predicted from the passes that an archive has published, without orbit files.

Radar satellites repeat their orbits: a pass returns after a whole number of repeat cycles, at nearly the same time of
day. Which of these passes are really used changes (another satellite joins or ends, some countries
are imaged at every second pass), and the archive shows it: a pass is expected as often as the last ones were taken.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

CYCLE = timedelta(days=12)  # Repeat cycle of Sentinel-1 and NISAR.
SAME_PASS = timedelta(hours=1)  # Passes whose place in the cycle differs by less are the same orbit.
PUBLISHED_WITHIN = timedelta(days=2)  # A pass without an image counts as unused only after this.
LOOKED_BACK = 6  # An orbit is in use if one of this many last cycles shows it.
LIKELY = 0.5
MAX_CYCLES = 30  # Search for a pass at most this many cycles ahead.


class Expected(NamedTuple):
    """Expected pass. probability: that an image is taken, by the last cycles of its orbit, 0–1."""

    at: datetime
    probability: float


def expected_passes(passes: Iterable[datetime], after: datetime) -> list[Expected]:
    """Return the next pass of every orbit that was used lately, the earliest first.

    Args:
        passes: Times of the images of one track at a place, of any satellites, in any order.
        after: Time from which on passes are expected; later passes are not known yet.
    """
    orbits: dict[int, list[datetime]] = defaultdict(list)  # Times with the same place in the repeat cycle.
    for time in sorted(time for time in passes if time <= after):
        same = (key for key, earlier in orbits.items() if _apart(earlier[-1], time) <= SAME_PASS)
        orbits[next(same, len(orbits))].append(time)
    expected = []
    for times in orbits.values():
        share = _used(times, after)
        cycles = max(1, -(-(after - times[-1]) // CYCLE))
        if share and cycles <= MAX_CYCLES:
            expected.append(Expected(times[-1] + cycles * CYCLE, share))
    return sorted(expected)


def _apart(earlier: datetime, later: datetime) -> timedelta:
    """Return by how much the places of two times in the cycle differ."""
    rest = (later - earlier) % CYCLE
    return min(rest, CYCLE - rest)


def _used(times: Sequence[datetime], after: datetime) -> float:
    """Return the share of the last cycles before `after` in which an orbit was used, the recent ones counting more."""
    passed = max(0, (after - times[-1] - PUBLISHED_WITHIN) // CYCLE)
    seen = {round((times[-1] - time) / CYCLE) + passed for time in times}
    weights = [2.0**-cycle for cycle in range(LOOKED_BACK)]
    return sum(weight for cycle, weight in enumerate(weights) if cycle in seen) / sum(weights)
