"""Pictures of a run's results at an alert and of the two images behind them, and of what changed between releases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from affine import Affine
from django.contrib.gis.geos import MultiPolygon as GeoArea
from django.core.cache import cache
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.transform import from_bounds
from shapely import box
from shapely.geometry import MultiPolygon

from detection.kinds import Extent
from detection.models import Alert, Detection
from ground_motion.core.areas import bounds_of, box_of, join_halves, polygons_of, zone_of
from ground_motion.core.errors import promised
from ground_motion.core.geometry import project_geometry, to_degrees, web_mercator_of
from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.core.projections import transformer
from ground_motion.statistics.comparison import Verdict
from ingest.foundation.geos import geos
from ingest.foundation.storage import stored_tiff
from ingest.models import Product, ReleaseChange, ScenePair
from ingest.products.selectors import product_points
from ingest.scenes.images import PairImages, read_scene
from ml.runs.selectors import products_of
from monitor.maps.imaging import drawing
from monitor.maps.imaging.drawing import Bounds, arrows, window_values
from monitor.maps.imaging.pixels import RATIO_DB, RATIO_STOPS, common_stretch, decibels, ratio_db
from monitor.maps.map.selectors import map_at
from monitor.maps.rasters.answers import GONE, ImageGone, etag_of, png_response
from monitor.maps.rasters.catalogue import RasterSource, images_of, release_change_of
from monitor.maps.rasters.layers import ARROW_LAYER, LAYER_OF_TASK, RASTER_LAYERS_BY_NAME, RasterLayer
from monitor.maps.rasters.tiles import read_source
from monitor.wording.components import both_directions
from monitor.wording.dates import day_words
from monitor.wording.figures import figure
from monitor.wording.images import data_set_name
from monitor.wording.points import VerdictShare, release_words, since_sentence

FREE_LICENCE = "Copernicus Sentinel data terms"  # Data under these terms are free, full and open, with attribution.
GREYS = RASTER_LAYERS_BY_NAME["radar"].stops
MAX_ARROWS = 600
SCORE = RASTER_LAYERS_BY_NAME["probability"]
MAX_PRODUCTS = 4  # Points of at most this many products of a run are drawn.
MAX_POINTS = 200_000  # A picture of a wide region reads about this many points for its few thousand squares.
PAINT_VERSION = 7  # raise when pictures of the same figures look different
LAYER = RASTER_LAYERS_BY_NAME["release-change"]
BANDS = ("verdict", "velocity_change_mm_yr", "sigma_mm_yr")
CELLS = 96  # number of cells on the longer side of the area
KEPT_S = 24 * 3600


class Captioned(NamedTuple):
    """Caption of a picture: its name in the address, its title, and the meaning of its colours."""

    name: str
    title: str
    caption: str | Promise


def _of_pair(pair: ScenePair, layer: RasterLayer) -> Iterator[Captioned]:
    scenes = (pair.reference, pair.secondary)
    may_be_shown = all(scene.simulated or scene.licence.startswith(FREE_LICENCE) for scene in scenes)
    if may_be_shown and all(one.raster and one.raster.storage.exists(str(one.raster.name)) for one in scenes):
        earlier = _("The earlier of the two radar images. Bright: much of the radar's signal came back. Dark: little.")
        later = _("The later of the two radar images. Bright: much of the radar's signal came back. Dark: little.")
        for name, scene, shown in zip(("before", "after"), scenes, (earlier, later), strict=True):
            title = _("Radar image of %(day)s") % {"day": day_words(scene.day)}
            thanks = f" {scene.attribution}, {scene.acquired_at:%Y}." if scene.attribution else ""
            yield Captioned(name, title, f"{shown}{thanks}")
        yield Captioned(
            "difference",
            _("What became brighter or darker"),
            _("Red: brighter in the later image. Blue: darker. White: the same. Single spots differ by chance."),
        )
    yield Captioned("result", _("What the computer measured: %(layer)s") % {"layer": layer.label}, layer.caption)


def _pair_picture(detection: Detection, name: str, frame: drawing.Frame, epsg: int, outline: MultiPolygon) -> bytes:
    """Return the picture of `_of_pair` with this name as PNG. Raises ImageGone if a file is missing or damaged."""
    pair = detection.scan.prediction.run.its_pair
    try:
        if name == "result":
            return _result(detection, frame, epsg, outline)
        images = _images(pair, frame, epsg)
    except (FileNotFoundError, RasterioError, ValueError) as fault:
        raise ImageGone(_("A file behind this picture is no longer in the storage, or it is broken.")) from fault
    if name == "difference":
        return drawing.picture(ratio_db(*images), RATIO_STOPS, -RATIO_DB, RATIO_DB, frame, outline)
    stretch = common_stretch(images)
    shown = decibels(images.reference if name == "before" else images.secondary)
    return drawing.picture(shown, GREYS, *stretch, frame, outline)


def _images(pair: ScenePair, frame: drawing.Frame, epsg: int) -> PairImages:
    """Read both images of a pair on the grid of a frame, as linear power."""
    west, _, east, north = frame.bounds_m
    rows, cols = frame.shape
    side = (east - west) / cols
    grid = PixelGrid(epsg, Affine(side, 0, west, 0, -side, north), rows, cols)
    return PairImages(read_scene(pair.reference, grid), read_scene(pair.secondary, grid))


def _result(detection: Detection, frame: drawing.Frame, epsg: int, outline: MultiPolygon) -> bytes:
    prediction = detection.scan.prediction
    layer, images = LAYER_OF_TASK[prediction.run.model_version.task], images_of(prediction)
    with stored_tiff(prediction.raster) as raster:
        bands = window_values(raster, layer.bands, epsg, frame.bounds_m, frame.shape)
        pointers = []
        if layer is ARROW_LAYER:
            drawn = arrows(raster, images, _bounds_deg(frame, epsg), MAX_ARROWS)
            project = transformer(4326, epsg).transform
            pointers = [(*project(one.longitude, one.latitude), one.bearing_deg) for one in drawn]
    values = np.asarray(layer.value(layer.of_pair(bands, images)), dtype=np.float32)
    return drawing.picture(values, layer.stops, layer.low, layer.high, frame, outline, pointers)


def captions(detection: Detection) -> list[Captioned]:
    """Return the captions of the available pictures of a detection; products without points have none."""
    run = detection.scan.prediction.run
    if run.product is None:
        return list(_of_pair(run.its_pair, LAYER_OF_TASK[run.model_version.task]))
    products = _products(detection)
    measured = [one for number, product in enumerate(products, 1) for one in _of_product(detection, product, number)]
    if _is_region(detection):
        return measured
    return [Captioned("score", _("What the computer scored"), SCORE.caption), *measured]


def _of_product(detection: Detection, product: Product, number: int) -> Iterator[Captioned]:
    if product.points_deleted_at:
        return
    negative, positive = both_directions(product.component)
    # Translators, here and below: %(negative)s is "sinking", %(positive)s is "rising"
    shown = _(
        "Points of %(source)s, relative to the zero of the data set. Brown: %(negative)s. Blue: %(positive)s. Full "
        "colour at %(stretch)s mm a year. Pale squares hold no point."
    )
    figures = {
        "source": data_set_name(product.name),
        "negative": negative,
        "positive": positive,
        "stretch": drawing.full_colour_mm_yr(promised(detection.peak_rate_mm_yr)),
    }
    yield Captioned(f"points-{number}", _("What was measured"), shown % figures)
    if _is_region(detection):
        return
    ring = figure(drawing.fringe_mm_yr(promised(detection.peak_rate_mm_yr)))
    yield Captioned(
        f"rings-{number}",
        _("The same in rings"),
        _("Means of neighbouring points. Colours repeat every %(ring)s mm a year: the more rings, the more motion.")
        % {"ring": ring},
    )


def _products(detection: Detection) -> list[Product]:
    """Return the run's products with points at a detection, those that agree with its rate first; of a region one."""
    run = detection.scan.prediction.run
    if _is_region(detection):
        return [run.its_product]
    shown = {reason["product"] for reason in detection.reasons if "product" in reason} or {run.its_product.name}
    rate_mm_yr = promised(detection.rate_mm_yr)
    against = {reason["product"] for reason in detection.reasons if (reason.get("rate_mm_yr") or 0) * rate_mm_yr < 0}
    products = [product for product in products_of(run=run) if product.name in shown]
    return sorted(products, key=lambda product: product.name in against)[:MAX_PRODUCTS]


