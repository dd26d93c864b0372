"""An alert is found again from what is stored of its runs, and compared with what it says. Nothing is written."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import connection, transaction
from shapely import MultiPolygon, from_wkb, unary_union
from shapely.geometry.base import BaseGeometry

from detection.alerts.describe import describe
from detection.kinds import Kind
from detection.models import Alert, Detection, Scan
from detection.search.areas import SEARCHES
from detection.selectors import detections_current
from ingest.errors import InputError
from ml.models import Run
from ml.rasters.results import NotRepeatable, RasterResult
from ml.runtime.code_version import code_version
from ml.stored import StoredRaster

LEAST_IOU = 0.99
RELATIVE = 0.005  # of a figure: the rounding of another processor is far below
ROUNDING = {"mm_yr": 0.05, "m_day": 0.005, "sigma": 0.05, "score": 0.005, "days": 0.5}  # by the end of a name
FIGURES = (
    "rate_mm_yr",
    "peak_rate_mm_yr",
    "speed_m_day",
    "peak_speed_m_day",
    "change_sigma",
    "area_m2",
    "score",
    "n_points",
)


class Outcome(StrEnum):
    SAME = "same"
    DIFFERENT = "different"
    IMPOSSIBLE = "not recomputed"


class Difference(NamedTuple):
    """A figure of the alert, or of one of its detections, as it is stored and as it came out now."""

    name: str
    stored: Any
    recomputed: Any


class Recomputation(NamedTuple):
    """iou: intersection over union of both outlines, 0-1; None where something is missing for it. runs: by whom and
    from what; notes: what differs on this machine and made no difference by itself.
    """

    outcome: Outcome
    iou: float | None
    differences: list[Difference]
    missing: list[str]
    notes: list[str]
    runs: list[dict[str, Any]]


Again = Callable[[Run], RasterResult]


class Recomputer:
    """Finds alerts again; a run that serves several alerts is done once. again: does a run again, or NotRepeatable."""

    def __init__(self, again: Again) -> None:
        self.again = again
        self._found: dict[int, list[Detection]] = {}

    def recompute(self, alert: Alert) -> Recomputation:
        """Do the runs that the alert stands on again, search them and compare, in a transaction that cannot write."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            return self._recompute(alert)

    def _recompute(self, alert: Alert) -> Recomputation:
        stored = list(detections_current(alert=alert))
        runs = [_provenance(scan.prediction.run, scan) for scan in _scans(stored)]
        missing, found = list(_not_standing(alert, stored)), []
        if not missing:
            for scan in _scans(stored):
                try:
                    found += self._twins(scan, [one for one in stored if one.scan_id == scan.pk])
                except (NotRepeatable, InputError) as fault:
                    missing.append(str(fault))
        if missing:
            return Recomputation(Outcome.IMPOSSIBLE, None, [], missing, [], runs)
        notes = [note for scan in _scans(stored) for note in _notes(scan)]
        again = [twin for _, twin in found if twin is not None]
        if not again:
            lost = [Difference("detections", len(stored), 0)]
            return Recomputation(Outcome.DIFFERENT, 0.0, lost, [], notes, runs)
        columns = describe(again)
        outline = overlap(_shape(alert.area), _shape(columns.pop("area")))
        differences = [*_of_columns(alert, columns), *(one for pair in found for one in _of_detection(*pair))]
        same = outline >= LEAST_IOU and not differences
        return Recomputation(Outcome.SAME if same else Outcome.DIFFERENT, outline, differences, [], notes, runs)

    def _twins(self, scan: Scan, stored: Sequence[Detection]) -> list[tuple[Detection, Detection | None]]:
        """Each stored detection of a run with the one that it comes out as now; None where nothing does."""
        run = scan.prediction.run
        if run.pk not in self._found:
            self._found[run.pk] = _searched(scan, self.again(run))
        twins: list[tuple[Detection, Detection | None]] = []
        for one in stored:
            place = _shape(one.area)
            shared = [(overlap(place, _shape(other.area)), other) for other in self._found[run.pk]]
            best = max(shared, key=lambda pair: pair[0], default=(0.0, None))
            twins.append((one, best[1] if best[0] > 0 else None))
        return twins


def overlap(one: BaseGeometry, other: BaseGeometry) -> float:
    """Intersection over union of two areas, 0-1."""
    union = one.union(other).area
    return float(one.intersection(other).area / union) if union > 0 else 0.0


