"""Buildings, roads, railways and waters of OpenStreetMap, by its own tags or the columns of Geofabrik's extracts.

Tags: building, highway, railway, tunnel, waterway, natural, name (wiki.openstreetmap.org/wiki/Map_features); those that
ogr2ogr writes to `other_tags` of a GeoPackage are read too. Geofabrik: free shapefiles and GeoPackages with a column
`fclass` (OpenStreetMap Data in Layered GIS Format, Ramm 2022). Files without any of these hold buildings only.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from shapely import LineString, MultiLineString, MultiPolygon, Polygon, get_parts, get_x, get_y, point_on_surface
from shapely.geometry.base import BaseGeometry

from ground_motion.core.errors import InputError
from ground_motion.readers.context.outlines import text_of
from ground_motion.readers.context.records import BuildingRecord, LineClass, LineRecord, Remark, WaterClass, WaterRecord
from ground_motion.readers.vectors import features

ATTRIBUTION, LICENCE = "© OpenStreetMap contributors", "Open Database Licence 1.0 (ODbL)"
MAIN_ROADS = {"motorway", "trunk", "primary", "secondary"}
OTHER_ROADS = {"tertiary", "unclassified", "residential", "living_street", "service", "road", "busway"}
CITY_RAILS = {"light_rail", "subway", "tram", "monorail"}
RAILS = {"rail", "narrow_gauge", "funicular", "preserved", "rack", "miniature"} | CITY_RAILS
RIVERS, STREAMS = {"river", "canal"}, {"stream", "tidal_channel"}
WATERWAYS = dict.fromkeys(RIVERS, WaterClass.RIVER) | dict.fromkeys(STREAMS, WaterClass.STREAM)
LAKES = {"water", "reservoir", "riverbank", "lake", "dock", "basin", "river"}
NO_BUILDINGS = {"", "no", "ruins", "collapsed", "demolished", "proposed", "construction"}
IN_TUNNEL = {"t", "yes", "true", "1", "flooded"}
_OTHER_TAG = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')
TAGS = {"fclass", "other_tags"}


def is_recognised(path: Path, wanted: features.Wanted) -> bool:
    """Return whether the first feature has columns of OpenStreetMap or of Geofabrik."""
    first = next(features.read_features(path, wanted), None)
    return first is not None and bool(first.properties.keys() & (TAGS | {"osm_id", "osm_way_id", "@id"}))


def read_buildings(path: Path) -> Iterator[BuildingRecord | Remark]:
    """Yield each building as a point inside it, with its largest footprint."""
    for properties, geometry, fault in features.read_features(path, features.BUILDINGS):
        if geometry is None:
            yield Remark(fault, refused=True)
        elif _is_building(properties):
            inside = point_on_surface(geometry)
            outline = max(get_parts(geometry), key=lambda part: part.area) if geometry.area > 0 else None
            yield BuildingRecord(float(get_x(inside)), float(get_y(inside)), outline)
        else:
            yield Remark("no building: what else the file holds", refused=True)


def _records(path: Path, *, key: str, wanted: features.Wanted, class_of: Any, record_of: Any) -> Iterator[Any]:
    """Yield for each feature a record of its class, or a remark on why it is left out. Raises InputError."""
    checked = False
    for properties, geometry, fault in features.read_features(path, wanted):
        if not checked and not properties.keys() & (TAGS | {key}):
            listed = ", ".join(sorted(properties))[:200] or "none"
            problem = f"its features have no property {key!r} or 'fclass' (found: {listed})"
            raise InputError(path, problem, "Give an extract of OpenStreetMap")
        checked = True
        found = class_of(_tag(properties, key).removesuffix("_link"))
        if geometry is None:
            yield Remark(fault, refused=True)
        elif found is None:
            yield Remark(f"no {key}: what else the file holds", refused=True)
        else:
            yield record_of(found, properties, geometry)


def _line(line_class: LineClass, properties: dict[str, Any], geometry: BaseGeometry) -> LineRecord:
    return LineRecord(line_class, _tag(properties, "tunnel") in IN_TUNNEL, _as_multi(geometry))


def _water(water_class: WaterClass, properties: dict[str, Any], geometry: BaseGeometry) -> WaterRecord:
    parts = [part for part in get_parts(geometry) if isinstance(part, Polygon)]
    shape = MultiPolygon(parts) if water_class is WaterClass.LAKE else _as_multi(geometry)
    return WaterRecord(water_class, text_of(properties, "name"), shape)


def _is_building(properties: dict[str, Any]) -> bool:
    if "building" in properties or "other_tags" in properties:
        return _tag(properties, "building") not in NO_BUILDINGS
    return "fclass" not in properties or text_of(properties, "fclass").lower() == "building"


def _tag(properties: dict[str, Any], key: str) -> str:
    """Return a tag's value from its own column, from `other_tags`, or from Geofabrik's fclass (not for tunnels)."""
    value = text_of(properties, key) or dict(_OTHER_TAG.findall(text_of(properties, "other_tags"))).get(key, "")
    return (value or ("" if key == "tunnel" else text_of(properties, "fclass"))).lower()


def _as_multi(geometry: BaseGeometry) -> MultiLineString:
    return MultiLineString([part for part in get_parts(geometry) if isinstance(part, LineString)])


# Paths and tracks, ditches and drains, and what is planned or abandoned are left out.
_ROADS = dict.fromkeys(MAIN_ROADS, LineClass.MAIN) | dict.fromkeys(OTHER_ROADS, LineClass.OTHER)
_RAILS, _LAKES = dict.fromkeys(RAILS, LineClass.RAIL), dict.fromkeys(LAKES, WaterClass.LAKE)
read_roads = partial(_records, key="highway", wanted=features.ROADS, class_of=_ROADS.get, record_of=_line)
read_railways = partial(_records, key="railway", wanted=features.RAILWAYS, class_of=_RAILS.get, record_of=_line)
read_rivers = partial(_records, key="waterway", wanted=features.RIVERS, class_of=WATERWAYS.get, record_of=_water)
read_lakes = partial(_records, key="natural", wanted=features.LAKES, class_of=_LAKES.get, record_of=_water)
