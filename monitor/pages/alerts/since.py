"""Sentence and picture of what has changed on an alert's ground between two releases of its data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from rasterio.features import geometry_mask
from rasterio.transform import from_bounds

from core.areas import bounds_of, join_halves
from core.geometry import web_mercator_of
from detection.models import Alert, Detection
from ingest.models import ReleaseChange
from ingest.products.comparison import Verdict
from ml.runs.selectors import products_of
from monitor.maps.imaging.drawing import window_values
from monitor.maps.map.config import map_at
from monitor.maps.rasters.answers import etag_of, png_response
from monitor.maps.rasters.catalogue import RasterSource, release_change_of
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME
from monitor.maps.rasters.tiles import read_source
from monitor.pages.alerts.pictures import PAINT_VERSION, layer_png
from monitor.wording.points import VerdictShare, release_words, since_sentence

LAYER = RASTER_LAYERS_BY_NAME["release-change"]
BANDS = ("verdict", "velocity_change_mm_yr", "sigma_mm_yr")
CELLS = 96  # along the longer side of the area
KEPT_S = 24 * 3600


class Since(NamedTuple):
    """Comparison of the release in which a detection was made with the release before it. group: of the map's layer."""

    detection: Detection
    change: ReleaseChange
    group: str


@dataclass(frozen=True)
class SinceBlock:
    """What has changed since the release before: a sentence, the releases, and the picture of a detection."""

    sentence: str
    releases: str
    caption: str | Promise
    detection: int
    map_url: str


def since_release(detections: Sequence[Detection]) -> Since | None:
    """Return the comparison of the first detection whose data have an earlier release; None without one."""
    for detection in detections:
        run = detection.scan.prediction.run
        found = release_change_of(products=products_of(run=run)) if run.product_id else None
        if found:
            return Since(detection, *found)
    return None


def since_block(alert: Alert, detections: Sequence[Detection]) -> SinceBlock | None:
    """Return what has changed since the release before; None where there is none."""
    since = since_release(detections)
    shares = since and _shares(alert, since.change)
    if since is None or shares is None:
        return None
    newer, older = (
        release_words(one.release, one.dates[0], one.dates[-1]) for one in (since.change.newer, since.change.older)
    )
    # Translators: two releases, each "2019–2023, version 1"
    releases = _("%(newer)s, compared with %(older)s") % {"newer": newer, "older": older}
    map_url = f"{reverse('map')}?raster={LAYER.name}&date={since.group}{map_at(*bounds_of(alert.area))}"
    sentence = since_sentence(since.change.older.release, shares)
    return SinceBlock(sentence, releases, LAYER.caption, since.detection.pk, map_url)


def change_picture(request: HttpRequest, since: Since) -> HttpResponseBase:
    """Answer with the picture of what has changed around a detection."""
    change, area = since.change, since.detection.area
    etag = etag_of("change", PAINT_VERSION, change.pk, change.updated_at, area.hexewkb)
    return png_response(request, etag, lambda: layer_png(LAYER, change.raster, area))


def _shares(alert: Alert, change: ReleaseChange) -> dict[Verdict, VerdictShare] | None:
    """Return the share of each verdict in an alert's known ground, with its median change; None if none is known."""
    key = etag_of("since", change.pk, change.updated_at, alert.area.hexewkb)
    # the cache holds JSON: numbers and lists
    rows = cache.get_or_set(key, lambda: list(_shares_in(alert, change).items()), KEPT_S) or []
    return {Verdict(verdict): VerdictShare(*share) for verdict, share in rows} or None


def _shares_in(alert: Alert, change: ReleaseChange) -> dict[Verdict, VerdictShare]:
    area = web_mercator_of(join_halves(alert.area))
    west, south, east, north = area.bounds
    side = max(east - west, north - south) / CELLS
    shape = max(1, round((north - south) / side)), max(1, round((east - west) / side))
    values = read_source(
        RasterSource(change.raster, ""), lambda dataset: window_values(dataset, BANDS, 3857, area.bounds, shape)
    )
    if values is None:
        return {}
    transform = from_bounds(*area.bounds, *reversed(shape))
    verdict, moved, sigma = values[:, geometry_mask([area], shape, transform, invert=True, all_touched=True)]
    n_known = int(np.isfinite(verdict).sum())
    shares = {}
    for one in Verdict:
        inside = verdict == one
        measured = inside & np.isfinite(moved)
        figures = (float(np.median(band[measured])) if measured.any() else np.nan for band in (abs(moved), sigma))
        if inside.any():
            shares[one] = VerdictShare(inside.sum() / n_known, *figures)
    return shares
