"""Functions that readers of shapefiles share: finding the parts, reference system, and opening with pyshp.

Source: ESRI, Shapefile Technical Description, 1998. Shapes (.shp) and table (.dbf) are read one after the other, so the
index (.shx) is not needed.
"""

import re
import struct
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

import shapefile
from pyproj import CRS
from pyproj.exceptions import ProjError

from ingest.errors import InputError, gettext_noop

SUFFIX = ".shp"
HEADER_BYTES = 100
FILE_CODE = 9994
MAX_SIDE_BYTES = 2**16  # of a .prj or .cpg
ALL_PARTS = gettext_noop("Give all its parts (.shp, .dbf, .prj) in one folder or zip")
IS_MISSING, WAS_CUT_OFF = gettext_noop("the file %(name)s is missing beside it"), gettext_noop("%(name)s was cut off")
DOWNLOAD, EXPORT = gettext_noop("Download it again"), gettext_noop("Export it again")


def is_shapefile(path: Path) -> bool:
    """Return whether a file begins like a shapefile and has its suffix. Never raises."""
    if path.suffix.lower() != SUFFIX or not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(4) == struct.pack(">i", FILE_CODE)
    except OSError:
        return False


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return those of the files .shp, .dbf and .prj of a shapefile that exist."""
    return tuple(part for suffix in (".shp", ".dbf", ".prj") if (part := sibling(path, suffix)) is not None)


def sibling(path: Path, suffix: str) -> Path | None:
    """Return the file of a shapefile with this suffix, in lower or upper case; None if there is none."""
    return next((part for s in (suffix, suffix.upper()) if (part := path.with_suffix(s)).is_file()), None)


def reference_system(path: Path) -> CRS | None:
    """Return the reference system in the .prj; None without a .prj. Raises InputError for an unreadable one."""
    prj = sibling(path, ".prj")
    if prj is None:
        return None
    try:
        return CRS.from_wkt(_side_text(prj))
    except ProjError as fault:
        problem = gettext_noop("%(name)s states no reference system (%(fault)s)")
        remedy = gettext_noop("Export it again, or with EPSG:4326")
        raise InputError(path, problem, remedy, name=prj.name, fault=str(fault)[:120]) from fault


@contextmanager
def opened(path: Path, types: Set[int], wanted: str) -> Iterator[shapefile.Reader]:
    """Open shapes and table. types: of shapes allowed; wanted: their name. InputError if parts do not match."""
    table_path = sibling(path, ".dbf")
    if table_path is None:
        raise InputError(path, IS_MISSING, ALL_PARTS, name=f"{path.stem}.dbf")
    n_shapes = count_shapes(path)
    try:
        with path.open("rb") as shapes, table_path.open("rb") as table:
            reader = shapefile.Reader(shp=shapes, dbf=table, encoding=_encoding(path), encodingErrors="replace")
            if reader.shapeType not in types:
                problem = gettext_noop("its shapes are of the type %(found)s, not %(wanted)s")
                remedy = gettext_noop("Give shapes of the type %(wanted)s")
                raise InputError(path, problem, remedy, found=reader.shapeTypeName.capitalize(), wanted=wanted)
            if n_shapes != reader.numRecords:
                conflict = gettext_noop("it holds %(shapes)s shapes and its table %(rows)s rows")
                remedy = gettext_noop("Give parts that belong together")
                raise InputError(path, conflict, remedy, shapes=n_shapes, rows=reader.numRecords)
            _check_table(path, table_path, [field.size for field in reader.fields])
            yield reader
    except (shapefile.ShapefileException, struct.error, ValueError, LookupError, OSError, TypeError) as fault:
        if isinstance(fault, InputError):
            raise
        problem = gettext_noop("it cannot be read as a shapefile (%(fault)s)")
        raise InputError(path, problem, DOWNLOAD, fault=str(fault)[:120]) from fault


def _check_table(path: Path, table_path: Path, widths: list[int]) -> None:
    """Raise InputError if a .dbf is shorter than declared, or its columns do not add up to a row's width."""
    with table_path.open("rb") as stream:
        rows, header, width = struct.unpack("<4xLHH", stream.read(12))
    if sum(widths) != width:
        problem = gettext_noop("the columns of %(name)s take %(columns)s bytes of rows of %(row)s")
        raise InputError(path, problem, EXPORT, name=table_path.name, columns=sum(widths), row=width)
    if table_path.stat().st_size < header + rows * width:
        raise InputError(path, WAS_CUT_OFF, DOWNLOAD, name=table_path.name)


def count_shapes(path: Path) -> int:
    """Return the number of shapes, by their headers alone. Raises InputError for a damaged or cut-off file."""
    size, count = path.stat().st_size, 0
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or struct.unpack(">i", header[:4])[0] != FILE_CODE:
            raise InputError(path, gettext_noop("this is not a shapefile"), DOWNLOAD)
        declared = 2 * struct.unpack(">i", header[24:28])[0]
        if declared != size:
            problem = gettext_noop("it declares %(declared)s bytes and has %(size)s")
            raise InputError(path, problem, DOWNLOAD, declared=declared, size=size)
        while record := stream.read(8):
            length = 2 * struct.unpack(">i", record[4:])[0] if len(record) == 8 else -1
            if length < 4 or stream.seek(length, 1) > size:
                raise InputError(path, gettext_noop("its shape %(number)s is cut off"), DOWNLOAD, number=count + 1)
            count += 1
    return count


def _encoding(path: Path) -> str:
    """Return Python's name for the encoding in the .cpg; UTF-8 without a .cpg, Latin-1 if unknown to Python."""
    cpg = sibling(path, ".cpg")
    if cpg is None:
        return "utf-8"
    named = re.sub(r"^(?:ANSI|OEM|CP)[ _-]?(?=\d)", "", _side_text(cpg).strip(), flags=re.IGNORECASE)
    try:
        "".encode(named)
    except (LookupError, ValueError):
        return "latin-1"
    return named


def _side_text(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(MAX_SIDE_BYTES).decode("utf-8", "replace")
