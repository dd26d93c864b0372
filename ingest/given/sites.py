"""Lists of sites as text tables: one site per row, columns found by aliases; separated by comma, semicolon or tab."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from shapely import MultiPolygon, to_wkb, unary_union

from core.areas import disc, polygons_of, wrap_longitude
from core.errors import InputError, UnusableData, gettext_noop, one_line
from core.text import search_key

MAX_ROWS = 2000
MAX_NAME_LENGTH = 120
CORNERS = 24  # The circle around a site is drawn with so many corners.
EXPORT = gettext_noop("Export it as CSV")
HEADERS = {  # Names are as search_key returns them; specific ones come before general ones.
    "latitude": ("latitude", "lat", "breite", "breitengrad", "latitud", "geogr breite", "wgs84 lat", "y"),
    "longitude": (
        *("longitude", "lon", "lng", "long", "lange", "langengrad", "longitud", "geogr lange", "wgs84 lon", "x"),
    ),
    "name": (
        *("name", "site", "asset", "site name", "asset name", "standort", "objekt", "bezeichnung", "nom", "lieu"),
        *("nombre", "sitio", "label", "title", "id"),
    ),
    "km": ("radius km", "distance km", "umkreis km", "rayon km", "radio km"),
    "metres": (
        *("radius m", "radius", "distance m", "distance", "umkreis m", "umkreis", "rayon m", "rayon", "radio m"),
        *("radio", "buffer", "puffer"),
    ),
}


def read(path: Path, radius_m: float) -> bytes:
    """Return the sites of a table, or the faults of its rows.

    Encodings are UTF-8 with or without a byte order mark, UTF-16, else Windows-1252; decimals have a point or a comma.
    radius_m: for rows without one. The answer is JSON: sites, each [name, longitude, latitude, radius_m, outline];
    joined, the outline of all; faults, each [row, text to translate, its values]. Outlines are MultiPolygons in degrees
    as hexadecimal WKB. If there are faults, there are no sites. Raises InputError if the whole table cannot be used.
    """
    rows = table_rows(path)
    columns = columns_of(path, next(rows, []))
    sites: list[tuple[str, float, float, float]] = []
    outlines: list[MultiPolygon] = []
    faults: list[tuple[int, str, dict[str, str | float]]] = []
    n_rows = 0
    for number, row in enumerate(islice(rows, MAX_ROWS + 1), start=2):
        if not any(cell.strip() for cell in row):
            continue
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


def table_rows(path: Path) -> Iterator[list[str]]:
    """Yield the rows of a text table, its header first. Raises InputError."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        raise InputError(path, gettext_noop("it is not a text table"), EXPORT)
    header = text.lstrip().partition("\n")[0]
    delimiter = max(";\t,", key=header.count)
    try:
        yield from csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=delimiter, strict=True)
    except csv.Error as fault:
        problem = gettext_noop("it cannot be read as a table (%(fault)s)")
        raise InputError(path, problem, gettext_noop("Export it as CSV again"), fault=str(fault)[:100]) from fault


def columns_of(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Return role -> position of its column in the header. Raises InputError if latitude or longitude has none."""
    keys = [search_key(cell) for cell in header]
    found = {
        role: keys.index(next(alias for alias in aliases if alias in keys))
        for role, aliases in HEADERS.items()
        if any(alias in keys for alias in aliases)
    }
    for role in ("latitude", "longitude"):
        if role not in found:
            problem = gettext_noop("it has no column “%(column)s” (found: %(found)s)")
            columns = one_line(", ".join(cell for cell in header if cell.strip()))[:200] or "–"
            raise InputError(path, problem, gettext_noop("Add a column with this name"), column=role, found=columns)
    return found


def site_of(
    path: Path, row: Sequence[str], columns: dict[str, int], radius_m: float
) -> tuple[str, float, float, float]:
    """Return (name, longitude, latitude, radius_m) of a row. Raises InputError whose problem is a whole sentence."""

    def cell(role: str) -> str:
        at = columns.get(role, len(row))
        return row[at].strip() if at < len(row) else ""

    latitude, longitude = _number(path, cell("latitude"), "latitude"), _number(path, cell("longitude"), "longitude")
    longitude = wrap_longitude(longitude)
    if abs(latitude) > 90 or abs(longitude) > 180:
        problem = gettext_noop(
            "latitude %(latitude)s and longitude %(longitude)s are no place on Earth. Check whether they are swapped, "
            "or in metres: degrees are needed."
        )
        raise InputError(path, problem, "", latitude=cell("latitude")[:30], longitude=cell("longitude")[:30])
    if cell("metres"):
        radius_m = _number(path, cell("metres"), "radius")
    elif cell("km"):
        radius_m = 1000 * _number(path, cell("km"), "radius_km")
    return one_line(cell("name"))[:MAX_NAME_LENGTH], longitude, latitude, radius_m


def _number(path: Path, text: str, column: str) -> float:
    plain = text.rstrip("°").replace("−", "-").replace(" ", "").replace("\N{NO-BREAK SPACE}", "")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        value = float(plain)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        problem = gettext_noop("“%(value)s” in column “%(column)s” is not a number. Write it like 46.99.")
        raise InputError(path, problem, "", value=one_line(text)[:40], column=column)
    return value
