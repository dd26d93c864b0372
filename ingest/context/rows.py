"""Records of context as rows of their tables."""

from collections.abc import Callable
from typing import Any

from shapely.geometry import Point, box
from shapely.geometry.base import BaseGeometry

from ingest.readers.context.records import (
    ContextKind,
    GlacierRecord,
    LandslideRecord,
    LineRecord,
    MineRecord,
    PlaceRecord,
    RegionRecord,
    WaterRecord,
)
from ingest.text import search_key

Values = tuple[Any, ...]


def _region(record: RegionRecord) -> Values:
    largest = max(record.outline.geoms, key=lambda part: part.area)
    key = search_key(record.name)[:200]
    named = record.name, key, record.country, record.level, record.code
    return *named, _hex(record.outline), _hex(box(*largest.bounds))


def _place(record: PlaceRecord) -> Values:
    position = _hex(Point(record.longitude, record.latitude))
    return record.name, search_key(record.name)[:200], record.country, record.population, position


def _glacier(record: GlacierRecord) -> Values:
    outline = _hex(record.outline) if record.outline else None
    position, surge = _hex(Point(record.longitude, record.latitude)), record.surge.value
    named = record.glacier_id, record.glims_id, record.name
    return *named, position, outline, surge, surge, record.of_surge_list, record.reach_m_day, True


def _mine(record: MineRecord) -> Values:
    position = _hex(record.outline.representative_point())
    return record.name, record.country, record.state, position, _hex(record.outline)


def _landslide(record: LandslideRecord) -> Values:
    position = _hex(Point(record.longitude, record.latitude))
    facts = record.landslide_type, record.trigger, record.size, record.near
    return record.event_id, record.happened_on, position, record.accuracy_m, *facts


def _line(record: LineRecord) -> Values:
    return record.line_class.value, record.tunnel, _hex(record.line)


def _water(record: WaterRecord) -> Values:
    return record.water_class.value, record.name, _hex(record.shape)


def _hex(geometry: BaseGeometry) -> str:
    return f"SRID=4326;{geometry.wkb_hex}"


# kind of context: table, columns, and a record as their values
TABLES: dict[ContextKind, tuple[str, tuple[str, ...], Callable[[Any], Values]]] = {
    ContextKind.REGIONS: (
        "ingest_administrativeregion",
        ("name", "search_name", "country", "level", "code", "outline", "view"),
        _region,
    ),
    ContextKind.PLACES: ("ingest_place", ("name", "search_name", "country", "population", "position"), _place),
    ContextKind.GLACIERS: (
        "ingest_glacier",
        (
            "glacier_id",
            "glims_id",
            "name",
            "position",
            "outline",
            "surge_in_file",
            "surge",
            "of_surge_list",
            "reach_m_day",
            "shown",
        ),
        _glacier,
    ),
    ContextKind.MINES: ("ingest_mine", ("name", "country", "state", "position", "outline"), _mine),
    ContextKind.LANDSLIDES: (
        "ingest_landslide",
        ("event_id", "happened_on", "position", "accuracy_m", "landslide_type", "trigger", "size", "near"),
        _landslide,
    ),
    ContextKind.BUILDINGS: (
        "ingest_building",
        ("position",),
        lambda record: (_hex(Point(record.longitude, record.latitude)),),
    ),
    ContextKind.ROADS: ("ingest_transportline", ("line_class", "tunnel", "line"), _line),
    ContextKind.RAILWAYS: ("ingest_transportline", ("line_class", "tunnel", "line"), _line),
    ContextKind.RIVERS: ("ingest_water", ("water_class", "name", "shape"), _water),
    ContextKind.LAKES: ("ingest_water", ("water_class", "name", "shape"), _water),
}
