"""Agreement about an alert: method by method, and track by track."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.kinds import Family, family
from detection.models import Alert, AlertMethods, Detection
from detection.selectors import scans_beside
from ingest.models import Product
from monitor.wording.components import component_label, direction
from monitor.wording.figures import figure, mm_a_year, percent
from monitor.wording.images import data_set_name, method_name

SURE, HINT = 0.99, 0.1  # of a method's own scores: where it is clear, and where there is something at all


HOW = {
    "model": gettext_lazy("It has learnt from simulated ground what motion looks like among errors."),
    "matched-filter": gettext_lazy(
        "No learning: the mean rate of the ground against the scatter around it, at several sizes."
    ),
    "ada": gettext_lazy(
        "No learning: five or more points close together that move faster than most points of the map."
    ),
}


def method_block(alert: Alert, detections: Sequence[Detection]) -> dict[str, Any] | None:
    """Return a sentence and a row for each method; None where no other method covers this ground."""
    kept = AlertMethods.objects.filter(alert=alert).first()
    if kept is None or not kept.looks or not detections:
        return None
    best = max(detections, key=lambda one: one.score)
    own = {"method": best.scan.prediction.run.model_version.method, "score": best.score, "share": 1.0}
    methods = [own, *kept.looks]
    return {
        "sentence": _counted(sum(one["share"] > 0 for one in methods), len(methods)),
        "rows": [_method_row(one, own=one is own) for one in methods],
    }


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
    return {"name": capfirst(method_name(name)), "how": str(HOW.get(name, "")), "answer": answer, "share": share}


def _answer(score: float, share: float) -> str:
    if share > 0:
        return _("flags it clearly") if score >= SURE else _("flags it")
    return _("sees a hint of it, too weak to count") if score >= HINT else _("does not see it")


def agreement_rows(alert: Alert, detections: Sequence[Detection]) -> list[dict[str, Any]]:
    """Return a row for each velocity field on this ground: whether its own points show the motion."""
    if family(alert.kind) is not Family.VELOCITY:
        return []
    flagged = {
        one["product"]: _track_row(one) for detection in detections for one in detection.reasons if "product" in one
    }
    beside = [scan.prediction.run.product for scan in scans_beside(alert=alert)]
    others = {product.name: _not_flagged(product) for product in beside if product.name not in flagged}
    rows = [*flagged.values(), *others.values()]
    return rows if len(rows) > 1 else []


def agreement_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """Count how many of `agreement_rows` show the motion by themselves, in one sentence."""
    counts = {"n": sum(row["shows"] for row in rows), "total": len(rows)}
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
    """reason: of one track, as `ml.statistics.reasons` gives it."""
    rate, component = reason["rate_mm_yr"], reason["component"]
    answer = _("shows it by itself") if reason["seen"] else _("not clear by itself")
    moves = "" if rate is None else ", ".join([mm_a_year(figure(rate)), direction(component, rate)])
    return _row(reason["product"], component) | {
        "shows": bool(reason["seen"]),
        "answer": answer,
        "moves": moves,
        "n_points": reason["n_points"],
    }


def _not_flagged(product: Product) -> dict[str, Any]:
    blank = {"shows": False, "answer": _("not flagged"), "moves": "", "n_points": ""}
    return _row(product.name, product.component) | blank


def _row(name: str, component: str) -> dict[str, Any]:
    return {"source": data_set_name(name), "component": component_label(component)}
