"""Functions that readers of text tables share: finding encoding, separator and header; reading rows in batches.

Columns are matched by name, never by position; nothing is unpacked before its declared size is checked.
"""

import csv
import io
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date, datetime
from functools import partial
from importlib.util import find_spec
from itertools import chain, pairwise, repeat
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple
from zipfile import ZipInfo

import pyarrow as pa
import pyarrow.csv as pa_csv

from ground_motion.core.errors import InputError, one_line, refusing
from ground_motion.readers.vectors.packages import names_in_zip, open_zip

TEXTS = frozenset({".csv", ".txt", ".tsv", ".xy", ".xyz", ".dat", ".asc"})
SUFFIXES = TEXTS | {".zip"}
MAX_SIDE_BYTES = 16 * 2**20
MAX_HEADER_BYTES = 2**20
SAMPLE_BYTES = 2**17
MAX_COLUMNS = 20_000  # Dates six days apart would fill three centuries.
BLOCK_BYTES = 4 * 2**20  # Text that fits a cache is parsed fastest.
MAX_LINE_BYTES = 16 * 2**20
PARSERS = min(4, os.cpu_count() or 1)
DATE_NAME = re.compile(r"[12]\d{7}")
SNIFFED_ROWS = 25
COMMENTS = ("#", "%", "//", "!")
GUESSED = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "gb18030", "big5hkscs", "cp932", "euc_jp", "cp949"]
SPACES = " "  # The delimiter of tables whose columns are separated by any number of spaces and tabs.
MISSING = (
    *("", "NaN", "nan", "NAN", "-NaN", "-nan", "NULL", "Null", "null", "None", "none", "NONE", "NA", "N/A", "n/a"),
    *("#N/A", "#NA", "#VALUE!", "#DIV/0!", "<NA>", "-", "--", "---", *("*" * stars for stars in range(1, 13))),
)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?|[-+]?inf(?:inity)?", re.IGNORECASE)
DECIMAL_COMMA, DECIMAL_POINT = (re.compile(rf"[-+]?\d*{sign}\d+(?:[eE][-+]?\d+)?") for sign in (",", r"\."))


Types = Mapping[str, pa.DataType]  # The type that each column is read as.
Waiting = tuple[Future[list[pa.RecordBatch]], bytes]  # A block that is parsed, and its text.


class Table(NamedTuple):
    """Layout of a text table.

    names: of its columns, "column 1" and so on without a header; skipped: number of lines before the first row; first:
    the cells of that row, for messages; is_headed: whether a line names the columns.
    """

    names: list[str]
    delimiter: str
    encoding: str = "utf-8"
    skipped: int = 1
    decimal: str = "."
    is_headed: bool = True
    first: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether its bytes can be parsed as they are."""
        return self.encoding == "utf-8" and self.delimiter != SPACES


def is_one_table(path: Path) -> bool:
    """Return whether a zip holds one .csv and no other data, so that it is read without unpacking.

    EGMS packs the table of level 3 with an image of the same name and values.
    """
    names = [name.lower() for name in names_in_zip(path)]
    tables = [name.removesuffix(".csv") for name in names if name.endswith(".csv")]
    others = (".zip", ".shp", ".gpkg", ".tif", ".tiff", ".h5", ".he5", ".nc", ".grd")
    grids = {f"{table}{ending}" for table in tables for ending in (".tif", ".tiff")}
    return len(tables) == 1 and not any(name.endswith(others) and name not in grids for name in names)


@contextmanager
def csv_stream(path: Path) -> Iterator[IO[bytes]]:
    """Open a table, plain or in a zip, as a stream of bytes. Raises InputError for a faulty zip."""
    if path.suffix.lower() != ".zip":
        with path.open("rb") as stream:
            yield stream
        return
    with open_zip(path) as (archive, files), archive.open(_only_member(path, files, ".csv")) as stream:
        yield stream


def _only_member(path: Path, files: Mapping[PurePosixPath, ZipInfo], suffix: str) -> ZipInfo:
    members = [info for name, info in files.items() if name.suffix.lower() == suffix]
    if len(members) != 1:
        problem = f"the zip holds {len(members)} {suffix} files where one is expected"
        raise InputError(path, problem, "Give one product per zip")
    return members[0]


def refuse_cut_off(path: Path) -> None:
    """Raise InputError if a plain table does not end with the end of a line; a zip has a checksum instead."""
    if path.suffix.lower() == ".zip":
        return
    with path.open("rb") as stream:
        stream.seek(-min(4, path.stat().st_size), 2)
        if stream.read().rstrip(b"\0")[-1:] not in {b"\r", b"\n"}:
            problem = "its last line has no end: it may have been cut off"
            raise InputError(path, problem, "Download it again, or end the last line if it is whole")


def table_bytes(path: Path) -> int:
    """Return a table's unpacked size in bytes."""
    if path.suffix.lower() != ".zip":
        return path.stat().st_size
    with open_zip(path) as (_, files):
        return _only_member(path, files, ".csv").file_size


