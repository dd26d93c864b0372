"""How much of a region we look at without seeing slow motion there, and when we last looked."""

import hashlib
import math
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import MultiPolygon
from django.core.cache import cache
from django.db.models import Q
from rasterio.features import geometry_mask
from rasterio.transform import from_bounds
from shapely import from_wkb
from shapely import transform as transform_geometry

from ingest.projections import transformer
from ml.models import ModelVersion, Prediction, Run
from monitor.imaging.drawing import Float32, window_values
from monitor.rasters.catalogue import RasterSource
from monitor.rasters.layers import RASTER_LAYERS_BY_NAME
from monitor.rasters.tiles import read_source
from monitor.wording.dates import day_words

LAYER = RASTER_LAYERS_BY_NAME["smallest-rate"]
SLOW_MM_YR = 10.0
CELLS = 128  # along the longer side of a region
MOST_RASTERS = 100  # each takes some milliseconds; of more, nothing is said
KEPT_S = 24 * 3600


class Visibility(NamedTuple):
    """unseen: share of the region where motion slower than SLOW_MM_YR would not be found, 0-1."""

    unseen: float
    last_look: date


def visibility_in(region: MultiPolygon | None) -> Visibility | None:
    """Of a region, or of everything that the current velocity fields cover; None where none says what it sees."""
    here = Q() if region is None else Q(run__product__footprint__intersects=region)
    latest = (
        Prediction.objects.filter(
            here,
            run__state=Run.State.SUCCEEDED,
            run__model_version__task=ModelVersion.Task.DEFORMATION,
            run__product__superseded_by=None,
            **{f"statistics__{LAYER.needs}__gt": 0},
        )
        .select_related("run__product")
        .order_by("run__product_id", "-run__finished_at", "-id")
        .distinct("run__product_id")
    )
    predictions = list(latest[: MOST_RASTERS + 1])
    if not 0 < len(predictions) <= MOST_RASTERS:
        return None
    outline = MultiPolygon([one.run.product.footprint for one in predictions], srid=4326) if region is None else region
    return Visibility(_unseen(outline, predictions), max(one.run.product.dates[-1] for one in predictions))


def visibility_sentence(region: MultiPolygon | None) -> str:
    """'In 30 % of this region we could not see motion slower than 10 mm a year; last look on 3 May 2024.'; or ''."""
    seen = visibility_in(region)
    if seen is None:
        return ""
    where = "the ground that our data cover" if region is None else "this region"
    share = "less than 1 %" if seen.unseen < 0.01 else f"{100 * seen.unseen:.0f} %"
    return (
        f"In {share} of {where} we could not see motion slower than {SLOW_MM_YR:.0f} mm a year; last look on "
        f"{day_words(seen.last_look)}."
    )


def _unseen(region: MultiPolygon, predictions: Sequence[Prediction]) -> float:
    parts = [region.wkb.tobytes(), *(f"{one.pk} {one.raster_sha256}".encode() for one in predictions)]
    key = f"unseen-{hashlib.sha256(b''.join(parts)).hexdigest()}"
    share = cache.get(key)
    if share is None:
        share = _worked_out(region, predictions)
        cache.set(key, share, KEPT_S)
    return float(share)


def _worked_out(region: MultiPolygon, predictions: Sequence[Prediction]) -> float:
    outline = transform_geometry(from_wkb(region.wkb.tobytes()), transformer(4326, 3857).transform, interleaved=False)
    west, south, east, north = outline.bounds
    cell = max(east - west, north - south) / CELLS
    rows, cols = max(1, math.ceil((north - south) / cell)), max(1, math.ceil((east - west) / cell))
    smallest: Float32 = np.full((rows, cols), np.nan, dtype=np.float32)
    for one in predictions:
        source = RasterSource(one.raster, one.raster_sha256)
        values = read_source(
            source, lambda dataset: window_values(dataset, LAYER.bands, 3857, outline.bounds, (rows, cols))
        )
        if values is not None:
            smallest = np.fmin(smallest, values[0])
    inside = geometry_mask(
        [outline], (rows, cols), from_bounds(*outline.bounds, cols, rows), invert=True, all_touched=True
    )
    return float((~(smallest[inside] <= SLOW_MM_YR)).mean())
