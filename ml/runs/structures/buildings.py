"""Ledgers of buildings: the footprints on a product's ground and its points become the motion of each building."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
import shapely
from django.contrib.gis.geos import GEOSGeometry
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from numpy.typing import NDArray
from rasterio.transform import rowcol

from ground_motion.core.areas import box_around
from ground_motion.core.projections import transformer
from ground_motion.methods.structures.buildings import Ledger, ledger_of
from ground_motion.methods.structures.footprints import (
    GEOLOCATION_M,
    HEIGHT_SIGMA_M,
    REACH,
    Float64,
    Footprints,
    candidates_of,
    footprints_of,
    nearest_of,
)
from ground_motion.readers.context.records import ContextKind
from ground_motion.readers.records import Component
from ground_motion.statistics.robust import MAD_TO_SIGMA
from ground_motion.statistics.series import DAYS_PER_YEAR
from ingest.context.terrain import elevation_over
from ingest.foundation.geos import geos
from ingest.foundation.locks import rows_of
from ingest.models import ContextLayer, ElevationTile, Product
from ingest.products.selectors import VALUES, points_batches
from ml.models import BuildingLedger, BuildingMotion
from ml.runs.selectors import fields_answering

TILE_DEGREES = 0.05  # About five kilometres, so that one town is processed at a time.
AROUND_M = 60.0  # Buildings and points this far beyond a tile are looked at, too, because points may be theirs.
MIN_POINTS = 50  # Fewer points in a tile tell nothing of a town.
UNSTATED_MM_YR = 1.0  # Standard deviation of a rate without one; the ledger learns how wrong stated ones are.
ELEVATION_POSTING_M = 10.0
MIN_ON_GROUND = 20  # Fewer points away from all buildings do not tell where heights begin.
_TILES = """
    SELECT floor(ST_X(position) / %(size)s) * %(size)s, floor(ST_Y(position) / %(size)s) * %(size)s
    FROM ingest_building building JOIN ingest_contextlayer layer ON layer.id = building.layer_id
    WHERE outline IS NOT NULL AND layer.simulated = %(simulated)s
        AND position && %(ground)s::geometry AND ST_Intersects(position, %(ground)s::geometry)
    GROUP BY 1, 2 ORDER BY 1, 2"""
_OUTLINES = """
    SELECT DISTINCT ON (ST_AsBinary(outline)) building.id, ST_X(position), ST_Y(position), ST_AsBinary(outline)
    FROM ingest_building building JOIN ingest_contextlayer layer ON layer.id = building.layer_id
    WHERE outline IS NOT NULL AND layer.simulated = %s AND position && ST_MakeEnvelope(%s, %s, %s, %s, 4326)
    ORDER BY ST_AsBinary(outline), building.id"""


def ledgers_due() -> QuerySet[Product]:
    """Return current fields of points whose footprints, elevation or datum came after their ledger."""
    simulated, ground, made_at = (OuterRef(name) for name in ("simulated", "footprint", "buildings__made_at"))
    footprints = ContextLayer.objects.filter(
        kind=ContextKind.BUILDINGS, simulated=simulated, coverage__intersects=ground
    )
    newer = footprints.filter(loaded_at__gt=made_at)
    higher = ElevationTile.objects.filter(
        layer__simulated=simulated, layer__loaded_at__gt=made_at, footprint__intersects=ground
    )
    fields = fields_answering().filter(posting_m=None, points_deleted_at=None)
    moved = Q(buildings__made_at__lt=F("datum_moved_at"))
    due = Q(Exists(newer)) | Q(Exists(higher)) | Q(Exists(footprints), buildings=None) | moved
    return fields.filter(due).order_by("pk")


def ledger_make(*, product: Product) -> BuildingLedger:
    """Compute how the buildings on a product's ground move, tile by tile, in place of an earlier ledger."""
    made_at = timezone.now()  # A layer that is loaded meanwhile makes the ledger due again.
    ground = {"size": TILE_DEGREES, "simulated": product.simulated, "ground": bytes(product.footprint.ewkb)}
    with transaction.atomic():
        BuildingLedger.objects.filter(product=product).delete()
        ledger = BuildingLedger.objects.create(product=product, n_buildings=0, n_known=0, made_at=made_at)
        for west, south in rows_of(_TILES, ground):
            rows = list(_tile(ledger, west, south))
            BuildingMotion.objects.bulk_create(rows, batch_size=2000)
            ledger.n_known += len(rows)
        ledger.save(update_fields=["n_buildings", "n_known"])
    return ledger


def vertical_share(product: Product, los_up: NDArray[np.float64]) -> float:
    """Return the share of vertical motion that a product shows, which is below 1 along the line of sight.

    Settlement and tilt are assumed to be vertical. los_up: (n,), up components of the points' lines of sight.
    """
    return float(np.nanmean(los_up)) if product.component == Component.LOS and np.isfinite(los_up).any() else 1.0


