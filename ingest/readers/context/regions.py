"""Administrative regions: polygons with a name, and where the file has them a code and a level.

Natural Earth's admin_0 and admin_1, geoBoundaries, NUTS of Eurostat, or any GeoJSON, GeoPackage or shapefile with
a property `name`, perhaps `code`, `level` (0 a country, 1 a province, 2 and more what lies below) and `country`.
"""

from collections.abc import Iterator
from pathlib import Path

from ingest.errors import InputError
from ingest.readers.context.outlines import property_names, read_outlines, text_of
from ingest.readers.context.records import RegionRecord, Remark

NAMES = ("name_en", "name_long", "name", "shapename", "nam", "name_latn", "gen")
COUNTRIES = ("admin", "country", "sovereignt", "shapegroup", "iso_a2", "cntr_code")
CODES = ("code", "iso_3166_2", "shapeiso", "nuts_id", "ags", "iso_a3", "iso_a2")
NO_CODE = "-99"  # of Natural Earth


def recognised(properties: set[str]) -> bool:
    """Return whether the columns are those of a list of regions; Natural Earth states what its features are."""
    return "featurecla" in properties and bool(properties & {"admin", "adm0_a3"})


def read(path: Path) -> Iterator[RegionRecord | Remark]:
    """Read every region with a name. InputError where no feature has one."""
    names = property_names(path)
    if not names & set(NAMES):
        listed = ", ".join(sorted(names))[:200] or "none"
        raise InputError(path, f"its features have no property 'name' (found: {listed})", "Name the regions")
    for feature in read_outlines(path):
        name = text_of(feature.properties, *NAMES)
        if feature.outline is None:
            yield Remark(feature.fault, refused=True)
        elif not name:
            yield Remark("no name", refused=True)
        else:
            level = _level(feature.properties)
            country = name if level == 0 else text_of(feature.properties, *COUNTRIES)
            code = text_of(feature.properties, *CODES)
            yield RegionRecord(name[:200], country[:100], level, feature.outline, "" if code == NO_CODE else code[:40])


def _level(properties: dict[str, object]) -> int:
    """Return 0 for Natural Earth's countries, 1 for its provinces; else 'admin_level' or 'level', 1 by default."""
    feature_class = str(properties.get("featurecla", "")).lower()
    if feature_class.startswith("admin-0") or "country" in str(properties.get("type", "")).lower():
        return 0
    if feature_class.startswith("admin-1"):
        return 1
    value = text_of(properties, "admin_level", "level", "levl_code")
    return int(value) if value.isdigit() and int(value) < 20 else 1
