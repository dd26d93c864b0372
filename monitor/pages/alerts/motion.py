"""How the ground of an alert moves: over time, in its fastest places, on its map, and since the release before."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from shapely import from_wkb
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from detection.glaciers.selectors import motions_touching, series_of
from detection.kinds import Kind
from detection.models import Alert, AlertMotion, Detection
from detection.rules.motion import SHOWN_SIGMAS
from ground_motion.core.areas import area_of, bounds_of, smooth_steps
from ground_motion.core.errors import promised
from ground_motion.methods.deformation.motion.series import WITHIN_90
from ingest.models import Product
from ingest.products.selectors import AreaSeries
from ml.runs.provisional import ProvisionalMean
from monitor.maps.imaging.charts import curves, rates_chart, zero_mm
from monitor.maps.imaging.drawing import full_colour_mm_yr
from monitor.maps.map import selectors
from monitor.maps.rasters.catalogue import evidence_raster
from monitor.wording.cards.cards import AlertCard, alert_feature
from monitor.wording.components import both_directions, colour_caption, component_label, direction
from monitor.wording.families.changes import change_rows, provisional_sentence, season_sentence
from monitor.wording.figures import area_label, figure, mm_a_year
from monitor.wording.images import data_set_name
from monitor.wording.points import tilt_sentence

MAX_ROWS = 8  # rows of the table of places
MIN_CHANGED = 0.1  # Smaller changes of the outline, as a share of it, are not drawn.
LEVELS = ("half", "core")  # outlines inside the alert's own


class OverTime:
    """Motion of an alert over time, and its drawn charts; none where no data have shown it.

    speeds: of pairs, None for families without; matches: coherence before and after.
    """

    def __init__(self, alert: Alert, card: AlertCard, detections: Sequence[Detection]) -> None:
        is_surge, after = alert.kind == Kind.GLACIER_SURGE, alert.coherence_after
        self.speeds = series_of(detections) if card.voice.evidence.series == "speeds" else None
        self.glaciers = motions_touching(area=alert.area, simulated=alert.simulated)
        flows = (
            [view for glacier in self.glaciers for view in glacier.views] if is_surge else []
        )  # Pages of glaciers draw the same.
        self.motion, self.series = selectors.alert_motion(alert=alert), selectors.alert_series(alert=alert)
        self.curves = curves(self.motion, self.series, self.speeds or flows) if alert.is_measured else []
        self.matches = None if after is None else (promised(alert.coherence_before), after)


class Motion(NamedTuple):
    """Motion of an alert: sentences on its seasons, the table of changes, and the data of its chart."""

    sentences: list[str]
    source: str
    n_dates: int
    changes: list[dict[str, str]]
    chart: dict[str, Any]


class Places(NamedTuple):
    """Fastest places of an alert: rows of the table, a sentence on the tilt, and outlines for the map.

    is_shifted: whether their rates are relative to the zero of the data set.
    """

    rows: list[dict[str, str]]
    is_shifted: bool
    tilt: str
    outlines: dict[str, Any]


class SeriesRow:
    """Series of a data set in the area of an alert, with its name, what it measures and its whole change in words.

    The arguments are a `ProductSeries`. provisional: sentence on the values that new passes added; empty without any.
    """

    def __init__(self, product: Product, series: AreaSeries, provisional: ProvisionalMean | None) -> None:
        self.product, self.series = product, series
        self.name, self.component = data_set_name(product.name), component_label(product.component)
        change = float(series.mean_mm[-1] - series.mean_mm[0])
        sigma_mm = float(series.high_mm[-1] - series.low_mm[-1]) / 2 / math.sqrt(series.n_sampled)
        # Translators: %(size)s is "12", %(way)s is "sinking" or "away from the satellite"
        label = _("%(size)s mm (%(way)s)")
        self.change = label % {"size": figure(change), "way": direction(product.component, change)}
        if abs(change) < SHOWN_SIGMAS * sigma_mm:
            self.change = _("motion not certain: %(rate)s") % {"rate": f"{figure(change)} mm"}
        self.provisional = provisional_sentence(provisional.dates[-1]) if provisional else ""


class SmallMap:
    """Small map of an alert: its outline, what its script needs, and the meaning of its colours."""

    def __init__(self, alert: Alert, card: AlertCard, over_time: OverTime, newest: Sequence[Detection]) -> None:
        stretch = full_colour_mm_yr(alert.peak_rate_mm_yr)
        raster = evidence_raster([detection.scan.prediction for detection in newest])
        of_curve = over_time.motion.product.direction if over_time.motion else ""  # The map shows its track.
        config = selectors.map_config(bounds_of(alert.area), alert.component, of_curve)
        self.outline = alert_feature(alert, card)
        self.config = config | {"colours": {"stretch": stretch}, "evidence_raster": raster}
        self.caption = raster["caption"] if raster else colour_caption(alert.component or "los", stretch)


def rates_block(alert: Alert, over_time: OverTime, newest: Sequence[Detection]) -> dict[str, Any] | None:
    """Return a histogram of the rates of points where an alert has no curve; None without points."""
    if over_time.curves or not alert.is_measured:
        return None
    inside = selectors.rates_inside(alert=alert, detections=newest)
    return None if inside is None else rates_chart(*inside, full_colour_mm_yr(alert.peak_rate_mm_yr))


def motion_block(motion: AlertMotion | None) -> Motion | None:
    """Return what is said of an alert's motion; None without a series of it."""
    if motion is None:
        return None
    negative, positive = both_directions(motion.product.component)
    zero = zero_mm(motion.fit["fit_mm"], motion.fit["displacement_mm"])
    return Motion(
        season_sentence(motion),
        data_set_name(motion.product.name),
        motion.n_dates,
        change_rows(motion.product.component, motion.fit),
        motion.fit | {"negative_word": negative, "positive_word": positive, "zero_mm": zero},
    )