def _searched(scan: Scan, result: RasterResult) -> list[Detection]:
    """What a search with the stored thresholds finds in a result that is in memory only."""
    prediction = copy.copy(scan.prediction)
    prediction.statistics, prediction.regions = result.statistics, list(result.regions)
    way = SEARCHES[prediction.run.model_version.task]
    raster = StoredRaster(result.bands, result.transform, result.epsg)
    detections = way.find(prediction, raster, type(way.thresholds)(**scan.thresholds))
    for detection in detections:
        detection.scan = scan
    return detections


def _not_standing(alert: Alert, stored: Sequence[Detection]) -> Iterator[str]:
    """Why an alert cannot be found again whatever is stored of its runs."""
    if alert.kind == Kind.GLACIER_SURGE:
        yield "a surge is found in the series of all pairs of its glacier, not in runs alone"
    elif not stored:
        yield "no newest run of any product or pair shows it any more: newer runs have superseded those that did"
    elif overlap(_shape(alert.area), _shape(*(one.area for one in stored))) < LEAST_IOU:
        yield "its outline is from runs that newer ones have superseded"
    for scan in _scans(stored):
        way = SEARCHES[scan.prediction.run.model_version.task]
        changed = set(way.thresholds._asdict()) ^ set(scan.thresholds)
        if changed:
            yield f"the thresholds of the search have changed: {', '.join(sorted(changed))}"


def _notes(scan: Scan) -> Iterator[str]:
    run, today = scan.prediction.run, SEARCHES[scan.prediction.run.model_version.task].thresholds._asdict()
    changed = [
        f"{name} was {value}, today {today[name]}" for name, value in scan.thresholds.items() if today[name] != value
    ]
    if changed:
        yield f"run {run.pk}: searched with its own thresholds ({'; '.join(changed)})"
    if run.code_version != code_version():
        yield f"run {run.pk}: made by code {run.code_version}, done again by {code_version()}"
    if scan.code_version not in {run.code_version, code_version()}:
        yield f"run {run.pk}: searched by code {scan.code_version or 'of an earlier release'}"


def _provenance(run: Run, scan: Scan) -> dict[str, Any]:
    """What a run was made from and with, for the record."""
    return {
        "run": run.pk,
        "input": str(run.input),
        "input_sha256": run.input_sha256,
        "method": str(run.model_version),
        "weights_sha256": run.model_version.weights_sha256,
        "code_version": run.code_version,
        "device": run.device,
        "parameters": run.parameters,
        "thresholds": scan.thresholds,
    }


def _of_columns(alert: Alert, columns: Mapping[str, Any]) -> Iterator[Difference]:
    for name, value in columns.items():
        if name != "class_shares" and not _alike(name, getattr(alert, name), value):
            yield Difference(name, _plain(getattr(alert, name)), _plain(value))
    shares = columns.get("class_shares", alert.class_shares)
    for name in sorted(shares | alert.class_shares):
        if not _alike("score", alert.class_shares.get(name), shares.get(name)):
            yield Difference(f"share of {name}", alert.class_shares.get(name), shares.get(name))


def _of_detection(stored: Detection, again: Detection | None) -> Iterator[Difference]:
    label = f"run {stored.scan.prediction.run_id}"
    if again is None:
        yield Difference(f"{label}: area", "found", "not found")
        return
    for name in FIGURES:
        one, other = getattr(stored, name), getattr(again, name)
        if not _alike(name, one, other):
            yield Difference(f"{label}: {name}", one, other)


def _alike(name: str, stored: Any, again: Any) -> bool:
    """Whether two figures are equal within rounding, and anything else is equal."""
    if not (isinstance(stored, int | float) and isinstance(again, int | float)):
        return bool(_plain(stored) == _plain(again))
    absolute = next((step for end, step in ROUNDING.items() if name.endswith(end)), 0.0)
    return math.isclose(stored, again, rel_tol=RELATIVE, abs_tol=absolute)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _scans(detections: Sequence[Detection]) -> list[Scan]:
    return list({one.scan_id: one.scan for one in detections}.values())


def _shape(*areas: Any) -> MultiPolygon:
    """One area, or the union of several, as the database keeps them."""
    return unary_union([from_wkb(bytes(area.wkb)) for area in areas])
