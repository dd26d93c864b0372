"""Selectors of context: names of places, features of an area, and the layers that are loaded."""

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from pyproj import Geod
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask, geometry_window
from rasterio.io import DatasetReader
from rasterio.windows import Window
from shapely import box, clip_by_rect, wkb
from shapely.geometry.base import BaseGeometry

from ground_motion.core.areas import box_around
from ground_motion.core.errors import StorageFailed
from ground_motion.core.geometry import project_geometry
from ground_motion.core.text import search_key
from ground_motion.readers.context.records import ContextKind, PlaceKind
from ground_motion.readers.context.volcanoes import VOLCANO_REACH_M
from ingest.context.terrain import mean_bearing
from ingest.foundation.atlas import country_title
from ingest.foundation.geos import geos
from ingest.foundation.locks import rows_of
from ingest.foundation.storage import stored_tiff
from ingest.models import AdministrativeRegion, ContextLayer, ElevationTile, Glacier, Landslide, Mine, Place
from ingest.models.context import NAMES_JOINED, language_code

MAX_PLACE_DISTANCE_M = 100_000.0
# Lists give a town's position and people only; this assumed density gives how far it reaches.
PEOPLE_PER_KM2, MIN_REACH_M, MAX_REACH_M = 1_500.0, 1_000.0, 20_000.0
LARGE = 50_000  # Towns with more people are looked for behind many nearer, smaller ones.
VOLCANO_AS_PEOPLE = 100_000  # A search sorts volcanoes among towns as one of this size.
LANDSLIDES_WITHIN_M = 5_000.0
MAX_NAMED = 20
MAX_TERRAIN_PIXELS = 1024  # Areas with more pixels along a side are read coarser.
NEAR_180 = 175.0  # Only places nearer to 180 degrees may have nearest places behind it.
MAP_ONLY = {ContextKind.RIVERS, ContextKind.LAKES}  # Alerts do not mention these.
_GEOD = Geod(ellps="WGS84")
BRINGS = {
    ContextKind.REGIONS: "alerts name their province and the search finds regions",
    ContextKind.PLACES: "alerts say where they are and the search finds towns and villages",
    ContextKind.GLACIERS: "alerts on glaciers say which one, and whether it is known to surge",
    ContextKind.MINES: "alerts in mines say so",
    ContextKind.LANDSLIDES: "alerts list the landslides reported nearby",
    ContextKind.ELEVATION: "alerts give height, slope and aspect of the ground",
    ContextKind.BUILDINGS: "alerts say how many buildings stand on them, and matter more for it",
    ContextKind.ROADS: "alerts say how many kilometres of road cross them, and matter more for it",
    ContextKind.RAILWAYS: "alerts say how many kilometres of railway cross them, and matter more for it",
    ContextKind.POPULATION: "alerts say how many people live on them, and matter more for it",
    ContextKind.RIVERS: "the map shows rivers and streams",
    ContextKind.LAKES: "the map shows lakes",
}


class LayerState(NamedTuple):
    """A kind of context, its loaded layers, and what the kind adds to alerts or to the map (`brings`)."""

    kind: ContextKind
    layers: list[ContextLayer]
    brings: str


class PlaceMatch(NamedTuple):
    """A place or region found by a search. bounds: west, south, east, north, or None; detail: its province and country.

    level: of a region; kind: of a place.
    """

    name: str
    detail: str
    longitude: float
    latitude: float
    bounds: tuple[float, float, float, float] | None
    rank: int
    weight: int  # Matches of one rank are sorted by it, the largest first.
    population: int
    slug: str = ""  # Only a region has one, for its URL.
    level: int | None = None
    kind: str = ""


class NearPlace(NamedTuple):
    """A place near a point, with distance and bearing (degrees from north) from the place to the point.

    reach_m: the point is in the place if it is nearer than this.
    """

    name: str
    distance_m: float
    bearing_deg: float
    reach_m: float


class Contact(NamedTuple):
    """Office that is responsible for ground motion in a region. phone, page: empty if not known."""

    name: str
    phone: str
    page: str
    region: str

    @property
    def number(self) -> str:
        """Return the telephone number as it is dialled: '+4312345' for '+43 (0)1 2345'."""
        phone = self.phone.replace("(0)", "") if self.phone.startswith("+") else self.phone  # (0): within the country
        return "".join(letter for letter in phone if letter.isdigit() or letter == "+")

    @property
    def line(self) -> str:
        """Return name, telephone number and page in one line of plain text."""
        return ", ".join(part for part in (self.name, self.phone, self.page) if part)


class Whereabouts(NamedTuple):
    """Names for a point: the town that it is in or near, the smallest region around it, and the office responsible.

    volcano: the one that it is on.
    """

    near: NearPlace | None
    region: str
    country: str
    contact: Contact | None = None
    volcano: str = ""


