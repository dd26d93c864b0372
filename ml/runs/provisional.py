"""Provisional values of living series for charts, pages and exports: of single points and of areas."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry

from ground_motion.readers.records import Float32
from ingest.models import MeasurementPoint, Product
from ingest.products.encoding import datum_mm, unpack_series
from ingest.products.selectors import pids_within
from ml.models import LivingChunk, LivingDate, LivingSeries, LivingValues


class Provisional(NamedTuple):
    """Provisional values after a release, on ascending dates, (points, dates), NaN where missing.

    values_mm: displacement that continues the release, signed as it is; sigma_mm: its standard deviation.
    """

    dates: list[date]
    values_mm: Float32
    sigma_mm: Float32


class ProvisionalMean(NamedTuple):
    """Mean over points, (dates,), mm. sigma_mm: the median of one point, because neighbours share most errors."""

    dates: list[date]
    mean_mm: Float32
    sigma_mm: Float32


def living_of(*, product: Product) -> LivingSeries | None:
    """Return the living series of a release, or of the one that a rest belongs to, if no later release replaced it."""
    own = {"product__derived": product} if product.is_rest else {"product": product}
    return LivingSeries.objects.filter(**own, replaced_by=None).first()


def provisional_days(*, product: Product, known_at: datetime) -> list[date]:
    """Return the provisional days that a release had at a time, ascending; none once another release replaced it."""
    rows = LivingDate.objects.filter(series=living_of(product=product), made_at__lte=known_at)
    return list(rows.exclude(n_known=0).values_list("day", flat=True))


def provisional_of_point(*, point: MeasurementPoint) -> Provisional | None:
    """Return the provisional values of one point."""
    series = living_of(product=point.product)
    found = provisional_values(series=series, pids=[point.pid], near=point.position) if series else None
    return None if found is None or np.isnan(found.values_mm).all() else found


def provisional_within(*, product: Product, area: GEOSGeometry) -> ProvisionalMean | None:
    """Return the mean over the points in an area (EPSG:4326), of the same sample as the release's (`area_series`)."""
    series = living_of(product=product)
    if series is None:
        return None
    pids = pids_within(product=product, area=area)
    found = provisional_values(series=series, pids=pids, near=area) if pids else None
    if found is None or np.isnan(found.values_mm).all():
        return None
    known = np.asarray(np.isfinite(found.values_mm).any(axis=0))
    dates = [day for day, keep in zip(found.dates, known, strict=True) if keep]
    values, sigma = found.values_mm[:, known], found.sigma_mm[:, known]
    return ProvisionalMean(dates, np.nanmean(values, axis=0), np.nanmedian(sigma, axis=0))


def provisional_values(
    *, series: LivingSeries, pids: Sequence[str], near: GEOSGeometry | None = None
) -> Provisional | None:
    """Return the values of points, in their order; None if there are none yet. near: where they lie (EPSG:4326)."""
    chunks = LivingChunk.objects.filter(series=series)
    if near is not None:
        chunks = chunks.filter(outline__bboverlaps=near.transform(3857, clone=True))
    asked = {pid: row for row, pid in enumerate(pids)}
    places, sizes = {}, {}
    for number, names in chunks.values_list("number", "pids"):
        if found := [(asked[pid], slot) for slot, pid in enumerate(names) if pid in asked]:
            places[number], sizes[number] = found, len(names)
    dates = list(LivingDate.objects.filter(series=series).values_list("pk", "day"))
    if not dates:
        return None
    column = {pk: index for index, (pk, _) in enumerate(dates)}
    values, sigmas = np.full((2, len(pids), len(dates)), np.nan, dtype=np.float32)
    stored = LivingValues.objects.filter(date__in=list(column), number__in=list(places))
    for pk, number, displacement, sigma in stored.values_list("date_id", "number", "displacement", "sigma"):
        rows, slots = np.array(places[number]).T
        values[rows, column[pk]] = unpack_series([bytes(displacement)], sizes[number])[0, slots]
        sigmas[rows, column[pk]] = unpack_series([bytes(sigma)], sizes[number])[0, slots]
    days = [day for _, day in dates]
    return Provisional(days, values - datum_mm(series.product, days), sigmas)
