"""Up and east, derived where an ascending and a descending track see the same ground and nobody published them.

Tiles of 100 km on the products' own grid, as EGMS cuts its Ortho product. A derived product is known by the files it
was made from: when they change, it is made again and the old one goes.
"""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import Polygon
from django.db import connection, transaction

from ingest.errors import InputError
from ingest.geometry import utm_epsg
from ingest.locks import content_key, locked
from ingest.models import DerivedTile, Product
from ingest.products.decomposition import UpEastCells, View, common_dates, decompose_cells
from ingest.products.lattice import Cells
from ingest.products.selectors import views_in
from ingest.products.services import field_publish, product_delete
from ingest.projections import transformer
from ingest.readers import raster
from ingest.readers.records import UNIT_VECTORS, Component, FieldHeader, PointBatch, Reference, Technique, VelocityField

TILE_M, POSTING_M, BAND_M = 100_000.0, 100.0, 5_000.0
LEVEL = "derived"
METHOD = "up and east from two directions, version 1"
COMPONENTS = (Component.UP, Component.EAST)


class Tile(NamedTuple):
    """A square of 100 km of one source's grid, and the products that see it."""

    source_format: str
    level: str
    simulated: bool
    epsg: int
    east: int
    north: int
    ascending: tuple[Product, ...]
    descending: tuple[Product, ...]

    @property
    def name(self) -> str:
        return f"{self.source_format}/{self.level}/{self.epsg}/E{self.east}N{self.north}"

    @property
    def key(self) -> str:
        """What the derived products are known by: their method and the files that went in."""
        inputs = sorted(product.file_sha256 for product in (*self.ascending, *self.descending))
        return hashlib.sha256("\n".join([METHOD, self.name, *inputs]).encode()).hexdigest()

    @property
    def cells(self) -> Cells:
        across = int(TILE_M / POSTING_M)
        return Cells(self.east * TILE_M, (self.north + 1) * TILE_M, POSTING_M, across, across)


def derived_make(*, settled_before: datetime | None = None) -> list[Product]:
    """Make what is missing, and remove what was made from products that are no longer shown.

    settled_before: leave out tiles of which a product came later, because its neighbours may be on their way.
    """
    tiles = list(tiles_of_two_directions())
    keys = [tile.key for tile in tiles]
    for stale in Product.objects.filter(level=LEVEL).exclude(file_sha256__in=keys):
        product_delete(product=stale)
    DerivedTile.objects.exclude(key__in=keys).delete()
    known = set(DerivedTile.objects.values_list("key", flat=True))
    due = [tile for tile in tiles if tile.key not in known]
    if settled_before is not None:
        due = [tile for tile in due if max(p.loaded_at for p in (*tile.ascending, *tile.descending)) < settled_before]
    return [product for tile in due for product in tile_derive(tile=tile)]


def tiles_of_two_directions() -> Iterator[Tile]:
    """Tiles that an ascending and a descending product may both see, and whose vertical product nobody published."""
    candidates = Product.objects.current().filter(component=Component.LOS, technique=Technique.INSAR)
    candidates = candidates.exclude(direction="").order_by("source_format", "level", "simulated", "id")
    published = Product.objects.current().filter(component=Component.UP).exclude(level=LEVEL)
    groups: dict[tuple, list[Product]] = {}
    for product in candidates:
        for east, north in _squares(product):
            place = (product.source_format, product.level, product.simulated, _epsg(product), east, north)
            groups.setdefault(place, []).append(product)
    for place, products in groups.items():
        ascending, descending = (
            tuple(product for product in products if product.direction == way) for way in ("ascending", "descending")
        )
        tile = Tile(*place, ascending, descending)
        if ascending and descending and not _is_published(tile, published):
            yield tile


def tile_derive(*, tile: Tile) -> list[Product]:
    """Make the up and the east product of a tile; nothing where the two directions share no cell."""
    made = []
    with locked(content_key(tile.key)), connection.cursor() as cursor:
        if not DerivedTile.objects.get_or_create(key=tile.key, defaults={"name": tile.name})[1]:
            return []  # somebody else was faster
        for component in COMPONENTS:
            field = VelocityField(
                header=_header(tile, component), batches=partial(_batches, tile, component), read_ahead=False
            )
            try:
                with transaction.atomic():
                    product = field_publish(cursor, path=Path(tile.name), sha256=tile.key, field=field)
            except InputError:  # no cell has both
                return made
            product.derived_from.set([*tile.ascending, *tile.descending])
            made.append(product)
    return made


