"""Blocks of an alert's page: motion, fastest places, reports of residents, agreement, and provenance."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from shapely import from_wkb
from shapely.geometry import shape

from detection.kinds import Extent, Family, Kind, family
from detection.models import Alert, AlertMethods, AlertMotion, Detection, SealedEvidence, SurgeSeries
from detection.selectors import evidence_of, scans_beside
from ground_motion.core.areas import area_of
from ml.models import Prediction
from monitor.maps.imaging.charts import zero_mm
from monitor.subscribers.reports.selectors import NEAR_M, reports_near
from monitor.wording.components import both_directions, component_label, direction
from monitor.wording.dates import month_words
from monitor.wording.families.changes import change_rows, season_sentence
from monitor.wording.figures import area_label, figure, mm_a_year, percent, whole
from monitor.wording.images import data_set_name, method_name
from monitor.wording.points import tilt_sentence

MAX_ROWS = 8  # rows of the table of places
MIN_CHANGED = 0.1  # share of an outline; smaller changes of it are not drawn
SEAL_DIGITS = 16  # Pages and addresses state this many digits of the seal.
Why = SealedEvidence.Why
WHY_UNSEALED = {
    Why.BY_HAND: gettext_lazy("People set the figures of this alert, so its evidence cannot be sealed."),
    Why.PAST: gettext_lazy("The latest run does not show this alert, so its evidence cannot be sealed."),
    Why.POINTS: gettext_lazy("The points of this alert were deleted, so its evidence cannot be sealed."),
    Why.OTHER_CODE: gettext_lazy(
        "The present program does not compute the same figures, so the evidence of this alert cannot be sealed."
    ),
    Why.LARGE: gettext_lazy("The data of this alert are too large to be sealed."),
}
LEVELS = ("half", "core")  # outlines inside the alert's own
OWN_CARDS = frozenset({"matched-filter", "multi-kernel"})  # methods with a model card of their own
SURE, HINT = 0.99, 0.1  # a method's scores above which a place is flagged clearly, and above which there is a hint


@dataclass(frozen=True)
class Motion:
    """Motion of an alert: sentences on its seasons, the table of changes, and the data of its chart."""

    sentences: list[str]
    source: str
    n_dates: int
    changes: list[dict[str, str]]
    chart: dict[str, Any]


@dataclass(frozen=True)
class Places:
    """Fastest places of an alert: rows of the table, a sentence on the tilt, and outlines for the map."""

    rows: list[dict[str, str]]
    tilt: str
    outlines: dict[str, Any]


@dataclass(frozen=True)
class Provenance:
    """What a detection was made from and with. weights_sha256, series: empty where there are none."""

    prediction: Prediction
    method: str
    run_version: str
    weights_sha256: str
    thresholds: list[tuple[str, Any]]
    series: str
    model_cards: list[str]


@dataclass(frozen=True)
class Sealed:
    """Sealed evidence of an alert. digits: the first of the seal, in groups; address: to print.

    why: why there is none of its present figures, in sentences; with a file, that is of earlier figures.
    """

    why: str
    url: str = ""
    address: str = ""
    name: str = ""
    size_bytes: int = 0
    seal: str = ""
    digits: str = ""
    stamped_at: datetime | None = None


@dataclass(frozen=True)
class Told:
    """A sentence, and the rows of the table or list that it sums up."""

    sentence: str
    rows: Sequence[dict[str, Any]]


def motion_block(motion: AlertMotion) -> Motion:
    """Return what is told of an alert's motion."""
    negative, positive = both_directions(motion.product.component)
    return Motion(
        season_sentence(motion),
        data_set_name(motion.product.name),
        motion.n_dates,
        change_rows(motion.product.component, motion.fit),
        motion.fit
        | {
            "negative_word": negative,
            "positive_word": positive,
            "zero_mm": zero_mm(motion.fit["fit_mm"], motion.fit["displacement_mm"]),
        },
    )


def places_block(detections: Sequence[Detection]) -> Places | None:
    """Return the fastest places in the fastest detection; None without places."""
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
    rows = [_place_row(place) for place in places[:MAX_ROWS]]
    return Places(rows, tilt_sentence(steepest), {"type": "FeatureCollection", "features": outlines})