def zip_text(path: Path, suffix: str) -> bytes | None:
    """Return the only small member of a zip with a suffix; None if path is no zip or has no such member."""
    if path.suffix.lower() != ".zip":
        return None
    with open_zip(path) as (archive, files):
        if not any(name.suffix.lower() == suffix for name in files):
            return None
        info = _only_member(path, files, suffix)
        if info.file_size > MAX_SIDE_BYTES:
            raise InputError(path, f"{info.filename} holds {info.file_size:,} bytes", "Download it again")
        return archive.read(info)


def table_of(path: Path, known: Collection[str] = ()) -> Table:
    """Find the layout of a table. Raises InputError if it is no table, or a column appears twice.

    known: names of some of its columns, by which the right encoding is told from others.
    """
    with csv_stream(path) as stream:
        sample = stream.read(SAMPLE_BYTES)
        if b"\n" not in sample:
            sample += stream.read(MAX_HEADER_BYTES - len(sample))
    encoding = _encoding(path, sample, known)
    with io.TextIOWrapper(io.BytesIO(sample), encoding, "replace", newline=None) as text:
        lines = text.read().removeprefix("\ufeff").split("\n")
    if len(lines) == 1 and len(sample) == MAX_HEADER_BYTES:
        raise InputError(path, f"its first line has more than {MAX_HEADER_BYTES:,} bytes", "Export it as a table")
    lines = lines[:-1] or lines  # The last one is empty or cut.
    if lines[0].lower().startswith("ncols"):
        raise InputError(path, "it is a grid as text", f"Convert it: gdal_translate {path.name} {path.stem}.tif")
    table = _layout(path, lines)
    if len(table.names) > MAX_COLUMNS:
        raise InputError(path, f"its table has {len(table.names):,} columns", "Export it again: one row a point")
    doubled = sorted(name for name, count in Counter(table.names).items() if count > 1)
    if doubled:
        raise InputError(path, f"column {doubled[0]!r} appears twice", "Remove one of the two")
    has_lone_returns = sample.rstrip(b"\r").count(b"\r") > sample.count(b"\r\n")
    is_marked = sample.startswith(b"\xef\xbb\xbf") and not table.skipped
    return table._replace(encoding="utf-8-sig" if encoding == "utf-8" and (has_lone_returns or is_marked) else encoding)