class TerrainMeans(NamedTuple):
    """Means over an area; aspect_deg: direction of the downward slope, None where no direction prevails."""

    elevation_m: float
    slope_deg: float
    aspect_deg: float | None


class Context(NamedTuple):
    """Context of an area. glaciers, mines: those that touch the area; landslides: within 5 km, the latest first."""

    whereabouts: Whereabouts
    glaciers: list[Glacier]
    mines: list[Mine]
    landslides: list[Landslide]
    ground: TerrainMeans | None
    missing: list[ContextKind]


def layer_states() -> list[LayerState]:
    """Return one LayerState for every kind of context, also for kinds without a layer."""
    layers = list(ContextLayer.objects.all())
    return [LayerState(kind, [layer for layer in layers if layer.kind == kind], BRINGS[kind]) for kind in ContextKind]


def kinds_loaded() -> set[ContextKind]:
    """Return the kinds of context that have a layer."""
    return {ContextKind(kind) for kind in ContextLayer.objects.values_list("kind", flat=True).distinct()}


def place_search(*, text: str, limit: int = 8) -> list[PlaceMatch]:
    """Return matching places and regions (`filter_by_name`), by rank, then regions first, then by population."""
    key = search_key(text)[:100]
    if len(key) < 2:
        return []
    is_volcano = When(kind=PlaceKind.VOLCANO, then=Value(VOLCANO_AS_PEOPLE))
    weight = Case(is_volcano, default=F("population"), output_field=IntegerField())
    places = filter_by_name(Place.objects.all(), key).annotate(weight=weight).order_by("rank", "-weight")[:limit]
    regions = filter_by_name(AdministrativeRegion.objects.defer("outline"), key).order_by("rank", "level")[:limit]
    matches = [
        PlaceMatch(
            row.title,
            ", ".join(filter(None, (row.province, row.country_title))),
            row.position.x,
            row.position.y,
            None,
            row.rank,
            row.weight,
            row.population,
            kind=row.kind,
        )
        for row in places
    ]
    for row in regions:
        (x, y), country = row.view.centroid, row.country_title if row.level else ""
        matches.append(PlaceMatch(row.title, country, x, y, row.view.extent, row.rank, 0, 0, row.slug, row.level))
    return sorted(matches, key=lambda match: (match.rank, match.bounds is None, -match.weight))[:limit]


def whereabouts_of(*, points: Sequence[tuple[float, float, bool]]) -> list[Whereabouts]:
    """Name many points (longitude, latitude, simulated) in two queries. Simulated points get simulated names only."""
    # Borders that are estimated would name a wrong province beside them, and countries are known without rows.
    known = ContextLayer.objects.filter(Q(kind="places") | Q(kind="regions", shipped=False))
    layers = list(known.values_list("kind", "simulated", "pk")) if points else []
    if not layers:
        return [Whereabouts(None, "", "")] * len(points)
    near: dict[int, NearPlace] = {}
    volcanoes: dict[int, NearPlace] = {}
    regions: dict[int, tuple[str, str, Contact | None]] = {}
    for simulated in {bool(point[2]) for point in points}:
        selected = [(index, point) for index, point in enumerate(points) if bool(point[2]) == simulated]
        of_kind = {kind: [pk for k, s, pk in layers if k == kind and s == simulated] for kind in ("places", "regions")}
        towns, mountains = _nearest(selected, of_kind["places"])
        near, volcanoes = near | towns, volcanoes | mountains
        regions |= _regions(selected, of_kind["regions"])
    on = {index: mountain.name for index, mountain in volcanoes.items() if mountain.distance_m <= VOLCANO_REACH_M}
    return [
        Whereabouts(near.get(index), *regions.get(index, ("", "", None)), on.get(index, ""))
        for index in range(len(points))
    ]


def context_at(*, area: GEOSGeometry, simulated: bool = False) -> Context:
    """Return everything known about an area (EPSG:4326)."""
    inside = area.point_on_surface
    loaded = kinds_loaded()
    of_layer = {"layer__simulated": simulated}
    touching = Q(outline__intersects=area) | Q(outline__isnull=True, position__intersects=area)
    glaciers = Glacier.objects.filter(touching, shown=True, **of_layer).defer("outline").order_by("name", "pk")
    ground = None
    if ContextKind.ELEVATION in loaded:
        with suppress(StorageFailed):  # A page does not depend on the storage.
            ground = ground_at(area=area, simulated=simulated)
    around = geos(box_around(area, LANDSLIDES_WITHIN_M))
    slides = Landslide.objects.filter(position__intersects=around, **of_layer).extra(
        where=["ST_DWithin(position::geography, ST_GeomFromEWKB(%s)::geography, %s)"],
        params=[bytes(area.ewkb), LANDSLIDES_WITHIN_M],
    )
    return Context(
        whereabouts_of(points=[(inside.x, inside.y, simulated)])[0],
        list(glaciers[:MAX_NAMED]) if ContextKind.GLACIERS in loaded else [],
        list(Mine.objects.filter(outline__intersects=area, **of_layer).defer("outline")[:MAX_NAMED]),
        list(slides.order_by("-happened_on", "pk")[:MAX_NAMED]) if ContextKind.LANDSLIDES in loaded else [],
        ground,
        [kind for kind in ContextKind if kind not in loaded | MAP_ONLY],
    )


