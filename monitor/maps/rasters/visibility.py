"""Visibility of slow motion: smallest rate noticed, share of ground where slow motion is missed, last measurement."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.core.cache import cache
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rasterio.features import geometry_mask
from rasterio.transform import from_bounds
from shapely import STRtree, from_wkb

from ground_motion.core.areas import box_around, join_halves
from ground_motion.core.errors import promised
from ground_motion.core.geometry import web_mercator_of
from ingest.foundation.geos import geos
from ml.models import LivingDate, Prediction
from monitor.maps.imaging.drawing import Float32, window_values
from monitor.maps.rasters.catalogue import RasterSource, newest_of_products
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME
from monitor.maps.rasters.tiles import read_source
from monitor.wording.dates import day_words
from monitor.wording.figures import percent_or_less, whole

LAYER = RASTER_LAYERS_BY_NAME["smallest-rate"]
SLOW_MM_YR = 10.0
AROUND_KM = 3.0
MAX_OF_IT = 0.75  # Motion of noticed_mm_yr is noticed in this share of a region.
CELLS = 128  # along the longer side of a region
MAX_RASTERS = 100  # each takes some milliseconds; with more, no visibility is stated
KEPT_S = 24 * 3600


class Scope(StrEnum):
    """Ground that a sentence is about: all covered ground, a region, or the surroundings of a place."""

    COVERED = "covered"
    REGION = "region"
    AROUND = "around"


# Translators: %(share)s is "12 %" or "less than 1 %"
NOT_NOTICED = {
    Scope.COVERED: gettext_lazy(
        "In %(share)s of the ground that our data cover we may miss ground that moves by less than %(slow)s mm "
        "a year: measurements are too few or too noisy there."
    ),
    Scope.REGION: gettext_lazy(
        "In %(share)s of this region we may miss ground that moves by less than %(slow)s mm a year: "
        "measurements are too few or too noisy there."
    ),
    Scope.AROUND: gettext_lazy(
        "In %(share)s of the ground around this place we may miss ground that moves by less than %(slow)s mm a "
        "year: measurements are too few or too noisy there."
    ),
}
NOTICED = {
    Scope.COVERED: gettext_lazy(
        "Over most of the ground that our data cover we would probably notice ground that moves faster than about "
        "%(rate)s mm a year over a kilometre and a half."
    ),
    Scope.REGION: gettext_lazy(
        "Over most of this region we would probably notice ground that moves faster than about %(rate)s mm a year over "
        "a kilometre and a half."
    ),
    Scope.AROUND: gettext_lazy(
        "Over most of the ground around this place we would probably notice ground that moves faster than about "
        "%(rate)s mm a year over a kilometre and a half."
    ),
}


class Visibility(NamedTuple):
    """Visibility of slow motion on some ground: what would be noticed there, and the last day of measurement."""

    unseen: float  # share where motion slower than SLOW_MM_YR would not be noticed, 0-1
    # Rate at which nine of ten moving places (`deformation.bowls.search`) would be noticed in most of the region;
    # infinite if too much of the region has no points.
    noticed_mm_yr: float
    last_measured: date


def visibility_in(region: GEOSGeometry | None) -> Visibility | None:
    """Return the visibility in a region or, for None, on the ground of all current velocity fields; None if unknown."""
    here = Q() if region is None else Q(run__product__footprint__intersects=region)
    return _visibility(region, list(_latest(here)[: MAX_RASTERS + 1]))


def visibilities_in(regions: Mapping[int, GEOSGeometry]) -> dict[int, Visibility | None]:
    """Return the visibility in each region by its key, with one query; None if unknown."""
    if not regions:
        return {}
    around = MultiPolygon([geos(part) for region in regions.values() for part in box_around(region).geoms], srid=4326)
    predictions = list(_latest(Q(run__product__footprint__intersects=around)))
    tree = STRtree([from_wkb(promised(prediction.run.product).footprint.wkb.tobytes()) for prediction in predictions])
    outlines = [from_wkb(region.wkb.tobytes()) for region in regions.values()]
    here: dict[int, list[Prediction]] = {pk: [] for pk in regions}
    pks = list(regions)
    for place, found in sorted(tree.query(outlines, predicate="intersects").T.tolist()):
        here[pks[place]].append(predictions[found])
    return {pk: _visibility(regions[pk], found) for pk, found in here.items()}


def _latest(here: Q) -> QuerySet[Prediction]:
    current = newest_of_products(LAYER.needs).filter(here, run__product__superseded_by=None)
    passes = LivingDate.objects.filter(series__product=OuterRef("run__product"), series__replaced_by=None)
    last_pass = Subquery(passes.exclude(n_known=0).order_by("-day").values("day")[:1])
    return current.select_related("run__product").annotate(last_pass=last_pass)


def _visibility(region: GEOSGeometry | None, predictions: Sequence[Prediction]) -> Visibility | None:
    if not 0 < len(predictions) <= MAX_RASTERS:
        return None
    products = [promised(prediction.run.product) for prediction in predictions]
    grounds = [part for product in products for part in product.footprint]
    outline = MultiPolygon(grounds, srid=4326) if region is None else region
    rasters = (f"{prediction.pk} {prediction.raster_sha256}".encode() for prediction in predictions)
    key = f"noticed-{hashlib.sha256(b''.join([outline.wkb.tobytes(), *rasters])).hexdigest()}"
    # The shares are cached, because computing them opens every raster.
    shares: tuple[float, float] | None = cache.get_or_set(key, lambda: _shares(outline, predictions), KEPT_S)
    passes = [day for prediction in predictions if (day := getattr(prediction, "last_pass", None))]
    return Visibility(*promised(shares), max([*passes, *(product.dates[-1] for product in products)]))


def visibility_sentence(region: GEOSGeometry | None, with_day: bool = True) -> str:
    """Describe the visibility in a region, or, for None, on all covered ground; empty if it is unknown."""
    found = visibility_in(region)
    scope = Scope.COVERED if region is None else Scope.REGION
    return "" if found is None else visibility_words(found, scope, with_day)


def visibility_around(area: MultiPolygon) -> str:
    """Describe the visibility around an alert, about 3 km to each side; empty if it is unknown."""
    found = visibility_in(geos(box_around(area, 1000 * AROUND_KM)))
    return "" if found is None else visibility_words(found, Scope.AROUND)


def visibility_words(found: Visibility, scope: Scope, with_day: bool = True) -> str:
    """Return sentences such as 'Over most of this region we would …'. with_day: also that of the last measurement."""
    figures = {
        "share": percent_or_less(found.unseen),
        "slow": whole(SLOW_MM_YR),
        "rate": whole(max(1.0, min(found.noticed_mm_yr, SLOW_MM_YR))),
        "day": day_words(found.last_measured),
    }
    measured = [_("The last measurement is of %(day)s.")] if with_day else []
    if found.noticed_mm_yr > SLOW_MM_YR:
        return " ".join((str(NOT_NOTICED[scope]), *measured)) % figures
    rest = _("Smaller places have to move faster.")
    if found.unseen >= 0.01:
        rest = _(
            "Smaller places have to move faster, and in %(share)s of it motion of less than %(slow)s mm a year stays "
            "hidden."
        )
    return " ".join((str(NOTICED[scope]), rest, *measured)) % figures


def _shares(region: GEOSGeometry, predictions: Sequence[Prediction]) -> tuple[float, float]:
    """Return `unseen` and `noticed_mm_yr` of Visibility."""
    outline = web_mercator_of(join_halves(region))
    west, south, east, north = outline.bounds
    cell = max(east - west, north - south) / CELLS
    shape = max(1, math.ceil((north - south) / cell)), max(1, math.ceil((east - west) / cell))
    smallest: Float32 = np.full(shape, np.nan, dtype=np.float32)
    for prediction in predictions:
        source = RasterSource(prediction.raster, prediction.raster_sha256)
        values = read_source(source, lambda dataset: window_values(dataset, LAYER.bands, 3857, outline.bounds, shape))
        if values is not None:
            smallest = np.fmin(smallest, values[0])
    on_map = from_bounds(*outline.bounds, *shape[::-1])
    inside = geometry_mask([outline], shape, on_map, invert=True, all_touched=True)
    limits = np.where(np.isfinite(smallest), smallest, np.inf)[inside]
    return float((limits > SLOW_MM_YR).mean()), float(np.quantile(limits, MAX_OF_IT, method="higher"))
