"""Whether everything that looked at an alert's ground agrees, track by track."""

from collections.abc import Mapping, Sequence
from typing import Any

from detection.kinds import Family, family
from detection.models import Alert, Detection
from detection.selectors import scans_beside
from ingest.models import Product
from monitor.wording.components import COMPONENT_LABELS, direction
from monitor.wording.figures import figure


def agreement_rows(alert: Alert, detections: Sequence[Detection]) -> list[dict[str, Any]]:
    """A row for each velocity field that shows the ground, whether its points show by themselves that it moves."""
    if family(alert.kind) is not Family.VELOCITY:
        return []
    looked = {one["product"]: _seen(one) for detection in detections for one in detection.reasons if "product" in one}
    beside = [scan.prediction.run.product for scan in scans_beside(alert=alert)]
    others = {product.name: _not_flagged(product) for product in beside if product.name not in looked}
    rows = [*looked.values(), *others.values()]
    return rows if len(rows) > 1 else []


def _seen(reason: Mapping[str, Any]) -> dict[str, Any]:
    """reason: of one track, as `ml.statistics.reasons` gives it."""
    rate, component = reason["rate_mm_yr"], reason["component"]
    moves = "" if rate is None else f"{figure(rate)} mm a year, {direction(component, rate)}"
    answer = "shows it by itself" if reason["seen"] else "not clear by itself"
    return _row(reason["product"], component) | {"answer": answer, "moves": moves, "n_points": reason["n_points"]}


def _not_flagged(product: Product) -> dict[str, Any]:
    return _row(product.name, product.component) | {"answer": "not flagged", "moves": "", "n_points": ""}


def _row(name: str, component: str) -> dict[str, Any]:
    return {"source": name, "component": COMPONENT_LABELS[component]}
