"""Glaciers: the Randolph Glacier Inventory, versions 6 and 7, as attributes (CSV) or outlines, and lists of surges.

RGI 6 technical note (doi:10.7265/N5-RGI-60): Surging 0 none, 1 possible, 2 probable, 3 observed, 9 not assigned;
RGI 7 calls it surge_type. List of surge-type glaciers: Sevestre and Benn 2015, doi:10.3189/2015JoG14J136.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ground_motion.core.areas import wrap_longitude
from ground_motion.core.errors import InputError
from ground_motion.core.projections import EARTH
from ground_motion.core.text import number_of
from ground_motion.readers.context.outlines import read_outlines, text_of
from ground_motion.readers.context.records import GlacierRecord, Remark, Surge
from ground_motion.readers.context.tables import column_names, position, read_rows

SURGES = {"0": Surge.NONE, "1": Surge.POSSIBLE, "2": Surge.PROBABLE, "3": Surge.OBSERVED, "9": Surge.UNKNOWN}
IDS = ("rgi_id", "rgiid")
RGI_LICENCE = "CC BY 4.0"
RGI_ATTRIBUTION = "Glaciers: Randolph Glacier Inventory (RGI Consortium)"
LIST_ATTRIBUTION = "Surge-type glaciers: Sevestre and Benn 2015"
MAX_DISTANCE_M = 50_000.0  # A position may be this far from the one that the glacier's GLIMS id spells.
_GLIMS = re.compile(r"G(\d{6})E(\d{5})([NS])")


def is_recognised(names: set[str]) -> bool:
    """Return whether names of columns or properties are those of the inventory or of a list of surges."""
    return bool(names & set(IDS)) and bool(names & {"cenlon", "surging", "surge_type"})


def is_surge_list(names: set[str]) -> bool:
    """Return whether columns are those of a list of surging glaciers."""
    return "number of dated surges" in names


def read(path: Path) -> Iterator[GlacierRecord | Remark]:
    """Yield every glacier with a position from outlines, a table of attributes, or a list of surges."""
    if path.suffix.lower() != ".csv":
        return _outlines(path)
    return _surge_list(path) if is_surge_list(set(column_names(path))) else _attributes(path)


def position_in_glims_id(glims_id: str) -> tuple[float, float] | None:
    """Return (longitude, latitude) in a GLIMS id: G016561E78093N is 16.561 E 78.093 N; None for other texts."""
    match = _GLIMS.fullmatch(glims_id.strip())
    if not match:
        return None
    longitude, latitude = int(match[1]) / 1000, int(match[2]) / 1000
    return wrap_longitude(longitude), (latitude if match[3] == "N" else -latitude)


def _outlines(path: Path) -> Iterator[GlacierRecord | Remark]:
    for own, outline, fault in read_outlines(path):
        if outline is None:
            yield Remark(fault, refused=True)
            continue
        middle = outline.representative_point()
        ids = text_of(own, *IDS)[:40], text_of(own, "glims_id", "glimsid")[:20], text_of(own, "glac_name", "name")[:200]
        surge = surge_of(path, text_of(own, "surging", "surge_type"))
        stated = text_of(own, "reach_m_day")  # The fastest motion to look for.
        reach = number_of(stated)
        if stated and not (reach and reach > 0):
            raise InputError(path, f"reach_m_day {stated!r} of an outline is not positive", "Correct or remove it")
        yield GlacierRecord(*ids, middle.x, middle.y, outline, surge, reach_m_day=reach)


def _attributes(path: Path) -> Iterator[GlacierRecord | Remark]:
    names = column_names(path)
    own_id = next((name for name in IDS if name in names), None)
    if own_id is None:
        raise InputError(path, f"it has no column 'RGIId' (found: {', '.join(names)[:200]})", "Give an RGI table")
    for line, row in enumerate(read_rows(path, ("cenlon", "cenlat")), start=2):
        where = position(path, row["cenlon"], row["cenlat"], f"row {line}")
        if where is None:
            yield Remark("no position", refused=True)
            continue
        surge = surge_of(path, row.get("surging") or row.get("surge_type") or "")
        glims, name = row.get("glimsid") or row.get("glims_id") or "", row.get("name") or row.get("glac_name") or ""
        yield GlacierRecord(row[own_id][:40], glims[:20], name[:200], *where, None, surge)


def _surge_list(path: Path) -> Iterator[GlacierRecord | Remark]:
    for row in read_rows(path, ("rgi_id", "glims_id", "cenlat", "cenlon")):
        latitude, longitude = number_of(row["cenlat"]), number_of(row["cenlon"])
        if latitude is None or longitude is None:
            yield Remark("no position", refused=True)
            continue
        stated = position_in_glims_id(row["glims_id"])
        if stated and _distance_m(stated, (longitude, latitude)) > MAX_DISTANCE_M:
            if _distance_m(stated, (latitude, longitude)) > MAX_DISTANCE_M:
                yield Remark("a position that is not the one in its GLIMS id", refused=True)
                continue
            yield Remark("latitude and longitude were swapped: turned by its GLIMS id", refused=False)
            longitude, latitude = latitude, longitude
        if abs(latitude) > 90 or abs(longitude) > 180:
            yield Remark("a position that is none on earth", refused=True)
            continue
        name = row.get("glacier_name", "")[:200]
        ids = row["rgi_id"][:40], row["glims_id"][:20]
        yield GlacierRecord(*ids, name, longitude, latitude, None, Surge.OBSERVED, of_surge_list=True)


def surge_of(path: Path, text: str) -> Surge:
    """Return the Surge for RGI's number, unknown for an empty text. InputError for any other number."""
    if not text.strip():
        return Surge.UNKNOWN
    value = number_of(text)
    surge = SURGES.get(f"{value:g}") if value is not None else None
    if surge is None:
        raise InputError(path, f"a surge flag is {text.strip()[:20]!r}", "RGI knows 0, 1, 2, 3 and 9")
    return surge


def _distance_m(point: tuple[float, float], other: tuple[float, float]) -> float:
    if abs(point[1]) > 90 or abs(other[1]) > 90:
        return float("inf")
    return float(EARTH.inv(*point, *other)[2])
