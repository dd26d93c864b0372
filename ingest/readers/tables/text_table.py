"""Functions that readers of tables share: opening a CSV, plain or zipped; reading its header and rows in batches.

Columns are matched by name, never by position; nothing is unpacked before its declared size is checked.
"""

import os
import re
import zipfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.csv as pa_csv

from ingest.errors import InputError
from ingest.readers.files import CONTAINER_FAULTS, zip_member

SUFFIXES = frozenset({".zip", ".csv"})
MAX_SIDE_BYTES = 16 * 2**20
MAX_HEADER_BYTES = 2**20
MAX_COLUMNS = 20_000  # six days apart, that is three centuries
BLOCK_BYTES = 4 * 2**20  # of text; what fits a cache is parsed fastest
MAX_LINE_BYTES = 16 * 2**20
PARSERS = min(4, os.cpu_count() or 1)
DATE_NAME = re.compile(r"[12]\d{7}")


@contextmanager
def csv_stream(path: Path) -> Iterator[IO[bytes]]:
    """Open a table, plain or in a zip, as a stream of bytes. Raises InputError for a faulty zip."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(zip_member(path, archive, ".csv")) as stream:
                yield stream
        else:
            with path.open("rb") as stream:
                yield stream
    except CONTAINER_FAULTS as fault:
        raise InputError(path, f"the file is damaged ({fault})", "Download it again") from fault


def refuse_cut_off(path: Path) -> None:
    """Raise InputError if a plain table does not end with the end of a line; a zip has a checksum instead."""
    if path.suffix.lower() == ".zip":
        return
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        if stream.read(1) not in b"\r\n":
            problem = "its last line has no end: it may have been cut off"
            raise InputError(path, problem, "Download it again, or end the last line if it is whole")


def table_bytes(path: Path) -> int:
    """Return a table's unpacked size in bytes."""
    if path.suffix.lower() != ".zip":
        return path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            return zip_member(path, archive, ".csv").file_size
    except CONTAINER_FAULTS as fault:
        raise InputError(path, f"the file is damaged ({fault})", "Download it again") from fault


def zip_text(path: Path, suffix: str) -> bytes | None:
    """Return the only small member of a zip with a suffix; None if path is no zip or has no such member."""
    if path.suffix.lower() != ".zip":
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if not any(name.lower().endswith(suffix) for name in archive.namelist()):
                return None
            info = zip_member(path, archive, suffix)
            if info.file_size > MAX_SIDE_BYTES:
                raise InputError(path, f"{info.filename} holds {info.file_size:,} bytes", "Download it again")
            return archive.read(info)
    except CONTAINER_FAULTS as fault:
        raise InputError(path, f"the file is damaged ({fault})", "Download it again") from fault


class Table(NamedTuple):
    """Names and delimiter in the header line of a table."""

    names: list[str]
    delimiter: str


def table_of(path: Path) -> Table:
    """Read the header line. Raises InputError for an empty table or a column that appears twice."""
    with csv_stream(path) as stream:
        line = stream.readline(MAX_HEADER_BYTES).decode("utf-8-sig", errors="replace").strip()
    if not line:
        raise InputError(path, "the table is empty", "Download it again")
    delimiter = max(",;\t|", key=line.count)
    names = [name.strip().strip('"') for name in line.split(delimiter)]
    if len(names) > MAX_COLUMNS:
        raise InputError(path, f"its table has {len(names):,} columns", "Export it again: one row a point")
    doubled = sorted(name for name, count in Counter(names).items() if count > 1)
    if doubled:
        raise InputError(path, f"column {doubled[0]!r} appears twice", "Remove one of the two")
    return Table(names, delimiter)


def header_names(path: Path) -> frozenset[str]:
    """Return the column names of a file; empty if it is no table. Never raises."""
    try:
        return frozenset(table_of(path).names)
    except InputError:
        return frozenset()


def date_columns(
    path: Path,
    names: Sequence[str],
    pattern: re.Pattern[str] = DATE_NAME,
    day: Callable[[str], date] = lambda name: day_of(name),
) -> dict[str, date]:
    """Return name -> day, in order, of date columns. day: parses a name, by default its digits as YYYYMMDD."""
    try:
        columns = {name: day(name) for name in names if pattern.fullmatch(name)}
    except ValueError as fault:
        raise InputError(path, f"a date column is not a date ({fault})", "Name date columns YYYYMMDD") from fault
    refuse_disorder(path, list(columns.values()))
    return columns


def refuse_disorder(path: Path, days: Sequence[date]) -> None:
    """Raise InputError if the days are not in strictly rising order."""
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise InputError(path, "the date columns are not in order", "Sort them by date")


def day_of(text: str) -> date:
    """Parse a text whose digits are YYYYMMDD. Raises ValueError."""
    return datetime.strptime(re.sub(r"\D", "", text), "%Y%m%d").date()  # noqa: DTZ007 (a day has no time zone)


def require(path: Path, names: Sequence[str], required: Sequence[str], remedy: str) -> None:
    """Raise InputError for the first column that is missing."""
    missing = [name for name in required if name not in names]
    if missing:
        raise InputError(path, f"column {missing[0]!r} is missing", remedy)


def record_batches(
    path: Path, table: Table, types: Mapping[str, pa.DataType], block_bytes: int = BLOCK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows in order, only the columns in `types`, in batches of about block_bytes of text.

    Blocks of whole lines are parsed in parallel: on two cores twice as fast as pyarrow's own streaming reader, which
    splits and converts one block after the other.
    """
    convert = pa_csv.ConvertOptions(column_types=dict(types), include_columns=list(types))
    parse = partial(_parse, path, table, convert)
    with csv_stream(path) as stream, ThreadPoolExecutor(PARSERS) as pool:
        stream.readline(MAX_HEADER_BYTES)
        waiting: deque[Future[list[pa.RecordBatch]]] = deque()
        for block in _whole_lines(path, stream, block_bytes):
            waiting.append(pool.submit(parse, block))
            if len(waiting) > PARSERS:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _whole_lines(path: Path, stream: IO[bytes], block_bytes: int) -> Iterator[bytes]:
    """Yield the rest of a stream in blocks of whole lines; only the last block may lack its line's end."""
    begun = b""
    while block := stream.read(block_bytes):
        end = block.rfind(b"\n") + 1
        if end:
            yield begun + block[:end]
            begun = block[end:]
        else:
            begun += block
        if len(begun) > MAX_LINE_BYTES:
            raise InputError(path, f"a line has more than {MAX_LINE_BYTES:,} characters", "Download it again")
    if begun:
        yield begun


def _parse(path: Path, table: Table, convert: pa_csv.ConvertOptions, block: bytes) -> list[pa.RecordBatch]:
    read = pa_csv.ReadOptions(column_names=table.names, block_size=len(block) + 1, use_threads=False)
    try:
        rows = pa_csv.read_csv(pa.BufferReader(block), read, pa_csv.ParseOptions(delimiter=table.delimiter), convert)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as fault:
        if "Empty CSV" in str(fault):
            return []
        problem = f"the table cannot be read ({str(fault).splitlines()[0]})"
        raise InputError(path, problem, "Download it again") from fault
    batches: list[pa.RecordBatch] = rows.to_batches()
    return batches
