"""Polygons with properties, repaired if they cross themselves: outlines of mines and of administrative regions.

Mines: such as those of Maus et al. 2022, doi:10.1038/s41597-022-01547-4 (ISO3_CODE, COUNTRY_NAME, AREA); other lists
may state a NAME, and in STATE or STATUS whether it works. Regions: Natural Earth's admin_0 and admin_1, geoBoundaries,
NUTS of Eurostat, GADM (`name_1`), OCHA (`adm1_en`), or any with a property `name`, perhaps `code`, `level` (0 a
country, 1 a province, 2 and more what lies below) and `country`. Names in other languages: `name_de`, `name_fr`, …, as
Natural Earth has them.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from shapely import MultiPolygon, Polygon, make_valid

from ground_motion.core.errors import InputError
from ground_motion.readers.context.records import MAX_PAGE_LENGTH, PAGE, PHONE, MineRecord, RegionRecord, Remark
from ground_motion.readers.context.tables import names_by_language
from ground_motion.readers.vectors.features import POLYGONS, read_features

CLOSED = {"closed", "abandoned", "inactive", "disused", "historic", "past producer", "flooded", "closure"}
ACTIVE = {"active", "open", "operating", "operational", "producing", "producer", "in operation"}
MAUS = {"iso3_code", "country_name", "area"}
NAMES = ("name_en", "name_long", "name", "shapename", "nam", "name_latn", "gen", "nom", "nombre", "nome", "naam")
NUMBERED = re.compile(r"(?:name_|adm)(\d)(?:_[a-z]{2})?")  # GADM and OCHA name the regions of every level above, too.
MIN_DISTINCT = 0.9  # Fewer distinct values name something larger, such as the city of each ward.
COUNTRIES = ("admin", "country", "sovereignt", "shapegroup", "iso_a2", "cntr_code", "name_0", "adm0_en")
CODES = ("code", "iso_3166_2", "shapeiso", "nuts_id", "ags", "iso_a3", "iso_a2")
NO_CODE = "-99"  # Natural Earth writes this for a missing code.


def read_outlines(path: Path) -> Iterator[tuple[dict[str, Any], MultiPolygon | None, str]]:
    """Yield what `read_features` does of polygons, repaired and without their lines. Raises InputError."""
    for properties, geometry, fault in read_features(path, POLYGONS):
        outline = polygons_in(geometry) if geometry is not None else MultiPolygon()
        yield properties, None if outline.is_empty else outline, fault or "an outline without any area"


def property_names(path: Path) -> set[str]:
    """Return the lower-case names of the first feature's properties."""
    return set(next((properties for properties, *_ in read_features(path, POLYGONS)), ()))


def text_of(properties: dict[str, Any], *names: str) -> str:
    """Return, as text, the first of the named properties that has a value; empty if none has."""
    for name in names:
        value = properties.get(name)
        if value is not None and str(value).strip():
            return str(value).strip()
    return ""


def polygons_in(geometry: Any) -> MultiPolygon:
    """Return the polygons of a geometry, repaired; its points and lines are left out."""
    return MultiPolygon(list(_polygons(geometry if geometry.is_valid else make_valid(geometry))))


def _polygons(geometry: Any) -> Iterator[Polygon]:
    for part in getattr(geometry, "geoms", [geometry]):
        if isinstance(part, Polygon) and not part.is_empty:
            yield part
        elif hasattr(part, "geoms"):
            yield from _polygons(part)


def read_mines(path: Path) -> Iterator[MineRecord | Remark]:
    """Yield every mine with an outline, even without a name; a remark for any other feature."""
    for own, outline, fault in read_outlines(path):
        if outline is None:
            yield Remark(fault, refused=True)
        else:
            name, country = text_of(own, "name", "mine_name", "mine"), text_of(own, "country_name", "country")
            state = state_of(text_of(own, "state", "status", "operation_status", "op_status"))
            yield MineRecord(name[:200], country[:100], outline, state)


def state_of(text: str) -> str:
    """Return 'active' or 'closed' for a mine's state in the terms of published lists; empty for other words."""
    word = text.strip().lower()
    return "closed" if word in CLOSED else "active" if word in ACTIVE else ""


def read_regions(path: Path) -> Iterator[RegionRecord | Remark]:
    """Yield every region with a name and an outline. InputError if no property holds names."""
    names = property_names(path)
    named, depth = _naming(path, names)
    if not named:
        listed = ", ".join(sorted(names))[:200] or "none"
        raise InputError(path, f"its features have no property 'name' (found: {listed})", "Name the regions")
    for own, outline, fault in read_outlines(path):
        name = text_of(own, *named)
        if outline is None:
            yield Remark(fault, refused=True)
        elif not name:
            yield Remark("no name", refused=True)
        else:
            level = _level(own, depth)
            country = name if level == 0 else text_of(own, *COUNTRIES)
            code = text_of(own, f"gid_{depth}", f"adm{depth}_pcode", *CODES)
            code = "" if code == NO_CODE else code[:40]
            contact, odd = _contact(own)
            if odd:
                yield Remark(odd, refused=False)
            yield RegionRecord(name[:200], country[:100], level, outline, code, *contact, names_by_language(own))


def _contact(properties: dict[str, object]) -> tuple[tuple[str, str, str], str]:
    """Return name, telephone number and page of the responsible office, empty if unknown, and a remark on faults."""
    name, phone, page = (text_of(properties, f"contact_{part}") for part in ("name", "phone", "page"))
    if not name:
        return ("", "", ""), "contact without contact_name: left out" if phone or page else ""
    faults = []
    if phone and not PHONE.fullmatch(phone):
        phone, faults = "", ["contact_phone is no telephone number: left out"]
    if page and not (PAGE.fullmatch(page) and len(page) <= MAX_PAGE_LENGTH):
        page, faults = "", [*faults, "contact_page is no address that begins with http:// or https://: left out"]
    return (name[:200], phone, page), "; ".join(faults)


def _naming(path: Path, names: set[str]) -> tuple[Sequence[str], int]:
    """Return the properties that may hold a region's name, empty if there is none, and the level that they stand for.

    Files without a usual one: the deepest level of GADM or OCHA, else the only property that ends with "name".
    """
    if names & set(NAMES):
        return NAMES, 1
    numbered = sorted((int(match[1]), name) for name in names if (match := NUMBERED.fullmatch(name)))
    if numbered:
        deepest = numbered[-1][0]
        alike = [name for level, name in numbered if level == deepest]
        return sorted(alike, key=lambda name: not name.endswith(("_en", str(deepest)))), deepest
    alike = [name for name in names if name.endswith("name")]
    if len(alike) == 1:
        values = [text_of(properties, *alike) for properties, *_ in read_features(path, POLYGONS)]
        return (alike if len(set(values)) >= MIN_DISTINCT * len(values) else ()), 1
    return (), 1


def _level(properties: dict[str, object], default: int) -> int:
    """Return a region's level: 0 for a country of Natural Earth, 1 for a province; else as stated, or the default."""
    feature_class = str(properties.get("featurecla", "")).lower()
    if feature_class.startswith("admin-0") or "country" in str(properties.get("type", "")).lower():
        return 0
    if feature_class.startswith("admin-1"):
        return 1
    value = text_of(properties, "admin_level", "level", "levl_code")
    return int(value) if value.isdigit() and int(value) < 20 else default
