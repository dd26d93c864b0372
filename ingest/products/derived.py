"""Up and east products, derived where ascending and descending tracks overlap and no such product is published.

Tiles of 100 km on the products' own grid, like those of EGMS's Ortho product. A derived product is identified by its
input files; when these change, it is derived again and the old one is deleted.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from functools import partial, reduce
from itertools import product as product_of
from operator import or_
from pathlib import Path
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import MultiPolygon
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from shapely import box, get_parts

from ground_motion.core.areas import box_around, join_halves, zone_of
from ground_motion.core.geometry import to_degrees
from ground_motion.core.projections import transformer
from ground_motion.readers import raster
from ground_motion.readers.records import Component, FieldHeader, PointBatch, Reference, Technique, VelocityField
from ground_motion.statistics.decomposition import Cells, DirectionPoints, UpEastCells, common_dates, decompose_cells
from ingest.foundation.geos import geos
from ingest.foundation.locks import content_key, hold_lock
from ingest.models import DerivedTile, Product
from ingest.models.products import DERIVED
from ingest.products.datum import datum_settle
from ingest.products.selectors import views_in
from ingest.products.services import field_publish, product_delete

TILE_M, POSTING_M, BAND_M = 100_000.0, 100.0, 5_000.0
EDGE_POINTS = 5  # The edges of a tile are curved in degrees.
MAX_PLACES = 50  # If more places have changed, all places are examined.
METHOD = "up and east from two directions, version 1"
COMPONENTS = (Component.UP, Component.EAST)


class TilePlace(NamedTuple):
    """Place of a tile: a square of 100 km of one source's grid. east, north: numbers of tiles from the origin."""

    source_format: str
    epsg: int
    east: int
    north: int

    @property
    def burst(self) -> str:
        """The tile's name in the column `burst`."""
        return f"E{self.east}N{self.north}"

    @property
    def outline(self) -> MultiPolygon:
        """The bounding box of the square, degrees."""
        west, south = self.east * TILE_M, self.north * TILE_M
        square = box(west, south, west + TILE_M, south + TILE_M).segmentize(TILE_M / (EDGE_POINTS - 1))
        return geos(box_around(to_degrees(square, self.epsg)))


class Tile(NamedTuple):
    """A tile of 100 km of one source's grid, and the products of each direction that may have points in it."""

    place: TilePlace
    level: str
    simulated: bool
    ascending: tuple[Product, ...]
    descending: tuple[Product, ...]

    @property
    def name(self) -> str:
        """The name of the tile: source, level, EPSG code and place."""
        return f"{self.place.source_format}/{self.level}/{self.place.epsg}/{self.place.burst}"

    @property
    def products(self) -> tuple[Product, ...]:
        """Products of both directions, ascending ones first."""
        return (*self.ascending, *self.descending)

    @property
    def key(self) -> str:
        """Identifier of the derived products: a hash of method, tile, and input files with their data."""
        inputs = sorted(f"{product.file_sha256}{product.datum_mm_yr or ''}" for product in self.products)
        return hashlib.sha256("\n".join([METHOD, self.name, *inputs]).encode()).hexdigest()


def derived_make(*, settled_before: datetime | None = None) -> list[Product]:
    """Derive if inputs have changed, but not from products loaded after `settled_before`; delete what is outdated."""
    is_due = Q(superseded_by=None, derived_at=None) | Q(superseded_by__isnull=False, derived_at__isnull=False)
    changed = list(Product.objects.filter(is_due).exclude(level=DERIVED))
    if not changed:
        return []
    touched = {place for product in changed for place in _places(product)}
    places = touched if len(touched) <= MAX_PLACES else None
    tiles = list(tiles_of_two_directions(places))
    keys = [tile.key for tile in tiles]
    inside = [Q(source_format=place.source_format, grid_epsg=place.epsg, burst=place.burst) for place in places or ()]
    for stale in Product.objects.filter(reduce(or_, inside, Q()), level=DERIVED).exclude(file_sha256__in=keys):
        product_delete(product=stale)
    ends = ((f"{place.source_format}/", f"/{place.epsg}/{place.burst}") for place in places or ())
    named = reduce(or_, (Q(name__startswith=first, name__endswith=last) for first, last in ends), Q())
    DerivedTile.objects.filter(named).exclude(key__in=keys).delete()
    known = set(DerivedTile.objects.filter(key__in=keys).values_list("key", flat=True))
    due = [tile for tile in tiles if tile.key not in known]
    newest = [max(product.loaded_at for product in tile.products) for tile in due]
    settled = [tile for tile, at in zip(due, newest, strict=True) if settled_before is None or at < settled_before]
    made = [product for tile in settled for product in tile_derive(tile=tile)]
    waiting = {product.pk for tile in due if tile not in settled for product in tile.products}
    over = [product for product in changed if product.pk not in waiting]
    came, went = ([p.pk for p in over if (p.superseded_by_id is None) == is_current] for is_current in (True, False))
    Product.objects.filter(pk__in=came).update(derived_at=timezone.now())
    Product.objects.filter(pk__in=went).update(derived_at=None)
    return made


