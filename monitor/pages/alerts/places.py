"""The block of an alert's page that shows where inside it the ground moves fastest, with nested outlines and tilt."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from shapely.geometry import shape

from detection.models import Detection
from ingest.areas import area_of
from monitor.wording.figures import area_label, figure, mm_a_year
from monitor.wording.points import tilt_sentence

MOST_ROWS = 8
LEVELS = ("half", "core")  # outlines within that of the alert


def places_rows(detections: Sequence[Detection]) -> dict[str, Any] | None:
    """Return table rows and map outlines of the detection with the fastest motion; None without places."""
    measured = [detection for detection in detections if detection.places]
    if not measured:
        return None
    places = max(measured, key=lambda detection: abs(detection.peak_rate_mm_yr or 0.0)).places
    outlines = [
        {"type": "Feature", "geometry": place[level], "properties": {"level": level}}
        for place in places
        for level in LEVELS
    ]
    steepest = max(places, key=lambda place: place.get("tilt_mm_m_yr", 0.0))
    return {
        "rows": [_row(place) for place in places[:MOST_ROWS]],
        "tilt": tilt_sentence(steepest),
        "outlines": {"type": "FeatureCollection", "features": outlines},
    }


def _row(place: Mapping[str, Any]) -> dict[str, str]:
    peak, low, high = (figure(place[f"peak_{name}mm_yr"]) for name in ("rate_", "low_", "high_"))
    half, core = (area_label(area_of(shape(place[level]))) for level in LEVELS)
    # Translators: a range of rates, such as "12 to 16"
    between = _("%(low)s to %(high)s") % {"low": low, "high": high}
    return {"rate": mm_a_year(peak), "between": between, "half": half, "core": core}
