"""Loading of a velocity field into its own partitions: check, pack, copy, index and attach in one transaction."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import psycopg
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.backends.utils import CursorWrapper

from ground_motion.core.errors import DiskFull, InputError
from ground_motion.core.projections import web_mercator
from ground_motion.readers.gate import check_loadable
from ground_motion.readers.records import PointBatch, RefusedRow, VelocityField
from ingest.foundation.disk import database_room_bytes
from ingest.products import encoding, functions, partitions, sampling
from ingest.products.footprints import Footprint

# Bytes that PostgreSQL needs for a point and for its series, measured on 200,000 points of random values.
POINT_BYTES, POINT_INDEX_BYTES = 145, 110  # The bytes of the index include the pyramid.
SERIES_BYTES, SERIES_INDEX_BYTES, DATE_BYTES = 50, 42, 2.2
MAX_POINTS_A_BYTE = 10  # Real measurements need at least a byte each when compressed; constants need almost none.
FEW_POINTS = 100_000  # Fewer points do no harm, however small the file is.
CHECK_SECONDS = 0.5
MAX_REFUSED_LISTED = 1000
MESSAGE_BYTES = 2**17
BYTES_A_COPY = 8 * 2**20
AHEAD = 2  # This many batches are packed before the database asks for them.


def fields_check(*, path: Path, fields: Sequence[VelocityField]) -> None:
    """Raise InputError if fields declare too many points, DiskFull if the database has no room for them."""
    expected = max(field.expected_points or 0 for field in fields)
    if expected > settings.INGEST_MOST_POINTS:
        raise _too_many(path, f"it declares {expected:,} points")
    _require_room(sum(_bytes_needed(path, field) for field in fields))


def _bytes_needed(path: Path, field: VelocityField) -> float:
    """Return the most bytes that a field can need in the database: at most one point for each byte of its files."""
    expected, size, header = field.expected_points or 0, _file_bytes(path, field), field.header
    series = SERIES_BYTES + SERIES_INDEX_BYTES + DATE_BYTES * len(header.dates) if header.has_series else 0
    return (expected if size is None else min(expected, size)) * (POINT_BYTES + POINT_INDEX_BYTES + series)


def _file_bytes(path: Path, field: VelocityField) -> int | None:
    """Return the size of a field's files; None if the field is derived from the database."""
    files = [file for file in field.files or (path,) if file.is_file()]
    return sum(file.stat().st_size for file in files) if files else None


class LoadWatch:
    """Limits during a load: counts the copied points and checks from time to time that the disk has room."""

    def __init__(self, path: Path, field: VelocityField) -> None:
        self._path, self._size, self._points, self._next_check = path, _file_bytes(path, field), 0, 0.0
        self._rows = 0
        self._index_bytes = POINT_INDEX_BYTES + SERIES_INDEX_BYTES * field.header.has_series

    def read(self, rows: int) -> None:
        """Count rows as they are read, refused ones included. Raises InputError for more than the file can hold."""
        self._rows += rows
        if self._size is not None and self._rows > max(FEW_POINTS, MAX_POINTS_A_BYTE * self._size):
            problem = f"{self._size:,} bytes cannot hold the {self._rows:,} points that were read so far"
            raise InputError(self._path, problem, "Check where this file comes from, or make it again")

    def add(self, points: int) -> None:
        """Count points before they are copied. Raises InputError or DiskFull; the caller must roll back the load."""
        self._points += points
        if self._points > settings.INGEST_MOST_POINTS:
            raise _too_many(self._path, f"it holds more than {settings.INGEST_MOST_POINTS:,} points")
        if time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + CHECK_SECONDS
            _require_room(self._points * self._index_bytes)


def _require_room(needed_bytes: float) -> None:
    room = database_room_bytes()
    if room is not None and room < needed_bytes:
        raise DiskFull(
            f"The database has room for {_gigabytes(room)} besides what is to stay free, and the file needs"
            f" {_gigabytes(needed_bytes)} more: make room on its disk; manage.py prune --dry-run shows what may go."
        )


def _too_many(path: Path, problem: str) -> InputError:
    remedy = f"Cut it into pieces of at most {settings.INGEST_MOST_POINTS:,} points"
    return InputError(path, problem, remedy)


def _gigabytes(size: float) -> str:
    return f"{max(size, 0) / 1e9:,.2f} GB"


Progress = Callable[[int], object]
Expect = Callable[[int], None]


class Totals:
    """Totals of a product, collected while its batches are loaded."""

    def __init__(self) -> None:
        self.points = 0
        self.reasons: Counter[str] = Counter()
        self.listed: list[RefusedRow] = []
        self.footprint = Footprint()

    def add(self, batch: PointBatch) -> None:
        """Count a batch and widen the footprint."""
        self.points += batch.pid.size
        self.reasons.update(row.reason for row in batch.refused)
        self.listed += batch.refused[: MAX_REFUSED_LISTED - len(self.listed)]
        if batch.pid.size:
            self.footprint.add(batch.longitude, batch.latitude)


