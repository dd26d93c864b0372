"""Buildings, roads, railways and people on an area, from the layers that are loaded."""

from datetime import date
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.db import connection
from pyproj import Transformer
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.io import DatasetReader
from shapely import transform, wkb
from shapely.geometry.base import BaseGeometry

from ingest.context.selectors import window_of
from ingest.models import ContextLayer, PopulationTile
from ingest.readers.context.records import ContextKind, LineClass
from ingest.storage import stored_tiff

MOST_CELLS = 4_000_000  # of the mask; a region that is larger is counted in whole cells
MOST_PARTS = 10  # into which a cell's side is cut where the area is small
KINDS = (ContextKind.BUILDINGS, ContextKind.ROADS, ContextKind.RAILWAYS, ContextKind.POPULATION)


class Source(NamedTuple):
    """A layer that was asked."""

    kind: str
    name: str
    loaded_on: date
    attribution: str


class Exposed(NamedTuple):
    """Exposure of an area. None: no loaded layer covers it, which is not 0."""

    buildings: int | None
    main_road_km: float | None
    other_road_km: float | None
    railway_km: float | None
    people: float | None
    sources: tuple[Source, ...]


def exposed_in(*, area: GEOSGeometry, simulated: bool = False) -> Exposed:
    """Count what is on an area (EPSG:4326). Of several layers of a kind the one with most is taken, no sum."""
    layers = list(
        ContextLayer.objects.filter(kind__in=KINDS, simulated=simulated, coverage__intersects=area.point_on_surface)
        .defer("coverage")
        .order_by("kind", "name")
    )
    of_kind = {kind: [layer.pk for layer in layers if layer.kind == kind] for kind in KINDS}
    roads, rails = of_kind[ContextKind.ROADS], of_kind[ContextKind.RAILWAYS]
    return Exposed(
        buildings=_buildings(area, of_kind[ContextKind.BUILDINGS]),
        main_road_km=_length_km(area, roads, LineClass.MAIN),
        other_road_km=_length_km(area, roads, LineClass.OTHER),
        railway_km=_length_km(area, rails, LineClass.RAIL),
        people=_people(area, of_kind[ContextKind.POPULATION]),
        sources=tuple(Source(one.kind, one.name, one.loaded_at.date(), one.attribution) for one in layers),
    )


def _buildings(area: GEOSGeometry, layers: list[int]) -> int | None:
    statement = """
        SELECT count(*) FROM ingest_building
        WHERE layer_id = ANY(%s) AND ST_Intersects(position, %s::geometry) GROUP BY layer_id"""
    return _most(layers, statement, [layers, bytes(area.ewkb)])


def _length_km(area: GEOSGeometry, layers: list[int], line_class: LineClass) -> float | None:
    statement = """
        SELECT sum(ST_Length(ST_Intersection(line, place.area)::geography)) / 1000
        FROM ingest_transportline, (SELECT %s::geometry AS area) AS place
        WHERE layer_id = ANY(%s) AND line_class = %s AND ST_Intersects(line, place.area) GROUP BY layer_id"""
    return _most(layers, statement, [bytes(area.ewkb), layers, line_class.value])


def _most(layers: list[int], statement: str, parameters: list[object]):
    if not layers:
        return None
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return max((row[0] for row in cursor.fetchall()), default=0)


def _people(area: GEOSGeometry, layers: list[int]) -> float | None:
    shape = wkb.loads(bytes(area.wkb))
    found = []
    for tile in PopulationTile.objects.filter(layer__in=layers, footprint__intersects=area):
        try:
            with stored_tiff(tile.raster) as raster:
                found.append(people_in(raster, shape))
        except (FileNotFoundError, RasterioError):  # a raster that is gone is no reason to hide the rest
            continue
    return max(found, default=None)


def people_in(raster: DatasetReader, area: BaseGeometry) -> float:
    """Return people inside an area (degrees): of cells that it cuts, their share. Cells without a value are empty."""
    project = Transformer.from_crs(4326, raster.crs, always_xy=True).transform
    shape = transform(area, project, interleaved=False)
    window = window_of(raster, shape)
    if window is None:
        return 0.0
    rows, cols = int(window.height), int(window.width)
    parts = int(np.clip(np.sqrt(MOST_CELLS / (rows * cols)), 1, MOST_PARTS))
    grid = raster.window_transform(window)
    fine = grid @ grid.scale(1 / parts, 1 / parts)
    inside = geometry_mask([shape], (rows * parts, cols * parts), fine, invert=True)
    share = inside.reshape(rows, parts, cols, parts).mean(axis=(1, 3))
    people = raster.read(1, window=window, masked=True).astype(np.float64).filled(0.0)
    return float((np.nan_to_num(people, nan=0.0) * share).sum())
