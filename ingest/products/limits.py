"""Limits of a product: the number of points, the capacity of its file, and the free space of the database."""

import time
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from ingest.disk import database_room_bytes
from ingest.errors import DiskFull, InputError
from ingest.readers.records import FieldHeader, VelocityField

# What PostgreSQL keeps of a point and of its series, measured on 200,000 points of random values.
POINT_BYTES, POINT_INDEX_BYTES = 145, 110  # the latter with the pyramid
SERIES_BYTES, SERIES_INDEX_BYTES, DATE_BYTES = 50, 42, 2.2
MOST_POINTS_A_BYTE = 10  # packed measurements need a byte each at least; constants pack without end
FEW_POINTS = 100_000  # do no harm, however they are packed
CHECK_SECONDS = 0.5


def fields_check(*, path: Path, fields: Sequence[VelocityField]) -> None:
    """Check the declared sizes of fields before reading any point.

    Raises InputError for too many points, DiskFull where the database has no room for them now.
    """
    expected = max(field.expected_points or 0 for field in fields)
    if expected > settings.INGEST_MOST_POINTS:
        raise _too_many(path, f"it declares {expected:,} points")
    _require_room(sum(_bytes_needed(path, field) for field in fields))


def point_bytes(header: FieldHeader) -> float:
    """Return about how many bytes a point takes in the database, its series and all indexes included."""
    series = SERIES_BYTES + SERIES_INDEX_BYTES + DATE_BYTES * len(header.dates) if header.has_series else 0
    return POINT_BYTES + POINT_INDEX_BYTES + series


def _bytes_needed(path: Path, field: VelocityField) -> float:
    """Return the most bytes needed; a pixel without a value becomes no point, and packs to less than a byte."""
    expected, size = field.expected_points or 0, _file_bytes(path, field)
    return (expected if size is None else min(expected, size)) * point_bytes(field.header)


def _file_bytes(path: Path, field: VelocityField) -> int | None:
    """Return the size of a field's files; None where it is derived from the database."""
    files = [file for file in field.files or (path,) if file.is_file()]
    return sum(file.stat().st_size for file in files) if files else None


class LoadWatch:
    """A counter of the points copied that also checks the free disk now and then."""

    def __init__(self, path: Path, field: VelocityField) -> None:
        self._path, self._size, self._points, self._next_check = path, _file_bytes(path, field), 0, 0.0
        self._index_bytes = POINT_INDEX_BYTES + SERIES_INDEX_BYTES * field.header.has_series

    def add(self, points: int) -> None:
        """Count points that are about to be copied. Raises InputError or DiskFull; the load must then be undone."""
        self._points += points
        if self._points > settings.INGEST_MOST_POINTS:
            raise _too_many(self._path, f"it holds more than {settings.INGEST_MOST_POINTS:,} points")
        if self._size is not None and self._points > max(FEW_POINTS, MOST_POINTS_A_BYTE * self._size):
            problem = f"{self._size:,} bytes cannot hold the {self._points:,} points that were read so far"
            raise InputError(self._path, problem, "Check where this file comes from, or make it again")
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