def tiles_of_two_directions(places: set[TilePlace] | None = None) -> Iterator[Tile]:
    """Yield tiles (only at `places`, if given) with both directions and no published vertical product."""
    near = reduce(or_, (Q(footprint__intersects=place.outline) for place in places or ()), Q())
    candidates = Product.objects.current().filter(near, component=Component.LOS, technique=Technique.INSAR)
    candidates = candidates.exclude(direction="").order_by("source_format", "level", "simulated", "id")
    groups: dict[tuple[TilePlace, str, bool], list[Product]] = {}
    for product in candidates:
        for place in _places(product):
            if places is None or place in places:
                groups.setdefault((place, product.level, product.simulated), []).append(product)
    published = Product.objects.current().filter(component=Component.UP).exclude(level=DERIVED)
    if places is not None:
        published = published.filter(burst__in=[place.burst for place in places])
    taken = set(published.values_list("source_format", "simulated", "burst"))
    for group, products in groups.items():
        ways = ("ascending", "descending")
        tile = Tile(*group, *(tuple(product for product in products if product.direction == way) for way in ways))
        is_taken = (tile.place.source_format, tile.simulated, tile.place.burst) in taken
        if tile.ascending and tile.descending and not is_taken:
            yield tile


def tile_derive(*, tile: Tile) -> list[Product]:
    """Make the up and the east product of a tile; return an empty list if the two directions share no cell."""
    with tempfile.TemporaryDirectory() as folder, hold_lock(content_key(tile.key)), connection.cursor() as cursor:
        if not DerivedTile.objects.get_or_create(key=tile.key, defaults={"name": tile.name})[1]:
            return []  # Another process has made it.
        bands = _solve(tile, Path(folder))
        made = []
        for component in COMPONENTS if bands else ():
            batches = partial(_batches, tile, bands, component)
            field = VelocityField(header=_header(tile, component), batches=batches, read_ahead=False)
            with transaction.atomic():
                product = field_publish(cursor, path=Path(tile.name), sha256=tile.key, field=field)
            product.derived_from.set(tile.products)
            datum_settle(product=product)
            made.append(product)
    return made


def _places(product: Product) -> set[TilePlace]:
    places = set()
    for part in get_parts(join_halves(product.footprint)):
        epsg = product.grid_epsg or zone_of(part)
        x, y = transformer(4326, epsg).transform(*np.array(part.exterior.coords).T)
        tiles = product_of(*(range(int(at.min() // TILE_M), int(at.max() // TILE_M) + 1) for at in (x, y)))
        places |= {TilePlace(product.source_format, epsg, east, north) for east, north in tiles}
    return places


def _dates(products: tuple[Product, ...]) -> tuple[date, ...]:
    """Return the dates of the product with the most dates, to which the other series are interpolated."""
    return max((tuple(product.dates) for product in products if product.has_series), key=len, default=())


def _header(tile: Tile, component: Component) -> FieldHeader:
    tracks = sorted({product.track for product in tile.products if product.track is not None})
    dates = common_dates(_dates(tile.ascending), _dates(tile.descending))
    sources = tile.products
    period = (min(product.dates[0] for product in sources), max(product.dates[-1] for product in sources))
    tied = all(product.reference == Reference.GNSS for product in sources)
    return FieldHeader(
        source_format=tile.place.source_format,
        level=DERIVED,
        component=component,
        dates=dates or period,
        has_series=bool(dates),
        burst=tile.place.burst,
        posting_m=POSTING_M,
        reference=Reference.GNSS if tied else Reference.LOCAL,
        grid_epsg=tile.place.epsg,
        simulated=tile.simulated,
        attribution="; ".join(sorted({product.attribution for product in sources} - {""}))[:300],
        licence="; ".join(sorted({product.licence for product in sources} - {""}))[:300],
        extras={"method": METHOD, "tracks": " ".join(f"{track:03d}" for track in tracks)},
    )


def _solve(tile: Tile, folder: Path) -> list[tuple[Cells, Path]]:
    """Solve a tile in bands from north to south to bound memory; return (cells, file with the result) of each."""
    across, lines = int(TILE_M / POSTING_M), int(BAND_M / POSTING_M)
    cells = Cells(tile.place.east * TILE_M, (tile.place.north + 1) * TILE_M, POSTING_M, across, across)
    dates = (_dates(tile.ascending), _dates(tile.descending))
    bands = []
    for first in range(0, cells.rows, lines):
        band = cells._replace(y0=cells.y0 - first * POSTING_M, rows=lines)
        ascending = _view(tile.ascending, band, tile.place.epsg, dates[0])
        descending = _view(tile.descending, band, tile.place.epsg, dates[1])
        if ascending.x.size and descending.x.size:
            solved = decompose_cells(band, ascending, descending, dates)
            if solved.cell.size:
                bands.append((band, folder / f"{first}.npz"))
                np.savez(bands[-1][1], **solved._asdict())
    return bands


def _view(products: tuple[Product, ...], band: Cells, epsg: int, dates: tuple[date, ...]) -> DirectionPoints:
    parts = [views_in(product=product, cells=band, epsg=epsg, dates=dates) for product in products]
    return DirectionPoints(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _batches(tile: Tile, bands: list[tuple[Cells, Path]], component: Component) -> Iterator[PointBatch]:
    for band, path in bands:
        with np.load(path) as file:
            solved = UpEastCells(**file)
        x, y = band.centre(solved.cell)
        longitude, latitude = transformer(tile.place.epsg, 4326).transform(x, y)
        name = component.value
        yield raster.batch(
            (x // POSTING_M).astype(np.int64),
            (y // POSTING_M).astype(np.int64),
            longitude,
            latitude,
            getattr(solved, f"{name}_mm_yr"),
            component,
            height_m=solved.height_m,
            velocity_std_mm_yr=getattr(solved, f"{name}_std_mm_yr"),
            displacement_mm=getattr(solved, f"{name}_mm"),
        )
