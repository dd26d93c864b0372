"""Names of places: GeoNames' tables (tab-separated, no header), or a CSV with name, latitude and longitude.

GeoNames: https://download.geonames.org/export/dump/readme.txt, 19 columns; feature class P is a populated place.
Names in other languages: columns name_de, name_fr, … of a CSV. GeoNames' other names are found by the search only.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.core.text import number_of
from ground_motion.readers.context.records import PlaceRecord, Remark
from ground_motion.readers.context.tables import column_names, names_by_language, open_text, position, read_rows

GEONAMES_COLUMNS = 19
ATTRIBUTION, LICENCE = "Place names: GeoNames (geonames.org, CC BY 4.0)", "CC BY 4.0"
GONE = {"PPLH", "PPLQ", "PPLW"}  # historical, abandoned, destroyed
NAMES = {"name": ("name", "place"), "latitude": ("latitude", "lat"), "longitude": ("longitude", "lon", "lng")}


def is_geonames(path: Path) -> bool:
    """Return whether the first line is like those of GeoNames' tables."""
    with open_text(path) as stream:
        fields = stream.readline().rstrip("\n").split("\t")
    return len(fields) == GEONAMES_COLUMNS and fields[0].isdigit() and number_of(fields[4]) is not None


def is_recognised(names: set[str]) -> bool:
    """Return whether the columns of a CSV are those of a list of places."""
    return all(names & set(choices) for choices in NAMES.values())


def read(path: Path) -> Iterator[PlaceRecord | Remark]:
    """Yield every inhabited place, and a remark for every row without a name or a position."""
    return _geonames(path) if is_geonames(path) else _generic(path)


def _geonames(path: Path) -> Iterator[PlaceRecord | Remark]:
    with open_text(path) as stream:
        rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        for number, fields in enumerate(rows, start=1):
            if len(fields) != GEONAMES_COLUMNS:
                problem = f"row {number} has {len(fields)} fields where GeoNames has {GEONAMES_COLUMNS}"
                raise InputError(path, problem, "Download it again: it may have been cut off")
            if fields[6] != "P" or fields[7] in GONE:
                yield Remark("not a place where people live", refused=True)
                continue
            place = _place(path, number, tuple(fields[at] for at in (1, 5, 4, 14, 8)), {})
            yield place._replace(other_names=tuple(fields[3].split(","))) if isinstance(place, PlaceRecord) else place


def _generic(path: Path) -> Iterator[PlaceRecord | Remark]:
    names = column_names(path)
    chosen = {}
    for ours, choices in NAMES.items():
        column = next((name for name in choices if name in names), None)
        if column is None:
            listed = ", ".join(names)[:200]
            raise InputError(path, f"it has no column {ours!r} (found: {listed})", f"Name the column {ours}")
        chosen[ours] = column
    for number, row in enumerate(read_rows(path), start=2):
        own = tuple(row[chosen[role]] for role in ("name", "longitude", "latitude"))
        more = row.get("population", ""), row.get("country", "")
        yield _place(path, number, own + more, names_by_language(row))


def _place(path: Path, number: int, fields: tuple[str, ...], names: Mapping[str, str]) -> PlaceRecord | Remark:
    """Return the place of a row. fields: its name, longitude, latitude, population and country."""
    name, longitude, latitude, population, country = fields
    place = position(path, longitude, latitude, f"row {number}")
    if place is None:
        return Remark("no position", refused=True)
    if not name.strip():
        return Remark("no name", refused=True)
    people = int(min(max(number_of(population) or 0.0, 0.0), 2e9))
    return PlaceRecord(name.strip()[:200], *place, people, country.strip()[:100], names)
