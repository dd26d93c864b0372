"""Lists of sites as text tables: one site per row, columns found by aliases, separated by one of ; , | or tab."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice, product
from pathlib import Path

from shapely import MultiPolygon, to_wkb, unary_union

from ground_motion.core.areas import disc, polygons_of, wrap_longitude
from ground_motion.core.errors import InputError, UnusableData, gettext_noop, one_line, refusing
from ground_motion.core.text import number_of, search_key

MAX_ROWS = 2000
MAX_NAME_LENGTH = 120
CORNERS = 24  # The circle around a site is drawn with this many corners.
EXPORT = gettext_noop("Export it as CSV")
HEADERS = {  # Names are as search_key returns them; specific ones come before general ones.
    "latitude": ("latitude", "lat", "breite", "breitengrad", "latitud", "latitudine", "geogr breite"),
    "longitude": ("longitude", "lon", "lng", "long", "lange", "langengrad", "longitud", "longitudine", "geogr lange"),
    "position": ("geo point 2d", "geo point"),  # Opendatasoft's portals write both into one column, latitude first.
    "name": (
        *("name", "site", "asset", "site name", "asset name", "standort", "objekt", "bezeichnung", "nom", "lieu"),
        *("nombre", "sitio", "nome", "label", "title", "id"),
    ),
    "km": ("radius km", "distance km", "umkreis km", "rayon km", "radio km"),
    "metres": (
        *("radius m", "radius", "distance m", "distance", "umkreis m", "umkreis", "rayon m", "rayon", "radio m"),
        *("radio", "buffer", "puffer"),
    ),
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


def read(path: Path, radius_m: float) -> bytes:
    """Return the sites of a table, or the faults of its rows.

    Encodings are UTF-8 with or without a byte order mark, UTF-16, else Windows-1252; decimals have a point or a comma.
    radius_m: for rows without one. The answer is JSON: sites, each [name, longitude, latitude, radius_m, outline];
    joined, the outline of all; faults, each [row, text to translate, its values]. Outlines are MultiPolygons in degrees
    as hexadecimal WKB. If there are faults, there are no sites. Raises InputError if the whole table cannot be used.
    """
    columns, rows = read_table(path)
    sites: list[tuple[str, float, float, float]] = []
    outlines: list[MultiPolygon] = []
    faults: list[tuple[int, str, dict[str, str | float]]] = []
    n_rows = 0
    for number, row in islice(rows, MAX_ROWS + 1):
        n_rows += 1
        try:
            site = site_of(path, row, columns, radius_m)
            outlines.append(disc(*site[1:], CORNERS))
        except InputError as fault:
            faults.append((number, fault.words[0], fault.values))
        except UnusableData as fault:
            faults.append((number, str(fault), {}))
        else:
            sites.append(site)
    if n_rows > MAX_ROWS:
        problem = gettext_noop("it has more than %(most)s sites")
        raise InputError(path, problem, gettext_noop("Split it into several subscriptions"), most=MAX_ROWS)
    if not n_rows:
        problem = gettext_noop("it has no rows below its header")
        raise InputError(path, problem, gettext_noop("Add one row for each site"))
    if faults:
        return json.dumps({"sites": [], "joined": "", "faults": faults}).encode()
    drawn = [(*site, to_wkb(outline, hex=True)) for site, outline in zip(sites, outlines, strict=True)]
    joined = to_wkb(polygons_of(unary_union(outlines)), hex=True)
    return json.dumps({"sites": drawn, "joined": joined, "faults": []}, allow_nan=False).encode()


def read_table(path: Path) -> tuple[dict[str, int], Rows]:
    """Return the columns of a text table, role -> position, and its rows with their numbers. Raises InputError.

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


def site_of(
    path: Path, row: Sequence[str], columns: dict[str, int], radius_m: float
) -> tuple[str, float, float, float]:
    """Return (name, longitude, latitude, radius_m) of a row. Raises InputError whose problem is a whole sentence."""

    def cell(role: str) -> str:
        at = columns.get(role, len(row))
        return row[at].strip() if at < len(row) else ""

    y, x = cell("latitude"), cell("longitude")
    if not {"latitude", "longitude"} <= columns.keys():
        y, _, x = (part.strip() for part in cell("position").partition(","))
    latitude, longitude = _number(path, y, "latitude"), wrap_longitude(_number(path, x, "longitude"))
    if abs(latitude) > 90 or abs(longitude) > 180:
        problem = gettext_noop(
            "latitude %(latitude)s and longitude %(longitude)s are no place on Earth. Check whether they are swapped, "
            "or in metres: degrees are needed."
        )
        raise InputError(path, problem, "", latitude=y[:30], longitude=x[:30])
    if cell("metres"):
        radius_m = _number(path, cell("metres"), "radius")
    elif cell("km"):
        radius_m = 1000 * _number(path, cell("km"), "radius_km")
    return one_line(cell("name"))[:MAX_NAME_LENGTH], longitude, latitude, radius_m


def _number(path: Path, text: str, column: str) -> float:
    plain = text.rstrip("°").replace("−", "-").replace(" ", "").replace("\N{NO-BREAK SPACE}", "")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    value = number_of(plain)
    if value is None:
        problem = gettext_noop("“%(value)s” in column “%(column)s” is not a number. Write it like 46.99.")
        raise InputError(path, problem, "", value=one_line(text)[:40], column=column)
    return value
