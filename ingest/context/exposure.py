"""Buildings, roads, railways and people in an area; nearby mines, landslides, ice and slopes that may cause motion."""

from datetime import date
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.io import DatasetReader
from shapely import wkb
from shapely.geometry.base import BaseGeometry

from ground_motion.readers.context.records import ContextKind, LineClass
from ingest.context.selectors import ground_at, kinds_loaded, window_of
from ingest.foundation.locks import rows_of
from ingest.foundation.storage import stored_tiff
from ingest.models import ContextLayer, PopulationTile

# Larger regions need more cells than a mask may have; there each cell counts wholly or not at all.
MAX_CELLS = 4_000_000
MAX_PARTS = 10  # The side of a cell is cut into at most this number of parts; fewer for a large area.
KINDS = (ContextKind.BUILDINGS, ContextKind.ROADS, ContextKind.RAILWAYS, ContextKind.POPULATION)
LISTED_WITHIN_M = 50_000.0  # A list without an entry this near may not cover the country.
# Select the nearest candidates by degrees, then the one at the shortest distance on the ellipsoid.
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
# Count what lies within 60 m of the centre line, which includes banks, cuttings and tunnels.
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


_BUILDINGS = """
    SELECT count(*) FROM ingest_building
    WHERE layer_id = ANY(%(layers)s) AND ST_Intersects(position, %(area)s::geometry) GROUP BY layer_id"""
_LENGTHS_KM = """
    SELECT sum(ST_Length(ST_Intersection(line, place.area)::geography)) / 1000
    FROM ingest_transportline, (SELECT %(area)s::geometry AS area) AS place
    WHERE layer_id = ANY(%(layers)s) AND line_class = %(line_class)s AND ST_Intersects(line, place.area)
    GROUP BY layer_id"""


class Source(NamedTuple):
    """A context layer that covers an area and was used to compute its exposure."""

    kind: str
    name: str
    loaded_on: date
    attribution: str


class Exposed(NamedTuple):
    """Exposure of an area. None: no loaded layer covers the area, so that the number is unknown, not 0."""

    buildings: int | None
    main_road_km: float | None
    other_road_km: float | None
    railway_km: float | None
    people: float | None
    sources: tuple[Source, ...]


def exposed_in(*, area: GEOSGeometry, simulated: bool = False) -> Exposed:
    """Return the exposure of an area (EPSG:4326), for each kind from the layer with the highest count, not the sum."""
    covering = ContextLayer.objects.filter(simulated=simulated, coverage__intersects=area.point_on_surface)
    layers = list(covering.filter(kind__in=KINDS).defer("coverage").order_by("kind", "name"))
    of_kind = {kind: [layer.pk for layer in layers if layer.kind == kind] for kind in KINDS}

    def most(kind: ContextKind, statement: str, line_class: str = "") -> Any:
        """Return the highest figure of the layers of a kind; None without a layer."""
        values = {"layers": of_kind[kind], "area": bytes(area.ewkb), "line_class": line_class}
        return max((row[0] for row in rows_of(statement, values)), default=0) if of_kind[kind] else None

    return Exposed(
        buildings=most(ContextKind.BUILDINGS, _BUILDINGS),
        main_road_km=most(ContextKind.ROADS, _LENGTHS_KM, LineClass.MAIN.value),
        other_road_km=most(ContextKind.ROADS, _LENGTHS_KM, LineClass.OTHER.value),
        railway_km=most(ContextKind.RAILWAYS, _LENGTHS_KM, LineClass.RAIL.value),
        people=_people(area, of_kind[ContextKind.POPULATION]),
        sources=tuple(Source(layer.kind, layer.name, layer.loaded_at.date(), layer.attribution) for layer in layers),
    )


def people_within(*, area: GEOSGeometry) -> float | None:
    """Return how many people live in an area (EPSG:4326); None if no loaded layer covers its middle."""
    layers = ContextLayer.objects.filter(
        simulated=False, coverage__intersects=area.point_on_surface, kind=ContextKind.POPULATION
    )
    return _people(area, list(layers.values_list("pk", flat=True)))


def _people(area: GEOSGeometry, layers: list[int]) -> float | None:
    shape = wkb.loads(bytes(area.wkb))
    found = []
    for tile in PopulationTile.objects.filter(layer__in=layers, footprint__intersects=area):
        try:
            with stored_tiff(tile.raster) as raster:
                found.append(people_in(raster, shape))
        except (FileNotFoundError, RasterioError):  # A missing raster must not hide the other figures.
            continue
    return max(found, default=None)


def people_in(raster: DatasetReader, area: BaseGeometry) -> float:
    """Return the number of people in an area (degrees), each cell weighted by its share inside; NaN, nodata: 0."""
    shape, window = window_of(raster, area)
    if window is None:
        return 0.0
    rows, cols = int(window.height), int(window.width)
    parts = int(np.clip(np.sqrt(MAX_CELLS / (rows * cols)), 1, MAX_PARTS))
    grid = raster.window_transform(window)
    fine = grid @ grid.scale(1 / parts, 1 / parts)
    inside = geometry_mask([shape], (rows * parts, cols * parts), fine, invert=True)
    share = inside.reshape(rows, parts, cols, parts).mean(axis=(1, 3))
    people = raster.read(1, window=window, masked=True).astype(np.float64).filled(0.0)
    return float((np.nan_to_num(people, nan=0.0) * share).sum())


class Nearby(NamedTuple):
    """Evidence near an area; None: not loaded, or none within 50 km. *_m: distance from its edge; *_share: 0-1."""

    mine_m: float | None
    mine_state: str
    slide_m: float | None
    ice_share: float | None
    slope_deg: float | None
    line_share: float | None
    in_tunnel: bool


def nearby(*, area: GEOSGeometry, simulated: bool = False) -> Nearby:
    """Return the evidence near an area (EPSG:4326) that can explain motion in it."""
    loaded, asked = kinds_loaded(), [bytes(area.ewkb), simulated]
    mine = next(iter(rows_of(_MINES, asked)), None) if ContextKind.MINES in loaded else None
    slide = next(iter(rows_of(_LANDSLIDES, asked)), None) if ContextKind.LANDSLIDES in loaded else None
    ice = next(iter(rows_of(_ICE, asked)), None) if ContextKind.GLACIERS in loaded else None
    lines = next(iter(rows_of(_LINES, asked)), None) if loaded & {ContextKind.ROADS, ContextKind.RAILWAYS} else None
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
