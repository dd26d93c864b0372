"""Datum of products: solved from stations, declared still ground, the fields beside and the field's own edge.

The outcome depends on what is loaded, not on the order: a field without stations, declaration or calibration takes its
datum from those that have one, and never from one that took it itself.
"""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Count, DateTimeField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from ground_motion.core.projections import transformer
from ground_motion.readers.records import Component, Float64, Reference, Technique
from ground_motion.readers.stations.records import StationTechnique
from ground_motion.statistics import datum as solving
from ground_motion.statistics.datum import ANCHORS, Datum, Source
from ingest.foundation.locks import rows_of
from ingest.models import Product, Station
from ingest.models.products import DERIVED
from ingest.products import functions
from ingest.products.comparison import fixed_differences
from ingest.products.selectors import points_batches, product_points

MAX_POINTS = 50_000  # More points do not improve the medians of cells of a kilometre.
MAX_BESIDE = 8
LOADING = timedelta(minutes=1)  # Stations that were loaded at the same time may not have been seen.
COLUMNS = tuple(f"datum_{name}" for name in ("mm_yr", "sigma_mm_yr", "source", "n", "share", "at", "moved_at"))
COMPARABLE = {Component.LOS.value, Component.UP.value}  # These components agree on ground that hardly moves.
UP_SHARE = 0.75  # The line of sight has about this part of vertical motion.


def datums_due() -> QuerySet[Product]:
    """Return products whose datum is older than the last change of stations, overlapping fields or a parent."""
    solved = ExpressionWrapper(OuterRef("datum_at") - LOADING, output_field=DateTimeField())
    stations = Station.objects.filter(position__intersects=OuterRef("footprint"))
    gnss = stations.filter(technique=StationTechnique.GNSS).order_by().values("technique")
    left = Coalesce(Subquery(gnss.annotate(n=Count("pk")).values("n")), 0)
    changed = Q(Exists(stations.filter(file__loaded_at__gt=solved))) | Q(datum_n__gt=left, datum_source=Source.STATIONS)
    parents = Product.objects.filter(derived=OuterRef("pk"), datum_at__gt=OuterRef("datum_at"))
    due = Q(datum_at=None) | changed & ~Q(level=DERIVED) | Q(Exists(parents), level=DERIVED)
    return Product.objects.filter(due, is_rest=False, points_deleted_at=None).order_by("pk")


def datum_settle(*, product: Product) -> bool:
    """Solve a product's datum, and store its points against that; return whether it moved.

    Call it outside of a transaction, or in the one that loads the product, so that solving holds no lock.
    """
    ((seen,),) = rows_of("SELECT xmin::text FROM ingest_product WHERE id = %s", [product.pk])
    product.refresh_from_db(fields=COLUMNS)
    datum = _solve(product).applied
    moved = functions.datum_set(
        product.pk, seen, datum.mm_yr, datum.sigma_mm_yr, datum.source.value, datum.n, datum.share
    )
    product.refresh_from_db(fields=COLUMNS)
    return moved


def _solve(product: Product) -> Datum:
    """Return what the best source says; see `ground_motion.statistics.datum.Source`."""
    own = solving.of_file(product.reference == Reference.GNSS)
    if product.level == DERIVED:
        return _of_parents(product)
    if product.technique != Technique.INSAR:
        return own
    differences = [difference for _place, difference in fixed_differences(product=product)]
    # Both come from stored rates, from which the present datum is already subtracted.
    if known := solving.from_stations(differences) or solving.from_still_ground(_rates_on_declared(product)):
        return known._replace(mm_yr=known.mm_yr + product.datum_mm_yr)
    if own.source in ANCHORS:
        return own
    return solving.from_fields([*_by_fields_beside(product)]) or solving.from_edge(*_in_file(product)) or own


def _of_parents(product: Product) -> Datum:
    """Return the datum of a product derived from two directions: 0, because these are relative to theirs already."""
    parents = [parent.datum for parent in product.derived_from.all()]
    if not parents:
        return solving.of_file(False)
    worst = max(parents, key=lambda datum: [*Source].index(datum.source))
    sigma = max(datum.sigma_mm_yr for datum in parents) / np.sqrt(2) / UP_SHARE
    return worst._replace(mm_yr=0.0, sigma_mm_yr=float(sigma))


def _rates_on_declared(product: Product) -> Float64:
    """Return the stored rates of the points on ground that was declared to be still; none without a declaration."""
    still = product.header.get("declared", {}).get("still")
    if not still:
        return np.empty(0)
    area = GEOSGeometry(still, srid=4326)
    batches = points_batches(product=product, area=area, with_series=False)
    return np.concatenate([batch.values[:, 0] for batch in batches]).astype(np.float64)


def _by_fields_beside(product: Product) -> Iterator[Datum]:
    """Yield the datum that each field on the same ground implies, if it has one of its own."""
    beside = Product.objects.current().filter(
        technique=Technique.INSAR,
        simulated=product.simulated,
        datum_source__in=ANCHORS,
        points_deleted_at=None,
        footprint__intersects=product.footprint,
    )
    for other in beside.exclude(pk=product.pk).exclude(level=DERIVED).order_by("file_sha256")[:MAX_BESIDE]:
        alike = (other.component, other.direction) == (product.component, product.direction)
        if not alike and not {other.component, product.component} <= COMPARABLE:
            continue
        if other.dates[0] > product.dates[-1] or product.dates[0] > other.dates[-1]:
            continue
        area = product.footprint.intersection(other.footprint)
        x, y, rate = _in_file(other, area, product.metric_epsg)
        theirs = (x, y, rate - other.datum_mm_yr)
        if found := solving.beside_field(_in_file(product, area), theirs, other.datum_sigma_mm_yr, alike):
            yield found


def _in_file(
    product: Product, area: GEOSGeometry | None = None, epsg: int | None = None
) -> tuple[Float64, Float64, Float64]:
    """Return x and y, m, and the file's rates of an even sample of points, all or in an area's box."""
    points = product_points(product=product, area=area, most=MAX_POINTS)
    x, y = transformer(4326, epsg or product.metric_epsg).transform(points.longitude, points.latitude)
    return x, y, points.velocity_mm_yr.astype(np.float64) + product.datum_mm_yr
