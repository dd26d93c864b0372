"""A velocity field goes into partitions of its own: packed, copied, indexed, attached; for use inside a transaction."""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from django.db import IntegrityError, transaction

from ingest.errors import InputError
from ingest.products import encoding, functions, partitions
from ingest.products.limits import LoadWatch
from ingest.projections import web_mercator
from ingest.readers.records import PointBatch, RefusedRow, VelocityField

Progress = Callable[[int], None]
Expect = Callable[[int], None]
MAX_MERCATOR_LATITUDE = 85.06
MOST_REFUSED_LISTED = 1000
MAX_PID_BYTES = 200
MESSAGE_BYTES = 2**17
BYTES_A_COPY = 8 * 2**20
AHEAD = 2  # batches that are packed before the database asks for them


class Totals:
    """Totals of a product, gathered while its points stream by."""

    def __init__(self) -> None:
        self.points = 0
        self.reasons: Counter[str] = Counter()
        self.listed: list[RefusedRow] = []
        self.west = self.south = np.inf
        self.east = self.north = -np.inf

    def add(self, batch: PointBatch) -> None:
        """Count a batch and widen the bounds."""
        self.points += batch.pid.size
        self.reasons.update(row.reason for row in batch.refused)
        self.listed += batch.refused[: MOST_REFUSED_LISTED - len(self.listed)]
        if batch.pid.size:
            self.west, self.east = min(self.west, batch.longitude.min()), max(self.east, batch.longitude.max())
            self.south, self.north = min(self.south, batch.latitude.min()), max(self.north, batch.latitude.max())


def field_copy(
    cursor, *, path: Path, field: VelocityField, progress: Progress = lambda points: None
) -> tuple[int, Totals]:
    """Copy a field into partitions of a new product id, index and attach them."""
    product_id = functions.product_begin()
    totals = points_copy(cursor, path=path, field=field, product_id=product_id, progress=progress)
    try:
        with transaction.atomic():
            functions.product_attach(product_id, totals.points)
    except IntegrityError as fault:
        doubled = fault.__cause__.diag.message_detail
        raise InputError(path, f"a point id appears twice ({doubled})", "Remove the doubled rows") from fault
    return product_id, totals


def points_copy(
    cursor, *, path: Path, field: VelocityField, product_id: int, progress: Progress = lambda points: None
) -> Totals:
    """Copy points and series into the detached tables of a product id, batch by batch.

    A thread reads and packs the next batch while the database takes this one: that work is outside Python's lock.
    """
    totals, watch = Totals(), LoadWatch(path, field)
    packed = _packed(path, field, totals)
    points, series = (f"{table}_p{product_id}" for table in (partitions.POINTS, partitions.SERIES))
    with closing(ahead(packed, depth=AHEAD) if field.read_ahead else packed) as batches:
        for batch in _together(batches):
            watch.add(batch.n_points)
            _copy_into(cursor, points, partitions.POINT_COLUMNS, batch.points)
            if batch.series:
                _copy_into(cursor, series, "pid, packed", batch.series)
            progress(batch.n_points)
    if not totals.points:
        problem = f"none of its {totals.reasons.total()} rows has a position and a velocity"
        raise InputError(path, problem, "Export it again")
    return totals


class _Packed(NamedTuple):
    """A batch as blocks of binary COPY."""

    n_points: int
    points: list[memoryview]
    series: list[memoryview]


def _together(batches: Iterator[_Packed]) -> Iterator[_Packed]:
    """Concatenate small batches, because each statement of COPY costs a millisecond or two."""
    n_points, points, series = 0, [], []
    for batch in batches:
        n_points, points, series = n_points + batch.n_points, points + batch.points, series + batch.series
        if sum(map(len, points)) + sum(map(len, series)) >= BYTES_A_COPY:
            yield _Packed(n_points, points, series)
            n_points, points, series = 0, [], []
    if n_points:
        yield _Packed(n_points, points, series)


def _packed(path: Path, field: VelocityField, totals: Totals) -> Generator[_Packed, None, None]:
    for batch in field.batches():
        batch = _with_writable_ids(batch)
        _check(path, batch)
        totals.add(batch)
        if batch.pid.size:
            series = _series_rows(batch) if field.header.has_series else []
            yield _Packed(batch.pid.size, _point_rows(batch), series)