def _encoding(path: Path, sample: bytes, known: Collection[str]) -> str:
    """Return Python's name of the encoding of a table's first bytes. InputError if that needs the extra `tables`.

    known: words that it holds, such as the names of columns in a mapping.
    """
    if sample[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "utf-16"
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(sample) > 3 and not any(sample[start:64:2]) and any(sample[1 - start : 64 : 2]):
            return encoding
    whole = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        whole.decode()
    except UnicodeDecodeError:
        if b"\0" in sample:  # The file is binary; reading its rows refuses it.
            return "utf-8"
        if find_spec("charset_normalizer") is None:
            raise InputError(path, "text that is not UTF-8 needs the extra `tables`", "Export it as UTF-8") from None
        from charset_normalizer import from_bytes

        lines = [line for line in whole.splitlines() if not line.isascii()]
        guesses = [guess.encoding for guess in from_bytes(b"\n".join(lines)[: 2**16], cp_isolation=GUESSED)]
        words = [word for word in known if not word.isascii()]
        for guess in (*guesses, *GUESSED):
            if all(word in whole.decode(guess, "replace") for word in words):
                return guess
        return (guesses or GUESSED)[0]
    return "utf-8"


def _fields(line: str, delimiter: str) -> list[str]:
    if delimiter == SPACES:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


def _layout(path: Path, lines: list[str]) -> Table:
    """Return the layout that most of the first lines have in common. Raises InputError."""
    numbered = [(at, line) for at, line in enumerate(lines[: 4 * SNIFFED_ROWS]) if line.strip()]
    begun = next((at for at, (_, line) in enumerate(numbered) if not line.lstrip().startswith(COMMENTS)), len(numbered))
    comments, rows = numbered[:begun], numbered[begun : begun + SNIFFED_ROWS]
    rows = [(at, line) for at, line in rows if not line.lstrip().startswith(COMMENTS)]  # A comment may follow it.
    if not rows and not comments:
        raise InputError(path, "the table is empty", "Export it again")
    if not rows:  # The header may begin like a comment, with nothing below it.
        comments, rows = comments[:-1], comments[-1:]
    delimiter, width = _delimiter([line for _, line in rows])
    cells = [(at, [cell.strip() for cell in _fields(line, delimiter)]) for at, line in rows]
    wide = [at for at, (_, row) in enumerate(cells) if len(row) == width]
    start = next((at for at in wide if width < 3 or sum(map(bool, cells[at][1])) > 1), wide[0])  # after titles
    if start and len(cells[start - 1][1]) == width - 1 and not any(row[-1] for _, row in cells[start:]):
        start -= 1  # Rows end with a separator, and the header does not.
        cells[start][1].append("")
    header, below = cells[start][1], [row for _, row in cells[start + 1 :]]
    is_headed = _is_header(header, below)
    named = header
    if not is_headed and comments:
        last = comments[-1][1].strip().lstrip("#%/! ")
        named = [cell.strip() for cell in _fields(last, delimiter)]
        named = named if len(named) == width and not any(map(is_number, named)) else []
    data = below if is_headed else [header, *below]
    names = named if is_headed or (comments and named) else []
    for row, (_, line) in zip(data, rows[len(rows) - len(data) :], strict=True):
        if len(row) != width and line.count('"') % 2:
            raise InputError(path, "a cell in quotation marks holds several lines", "Remove the line breaks from texts")
        if len(row) != width:
            problem = f"a row has {len(row)} fields where the header names {width}"
            raise InputError(path, problem, "Export it with one separator throughout, and decimal points")
    skipped = cells[start][0] + is_headed
    return Table(
        [name.lstrip("#% ").strip('"') or f"column {at}" for at, name in enumerate(names or [""] * width, start=1)],
        delimiter,
        skipped=skipped,
        decimal=_decimal(path, data, delimiter),
        is_headed=bool(names),
        first=tuple(data[0]) if data else (),
    )


def _delimiter(lines: list[str]) -> tuple[str, int]:
    """Return the separator that splits most lines alike, and into how many fields."""
    best, chosen = (0, 0, 0), (",", 1)
    for rank, delimiter in enumerate((";", "\t", ",", "|", SPACES)):
        counts = Counter(len(_fields(line, delimiter)) for line in lines)
        width, lines_alike = max(counts.items(), key=lambda item: (item[0] > 1, item[1], item[0]))
        score = (lines_alike if width > 1 else 0, width if delimiter != SPACES else 0, -rank)
        if score > best:
            best, chosen = score, (delimiter, width)
    return chosen


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, with a decimal point or comma."""
    return NUMBER.fullmatch(cell) is not None or DECIMAL_COMMA.fullmatch(cell) is not None


def _is_header(first: list[str], below: list[list[str]]) -> bool:
    """Return whether a line names columns: it has words where the lines below it have numbers."""
    if not below or not any(map(is_number, first)):
        return not all(map(is_number, first))
    for at, name in enumerate(first):
        column = [row[at] for row in below if at < len(row)]
        if name not in MISSING and not is_number(name) and any(map(is_number, column)):
            return True
    return False


def _decimal(path: Path, rows: list[list[str]], delimiter: str) -> str:
    """Return the sign before decimals. Raises InputError for commas in a table that they also separate."""
    commas = next((cell for row in rows for cell in row if DECIMAL_COMMA.fullmatch(cell)), None)
    if commas is None:
        return "."
    points = next((cell for row in rows for cell in row if DECIMAL_POINT.fullmatch(cell)), None)
    if delimiter == "," or points is not None:
        other = f", and {points!r:.40} with a point" if points else ""
        problem = f"a number is written {commas!r:.40}, with a comma{other}"
        raise InputError(path, problem, "Export it with decimal points")
    return ","


def header_names(path: Path) -> frozenset[str]:
    """Return the column names of a file; empty if it is no table or has no header. Never raises."""
    with suppress(InputError):
        if path.suffix.lower() in SUFFIXES and path.is_file() and (table := table_of(path)).is_headed:
            return frozenset(table.names)
    return frozenset()


def date_columns(
    path: Path,
    names: Sequence[str],
    pattern: re.Pattern[str] = DATE_NAME,
    day: Callable[[str], date] = lambda name: day_of(name),
) -> dict[str, date]:
    """Return name -> day, in order, of date columns. day: parses a name, by default its digits as YYYYMMDD."""
    with refusing(path, "a date column is not a date ({})", "Name date columns YYYYMMDD", ValueError):
        columns = {name: day(name) for name in names if pattern.fullmatch(name)}
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


def record_batches(path: Path, table: Table, types: Types, block_bytes: int = BLOCK_BYTES) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows in order, only the columns in `types`, in batches of about block_bytes of text.

    Blocks of whole lines are parsed in parallel: on two cores twice as fast as pyarrow's streaming reader.
    """
    parse = partial(_parse, table, types)
    done = 0
    with csv_stream(path) as stream, ThreadPoolExecutor(PARSERS) as pool:
        waiting = deque[Waiting]()
        # PARSERS empty blocks follow the last one, so that every result still waiting is yielded.
        for block in chain(_whole_lines(path, _blocks(stream, table, block_bytes)), repeat(b"", PARSERS)):
            waiting.append((pool.submit(parse, block), block))
            if len(waiting) <= PARSERS:
                continue
            for batch in _parse_block(path, table, types, done, waiting.popleft()):
                done += batch.num_rows
                yield batch


def _blocks(stream: IO[bytes], table: Table, block_bytes: int) -> Iterator[bytes]:
    """Yield the rows of a table as UTF-8 with line feeds, in blocks that may end within a line."""
    if table.is_plain:
        for _ in range(table.skipped):
            stream.readline(MAX_HEADER_BYTES)
        while block := stream.read(block_bytes):
            yield block
        return
    text = io.TextIOWrapper(stream, table.encoding, "replace", newline=None)
    try:
        for _ in range(table.skipped):
            text.readline(MAX_HEADER_BYTES)
        while letters := text.read(block_bytes):
            yield letters.encode()
    finally:
        text.detach()


def _whole_lines(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield blocks of whole lines; only the last one may lack its line's end."""
    begun = b""
    for block in blocks:
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


def _parse(table: Table, types: Types, block: bytes) -> list[pa.RecordBatch]:
    convert = pa_csv.ConvertOptions(
        column_types=dict(types), include_columns=list(types), null_values=MISSING, decimal_point=table.decimal
    )
    delimiter = table.delimiter
    if delimiter == SPACES:
        delimiter, block = "\t", re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", block)
        block = re.sub(rb"[ \t]+", b"\t", block)
    read = pa_csv.ReadOptions(column_names=table.names, block_size=len(block) + 1, use_threads=False)
    lines = pa_csv.ParseOptions(
        delimiter=delimiter,
        invalid_row_handler=lambda row: "skip" if row.text.lstrip().startswith(COMMENTS) else "error",
    )
    try:
        rows = pa_csv.read_csv(pa.BufferReader(block), read, lines, convert)
    except pa.ArrowInvalid as fault:
        if "Empty CSV" in str(fault):
            return []
        raise
    batches: list[pa.RecordBatch] = rows.to_batches()
    return batches


def _parse_block(path: Path, table: Table, types: Types, done: int, waiting: Waiting) -> list[pa.RecordBatch]:
    """Return the batches of a block, cell by cell if some are not written as pyarrow reads numbers. Raises InputError.

    done: rows before the block.
    """
    parsing, block = waiting
    try:
        return parsing.result()
    except (pa.ArrowInvalid, pa.ArrowKeyError) as fault:
        reason = one_line(str(fault).splitlines()[0])
    try:
        batches = _parse(table, dict.fromkeys(types, pa.binary()), block)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as fault:
        problem = f"the table cannot be read ({reason:.150})"
        raise InputError(path, problem, "Export it with one separator throughout") from fault
    line, cleaned = table.skipped + done + 1, []
    for batch in batches:
        arrays = [
            batch.column(at)
            if pa.types.is_binary(kind)
            else numbers(path, name, batch.column(at), kind, line, table.decimal)
            for at, (name, kind) in enumerate(types.items())
        ]
        cleaned.append(pa.RecordBatch.from_arrays(arrays, names=list(types)))
        line += batch.num_rows
    return cleaned


def numbers(path: Path, name: str, column: pa.Array, kind: pa.DataType, line: int = 1, decimal: str = ".") -> pa.Array:
    """Convert texts to numbers, none for missing ones. Raises InputError that names the line.

    Args:
        path: the file, for the error
        name: of the column, for the error
        column: texts as bytes
        kind: type of the numbers
        line: number of the first text's line, for the error
        decimal: sign before decimals
    """
    values: list[float | None] = []
    for row, cell in enumerate(column.to_pylist()):
        text = (cell or b"").decode("utf-8", "replace").strip()
        number = text.replace(decimal, ".").replace("\N{MINUS SIGN}", "-")
        if text not in MISSING and NUMBER.fullmatch(number) is None:
            problem = f"line {line + row}: column {one_line(name)!r:.60} holds {text!r:.40}, which is no number"
            raise InputError(path, problem, "Write it as a plain number, without a unit, or leave it empty")
        values.append(None if text in MISSING else float(number.upper().replace("D", "E")))
    return pa.array(values, pa.float64()).cast(kind, safe=False)
