"""Names of places: GeoNames' tables (tab-separated, no header), or a CSV with name, latitude and longitude.

GeoNames: https://download.geonames.org/export/dump/readme.txt, 19 columns; feature class P is a populated place.
Names in other languages: columns name_de, name_fr, … of a CSV; GeoNames' alternatenames/XX.txt beside its XX.txt.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.core.text import number_of
from ground_motion.readers.context.records import PlaceRecord, Remark
from ground_motion.readers.context.tables import column_names, names_by_language, open_text, position, read_rows

GEONAMES_COLUMNS = 19
ATTRIBUTION, LICENCE = "Place names: GeoNames (geonames.org, CC BY 4.0)", "CC BY 4.0"
LANGUAGE_CODE = re.compile(r"[a-z]{2}")
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


def companions(path: Path) -> list[Path]:
    """Return the table of names in other languages that belongs to one of GeoNames' tables, if it lies beside it."""
    beside = path.parent / "alternatenames" / path.name
    return [beside] if beside.is_file() and is_geonames(path) else []


def _alternate_names(path: Path) -> dict[str, dict[str, str]]:
    """Return GeoNames' names in other languages, by its id of the place: the preferred one, else the first."""
    names, preferred = defaultdict[str, dict[str, str]](dict), set[tuple[str, str]]()
    for table in companions(path):
        with open_text(table) as stream:
            for fields in csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                if len(fields) < 8 or not LANGUAGE_CODE.fullmatch(fields[2]) or "1" in fields[6:8]:
                    continue  # These are post codes, links, and colloquial or historic names.
                place, language, name = fields[1], fields[2], fields[3].strip()[:200]
                if name and (place, language) not in preferred:
                    if fields[4] == "1":
                        preferred.add((place, language))
                    elif language in names[place]:
                        continue
                    names[place][language] = name
    return names


def read(path: Path) -> Iterator[PlaceRecord | Remark]:
    """Yield every inhabited place, and a remark for every row without a name or a position."""
    return _geonames(path) if is_geonames(path) else _generic(path)


def _geonames(path: Path) -> Iterator[PlaceRecord | Remark]:
    names = _alternate_names(path)
    with open_text(path) as stream:
        rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        for number, fields in enumerate(rows, start=1):
            if len(fields) != GEONAMES_COLUMNS:
                problem = f"row {number} has {len(fields)} fields where GeoNames has {GEONAMES_COLUMNS}"
                raise InputError(path, problem, "Download it again: it may have been cut off")
            if fields[6] != "P" or fields[7] in GONE:
                yield Remark("not a place where people live", refused=True)
                continue
            yield _place(path, number, tuple(fields[at] for at in (1, 5, 4, 14, 8)), names.get(fields[0], {}))


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