def _tile(ledger: BuildingLedger, west: float, south: float) -> Iterator[BuildingMotion]:
    """Yield the motion of the buildings of a tile of which points can say the rate; count all of them."""
    product = ledger.product
    wide = box_around(shapely.box(west, south, west + TILE_DEGREES, south + TILE_DEGREES), AROUND_M)
    found = rows_of(_OUTLINES, [product.simulated, *wide.bounds])
    ids, longitude, latitude, outlines = (np.array(column, dtype=object) for column in zip(*found, strict=True))
    inside = np.floor(longitude / TILE_DEGREES) * TILE_DEGREES == west
    inside &= np.floor(latitude / TILE_DEGREES) * TILE_DEGREES == south
    ledger.n_buildings += int(np.count_nonzero(inside))
    batches = list(points_batches(product=product, area=geos(wide), with_series=False))
    position = np.concatenate([batch.position for batch in batches])
    if len(position) < MIN_POINTS:
        return
    values = np.concatenate([batch.values for batch in batches]).astype(np.float64)
    to_metres = transformer(4326, product.metric_epsg).transform
    x_m, y_m = to_metres(*position.T)
    polygons = shapely.transform(
        shapely.from_wkb([bytes(outline) for outline in outlines]),
        lambda degrees: np.column_stack(to_metres(*degrees.T)),
    )
    sigma, los_up, height_m = (values[:, VALUES.index(name)] for name in ("velocity_std_mm_yr", "los_up", "height_m"))
    seen = vertical_share(product, los_up)
    footprints = footprints_of(polygons)
    motion = ledger_of(
        footprints,
        candidates_of(footprints, x_m, y_m, _above_ground_m(product, geos(wide), footprints, x_m, y_m, height_m)),
        x_m,
        y_m,
        values[:, VALUES.index("velocity_mm_yr")],
        np.where(sigma > 0, sigma, UNSTATED_MM_YR),
        (product.dates[-1] - product.dates[0]).days / DAYS_PER_YEAR / seen,
        np.random.default_rng(product.pk),
    )
    for place in np.flatnonzero(inside & motion.rate_known):
        yield _row(ledger, int(ids[place]), motion, int(place), seen)


def _above_ground_m(
    product: Product, area: GEOSGeometry, footprints: Footprints, x_m: Float64, y_m: Float64, height_m: Float64
) -> Float64:
    """Return the heights (n,) of points above the ground, m: NaN without elevation, or if both do not agree.

    A product's heights have a zero of their own, mostly the ellipsoid. Points away from all buildings lie on the ground
    and give it. area: over which elevation is read, degrees; x_m, y_m: in the product's metric system, as footprints.
    """
    unknown = np.full(height_m.shape, np.nan)
    if product.simulated or not np.isfinite(height_m).any():
        return unknown
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "elevation.tif"
        if not elevation_over(area=area, epsg=product.metric_epsg, posting_m=ELEVATION_POSTING_M, path=path):
            return unknown
        with rasterio.open(path) as raster:
            rows, cols = rowcol(raster.transform, x_m, y_m)
            above_m = height_m - raster.read(1)[rows, cols]
    on_ground = above_m[np.isfinite(above_m) & (nearest_of(footprints, x_m, y_m, REACH * GEOLOCATION_M) < 0)]
    if on_ground.size < MIN_ON_GROUND:
        return unknown
    begins_m = float(np.median(on_ground))
    scatter_m = MAD_TO_SIGMA * float(np.median(np.abs(on_ground - begins_m)))
    return above_m - begins_m if scatter_m <= 2 * HEIGHT_SIGMA_M else unknown


def _row(ledger: BuildingLedger, building_id: int, motion: Ledger, place: int, seen: float) -> BuildingMotion:
    """Return the row of a building. seen: share of vertical motion that the product's component shows."""
    rate, deviation = (
        [round(float(value), 2) for value in part[:, place]] for part in (motion.rate_mm_yr, motion.deviation_mm_yr)
    )
    tilt = [None if np.isnan(value) else round(float(value) / seen, 4) for value in motion.tilt_mm_m_yr[:, place]]
    row = BuildingMotion(ledger=ledger, building_id=building_id, points=round(float(motion.points[place]), 1))
    row.rate_low, row.rate_mm_yr, row.rate_high = rate
    row.deviation_low, row.deviation_mm_yr, row.deviation_high = deviation
    row.tilt_low, row.tilt_mm_m_yr, row.tilt_high = tilt
    row.damage, row.moves_alone = int(motion.damage[place]), bool(motion.moving[place] > 0)
    return row