def places_block(
    detections: Sequence[Detection], shift_mm_yr: float = 0.0, datum_sigma_mm_yr: float = 0.0
) -> Places | None:
    """Return the fastest places in the fastest detection; None without places.

    Args:
        detections: Detections of an alert.
        shift_mm_yr: Rate of the ground around; it is added if the alert's rates include it.
        datum_sigma_mm_yr: Standard deviation of the zero, part of the error of such rates.
    """
    measured = [detection for detection in detections if detection.places]
    if not measured:
        return None
    places = max(measured, key=lambda detection: abs(detection.peak_rate_mm_yr or 0.0)).places
    outlines = [_feature(shape(place[level]), level) for place in places for level in LEVELS]
    steepest = max(places, key=lambda place: place.get("tilt_mm_m_yr", 0.0))
    half = WITHIN_90 * datum_sigma_mm_yr if shift_mm_yr else 0.0
    rows = [_place_row(place, shift_mm_yr, half) for place in places[:MAX_ROWS]]
    return Places(rows, shift_mm_yr != 0, tilt_sentence(steepest), {"type": "FeatureCollection", "features": outlines})


def first_outline(alert: Alert) -> dict[str, Any] | None:
    """Return the outline of an alert when it was first found, a GeoJSON feature; None if it is much the same today."""
    first = alert.detections.order_by("pk").first()
    if first is None:
        return None
    before, now = (from_wkb(bytes(area.wkb)).buffer(0) for area in (first.area, alert.area))
    if before.symmetric_difference(now).area < MIN_CHANGED * now.area:
        return None
    return _feature(before, "before")


def _feature(outline: BaseGeometry, level: str) -> dict[str, Any]:
    return {"type": "Feature", "geometry": mapping(smooth_steps(outline)), "properties": {"level": level}}


def _place_row(place: Mapping[str, Any], shift_mm_yr: float, half_mm_yr: float) -> dict[str, str]:
    own, *ends = (place[f"peak_{name}_mm_yr"] for name in ("rate", "low", "high"))
    wider = (math.copysign(math.hypot(end - own, half_mm_yr), end - own) for end in ends)
    peak, low, high = (figure(own + shift_mm_yr + by) for by in (0.0, *wider))
    half, core = (area_label(area_of(shape(place[level]))) for level in LEVELS)
    # Translators: a range of rates, such as "12 to 16"
    between = _("%(low)s to %(high)s") % {"low": low, "high": high}
    return {"rate": mm_a_year(peak), "between": between, "half": half, "core": core}
