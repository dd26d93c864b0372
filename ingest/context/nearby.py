"""Evidence near an area for a cause of its motion: mines, landslides, ice, slope, roads and railways."""

from typing import NamedTuple

from django.contrib.gis.geos import GEOSGeometry
from django.db import connection

from ingest.context.selectors import ground_at, kinds_loaded
from ingest.readers.context.records import ContextKind

LISTED_WITHIN_M = 50_000.0  # a list without an entry so near may not be about this country


class Nearby(NamedTuple):
    """Evidence near an area; None: not loaded, or no entry within 50 km. Distances from its edge; shares 0-1."""

    mine_m: float | None
    mine_state: str
    slide_m: float | None
    ice_share: float | None
    slope_deg: float | None
    line_share: float | None
    in_tunnel: bool


def nearby(*, area: GEOSGeometry, simulated: bool = False) -> Nearby:
    """Return everything nearby that can explain motion in an area (EPSG:4326)."""
    loaded, asked = kinds_loaded(), [bytes(area.ewkb), simulated]
    mine = _first(_MINES, asked) if ContextKind.MINES in loaded else None
    slide = _first(_LANDSLIDES, asked) if ContextKind.LANDSLIDES in loaded else None
    ice = _first(_ICE, asked) if ContextKind.GLACIERS in loaded else None
    lines = _first(_LINES, asked) if loaded & {ContextKind.ROADS, ContextKind.RAILWAYS} else None
    ground = ground_at(area=area, simulated=simulated) if ContextKind.ELEVATION in loaded else None
    return Nearby(
        mine_m=mine[0] if mine and mine[0] <= LISTED_WITHIN_M else None,
        mine_state=mine[1] if mine else "",
        slide_m=slide[0] if slide and slide[0] <= LISTED_WITHIN_M else None,
        ice_share=ice[0] if ice else None,
        slope_deg=ground.slope_deg if ground and ground.slope_deg == ground.slope_deg else None,
        line_share=lines[0] if lines else None,
        in_tunnel=bool(lines and lines[1]),
    )


def _first(statement: str, parameters: list[object]) -> tuple | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()


# The nearest by degrees, then the shortest on the ellipsoid.
_MINES = """
    WITH place AS (SELECT %s::geometry AS area)
    SELECT ST_Distance(near.outline::geography, place.area::geography) AS away, near.state
    FROM place, LATERAL (
        SELECT mine.outline, mine.state FROM ingest_mine mine JOIN ingest_contextlayer layer ON layer.id = mine.layer_id
        WHERE layer.simulated = %s ORDER BY mine.outline <-> place.area LIMIT 8) AS near
    ORDER BY away LIMIT 1"""
_LANDSLIDES = """
    WITH place AS (SELECT %s::geometry AS area)
    SELECT greatest(0, ST_Distance(near.position::geography, place.area::geography) - near.accuracy_m) AS away
    FROM place, LATERAL (
        SELECT slide.position, slide.accuracy_m
        FROM ingest_landslide slide JOIN ingest_contextlayer layer ON layer.id = slide.layer_id
        WHERE layer.simulated = %s AND slide.accuracy_m <= 1000
        ORDER BY slide.position <-> place.area LIMIT 8) AS near
    ORDER BY away LIMIT 1"""
_ICE = """
    WITH place AS (SELECT %s::geometry AS area)
    SELECT coalesce(sum(ST_Area(ST_Intersection(ice.outline, place.area))) / min(ST_Area(place.area)), 0)
    FROM place JOIN ingest_glacier ice ON ice.shown AND ST_Intersects(ice.outline, place.area)
    JOIN ingest_contextlayer layer ON layer.id = ice.layer_id WHERE layer.simulated = %s"""
# Within 60 m of its middle: a bank, a cutting, a tunnel.
_LINES = """
    WITH place AS (SELECT %s::geometry AS area),
    reach AS (
        SELECT line.tunnel,
            ST_Union(ST_Intersection(ST_Buffer(line.line::geography, 60)::geometry, place.area)) AS part
        FROM place JOIN ingest_transportline line ON ST_Intersects(line.line, place.area)
        JOIN ingest_contextlayer layer ON layer.id = line.layer_id WHERE layer.simulated = %s GROUP BY line.tunnel)
    SELECT coalesce(ST_Area(ST_Union(reach.part)) / min(ST_Area(place.area)), 0),
        coalesce(sum(ST_Area(reach.part)) FILTER (WHERE reach.tunnel) > 0.5 * sum(ST_Area(reach.part)), false)
    FROM reach, place"""
