"""Merging of neighbouring parts (partitions of points and series), so that their number stays bounded.

A row is only copied into a part at least twice as large, so at most log2(points) times (docs/decisions/0010).
"""

import logging
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from django.contrib.gis.db.models.functions import PointOnSurface
from django.db import OperationalError
from django.db.models import FloatField, Func, QuerySet

from ingest.foundation.disk import database_room_bytes
from ingest.foundation.locks import Held, Lock, rows_of, try_lock
from ingest.models import Product
from ingest.products import functions
from ingest.products.partitions import PARTS, POINTS, SERIES

MIN_FULL = 4_000_000
MAX_FULL = 64
MIN_LOOSE = 96  # Products of usual size are copied once: 80 products of 50,000 points fill a part.
MAX_AT_ONCE = 128  # The tables and indexes of at most this number of products are locked together.
_BITS = 16  # Bits of each coordinate on the curve; a step of the last bit is about half a kilometre.
logger = logging.getLogger(__name__)
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)  # These are pauses between attempts to put a merged part into place.
ROOM = 1.5  # A group's second copy and the write-ahead log need this multiple of the group's size.


class Part(NamedTuple):
    """A part. kind: component and direction of products; longitude, latitude: mean of products' centres, degrees."""

    number: int
    n_points: int
    kind: str
    longitude: float
    latitude: float


def groups_of(parts: Sequence[Part]) -> list[list[Part]]:
    """Return groups of small neighbouring parts; each group is to be merged into one part.

    A part is full, and no longer merged, at a 64th of all points or four million, whichever is more. Fewer than 96
    parts not full are not merged. If no group is returned, there are fewer than 160 parts (below 10^11 points).
    """
    full = full_at(sum(part.n_points for part in parts))
    loose = sorted((part for part in parts if part.n_points < full), key=_place)
    if len(loose) < MIN_LOOSE:
        return []
    groups: list[list[Part]] = []
    group: list[Part] = []
    for part in loose:
        group.append(part)
        if sum(member.n_points for member in group) >= full and _worth(group):
            groups.append(group)
            group = []
        elif len(group) == MAX_AT_ONCE:
            groups.append(_drop_largest(group))
            group = []
    if len(group) >= MIN_LOOSE:
        groups.append(_drop_largest(group))
    return [group for group in groups if group]


def full_at(n_points: int) -> int:
    """Return the number of points at which a part is full and no longer merged. n_points: of all parts together."""
    return max(MIN_FULL, -(-n_points // MAX_FULL))


def _worth(group: Sequence[Part]) -> bool:
    sizes = [part.n_points for part in group]
    return sum(sizes) >= 2 * max(sizes)


def _drop_largest(group: Sequence[Part]) -> list[Part]:
    """Return the subset of a group that is worth merging: without the largest (about log2(n) of n parts)."""
    kept = sorted(group, key=lambda part: part.n_points)
    while kept and not _worth(kept):
        kept.pop()
    return [part for part in group if part in kept]


def _place(part: Part) -> tuple[str, int, int]:
    """Return a sort key, (kind, place on the Morton curve, number), by which neighbours are close on the ground."""
    x, y = (part.longitude + 180) / 360, (part.latitude + 90) / 180
    column, row = (min(max(int(share * 2**_BITS), 0), 2**_BITS - 1) for share in (x, y))
    place = sum((column >> bit & 1) << 2 * bit | (row >> bit & 1) << 2 * bit + 1 for bit in range(_BITS))
    return part.kind, place, part.number


class Merged(NamedTuple):
    """Number of parts and of points that were merged into one part."""

    n_parts: int
    n_points: int

    def __str__(self) -> str:
        return f"{self.n_parts} parts of {self.n_points:,} points became one"


def parts() -> list[Part]:
    """Return all parts that hold points of products."""
    middle = {
        axis: Func(PointOnSurface("footprint"), function=f"ST_{axis.upper()}", output_field=FloatField())
        for axis in "xy"
    }
    loaded: QuerySet[Any] = Product.objects.filter(points_deleted_at=None).order_by().annotate(**middle)
    columns = loaded.values_list("id", "n_points", "component", "direction", "x", "y")
    products = {row[0]: row[1:] for row in columns.iterator()}
    known = []
    for number, _, ids in rows_of(PARTS):
        if held := [products[pk] for pk in ids if pk in products]:
            n_points = sum(row[0] for row in held)
            _, component, direction, _, _ = max(held)
            x, y = (sum(row[0] * row[place] for row in held) / max(n_points, 1) for place in (3, 4))
            known.append(Part(number, max(n_points, 1), f"{component} {direction}", x, y))
    return known


def parts_merge() -> Merged | None:
    """Merge one group of small neighbouring parts without effect on readers; drop leftovers. None without a group."""
    lock = Held(Lock.PARTS)
    try:
        if not lock.take():
            return None
        functions.parts_sweep()
        sizes = [max(int(n_points), 0) for _, n_points, _ in rows_of(PARTS)]
        full = 1.1 * full_at(sum(sizes))  # 1.1, because PostgreSQL estimates sizes
        enough_loose = sum(size < full for size in sizes) >= MIN_LOOSE
        group = next(iter(groups_of(parts())), []) if enough_loose else []
        numbers = [part.number for part in group]
        if not group or not _may_begin(numbers):
            return None
        merged = functions.parts_build(numbers)
        if lock.take() and _swap(merged, numbers):
            return Merged(len(group), sum(part.n_points for part in group))
        functions.parts_sweep()
        return None
    finally:
        lock.free()


def part_points(*, product: Product) -> int:
    """Return the approximate number of points in a product's part; 0 if the product has none."""
    sql = f"""
        SELECT reltuples FROM pg_class
        WHERE oid = (SELECT tableoid FROM {POINTS} WHERE product_id = %s ORDER BY product_id, pid LIMIT 1)"""  # noqa: S608
    return max([0, *(int(points) for (points,) in rows_of(sql, [product.pk]))])


def product_bytes(*, product: Product) -> int:
    """Return the bytes of a product's points, series and indexes: the part's size by the share of its points."""
    for number, _, ids in rows_of(PARTS):
        if product.pk in ids:
            held = Product.objects.filter(pk__in=ids, points_deleted_at=None).values_list("n_points", flat=True)
            return round(float(_bytes([number]) * product.n_points / max(sum(held), product.n_points, 1)))
    return 0


def _may_begin(numbers: list[int]) -> bool:
    """Return whether there is room for a copy of the parts, and no backup runs, which would block the exchange."""
    room = database_room_bytes()
    if room is not None and room < ROOM * _bytes(numbers):
        logger.warning("%d parts are not merged: there is no room for a second copy of them", len(numbers))
        return False
    with try_lock(Lock.RETENTION) as nobody_copies:
        return nobody_copies


def _bytes(numbers: list[int]) -> int:
    tables = [f"{table}_p{number:d}" for table in (POINTS, SERIES) for number in numbers]
    sizes = "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0) FROM unnest(%s::text[]) name"
    return int(rows_of(sizes, [tables])[0][0])


def _swap(merged: int, numbers: list[int]) -> bool:
    """Replace the source parts by the merged one; return False if readers or a backup block every attempt."""
    for pause in (*PAUSES_SECONDS, None):
        try:
            with try_lock(Lock.RETENTION) as nobody_copies:
                if nobody_copies:
                    functions.parts_swap(merged, numbers)
                    return True
        except OperationalError as fault:
            if not isinstance(fault.__cause__, psycopg.errors.LockNotAvailable):
                raise
        if pause:
            time.sleep(pause)
    logger.info("%d parts are not merged now: their points are being read", len(numbers))
    return False