def _squares(product: Product) -> Iterator[tuple[int, int]]:
    x, y = _project(product.footprint, _epsg(product))
    for east in range(int(x.min() // TILE_M), int(x.max() // TILE_M) + 1):
        for north in range(int(y.min() // TILE_M), int(y.max() // TILE_M) + 1):
            yield east, north


def _epsg(product: Product) -> int:
    return product.grid_epsg or utm_epsg(*product.footprint.centroid.coords)


def _project(footprint: Polygon, epsg: int) -> tuple[np.ndarray, np.ndarray]:
    longitude, latitude = np.array(footprint.envelope.coords[0]).T
    return transformer(4326, epsg).transform(longitude, latitude)


def _is_published(tile: Tile, published) -> bool:
    return published.filter(
        source_format=tile.source_format, simulated=tile.simulated, burst=f"E{tile.east}N{tile.north}"
    ).exists()


def _dates(products: tuple[Product, ...]) -> tuple[date, ...]:
    """The dates of the product that has most; others are brought onto them."""
    return tuple(max((product.dates for product in products if product.has_series), key=len, default=()))


def _header(tile: Tile, component: Component) -> FieldHeader:
    tracks = sorted({product.track for product in (*tile.ascending, *tile.descending) if product.track is not None})
    dates = common_dates(_dates(tile.ascending), _dates(tile.descending))
    sources = (*tile.ascending, *tile.descending)
    period = (min(product.dates[0] for product in sources), max(product.dates[-1] for product in sources))
    tied = all(product.reference == Reference.GNSS for product in sources)
    return FieldHeader(
        source_format=tile.source_format,
        level=LEVEL,
        component=component,
        dates=dates or period,
        has_series=bool(dates),
        burst=f"E{tile.east}N{tile.north}",
        posting_m=POSTING_M,
        reference=Reference.GNSS if tied else Reference.LOCAL,
        grid_epsg=tile.epsg,
        simulated=tile.simulated,
        attribution="; ".join(sorted({product.attribution for product in sources} - {""}))[:300],
        licence="; ".join(sorted({product.licence for product in sources} - {""}))[:300],
        extras={"method": METHOD, "tracks": " ".join(f"{track:03d}" for track in tracks)},
    )


def _batches(tile: Tile, component: Component) -> Iterator[PointBatch]:
    """The tile in bands from north to south, so that memory stays flat."""
    cells = tile.cells
    lines = int(BAND_M / POSTING_M)
    dates = (_dates(tile.ascending), _dates(tile.descending))
    for first in range(0, cells.rows, lines):
        band = cells._replace(y0=cells.y0 - first * POSTING_M, rows=lines)
        views = [
            _view(products, band, tile.epsg, days)
            for products, days in zip((tile.ascending, tile.descending), dates, strict=True)
        ]
        if all(view.x.size for view in views):
            solved = decompose_cells(band, *views, dates)
            if solved.index.size:
                yield _batch(tile, band, solved, component)


def _view(products: tuple[Product, ...], band: Cells, epsg: int, dates: tuple[date, ...]) -> View:
    parts = [views_in(product=product, cells=band, epsg=epsg, dates=dates) for product in products]
    return View(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _batch(tile: Tile, band: Cells, solved: UpEastCells, component: Component) -> PointBatch:
    x, y = band.centre(solved.index)
    longitude, latitude = transformer(tile.epsg, 4326).transform(x, y)
    up = component is Component.UP
    unknown = np.full(x.size, np.nan, dtype=np.float32)
    east, north, vertical = (np.full(x.size, part, dtype=np.float32) for part in UNIT_VECTORS[component])
    pid = raster.pids(*((axis // POSTING_M).astype(np.int64) for axis in (x, y)))
    return PointBatch(
        pid=pid,
        longitude=longitude,
        latitude=latitude,
        height_m=solved.height_m,
        velocity_mm_yr=solved.up_mm_yr if up else solved.east_mm_yr,
        velocity_std_mm_yr=solved.up_std_mm_yr if up else solved.east_std_mm_yr,
        temporal_coherence=unknown,
        rmse_mm=unknown,
        los_east=east,
        los_north=north,
        los_up=vertical,
        displacement_mm=solved.up_mm if up else solved.east_mm,
    )
