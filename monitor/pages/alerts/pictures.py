"""Pictures of what a run shows of an alert, made when they are asked for; those of image pairs: `pair_pictures`."""

import hashlib
from collections.abc import Iterator

import numpy as np
from django.contrib.gis.geos import MultiPolygon as GeoArea
from django.contrib.gis.geos import Polygon
from django.utils.translation import gettext as _
from rasterio.errors import RasterioError
from shapely import from_wkb
from shapely import transform as transform_geometry
from shapely.geometry import MultiPolygon

from detection.kinds import Extent
from detection.models import AreaFigures, Detection
from ingest.geometry import utm_epsg
from ingest.models import Product
from ingest.products.selectors import product_points
from ingest.projections import transformer
from ingest.storage import stored_tiff
from ml.selectors import products_of
from monitor.maps.imaging.drawing import window_values
from monitor.maps.imaging.evidence import (
    PHASE_STOPS,
    RATE_STOPS,
    Frame,
    frame_of,
    fringe_mm_yr,
    picture,
    points_on,
    smoothed,
    wrapped,
)
from monitor.maps.rasters.answers import ImageGone
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME
from monitor.pages.alerts.pair_pictures import Captioned, pair_captions, pair_picture
from monitor.wording.components import both_directions
from monitor.wording.figures import figure
from monitor.wording.images import data_set_name

SCORE = RASTER_LAYERS_BY_NAME["probability"]
MOST_PRODUCTS = 4  # of a run, whose points are drawn
STILL_SCATTER_MM_YR = 5.0  # of the ground around a place; more: another place moves beside it
MOST_POINTS = 200_000  # of the ground around a wide region, about; a picture has some thousand squares
STRETCHES_MM_YR = (10, 20, 50, 100, 300)
PAINT_VERSION = 5  # raise when pictures of the same figures look different


def captions(detection: Detection) -> list[Captioned]:
    """Return the available pictures of a detection; deleted points have none."""
    run = detection.scan.prediction.run
    if run.product is None:
        return list(pair_captions(detection))
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
    stated = _(
        "Points of %(source)s, as the data set states them. Brown: %(negative)s. Blue: %(positive)s. Full colour at "
        "%(stretch)s mm a year. Pale squares hold no point."
    )
    against_still = _(
        "Points of %(source)s, against still ground. Brown: %(negative)s. Blue: %(positive)s. Full colour at "
        "%(stretch)s mm a year. Pale squares hold no point."
    )
    figures = {
        "source": data_set_name(product.name),
        "negative": negative,
        "positive": positive,
        "stretch": stretch_of(detection),
    }
    shown = (stated if _is_region(detection) else against_still) % figures
    yield Captioned(f"points-{number}", _("What was measured"), shown)
    if _is_region(detection):
        return
    ring = figure(fringe_mm_yr(detection.peak_rate_mm_yr))
    yield Captioned(
        f"rings-{number}",
        _("The same in rings"),
        _("Means of neighbouring points. Colours begin anew every %(ring)s mm a year: the more rings, the more motion.")
        % {"ring": ring},
    )


def _products(detection: Detection) -> list[Product]:
    """Return the products with points at the place; of a region only the run's own, in which it was found."""
    run = detection.scan.prediction.run
    if _is_region(detection):
        return [run.product]
    shown = {one["product"] for one in detection.reasons if "product" in one} or {run.product.name}
    return [product for product in products_of(run=run) if product.name in shown][:MOST_PRODUCTS]


def _is_region(detection: Detection) -> bool:
    return detection.extent != Extent.LOCAL


def _still_mm_yr(detection: Detection, product: Product) -> float:
    """Return the rate that a product's rates are shown against, mm/yr.

    The ground around a place, where it does not move itself, else what counted as still in the run. Regions: 0.
    """
    if _is_region(detection):
        return 0.0
    for one in detection.reasons:
        if one.get("product") == product.name and (one.get("scatter_mm_yr") or np.inf) <= STILL_SCATTER_MM_YR:
            return float(one["around_mm_yr"])
    return float(detection.scan.prediction.statistics.get("background_mm_yr", 0.0))


def stretch_of(area: AreaFigures) -> int:
    """Return the colour range that shows the differences of an alert or a detection, mm/yr."""
    peak = abs(area.peak_rate_mm_yr or 0.0)
    return next((reach for reach in STRETCHES_MM_YR if reach >= peak), STRETCHES_MM_YR[-1])


def fingerprint(detection: Detection, name: str) -> str:
    """Return an ETag that changes with the run and with the way it is painted."""
    parts = (PAINT_VERSION, name, detection.pk, detection.scan.prediction.raster_sha256, detection.area.hexewkb)
    return f'"{hashlib.sha256(chr(0).join(map(str, parts)).encode()).hexdigest()[:32]}"'


def evidence_png(detection: Detection, name: str) -> bytes:
    """Return the picture of `captions` with this name. Raises ImageGone where the run's raster is gone."""
    outline, epsg = _on_plane(detection.area)
    frame = frame_of(outline)
    if name == "score":
        return _score_png(detection, frame, epsg, outline)
    if detection.scan.prediction.run.product is None:
        return pair_picture(detection, name, frame, epsg, outline)
    what, _dash, number = name.partition("-")
    product = _products(detection)[int(number) - 1]
    points = product_points(product=product, area=_box(frame, epsg), most=MOST_POINTS)
    x, y = transformer(4326, epsg).transform(points.longitude, points.latitude)
    rates = points_on(frame, x, y, points.velocity_mm_yr - np.float32(_still_mm_yr(detection, product)))
    if what == "points":
        stretch = stretch_of(detection)
        return picture(rates, RATE_STOPS, -stretch, stretch, frame, outline)
    return picture(
        wrapped(smoothed(rates), fringe_mm_yr(detection.peak_rate_mm_yr)), PHASE_STOPS, 0.0, 1.0, frame, outline
    )


def _score_png(detection: Detection, frame: Frame, epsg: int, outline: MultiPolygon) -> bytes:
    try:
        with stored_tiff(detection.scan.prediction.raster) as raster:
            values = window_values(raster, SCORE.bands, epsg, frame.bounds_m, frame.shape)
    except (FileNotFoundError, RasterioError, ValueError) as fault:
        words = _("The file with the result of this run is no longer in the storage, or it is broken.")
        raise ImageGone(words) from fault
    return picture(SCORE.value(values), SCORE.stops, SCORE.low, SCORE.high, frame, outline)


def _on_plane(area: GeoArea) -> tuple[MultiPolygon, int]:
    """Project an outline in degrees to the UTM zone of its centroid, m."""
    geographic = from_wkb(bytes(area.wkb))
    epsg = utm_epsg(*geographic.centroid.coords[0])
    project = transformer(4326, epsg).transform
    return transform_geometry(geographic, project, interleaved=False), epsg


def _box(frame: Frame, epsg: int) -> Polygon:
    west, south, east, north = frame.bounds_m
    corners = transformer(epsg, 4326).transform([west, east, west, east], [south, south, north, north])
    box = Polygon.from_bbox((min(corners[0]), min(corners[1]), max(corners[0]), max(corners[1])))
    box.srid = 4326
    return box
