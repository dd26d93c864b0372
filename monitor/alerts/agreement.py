"""Whether everything that looked at an alert's ground agrees: method by method, and track by track."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from detection.kinds import Family, family
from detection.models import Alert, AlertMethods, Detection
from detection.selectors import scans_beside
from ingest.models import Product
from monitor.wording.components import COMPONENT_LABELS, direction
from monitor.wording.figures import figure

SURE, HINT = 0.99, 0.1  # of a method's own scores: where it is clear, and where there is something at all
SHOWN = "shows it by itself"
NUMBERS = ("None", "One", "Two", "Three", "Four", "Five")


class MethodWords(NamedTuple):
    """What a method is called, and how it works, for people."""

    name: str
    how: str


METHOD_WORDS = {
    "model": MethodWords("Neural network", "It has learnt from simulated ground what motion looks like among errors."),
    "matched-filter": MethodWords(
        "Matched filter", "No learning: the mean rate of the ground against the scatter around it, at several sizes."
    ),
    "ada": MethodWords(
        "Active deformation areas",
        "No learning: five or more points close together that move faster than most points of the map.",
    ),
}


def method_block(alert: Alert, detections: Sequence[Detection]) -> dict[str, Any] | None:
    """A sentence and a row for each method; None where others have not looked at this ground."""
    kept = AlertMethods.objects.filter(alert=alert).first()
    if kept is None or not kept.looks or not detections:
        return None
    best = max(detections, key=lambda one: one.score)
    own = {"method": best.scan.prediction.run.model_version.method, "score": best.score, "share": 1.0}
    looks = [own, *kept.looks]
    return {
        "sentence": _counted(sum(look["share"] > 0 for look in looks), len(looks)),
        "rows": [_method_row(look, own=look is own) for look in looks],
    }


def _counted(n_flag: int, n: int) -> str:
    if n_flag == n:
        return f"{_all(n)} methods flag this place."
    return (
        f"{_number(n_flag)} of {_number(n).lower()} methods {'flags' if n_flag == 1 else 'flag'} this place. The "
        "simpler ones often miss slow or wide motion: that they are silent does not disprove it."
    )


def _all(n: int) -> str:
    return "Both" if n == 2 else f"All {_number(n).lower()}"


def _number(n: int) -> str:
    return NUMBERS[n] if n < len(NUMBERS) else str(n)


def _method_row(look: Mapping[str, Any], own: bool) -> dict[str, str]:
    name = look["method"]
    words = METHOD_WORDS.get(name, MethodWords(name.replace("-", " ").capitalize(), ""))
    share = "drew the outline" if own else f"{look['share']:.0%} of the outline" if look["share"] else ""
    return words._asdict() | {"answer": _answer(look["score"], look["share"]), "share": share}


def _answer(score: float, share: float) -> str:
    if share > 0:
        return "flags it clearly" if score >= SURE else "flags it"
    return "sees a hint of it, too weak to count" if score >= HINT else "does not see it"


def agreement_rows(alert: Alert, detections: Sequence[Detection]) -> list[dict[str, Any]]:
    """A row for each velocity field that shows the ground, whether its points show by themselves that it moves."""
    if family(alert.kind) is not Family.VELOCITY:
        return []
    looked = {one["product"]: _seen(one) for detection in detections for one in detection.reasons if "product" in one}
    beside = [scan.prediction.run.product for scan in scans_beside(alert=alert)]
    others = {product.name: _not_flagged(product) for product in beside if product.name not in looked}
    rows = [*looked.values(), *others.values()]
    return rows if len(rows) > 1 else []


def agreement_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many of `agreement_rows` show the motion by themselves."""
    n, n_seen = len(rows), sum(row["answer"] == SHOWN for row in rows)
    if n_seen == n:
        return f"{_all(n)} sets of measurements show it, each by itself."
    shows = "shows it by itself" if n_seen < 2 else "show it, each by itself"
    return f"{_number(n_seen)} of {_number(n).lower()} sets of measurements {shows}."


def _seen(reason: Mapping[str, Any]) -> dict[str, Any]:
    """reason: of one track, as `ml.statistics.reasons` gives it."""
    rate, component = reason["rate_mm_yr"], reason["component"]
    moves = "" if rate is None else f"{figure(rate)} mm a year, {direction(component, rate)}"
    answer = SHOWN if reason["seen"] else "not clear by itself"
    return _row(reason["product"], component) | {"answer": answer, "moves": moves, "n_points": reason["n_points"]}


def _not_flagged(product: Product) -> dict[str, Any]:
    return _row(product.name, product.component) | {"answer": "not flagged", "moves": "", "n_points": ""}


def _row(name: str, component: str) -> dict[str, Any]:
    return {"source": name, "component": COMPONENT_LABELS[component]}