def _with_writable_ids(batch: PointBatch) -> PointBatch:
    """Drop rows whose id PostgreSQL cannot keep: it takes no zero byte and nothing but UTF-8."""
    if not batch.pid.size or not batch.pid.dtype.itemsize:
        return batch
    letters = np.ascontiguousarray(batch.pid).view(np.uint8).reshape(batch.pid.size, -1)
    lengths = np.char.str_len(batch.pid)
    if letters.max() < 128 and np.count_nonzero(letters) == lengths.sum():
        return batch
    good = (letters != 0).sum(axis=1) == lengths
    for row in np.flatnonzero((letters >= 128).any(axis=1)):
        try:
            bytes(batch.pid[row]).decode()
        except UnicodeDecodeError:
            good[row] = False
    return batch.only(good, "its id is not valid text")


def _check(path: Path, batch: PointBatch) -> None:
    beyond = np.abs(batch.latitude) > MAX_MERCATOR_LATITUDE
    if beyond.any() or (np.abs(batch.longitude) > 180).any():
        value = batch.latitude[beyond][0] if beyond.any() else batch.longitude[np.abs(batch.longitude) > 180][0]
        raise InputError(
            path,
            f"a coordinate of {value:.4f} degrees is impossible",
            "Check whether latitude and longitude are swapped",
        )
    if (batch.los_east > 0.1).any() and (batch.los_east < -0.1).any():
        raise InputError(path, "it holds points of an ascending and of a descending track", "Give one file per track")
    lengths = np.char.str_len(batch.pid)
    if (lengths == 0).any():
        raise InputError(path, "a point has no id", "Fill the column of point ids")
    if (lengths > MAX_PID_BYTES).any():
        raise InputError(path, f"a point id has {lengths.max()} characters", f"Use ids of at most {MAX_PID_BYTES}")


def _copy_into(cursor, table: str, columns: str, blocks: list[memoryview]) -> None:
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.write(encoding.COPY_HEADER)
        for block in blocks:
            for start in range(0, len(block), MESSAGE_BYTES):  # one message of the protocol each: fits a cache
                copy.write(block[start : start + MESSAGE_BYTES])
        copy.write(encoding.COPY_TRAILER)


def _point_rows(batch: PointBatch) -> list[memoryview]:
    x, y = web_mercator(batch.longitude, batch.latitude)
    return encoding.copy_rows(
        [
            batch.pid,
            batch.velocity_mm_yr,
            batch.velocity_std_mm_yr,
            batch.height_m,
            batch.temporal_coherence,
            batch.rmse_mm,
            batch.los_east,
            batch.los_north,
            batch.los_up,
            encoding.point_ewkb(batch.longitude, batch.latitude, 4326),
            encoding.point_ewkb(x, y, 3857),
        ]
    )


def _series_rows(batch: PointBatch) -> list[memoryview]:
    try:
        packed = encoding.pack_int16(batch.displacement_mm)
    except ValueError:
        return _mixed_series_rows(batch)
    return encoding.copy_rows([batch.pid, packed])


def _mixed_series_rows(batch: PointBatch) -> list[memoryview]:
    """Encode rows as 16 bits where they fit, else as float32. Slower: it checks each row."""
    small = encoding.fits_int16(batch.displacement_mm)
    packed = encoding.pack_int16(batch.displacement_mm[small])
    wide = batch.displacement_mm[~small].astype("<f4")
    rows = [(batch.pid[small], packed), (batch.pid[~small], wide)]
    return [block for pid, series in rows if pid.size for block in encoding.copy_rows([pid, series])]


Item = TypeVar("Item")


def ahead(items: Generator[Item, None, None], depth: int) -> Iterator[Item]:
    """Yield items that a thread makes, at most `depth` of them in advance; its exceptions are raised here.

    Closing the iterator closes the items in their thread, ends it, and waits for it.
    """
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(depth)
    over = threading.Event()

    def put(item: Item | None, fault: BaseException | None) -> bool:
        while not over.is_set():
            try:
                ready.put((item, fault), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            with closing(items):
                for item in items:
                    if not put(item, None):
                        return
            put(None, StopIteration())
        except BaseException as fault:
            put(None, fault)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            item, fault = ready.get()
            if isinstance(fault, StopIteration):
                return
            if fault is not None:
                raise fault
            assert item is not None  # noqa: S101 (only an end or a fault comes without one)
            yield item
            del item  # nothing is kept while waiting for the next
    finally:
        over.set()
        thread.join()
