"""NASA's Global Landslide Catalog as CSV (Kirschbaum et al. 2010, doi:10.1007/s11069-009-9401-4).

Some texts were decoded with a wrong encoding before publication; this is undone where it is unambiguous.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

from ground_motion.core.text import repair_mojibake
from ground_motion.readers.context.records import LandslideRecord, Remark
from ground_motion.readers.context.tables import position, read_rows

NEEDED = ("date", "latitude", "longitude", "landslide_type", "trigger", "location_accuracy", "landslide_size")
ATTRIBUTION = "Landslides: NASA Global Landslide Catalog"
LICENCE = "free and open, with attribution"
EXACT_M = 50.0  # The catalogue's 'exact' is a spot read off a map.
_WITHIN = re.compile(r"known[_ ]within[_ ](\d+)[_ ]?km", re.IGNORECASE)
_DATE_FORMATS = ("%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S.%f")


def is_recognised(names: set[str]) -> bool:
    """Return whether the columns are those of the catalogue."""
    return {"landslide_type", "location_accuracy"} <= names


def read(path: Path) -> Iterator[LandslideRecord | Remark]:
    """Yield every event with a position, and a remark for every refused row, such as one with shifted columns."""
    for number, row in enumerate(read_rows(path, NEEDED), start=2):
        place = position(path, row["longitude"], row["latitude"], f"row {number}")
        known, accuracy_m = accuracy(row["location_accuracy"])
        if place is None:
            yield Remark("no position", refused=True)
        elif not known:
            yield Remark("columns that are shifted (its location accuracy is something else)", refused=True)
        else:
            near = row.get("near") or row.get("nearest_places") or row.get("gazetteer_closest_point") or ""
            yield LandslideRecord(
                event_id=(row.get("id") or row.get("event_id") or str(number))[:40],
                happened_on=day(row["date"]),
                longitude=place[0],
                latitude=place[1],
                accuracy_m=accuracy_m,
                landslide_type=words(row["landslide_type"]),
                trigger=words(row["trigger"]),
                size=words(row["landslide_size"]),
                near=repair_mojibake(near)[:200],
            )


def accuracy(text: str) -> tuple[bool, float | None]:
    """Return (whether the catalogue uses this wording, its meaning in metres or None for unknown)."""
    word = text.strip().lower().replace("_", " ")
    if word in {"", "unknown"}:
        return True, None
    if word in {"exact location", "exact"}:
        return True, EXACT_M
    within = _WITHIN.fullmatch(text.strip()) or re.fullmatch(r"(\d+)km", word)
    return (True, 1000.0 * int(within[1])) if within else (False, None)


def day(text: str) -> date | None:
    """Parse a date in one of the notations of the catalogue's editions (month first); None for other texts."""
    for form in _DATE_FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 (a day of the calendar, no moment)
    return None


def words(text: str) -> str:
    """Turn words such as 'Rock_Fall' into 'rock fall', and 'unknown' into an empty text."""
    word = text.strip().replace("_", " ").lower()
    return "" if word == "unknown" else word[:60]
