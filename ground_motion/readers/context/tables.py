"""CSV tables, read row by row: detection of the encoding, and faults as InputError."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ground_motion.core.areas import wrap_longitude
from ground_motion.core.errors import InputError, refusing
from ground_motion.core.text import number_of

MAX_BYTES_TO_TRY = 64 * 2**20  # Larger tables are GeoNames dumps, which are UTF-8.
Row = dict[str, str]
LANGUAGE = re.compile(r"name[_:]([a-z]{2})")


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file as UTF-8, or as Latin-1 if it is small and not UTF-8; its errors become InputError."""
    readable = refusing(path, "it cannot be read as a table ({})", "Export it again as UTF-8", UnicodeError, csv.Error)
    with readable, path.open(encoding=_encoding(path), newline="") as stream:
        yield stream


def read_rows(path: Path, needed: Iterable[str] = ()) -> Iterator[Row]:
    """Yield the rows of a CSV as lower-case column -> stripped text. InputError without header or needed column."""
    with open_text(path) as stream:
        names = _names(path, stream.readline())
        missing = [name for name in needed if name not in names]
        if missing:
            problem = f"it has no column {missing[0]!r} (found: {', '.join(names)[:200]})"
            raise InputError(path, problem, "Export it again")
        for number, fields in enumerate(csv.reader(stream, delimiter=names.delimiter), start=2):
            if not fields:
                continue
            if len(fields) != len(names):
                problem = f"row {number} has {len(fields)} fields and the header {len(names)}"
                raise InputError(path, problem, "Download it again: it may have been cut off")
            yield {name: field.strip() for name, field in zip(names, fields, strict=True)}


def names_by_language(properties: Mapping[str, object]) -> dict[str, str]:
    """Return the values of properties such as name_de or name:de, as far as they have one, by language."""
    found = ((LANGUAGE.fullmatch(key), str(value or "").strip()) for key, value in properties.items())
    return {match[1]: name[:200] for match, name in found if match and name}


class Names(list[str]):
    """List of column names, with the delimiter of the table."""

    delimiter = ","


def column_names(path: Path) -> Names:
    """Return the lower-case column names of a CSV."""
    with open_text(path) as stream:
        return _names(path, stream.readline())


def position(path: Path, longitude: str, latitude: str, what: str) -> tuple[float, float] | None:
    """Parse (longitude, latitude), degrees; None if either is no number. InputError if outside the possible range."""
    x, y = number_of(longitude), number_of(latitude)
    if x is None or y is None:
        return None
    x = wrap_longitude(x)
    if abs(y) > 90 or abs(x) > 180:
        problem = f"{what}: latitude {y:g}, longitude {x:g} is not a place on Earth"
        raise InputError(path, problem, "Check whether latitude and longitude are swapped")
    return x, y


def _names(path: Path, line: str) -> Names:
    if not line.strip():
        raise InputError(path, "the table is empty", "Download it again")
    names = Names()
    names.delimiter = max(",;\t", key=line.count)
    names += [name.strip().lower() for name in next(csv.reader([line], delimiter=names.delimiter))]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise InputError(path, f"column {doubled!r} appears twice", "Remove one of the two")
    return names


def _encoding(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES_TO_TRY:
        return "utf-8-sig"
    try:
        path.read_bytes().decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"
