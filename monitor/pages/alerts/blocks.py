"""Blocks of an alert's page: its motion over time, where inside it the ground moves fastest, and the provenance."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from shapely.geometry import shape

from detection.kinds import Extent, Kind
from detection.models import Alert, AlertMotion, Detection, SurgeSeries
from ingest.areas import area_of
from monitor.wording.components import both_directions
from monitor.wording.families.changes import change_rows, curve_sentences, season_sentence
from monitor.wording.figures import area_label, figure, mm_a_year, with_uncertainty
from monitor.wording.images import data_set_name, method_name
from monitor.wording.points import tilt_sentence

MOST_ROWS = 8  # of the table of places
LEVELS = ("half", "core")  # outlines within that of the alert
OWN_CARDS = frozenset({"matched-filter", "multi-kernel"})  # methods; others stand in the card of their task


def motion_rows(alert: Alert) -> dict[str, Any] | None:
    """Return the sentences, table and chart data of the motion; None without a series."""
    motion = AlertMotion.objects.filter(alert=alert).select_related("product").first()
    if motion is None:
        return None
    negative, positive = both_directions(motion.product.component)
    return {
        "sentences": [*curve_sentences(motion, motion.product.component), *season_sentence(motion)],
        "rate": with_uncertainty(motion.rate_mm_yr, motion.rate_sigma_mm_yr),
        "source": data_set_name(motion.product.name),
        "n_dates": motion.n_dates,
        "changes": change_rows(motion.product.component, motion.fit),
        "chart": motion.fit | {"negative_word": negative, "positive_word": positive},
    }


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
        "rows": [_place_row(place) for place in places[:MOST_ROWS]],
        "tilt": tilt_sentence(steepest),
        "outlines": {"type": "FeatureCollection", "features": outlines},
    }


def _place_row(place: Mapping[str, Any]) -> dict[str, str]:
    peak, low, high = (figure(place[f"peak_{name}mm_yr"]) for name in ("rate_", "low_", "high_"))
    half, core = (area_label(area_of(shape(place[level]))) for level in LEVELS)
    # Translators: a range of rates, such as "12 to 16"
    between = _("%(low)s to %(high)s") % {"low": low, "high": high}
    return {"rate": mm_a_year(peak), "between": between, "half": half, "core": core}


def provenance(detection: Detection) -> dict[str, Any]:
    """Return method, thresholds, hashes and model cards of one detection, for the template `_provenance.html`."""
    prediction = detection.scan.prediction
    run, version = prediction.run, prediction.run.model_version
    series = SurgeSeries.objects.filter(detection=detection).first() if detection.kind == Kind.GLACIER_SURGE else None
    thresholds = series.rule if series else detection.scan.thresholds
    region = detection.extent == Extent.REGION
    return {
        "method": _("wide look, without learning") if region else method_name(version.method),
        # Translators: %(version)s is the version of a model, %(device)s is "cpu" or "cuda"
        "run_version": _("%(version)s, code %(code)s, on %(device)s")
        % {"version": version, "code": run.code_version, "device": run.device},
        "weights_sha256": "" if region else version.weights_sha256,
        "input_sha256": run.input_sha256,
        "raster_sha256": prediction.raster_sha256,
        "thresholds": [] if region else [(name.replace("_", " "), value) for name, value in thresholds.items()],
        "series": _series(series) if series else "",
        "model_cards": _model_cards(detection),
    }


def _series(series: SurgeSeries) -> str:
    n = len(series.predictions)
    pairs = ngettext("%(n)s pair of images of %(glacier)s", "%(n)s pairs of images of %(glacier)s", n)
    return pairs % {"n": n, "glacier": series.glacier}


def _model_cards(detection: Detection) -> list[str]:
    """Return the documents that describe a method: its data, figures and limits."""
    version = detection.scan.prediction.run.model_version
    name = version.method if version.method in OWN_CARDS else version.task.removesuffix("-change")
    names = [name, *(["surges"] if detection.kind == Kind.GLACIER_SURGE else [])]
    return [f"docs/models/{one}.md" for one in names]
