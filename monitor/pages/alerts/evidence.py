"""Evidence for an alert: what runs show of it and were made with, what other methods and tracks say, and its seal."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.alerts.describe import data_end, measured_in
from detection.kinds import Extent, Family, Kind, family
from detection.models import Alert, AlertMethods, Detection, SealedEvidence, SurgeSeries
from detection.rules.lifecycle import LIVING
from detection.selectors import evidence_of, scans_beside
from ground_motion.methods.deformation.decision import as_strong
from ingest.models import Product, ScenePair
from ml.runs.selectors import products_of
from monitor.pages.alerts.pictures import captions
from monitor.wording.cards.cards import AlertCard
from monitor.wording.components import component_label, direction
from monitor.wording.families.changes import WHY
from monitor.wording.families.voice import Evidence as EvidenceWords
from monitor.wording.figures import area_label, figure, mm_a_year, percent, whole
from monitor.wording.images import data_set_name, method_name

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
OWN_CARDS = frozenset({"matched-filter", "multi-kernel"})  # These methods have a model card of their own.
RAREST, ROUNDED_FROM = 1000, 20  # Rarer errors are stated as rarer than this; from 20 on, tens are stated.
SURE, HINT = 0.99, 0.1  # a method's scores above which a place is flagged clearly, and above which there is a hint


class EvidenceRow:
    """What one run shows of an alert, and what it was made from and with.

    likely: how rarely errors alone show it; weights_sha256, series: may be empty.
    """

    def __init__(self, detection: Detection, card: AlertCard) -> None:
        self.detection, self.prediction = detection, detection.scan.prediction
        self.run = run = self.prediction.run
        version = run.model_version
        is_region, is_surge = detection.extent == Extent.REGION, detection.kind == Kind.GLACIER_SURGE
        series = SurgeSeries.objects.filter(detection=detection).first() if is_surge else None
        seen = measured_in(detection)
        self.source = data_set_name(str(seen))
        self.product_url = reverse("product-detail", args=[seen.pk]) if run.product else ""
        self.finding = card.voice.finding(detection, seen)
        self.pictures = captions(detection)
        self.likely = how_likely(self.prediction.statistics, detection)
        self.score = round(detection.score, 2)
        self.area_label = area_label(detection.area_m2)
        self.method = method_name(version.task, version.method)
        self.weights_sha256, self.thresholds = version.weights_sha256, list[tuple[str, Any]]()
        if is_region:
            self.method, self.weights_sha256 = _("search of wide areas, without learning"), ""
        else:
            thresholds = series.rule if series else detection.scan.thresholds
            self.thresholds = [(name.replace("_", " "), value) for name, value in thresholds.items()]
        # Translators: %(version)s is the version of a model, %(device)s is "cpu" or "cuda"
        run_version = _("%(version)s, code %(code)s, on %(device)s")
        self.run_version = run_version % {"version": version, "code": run.code_version, "device": run.device}
        n_pairs = len(series.predictions) if series else 0
        pairs = ngettext("%(n)s pair of images of %(glacier)s", "%(n)s pairs of images of %(glacier)s", n_pairs)
        self.series = pairs % {"n": n_pairs, "glacier": series.glacier} if series else ""
        model_card = version.method if version.method in OWN_CARDS else version.task.removesuffix("-change")
        self.model_cards = [f"docs/models/{name}.md" for name in (model_card, *(["surges"] if is_surge else []))]


class Evidence(NamedTuple):
    """Evidence for an alert. words: of its family; rows: of the runs that show it, the newest data first.

    sources: the data behind the runs.
    """

    words: EvidenceWords
    rows: list[EvidenceRow]
    sources: list[Product | ScenePair]


class Summary(NamedTuple):
    """A sentence, and the rows of the table or list that it sums up."""

    sentence: str
    rows: Sequence[dict[str, Any]]


class Sealed(NamedTuple):
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


def evidence_block(card: AlertCard, detections: Sequence[Detection]) -> Evidence:
    """Return what the runs of detections show of an alert, and what they were made with."""
    words = card.voice.evidence._replace(why=WHY) if card.provisional else card.voice.evidence
    newest_first = sorted(detections, key=lambda one: data_end(one.scan.prediction.run.input), reverse=True)
    sources = [source for detection in detections for source in _sources(detection)]
    return Evidence(words, [EvidenceRow(detection, card) for detection in newest_first], sources)


def _sources(detection: Detection) -> list[Product | ScenePair]:
    """Return the data behind a detection: its run's pair, or its run's product and others that show the motion."""
    run = detection.scan.prediction.run
    if run.pair:
        return [run.pair]
    own, *others = products_of(run=run)
    shown = {reason["product"] for reason in detection.reasons if reason.get("seen")}
    return [own, *(other for other in others if other.name in shown)]


def how_likely(statistics: Mapping[str, Any], detection: Detection) -> str:
    """Describe how rarely errors alone show such a place in such data; empty for wide regions and if it is unknown.

    statistics: of the detection's prediction.
    """
    nulls = [part["null"] for part in statistics.get("clusters", [statistics]) if part.get("null")]
    chances = [as_strong(null, detection.score) for null in nulls]
    known = [chance for chance in chances if chance is not None]
    if not known or len(known) < len(chances) or detection.extent != Extent.LOCAL:
        return ""
    rarity = min(1 / max(sum(known), 1 / RAREST), RAREST)
    words = {"number": whole(round(rarity, -1 if rarity >= ROUNDED_FROM else 0))}
    if rarity >= RAREST:
        return (
            _("Measurement errors alone show a place as clear as this in less than one of %(number)s such data sets.")
            % words
        )
    return (
        _("Measurement errors alone show a place as clear as this in about one of %(number)s such data sets.") % words
    )


def doubt_sentence(alert: Alert) -> str:
    """Return a warning if the data of a living alert were corrected and are not searched yet; else an empty text."""
    seen_in = Detection.every.filter(alert=alert).values("scan__prediction__run__product")
    corrected = Product.every.filter(pk__in=seen_in, withdrawn_at__isnull=False, corrected_by__withdrawn_at=None)
    if alert.state not in LIVING or alert.detections.exists() or not corrected.exclude(corrected_by=None).exists():
        return ""
    return _(
        "The data behind this alert were corrected and are being searched again. Its figures are uncertain for now."
    )


def method_block(alert: Alert, detections: Sequence[Detection]) -> Summary | None:
    """Return a sentence on how many methods flag an alert, and a row for each; None if only one method covers it."""
    kept = AlertMethods.objects.filter(alert=alert).first()
    if kept is None or not kept.looks or not detections:
        return None
    best = max(detections, key=lambda one: one.score)
    own = {"method": best.scan.prediction.run.model_version.method, "score": best.score, "share": 1.0}
    methods = [own, *kept.looks]
    counted = _counted(sum(method["share"] > 0 for method in methods), len(methods))
    return Summary(counted, [_method_row(method, own=method is own) for method in methods])


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


def agreement_block(alert: Alert, detections: Sequence[Detection]) -> Summary | None:
    """Return a row per velocity field at an alert: does it show the motion by itself? None for fewer than two."""
    if family(alert.kind) is not Family.VELOCITY or not alert.is_measured:
        return None
    flagged = {
        reason["product"]: _track_row(reason)
        for detection in detections
        for reason in detection.reasons
        if "product" in reason
    }
    unflagged = [scan.prediction.run.its_product for scan in scans_beside(alert=alert)]
    blank = {"shows": False, "answer": _("not flagged"), "moves": "", "n_points": ""}
    others = {one.name: _named(one.name, one.component) | blank for one in unflagged if one.name not in flagged}
    rows = [*flagged.values(), *others.values()]
    return Summary(agreement_sentence(sum(row["shows"] for row in rows), len(rows)), rows) if len(rows) > 1 else None


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
    )