def first_outline(alert: Alert) -> dict[str, Any] | None:
    """Return the outline of an alert when it was first found, a GeoJSON feature; None if it is much the same today."""
    first = alert.detections.order_by("pk").first()
    if first is None:
        return None
    before, now = (from_wkb(bytes(area.wkb)).buffer(0) for area in (first.area, alert.area))
    if before.symmetric_difference(now).area < MIN_CHANGED * now.area:
        return None
    return {"type": "Feature", "geometry": json.loads(first.area.geojson), "properties": {"level": "before"}}


def _place_row(place: Mapping[str, Any]) -> dict[str, str]:
    peak, low, high = (figure(place[f"peak_{name}mm_yr"]) for name in ("rate_", "low_", "high_"))
    half, core = (area_label(area_of(shape(place[level]))) for level in LEVELS)
    # Translators: a range of rates, such as "12 to 16"
    between = _("%(low)s to %(high)s") % {"low": low, "high": high}
    return {"rate": mm_a_year(peak), "between": between, "half": half, "core": core}


def provenance(detection: Detection) -> Provenance:
    """Return the method, thresholds, hashes and model cards behind a detection."""
    prediction = detection.scan.prediction
    run, version = prediction.run, prediction.run.model_version
    series = SurgeSeries.objects.filter(detection=detection).first() if detection.kind == Kind.GLACIER_SURGE else None
    thresholds = series.rule if series else detection.scan.thresholds
    region, surge = detection.extent == Extent.REGION, detection.kind == Kind.GLACIER_SURGE
    card = version.method if version.method in OWN_CARDS else version.task.removesuffix("-change")
    # Translators: %(version)s is the version of a model, %(device)s is "cpu" or "cuda"
    run_version = _("%(version)s, code %(code)s, on %(device)s")
    n_pairs = len(series.predictions) if series else 0
    pairs = ngettext("%(n)s pair of images of %(glacier)s", "%(n)s pairs of images of %(glacier)s", n_pairs)
    return Provenance(
        prediction,
        method=_("search of wide areas, without learning") if region else method_name(version.task, version.method),
        run_version=run_version % {"version": version, "code": run.code_version, "device": run.device},
        weights_sha256="" if region else version.weights_sha256,
        thresholds=[] if region else [(name.replace("_", " "), value) for name, value in thresholds.items()],
        series=pairs % {"n": n_pairs, "glacier": series.glacier} if series else "",
        model_cards=[f"docs/models/{name}.md" for name in (card, *(["surges"] if surge else []))],
    )


def sealed_block(alert: Alert) -> Sealed:
    """Return the evidence by which everybody can compute an alert's figures again, or why there is none."""
    if family(alert.kind) is not Family.VELOCITY or alert.extent != Extent.LOCAL:
        return Sealed(_("There is sealed evidence only for alerts of one place that rest on a velocity field."))
    now, last = evidence_of(alert=alert)
    why = "" if now else _("The evidence of this alert is not sealed yet.")
    if now and now.why:
        why = str(WHY_UNSEALED[Why(now.why)])
    sealed = last if why else now
    if sealed is None:
        return Sealed(why)
    if why:
        day = date_format(timezone.localtime(sealed.checked_at), "DATE_FORMAT")
        why = _("This package is of earlier figures, sealed %(day)s.") % {"day": day} + f" {why}"
    digits = sealed.seal[:SEAL_DIGITS]
    url = reverse("alert-evidence", args=[alert.code, digits])
    return Sealed(
        why,
        url,
        f"{settings.PUBLIC_URL}{url}",
        f"{alert.code}.zip",
        sealed.size_bytes,
        sealed.seal,
        " ".join(digits[at : at + 4] for at in range(0, SEAL_DIGITS, 4)),
        sealed.stamped_at,
    )


def method_block(alert: Alert, detections: Sequence[Detection]) -> Told | None:
    """Return a sentence on how many methods flag an alert, and a row for each; None if only one method covers it."""
    kept = AlertMethods.objects.filter(alert=alert).first()
    if kept is None or not kept.looks or not detections:
        return None
    best = max(detections, key=lambda one: one.score)
    own = {"method": best.scan.prediction.run.model_version.method, "score": best.score, "share": 1.0}
    methods = [own, *kept.looks]
    counted = _counted(sum(method["share"] > 0 for method in methods), len(methods))
    return Told(counted, [_method_row(method, own=method is own) for method in methods])