def _is_region(detection: Detection) -> bool:
    return detection.extent != Extent.LOCAL


def fingerprint(detection: Detection, name: str) -> str:
    """Return an ETag of a picture that changes with the run's result and with the way it is painted."""
    parts = (PAINT_VERSION, name, detection.pk, detection.scan.prediction.raster_sha256, detection.area.hexewkb)
    return etag_of(*parts)


def evidence_png(detection: Detection, name: str) -> bytes:
    """Return the picture of `captions` with this name as PNG. Raises ImageGone if a file is missing or damaged."""
    if name == "score":
        return layer_png(SCORE, detection.scan.prediction.raster, detection.area)
    outline, epsg = _on_plane(detection.area)
    frame = drawing.frame_of(outline)
    if detection.scan.prediction.run.product is None:
        return _pair_picture(detection, name, frame, epsg, outline)
    what, _dash, number = name.partition("-")
    product = _products(detection)[int(number) - 1]
    points = product_points(product=product, area=geos(box_of(_bounds_deg(frame, epsg))), most=MAX_POINTS)
    x, y = transformer(4326, epsg).transform(points.longitude, points.latitude)
    rates = drawing.points_on(frame, x, y, points.velocity_mm_yr)
    if what == "points":
        stretch = drawing.full_colour_mm_yr(promised(detection.peak_rate_mm_yr))
        return drawing.picture(rates, drawing.RATE_STOPS, -stretch, stretch, frame, outline)
    return drawing.picture(
        drawing.wrapped(drawing.smoothed(rates), drawing.fringe_mm_yr(promised(detection.peak_rate_mm_yr))),
        drawing.PHASE_STOPS,
        0.0,
        1.0,
        frame,
        outline,
    )


