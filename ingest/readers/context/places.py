"""Names of places: GeoNames' tables (tab-separated, no header), or a CSV with name, latitude and longitude.

GeoNames: https://download.geonames.org/export/dump/readme.txt, 19 columns; feature class P is a populated place.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from ingest.errors import InputError
from ingest.readers.context.records import PlaceRecord, Remark
from ingest.readers.context.tables import column_names, number, open_text, position, read_rows

GEONAMES_COLUMNS = 19
ATTRIBUTION, LICENCE = "Place names: GeoNames (geonames.org)", "CC BY 4.0"
GONE = {"PPLH", "PPLQ", "PPLW"}  # historical, abandoned, destroyed
NAMES = {"name": ("name", "place"), "latitude": ("latitude", "lat"), "longitude": ("longitude", "lon", "lng")}


def is_geonames(path: Path) -> bool:
    """Return whether the first line is like those of GeoNames' tables."""
    with open_text(path) as stream:
        fields = stream.readline().rstrip("\n").split("\t")
    return len(fields) == GEONAMES_COLUMNS and fields[0].isdigit() and number(fields[4]) is not None


def recognised(names: set[str]) -> bool:
    """Return whether the columns of a CSV are those of a list of places."""
    return all(names & set(choices) for choices in NAMES.values())


def read(path: Path) -> Iterator[PlaceRecord | Remark]:
    """Yield every inhabited place, and a remark for every row without a name or a position."""
    return _geonames(path) if is_geonames(path) else _generic(path)


def _geonames(path: Path) -> Iterator[PlaceRecord | Remark]:
    with open_text(path) as stream:
        rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        for number_, fields in enumerate(rows, start=1):
            if len(fields) != GEONAMES_COLUMNS:
                problem = f"row {number_} has {len(fields)} fields where GeoNames has {GEONAMES_COLUMNS}"
                raise InputError(path, problem, "Download it again: it may have been cut off")
            if fields[6] != "P" or fields[7] in GONE:
                yield Remark("not a place where people live", refused=True)
                continue
            yield _place(path, fields[1], fields[5], fields[4], fields[14], fields[8], f"row {number_}")


def _generic(path: Path) -> Iterator[PlaceRecord | Remark]:
    names = column_names(path)
    chosen = {}
    for ours, choices in NAMES.items():
        column = next((name for name in choices if name in names), None)
        if column is None:
            listed = ", ".join(names)[:200]
            raise InputError(path, f"it has no column {ours!r} (found: {listed})", f"Name the column {ours}")
        chosen[ours] = column
    for number_, row in enumerate(read_rows(path), start=2):
        where = row[chosen["longitude"]], row[chosen["latitude"]]
        population, country = row.get("population", ""), row.get("country", "")
        yield _place(path, row[chosen["name"]], *where, population, country, f"row {number_}")


def _place(
    path: Path, name: str, longitude: str, latitude: str, population: str, country: str, what: str
) -> PlaceRecord | Remark:
    place = position(path, longitude, latitude, what)
    if place is None:
        return Remark("no position", refused=True)
    if not name.strip():
        return Remark("no name", refused=True)
    people = int(min(max(number(population) or 0.0, 0.0), 2e9))
    return PlaceRecord(name.strip()[:200], *place, people, country.strip()[:100])