def _counted(n_flag: int, n: int) -> str:
    counts = {"n": n_flag, "total": n}
    if n_flag == n:
        return _("Both methods flag this place.") if n == 2 else _("All %(total)s methods flag this place.") % counts
    if n_flag == 0:
        some = _("None of %(total)s methods flags this place.")
    else:
        some = ngettext(
            "%(n)s of %(total)s methods flags this place.", "%(n)s of %(total)s methods flag this place.", n_flag
        )
    silent = _("The simpler ones often miss slow or wide motion: that they are silent does not disprove it.")
    return f"{some % counts} {silent}"


def _method_row(method: Mapping[str, Any], own: bool) -> dict[str, str]:
    name = method["method"]
    share = ""
    if own:
        share = _("drew the outline")
    elif method["share"]:
        share = _("%(share)s of the outline") % {"share": percent(method["share"])}
    answer = _answer(method["score"], method["share"])
    return {"name": capfirst(method_name("deformation", name)), "answer": answer, "share": share}


def _answer(score: float, share: float) -> str:
    if share > 0:
        return _("flags it clearly") if score >= SURE else _("flags it")
    return _("sees a hint of it, too weak to count") if score >= HINT else _("does not see it")


def reports_block(alert: Alert) -> Told | None:
    """Return a sentence on the accepted reports of residents near an alert, and their kinds by month; None if none."""
    reports = list(reports_near(area=alert.area))
    if not reports:
        return None
    # Translators: %(month)s is "May 2026"
    sentence = ngettext(
        "%(n)s report of a resident within %(near)s m, from %(month)s.",
        "%(n)s reports of residents within %(near)s m since %(month)s.",
        len(reports),
    )
    counts = {"n": whole(len(reports)), "near": whole(NEAR_M), "month": month_words(reports[0].seen_on)}
    by_month = Counter((month_words(report.seen_on), report.get_kind_display()) for report in reports)
    rows = [{"month": month, "kind": kind, "n": n} for (month, kind), n in by_month.items()]
    return Told(sentence % counts, rows)


def agreement_block(alert: Alert, detections: Sequence[Detection]) -> Told | None:
    """Return a row per velocity field at an alert: does it show the motion by itself? None for fewer than two."""
    if family(alert.kind) is not Family.VELOCITY or not alert.is_measured:
        return None
    flagged = {
        reason["product"]: _track_row(reason)
        for detection in detections
        for reason in detection.reasons
        if "product" in reason
    }
    beside = [scan.prediction.run.its_product for scan in scans_beside(alert=alert)]
    blank = {"shows": False, "answer": _("not flagged"), "moves": "", "n_points": ""}
    others = {one.name: _named(one.name, one.component) | blank for one in beside if one.name not in flagged}
    rows = [*flagged.values(), *others.values()]
    return Told(agreement_sentence(sum(row["shows"] for row in rows), len(rows)), rows) if len(rows) > 1 else None


def agreement_sentence(n: int, total: int) -> str:
    """Return a sentence on how many velocity fields show the motion by themselves."""
    counts = {"n": n, "total": total}
    if counts["n"] == counts["total"] == 2:
        return _("Both sets of measurements show it, each by itself.")
    if counts["n"] == counts["total"]:
        return _("All %(total)s sets of measurements show it, each by itself.") % counts
    if counts["n"] == 0:
        return _("None of %(total)s sets of measurements shows it by itself.") % counts
    some = ngettext(
        "%(n)s of %(total)s sets of measurements shows it by itself.",
        "%(n)s of %(total)s sets of measurements show it, each by itself.",
        counts["n"],
    )
    return some % counts


def _track_row(reason: Mapping[str, Any]) -> dict[str, Any]:
    rate, component = reason["rate_mm_yr"], reason["component"]
    answer = _("shows it by itself") if reason["seen"] else _("not clear by itself")
    way = [direction(component, rate)] if reason["seen"] and rate is not None else []
    moves = "" if rate is None else ", ".join([mm_a_year(figure(rate)), *way])
    return _named(reason["product"], component) | {
        "shows": bool(reason["seen"]),
        "answer": answer,
        "moves": moves,
        "n_points": reason["n_points"],
    }


def _named(name: str, component: str) -> dict[str, Any]:
    return {"source": data_set_name(name), "component": component_label(component)}
