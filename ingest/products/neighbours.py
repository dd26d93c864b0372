"""Groups of partitions to merge, so that their number stays bounded whatever the number of products.

A row is copied only into a part at least twice as large as the one it lies in: at most log2 of the points times.
"""

from collections.abc import Sequence
from typing import NamedTuple

LEAST_FULL = 4_000_000
MOST_FULL = 64
FEWEST_LOOSE = 96  # so that products of usual size are copied once: 80 of 50,000 points fill a part
MOST_AT_ONCE = 128  # their tables and indexes are locked together
_BITS = 16  # of each coordinate on the curve: half a kilometre


class Part(NamedTuple):
    """Partition. kind: of its products; the map separates kinds; longitude, latitude: of their middle, degrees."""

    number: int
    n_points: int
    kind: str
    longitude: float
    latitude: float


def groups_of(parts: Sequence[Part]) -> list[list[Part]]:
    """Return groups of parts, each of which is to become one.

    A part is full, and no longer merged, at a 64th of all points or four million, whichever is more. Fewer than 96
    other parts are not merged. If no group is returned, there are fewer than 160 parts (below 10^11 points).
    """
    full = full_at(sum(part.n_points for part in parts))
    loose = sorted((part for part in parts if part.n_points < full), key=_place)
    if len(loose) < FEWEST_LOOSE:
        return []
    groups: list[list[Part]] = []
    group: list[Part] = []
    for part in loose:
        group.append(part)
        if sum(one.n_points for one in group) >= full and _worth(group):
            groups.append(group)
            group = []
        elif len(group) == MOST_AT_ONCE:
            groups.append(_without_largest(group))
            group = []
    if len(group) >= FEWEST_LOOSE:
        groups.append(_without_largest(group))
    return [group for group in groups if group]


def full_at(n_points: int) -> int:
    """Return the number of points at which a part is full and no longer merged. n_points: of all parts together."""
    return max(LEAST_FULL, -(-n_points // MOST_FULL))


def _worth(group: Sequence[Part]) -> bool:
    sizes = [part.n_points for part in group]
    return sum(sizes) >= 2 * max(sizes)


def _without_largest(group: Sequence[Part]) -> list[Part]:
    """Return the part of a group worth merging: of n parts, all but log2 of the largest."""
    kept = sorted(group, key=lambda part: part.n_points)
    while kept and not _worth(kept):
        kept.pop()
    return [part for part in group if part in kept]


def _place(part: Part) -> tuple[str, int, int]:
    """Return a part's position on the Morton curve, so that parts close in order are close on the ground."""
    x, y = (part.longitude + 180) / 360, (part.latitude + 90) / 180
    column, row = (min(max(int(share * 2**_BITS), 0), 2**_BITS - 1) for share in (x, y))
    place = sum((column >> bit & 1) << 2 * bit | (row >> bit & 1) << 2 * bit + 1 for bit in range(_BITS))
    return part.kind, place, part.number
