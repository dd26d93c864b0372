"""Corners of a line as a text table: one for each row, columns found by aliases, separated by one of ; , | or tab."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice, product
from pathlib import Path

from ground_motion.core.areas import wrap_longitude
from ground_motion.core.errors import InputError, gettext_noop, one_line, refusing
from ground_motion.core.text import number_of, search_key

EXPORT = gettext_noop("Export it as CSV")
HEADERS = {  # Names are as search_key returns them; specific ones come before general ones.
    "latitude": ("latitude", "lat", "breite", "breitengrad", "latitud", "latitudine", "geogr breite"),
    "longitude": ("longitude", "lon", "lng", "long", "lange", "langengrad", "longitud", "longitudine", "geogr lange"),
    "position": ("geo point 2d", "geo point"),  # Opendatasoft's portals write both into one column, latitude first.
}
# Of headers that do not name both: the one column with such a word in its name, as stop_lat has; else y and x.
WORDS = {
    "latitude": frozenset({"latitude", "lat", "breitengrad", "latitud", "latitudine"}),
    "longitude": frozenset({"longitude", "lon", "lng", "langengrad", "longitud", "longitudine"}),
}
PLANE = {"latitude": "y", "longitude": "x"}
ANY_WORD, MAX_WORDS = WORDS["latitude"] | WORDS["longitude"], 3  # Longer names are sentences, or rows not split.
DELIMITERS, MAX_HEADER_ROW = ";\t,|", 20  # Registers write titles and dates above the header.
Rows = Iterator[tuple[int, list[str]]]


def read_table(path: Path) -> tuple[dict[str, int], Rows]:
    """Return the columns of a text table, role -> position, and its rows with their numbers. Raises InputError.

    Encodings are UTF-8 with or without a byte order mark, UTF-16, else Windows-1252; decimals have a point or a comma.
    The header is the first row that names a latitude and a longitude. Rows without any text are left out.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        raise InputError(path, gettext_noop("it is not a text table"), EXPORT)
    lines = text.lstrip().splitlines(keepends=True)
    # A title may have the words of a header: a row that names both columns as usual comes first.
    for by_words, number, delimiter in product((False, True), range(min(len(lines), MAX_HEADER_ROW)), DELIMITERS):
        rows = csv.reader(islice(lines, number, None), delimiter=delimiter)  # A cell of the header may have lines.
        with suppress(csv.Error):
            columns = columns_of(next(rows, []), by_words)
            if columns.keys() >= {"latitude", "longitude"} or "position" in columns:
                below = "".join(lines[number + rows.line_num :])
                return columns, _rows(path, below, delimiter, number + 2)
    first = lines[0] if lines else ""
    header = next(csv.reader([first], delimiter=max(DELIMITERS, key=first.count)), [])
    problem = gettext_noop("it has no column “%(column)s” (found: %(found)s)")
    missing = "longitude" if "latitude" in columns_of(header, by_words=True) else "latitude"
    found = one_line(", ".join(cell for cell in header if cell.strip()))[:200] or "–"
    raise InputError(path, problem, gettext_noop("Add a column with this name"), column=missing, found=found)


def _rows(path: Path, text: str, delimiter: str, first: int) -> Rows:
    """Yield the rows below a header that have a text, numbered from `first`. Raises InputError."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    problem, remedy = gettext_noop("it cannot be read as a table (%(fault)s)"), gettext_noop("Export it as CSV again")
    with refusing(path, problem, remedy, csv.Error, fault=""):
        for number, row in enumerate(rows, start=first):
            if any(cell.strip() for cell in row):
                yield number, row


def columns_of(header: Sequence[str], by_words: bool) -> dict[str, int]:
    """Return role -> position of its column in a header, for the roles that have one. by_words: also by WORDS."""
    keys = [search_key(cell) for cell in header]
    found = {
        role: keys.index(next(alias for alias in aliases if alias in keys))
        for role, aliases in HEADERS.items()
        if any(alias in keys for alias in aliases)
    }
    if by_words:
        said = [ANY_WORD & set(key.split()) if key.count(" ") < MAX_WORDS else set() for key in keys]
        for role, words in WORDS.items():
            alike = [at for at, its in enumerate(said) if its and its <= words]
            alike = alike if len(alike) == 1 else [at for at, key in enumerate(keys) if key == PLANE[role]]
            if role not in found and alike:
                found[role] = alike[0]
    return found


def corner_of(row: Sequence[str], columns: dict[str, int]) -> tuple[float, float] | None:
    """Return longitude and latitude of a row, degrees; None if one of them is no number."""

    def cell(role: str) -> str:
        at = columns.get(role, len(row))
        return row[at].strip() if at < len(row) else ""

    y, x = cell("latitude"), cell("longitude")
    if not {"latitude", "longitude"} <= columns.keys():
        y, _, x = (part.strip() for part in cell("position").partition(","))
    latitude, longitude = _number(y), _number(x)
    return None if latitude is None or longitude is None else (wrap_longitude(longitude), latitude)


def _number(text: str) -> float | None:
    plain = text.rstrip("°").replace("−", "-").replace(" ", "").replace("\N{NO-BREAK SPACE}", "")
    return number_of(plain.replace(",", ".") if plain.count(",") == 1 and "." not in plain else plain)