def field_copy(
    cursor: CursorWrapper, *, path: Path, field: VelocityField, progress: Progress = lambda points: None
) -> tuple[int, Totals]:
    """Copy a field into new partitions, index and attach them; return (product id, totals). Raises InputError."""
    product_id = functions.product_begin()
    totals = points_copy(cursor, path=path, field=field, product_id=product_id, progress=progress)
    try:
        with transaction.atomic():
            functions.product_attach(product_id, totals.points)
    except IntegrityError as fault:
        cause = fault.__cause__
        doubled = cause.diag.message_detail if isinstance(cause, psycopg.Error) else fault
        raise InputError(path, f"a point id appears twice ({doubled})", "Remove the doubled rows") from fault
    return product_id, totals


def points_copy(
    cursor: CursorWrapper,
    *,
    path: Path,
    field: VelocityField,
    product_id: int,
    progress: Progress = lambda points: None,
) -> Totals:
    """Copy points and series into a new product's tables, while a thread packs the next batches; return totals."""
    totals, watch = Totals(), LoadWatch(path, field)
    packed = _pack(path, field, totals, watch)
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
    """A batch of points, and its rows as blocks of binary COPY."""

    n_points: int
    points: list[memoryview]
    series: list[memoryview]


def _together(batches: Iterator[_Packed]) -> Iterator[_Packed]:
    """Join small batches, because each COPY statement costs one or two milliseconds."""
    n_points, points, series = 0, list[memoryview](), list[memoryview]()
    for batch in batches:
        n_points, points, series = n_points + batch.n_points, points + batch.points, series + batch.series
        if sum(map(len, points)) + sum(map(len, series)) >= BYTES_A_COPY:
            yield _Packed(n_points, points, series)
            n_points, points, series = 0, [], []
    if n_points:
        yield _Packed(n_points, points, series)


def _pack(path: Path, field: VelocityField, totals: Totals, watch: LoadWatch) -> Generator[_Packed, None, None]:
    sides = set[bool]()
    for batch in field.batches():
        watch.read(batch.pid.size + len(batch.refused))
        batch = _refuse_unwritable_ids(batch)
        check_loadable(path, batch, sides)
        totals.add(batch)
        if batch.pid.size:
            series = _series_rows(batch) if field.header.has_series else []
            yield _Packed(batch.pid.size, _point_rows(batch), series)


def _refuse_unwritable_ids(batch: PointBatch) -> PointBatch:
    """Refuse rows whose id PostgreSQL cannot store because it has a zero byte or is not UTF-8."""
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


def _copy_into(cursor: CursorWrapper, table: str, columns: str, blocks: list[memoryview]) -> None:
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.write(encoding.COPY_HEADER)
        for block in blocks:
            for start in range(0, len(block), MESSAGE_BYTES):  # Each protocol message is small enough for a CPU cache.
                copy.write(block[start : start + MESSAGE_BYTES])
        copy.write(encoding.COPY_TRAILER)


def _point_rows(batch: PointBatch) -> list[memoryview]:
    x, y = web_mercator(batch.longitude, batch.latitude)
    order = sampling.storing_order(batch.pid, x, y)
    stored = (
        batch.pid,
        batch.velocity_mm_yr,
        batch.velocity_std_mm_yr,
        batch.height_m,
        batch.temporal_coherence,
        batch.rmse_mm,
        batch.los_east,
        batch.los_north,
        batch.los_up,
    )
    places = (batch.longitude, batch.latitude, 4326), (x, y, 3857)
    columns = [column[order] for column in stored]
    return encoding.copy_rows([*columns, *(encoding.point_ewkb(x[order], y[order], srid) for x, y, srid in places)])


def _series_rows(batch: PointBatch) -> list[memoryview]:
    try:
        packed = encoding.pack_int16(batch.displacement_mm)
    except ValueError:  # Each row is int16 if it fits, else float32; this is slower than int16 for all rows.
        small = encoding.fits_int16(batch.displacement_mm)
        packed = encoding.pack_int16(batch.displacement_mm[small])
        wide = batch.displacement_mm[~small].astype("<f4")
        rows = [(batch.pid[small], packed), (batch.pid[~small], wide)]
        return [block for pid, series in rows if pid.size for block in encoding.copy_rows([pid, series])]
    return encoding.copy_rows([batch.pid, packed])


Item = TypeVar("Item")


def ahead(items: Generator[Item, None, None], depth: int) -> Generator[Item, None, None]:
    """Yield items that a thread makes up to `depth` in advance; raise its exceptions. Closing ends the thread."""
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
            assert item is not None  # noqa: S101 (an item is None only at the end or with a fault)
            yield item
            del item  # The item must not stay in memory while the next one is awaited.
    finally:
        over.set()
        thread.join()