def layer_png(layer: RasterLayer, file: FieldFile, area: GeoArea) -> bytes:
    """Return the picture of a layer's raster around an area. Raises ImageGone if the file is missing or damaged."""
    outline, epsg = _on_plane(area)
    frame = drawing.frame_of(outline)
    try:
        with stored_tiff(file) as raster:
            values = window_values(raster, layer.bands, epsg, frame.bounds_m, frame.shape)
    except (FileNotFoundError, RasterioError, ValueError) as fault:
        raise ImageGone(GONE) from fault
    return drawing.picture(layer.value(values), layer.stops, layer.low, layer.high, frame, outline)


def _on_plane(area: GeoArea) -> tuple[MultiPolygon, int]:
    geographic, epsg = polygons_of(join_halves(area)), zone_of(area)
    return polygons_of(project_geometry(geographic, 4326, epsg)), epsg


def _bounds_deg(frame: drawing.Frame, epsg: int) -> Bounds:
    return join_halves(to_degrees(box(*frame.bounds_m), epsg)).bounds


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
    if since is None:
        return None
    key = etag_of("since", since.change.pk, since.change.updated_at, alert.area.hexewkb)
    # The cache holds JSON: numbers and lists.
    rows = cache.get_or_set(key, lambda: list(_shares_in(alert, since.change).items()), KEPT_S) or []
    shares = {Verdict(verdict): VerdictShare(*share) for verdict, share in rows}
    if not shares:
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


def _shares_in(alert: Alert, change: ReleaseChange) -> dict[Verdict, VerdictShare]:
    """Return the share of each verdict in an alert's known ground, with its median change; empty if none is known."""
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