def ground_at(*, area: GEOSGeometry, simulated: bool = False) -> TerrainMeans | None:
    """Return an area's terrain means by the finest elevation tile with values there, or None. Raises StorageFailed."""
    shape = wkb.loads(bytes(area.wkb))
    tiles = ElevationTile.objects.filter(footprint__intersects=area, layer__simulated=simulated)
    for tile in tiles.order_by("posting_m", "pk"):
        try:
            with stored_tiff(tile.raster) as raster:
                ground = _ground(raster, shape)
        except (FileNotFoundError, RasterioError):  # A missing raster must not hide the other tiles.
            continue
        if ground is not None:
            return ground
    return None


def filter_by_name(rows: QuerySet[Any], key: str) -> QuerySet[Any]:
    """Filter by names: each word of `key` begins a word in them. Annotates rank: 0 equal, 1 begins with it, 2 other.

    Spaces do not matter: names of several words are stored without spaces, too.
    """
    joined = key.replace(" ", "")
    words = f"({' & '.join(f'{word}:*' for word in key.split())}) | {joined}:*"
    rank = Case(
        When(is_named(key) | is_named(joined), then=Value(0)),
        When(Q(search_name__startswith=key) | Q(search_name__contains=NAMES_JOINED + key), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    vector = SearchVector("search_name", config="simple")
    query = SearchQuery(words, config="simple", search_type="raw")
    found: QuerySet[Any] = rows.annotate(words=vector, rank=rank).filter(words=query)
    return found


def is_named(key: str) -> Q:
    """Return the filter for rows of which a name, in whatever language, has this search key."""
    first, last = f"{key}{NAMES_JOINED}", f"{NAMES_JOINED}{key}"
    inside = Q(search_name__contains=f"{NAMES_JOINED}{first}") | Q(search_name__endswith=last)
    return Q(search_name=key) | Q(search_name__startswith=first) | inside


def _parameters(points: Sequence[tuple[int, tuple[float, float, bool]]]) -> list[list[float] | list[int]]:
    return [[index for index, _ in points], [point[0] for _, point in points], [point[1] for _, point in points]]


def _nearest(
    points: Sequence[tuple[int, tuple[float, float, bool]]], layers: list[int]
) -> tuple[dict[int, NearPlace], dict[int, NearPlace]]:
    """Return point's index -> town whose reach holds it or else the nearest, and index -> nearest volcano.

    Distances are those on the ellipsoid, to the 16 nearest towns and the 4 nearest large ones by degrees.
    """
    if not layers:
        return {}, {}
    query = """
        SELECT target.i, target.x, target.y, COALESCE(near.names ->> %s, near.name), near.kind, near.population,
            ST_X(near.position), ST_Y(near.position)
        FROM (
            SELECT i, x, y, ST_SetSRID(ST_MakePoint(x, y), 4326) AS point,
                0.2 / greatest(0.01, cos(radians(y))) AS across
            FROM unnest(%s::int[], %s::float8[], %s::float8[]) AS given(i, x, y)) AS target, LATERAL (
            (SELECT name, names, kind, population, position FROM ingest_place
                WHERE layer_id = ANY(%s) AND kind = 'town' ORDER BY position <-> point LIMIT 16)
            UNION ALL (SELECT name, names, kind, population, position FROM ingest_place
                WHERE layer_id = ANY(%s) AND kind = 'town' AND population >= %s
                    AND position && ST_Expand(point, across, 0.2) ORDER BY position <-> point LIMIT 4)
            UNION ALL (SELECT name, names, kind, population, position FROM ingest_place
                WHERE layer_id = ANY(%s) AND kind = 'volcano'
                    AND position && ST_Expand(point, across, 0.2) ORDER BY position <-> point LIMIT 1)) AS near"""
    beyond = [(index, (x - math.copysign(360, x), y, made)) for index, (x, y, made) in points if abs(x) > NEAR_180]
    points = [*points, *beyond]  # Places behind 180 degrees are near, too.
    parameters = [language_code(), *_parameters(points), layers, layers, LARGE, layers]
    towns: dict[int, NearPlace] = {}
    volcanoes: dict[int, NearPlace] = {}
    for index, x, y, name, kind, population, place_x, place_y in rows_of(query, parameters):
        bearing, _, distance = _GEOD.inv(place_x, place_y, x, y)
        reach_m = min(MAX_REACH_M, max(MIN_REACH_M, 1000 * math.sqrt(population / PEOPLE_PER_KM2 / math.pi)))
        place = NearPlace(name, float(distance), float(bearing) % 360, reach_m)
        nearest = volcanoes if kind == PlaceKind.VOLCANO else towns
        if distance <= MAX_PLACE_DISTANCE_M and (
            index not in nearest or _remoteness(place) < _remoteness(nearest[index])
        ):
            nearest[index] = place
    return towns, volcanoes


def _remoteness(place: NearPlace) -> tuple[bool, float]:
    """Return the key by which a point's town is chosen: towns that hold it come first, by share of their reach."""
    outside = place.distance_m > place.reach_m
    return outside, place.distance_m / (1.0 if outside else place.reach_m)


def _regions(
    points: Sequence[tuple[int, tuple[float, float, bool]]], layers: list[int]
) -> dict[int, tuple[str, str, Contact | None]]:
    """Return point's index -> names of the smallest region around it and of its country, and the office responsible."""
    if not layers:
        return {}
    query = """
        SELECT target.i, COALESCE(region.names ->> %s, region.name), region.country, region.level,
            contact_name, contact_phone, contact_page
        FROM unnest(%s::int[], %s::float8[], %s::float8[]) AS target(i, x, y)
        JOIN ingest_administrativeregion region
          ON region.layer_id = ANY(%s)
          AND ST_Intersects(region.outline, ST_SetSRID(ST_MakePoint(target.x, target.y), 4326))
        ORDER BY target.i, region.level DESC, region.id"""
    rows = rows_of(query, [language_code(), *_parameters(points), layers])
    found: dict[int, tuple[str, str, Contact | None]] = {}
    for index, region, country, level, name, phone, page in rows:  # Rows are sorted by size, the smallest first.
        smallest, of_country, contact = found.get(index, (region, country, None))
        of_country = country_title(of_country) if level else region
        found[index] = (smallest, of_country, contact or (Contact(name, phone, page, region) if name else None))
    return found


def regions_at(*, points: Sequence[tuple[float, float]], simulated: bool) -> list[AdministrativeRegion | None]:
    """Return the province around each point (degrees), else the next smaller unit, else the country, in two queries."""
    query = """
        SELECT DISTINCT ON (target.i) target.i, region.id
        FROM unnest(%s::int[], %s::float8[], %s::float8[]) AS target(i, x, y)
        JOIN ingest_administrativeregion region
          ON ST_Intersects(region.outline, ST_SetSRID(ST_MakePoint(target.x, target.y), 4326))
        JOIN ingest_contextlayer layer ON layer.id = region.layer_id AND layer.simulated = %s
        ORDER BY target.i, region.level = 0, region.level, region.id"""
    numbered = _parameters([(index, (*point, simulated)) for index, point in enumerate(points)])
    found = dict(rows_of(query, [*numbered, simulated]))
    regions = AdministrativeRegion.objects.defer("outline").in_bulk(set(found.values()))
    return [regions.get(found.get(index)) for index in range(len(points))]


def _ground(raster: DatasetReader, area: BaseGeometry) -> TerrainMeans | None:
    shape, window = window_of(raster, area)
    if window is None:
        return None
    step = max(1, int(np.ceil(max(window.height, window.width) / MAX_TERRAIN_PIXELS)))
    rows, cols = max(1, int(window.height / step)), max(1, int(window.width / step))
    bands = raster.read(window=window, out_shape=(3, rows, cols))
    grid = raster.window_transform(window)
    grid = grid @ grid.scale(window.width / cols, window.height / rows)
    inside = geometry_mask([shape], (rows, cols), grid, invert=True, all_touched=True)
    height, slope, aspect = (band[inside & np.isfinite(band)] for band in bands)
    if not height.size:
        return None
    way = mean_bearing(aspect)
    return TerrainMeans(
        float(height.mean()), float(slope.mean()) if slope.size else float("nan"), None if np.isnan(way) else way
    )


def window_of(raster: DatasetReader, area: BaseGeometry) -> tuple[BaseGeometry, Window | None]:
    """Return an area (degrees) in a raster's system, and the whole pixels around it; None if none is in the raster."""
    shape = project_geometry(area, 4326, raster.crs.to_wkt())
    inside = clip_by_rect(shape, *raster.bounds)  # The other half of an area at 180 degrees would widen the window.
    return shape, None if inside.is_empty else geometry_window(raster, [box(*inside.bounds)])
