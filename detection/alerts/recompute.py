"""Recomputation of an alert by repeating its stored runs, and comparison with its columns. Nothing is written."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import connection, transaction
from shapely import MultiPolygon, from_wkb, unary_union
from shapely.geometry.base import BaseGeometry

from detection.alerts.describe import describe
from detection.alerts.glaciers import Sampled, measure_glaciers, surges_in
from detection.alerts.importance import terms_of
from detection.by_hand import as_computed
from detection.glaciers.cells import cells_of, pack
from detection.glaciers.selectors import glaciers_in, samples_by_view
from detection.kinds import Kind
from detection.models import Alert, Detection, GlacierSample, Scan, SurgeSeries
from detection.rules.importance import severity
from detection.rules.lifecycle import Source, as_json
from detection.rules.severity import Severity
from detection.search.areas import SEARCHES
from detection.selectors import detections_current
from ground_motion.core.areas import polygons_of
from ground_motion.core.errors import InputError, promised
from ground_motion.rasters.results import NotRepeatable, RasterResult
from ground_motion.runtime.code_version import code_version
from ingest.models import Glacier
from ml.models import ModelVersion, Prediction, Run
from ml.runs.stored import StoredRaster

Again = Callable[[Run], RasterResult]
WITH_INPUT = ("scan", "run__model_version", "run__pair__reference", "run__pair__secondary")
MIN_IOU = 0.99
RELATIVE = 0.005  # Rounding errors of another processor are a far smaller share of a figure.
# The keys are endings of figures' names.
ROUNDING = {"mm_yr": 0.05, "m_day": 0.005, "sigma": 0.05, "score": 0.005, "days": 0.5}
RATES = ("rate_mm_yr", "peak_rate_mm_yr", "speed_m_day", "peak_speed_m_day")
FIGURES = (*RATES, "change_sigma", "area_m2", "score", "n_points")


class Outcome(StrEnum):
    """Outcomes of a recomputation."""

    SAME = "same"
    DIFFERENT = "different"
    IMPOSSIBLE = "not recomputed"


class Difference(NamedTuple):
    """Figure of an alert, or of one of its detections, as stored and as recomputed."""

    name: str
    stored: Any
    recomputed: Any


class Missing(NamedTuple):
    """Reason why an alert cannot be found again, in a sentence and in a few words."""

    reason: str
    brief: str


class Recomputation(NamedTuple):
    """Outcome of a recomputation, with all differences.

    iou: intersection over union of the stored and the new outline, 0-1, None if one is missing; runs: inputs, code and
    thresholds of each run; notes: differences in code and thresholds, which alone do not change the outcome.
    """

    outcome: Outcome
    iou: float | None
    differences: list[Difference]
    missing: list[Missing]
    notes: list[str]
    runs: list[dict[str, Any]]

    @property
    def verdict(self) -> str:
        """Return the outcome in a few words: the same, different, or what is missing."""
        if self.missing:
            return "; ".join(dict.fromkeys(gap.brief for gap in self.missing))
        return "the same" if self.outcome is Outcome.SAME else "different"


class Recomputer:
    """Recomputes alerts, and repeats a run only once even if several alerts need it.

    again: repeats a run, or raises NotRepeatable.
    """

    def __init__(self, again: Again) -> None:
        self.again = again
        self._done: dict[int, tuple[list[Detection], dict[int, bytes]]] = {}
        self._surges: dict[tuple[int, ...], list[Detection]] = {}

    def recompute(self, alert: Alert) -> Recomputation:
        """Repeat the runs of an alert, search their results and compare, in a transaction that cannot write."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            return self._recompute(alert)

    def _recompute(self, alert: Alert) -> Recomputation:
        alert, stored = as_computed(alert), list(detections_current(alert=alert))
        missing, runs = list(_not_standing(alert, stored)), list(_runs(stored))
        twins: list[tuple[Detection, Detection | None]] = []
        for detection in [] if missing else stored:
            try:
                twins.append((detection, _twin(detection, self._found_again(detection))))
            except NotRepeatable as fault:
                missing.append(Missing(str(fault), fault.brief))
            except InputError as fault:
                missing.append(Missing(str(fault), f"missing: {fault.path}"))
        if missing:
            return Recomputation(Outcome.IMPOSSIBLE, None, [], list(dict.fromkeys(missing)), [], runs)
        notes = [note for scan in _scans(stored) for note in _notes(scan)]
        again = [twin for _, twin in twins if twin is not None]
        if not again:
            lost = [Difference("detections", len(stored), 0)]
            return Recomputation(Outcome.DIFFERENT, 0.0, lost, [], notes, runs)
        columns = describe(again)
        columns["severity"] = _severity(alert, columns, again)
        outline = overlap(_shape(alert.area), _shape(columns.pop("area")))
        differences = [
            *_column_differences(alert, columns),
            *(difference for pair in twins for difference in _detection_differences(*pair)),
        ]
        same = outline >= MIN_IOU and not differences
        return Recomputation(Outcome.SAME if same else Outcome.DIFFERENT, outline, differences, [], notes, runs)

    def _found_again(self, stored: Detection) -> list[Detection]:
        """Repeat the run of a stored detection (all runs of a surge's series); return the new detections."""
        if stored.kind != Kind.GLACIER_SURGE:
            return self._repeat(stored.scan.prediction)[0]
        glacier, predictions = series_of(stored)
        key = (glacier.pk, *(prediction.pk for prediction in predictions))
        if key not in self._surges:
            known = [(prediction, self._repeat(prediction)[1]) for prediction in predictions]
            rows = [
                GlacierSample(glacier=glacier, prediction=prediction, packed=samples[glacier.pk])
                for prediction, samples in known
                if glacier.pk in samples
            ]
            cells = cells_of(from_wkb(bytes(promised(glacier.outline).wkb)))
            self._surges[key] = surges_in(Sampled(glacier, cells, rows))
        return [detection for detection in self._surges[key] if detection.scan.pk == stored.scan_id]

    def _repeat(self, prediction: Prediction) -> tuple[list[Detection], dict[int, bytes]]:
        """Repeat a run; return its detections, and primary key of a glacier -> velocities, packed by `cells.pack`."""
        run = prediction.run
        if run.pk not in self._done:
            result = self.again(run)
            raster, packed = StoredRaster(result.bands, result.transform, promised(result.epsg)), dict[int, bytes]()
            if run.model_version.task == ModelVersion.Task.OFFSETS:  # The outlines loaded now count.
                _, samples = measure_glaciers(raster, run.its_pair, list(glaciers_in(pair=run.its_pair)))
                packed = {number: pack(motion) for number, motion in samples.items()}
            self._done[run.pk] = _search(prediction, result, raster), packed
        return self._done[run.pk]


def series_of(stored: Detection) -> tuple[Glacier, list[Prediction]]:
    """Return a surge's glacier, and the predictions of offsets in which it was found, oldest first.

    They are those of today if none were recorded (earlier releases). Raises NotRepeatable if a part of them is no
    longer stored.
    """
    kept = SurgeSeries.objects.filter(detection=stored).select_related("glacier").first()
    if kept is None:
        return _series_today(stored)
    if kept.glacier is None or kept.glacier.outline is None:
        raise NotRepeatable("the outline of its glacier is no longer loaded", "missing: outline of the glacier")
    there = Prediction.objects.select_related(*WITH_INPUT).in_bulk(kept.predictions)
    n = len(kept.predictions)
    if gone := n - len(there):
        reason = f"results of {gone} of the {n} pairs that the surge was found in are no longer stored"
        raise NotRepeatable(reason, f"missing: results of {gone} of {n} pairs")
    return kept.glacier, [there[number] for number in kept.predictions]


def _series_today(stored: Detection) -> tuple[Glacier, list[Prediction]]:
    samples = GlacierSample.objects.filter(
        prediction=stored.scan.prediction_id, glacier__shown=True, glacier__outline__intersects=stored.area
    )
    for sample in samples.select_related("glacier"):
        for rows in samples_by_view(glacier=sample.glacier).values():
            if any(row.prediction_id == sample.prediction_id for row in rows):
                return sample.glacier, [row.prediction for row in rows]
    raise NotRepeatable("no measurement of its glacier is kept for this pair", "missing: samples of the glacier")


def _search(prediction: Prediction, result: RasterResult, raster: StoredRaster) -> list[Detection]:
    """Search the raster of a repeated run with the thresholds of its stored scan; return unsaved detections."""
    scan = getattr(prediction, "scan", None)
    if scan is None:
        return []
    shown = copy.copy(prediction)
    shown.statistics, shown.regions = result.statistics, list(result.regions)
    way = SEARCHES[prediction.run.model_version.task]
    detections = way.find(shown, raster, type(way.thresholds)(**scan.thresholds))
    for detection in detections:
        detection.scan = scan
    return detections


def _twin(stored: Detection, found: Sequence[Detection]) -> Detection | None:
    """Return the new detection that overlaps a stored one most; None where none does."""
    place = _shape(stored.area)
    shared = [(share, other) for other in found if (share := overlap(place, _shape(other.area))) > 0]
    return max(shared, key=lambda pair: pair[0])[1] if shared else None


def _severity(alert: Alert, columns: Mapping[str, Any], again: Sequence[Detection]) -> Severity:
    """Return the severity by recomputed columns, with the stored series, exposure and number of views."""
    new = copy.copy(alert)
    for name, value in columns.items():
        if name != "n_views":
            setattr(new, name, value)
    main = [twin for twin in again if twin.peak_rate_mm_yr == new.peak_rate_mm_yr]
    tilts = [place["tilt_low_mm_m_yr"] for twin in main for place in twin.places if "tilt_low_mm_m_yr" in place]
    return severity(new, terms_of(new, (0.0, max(tilts), 0.0) if tilts else None))


def overlap(area: BaseGeometry, other: BaseGeometry) -> float:
    """Return the intersection over union of two areas, 0-1."""
    union = area.union(other).area
    return float(area.intersection(other).area / union) if union > 0 else 0.0


def _not_standing(alert: Alert, stored: Sequence[Detection]) -> Iterator[Missing]:
    """Yield reasons, other than missing runs, why an alert cannot be recomputed."""
    if not stored and alert.source == Source.PERSON:
        yield Missing("a person drew it: no run shows it", "drawn by a person")
    elif not stored:
        reason = "no newest run of any product or pair shows it any more: newer runs have superseded those that did"
        yield Missing(reason, "superseded by newer runs")
    elif overlap(_shape(alert.area), _shape(*(detection.area for detection in stored))) < MIN_IOU:
        yield Missing("its outline is from runs that newer ones have superseded", "superseded by newer runs")
    for scan in _scans(stored):
        way = SEARCHES[scan.prediction.run.model_version.task]
        if changed := ", ".join(sorted(set(way.thresholds._asdict()) ^ set(scan.thresholds))):
            reason = f"the thresholds of the search have changed: {changed}"
            yield Missing(reason, f"thresholds of the search changed: {changed}")


def _runs(stored: Sequence[Detection]) -> Iterator[dict[str, Any]]:
    """Yield the inputs, code and thresholds of each run behind an alert as dicts."""
    runs: dict[int, Run] = {}
    for detection in stored:
        predictions = [detection.scan.prediction]
        if detection.kind == Kind.GLACIER_SURGE:
            with suppress(NotRepeatable):  # It is reported when the runs are repeated.
                _, predictions = series_of(detection)
        runs |= {prediction.run.pk: prediction.run for prediction in predictions}
    for run in runs.values():
        scan = getattr(run.prediction, "scan", None)
        yield {
            "run": run.pk,
            "input": str(run.input),
            "input_sha256": run.input_sha256,
            "method": str(run.model_version),
            "weights_sha256": run.model_version.weights_sha256,
            "code_version": run.code_version,
            "device": run.device,
            "parameters": run.parameters,
            "thresholds": scan.thresholds if scan else {},
        }


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


def _column_differences(alert: Alert, columns: Mapping[str, Any]) -> Iterator[Difference]:
    for name, value in columns.items():  # The stored number of views is a guess in alerts of earlier releases.
        if name not in {"class_shares", "n_views"} and not _alike(name, getattr(alert, name), value):
            yield Difference(name, as_json(getattr(alert, name)), as_json(value))
    shares = columns.get("class_shares", alert.class_shares)
    for name in sorted(shares | alert.class_shares):
        if not _alike("score", alert.class_shares.get(name), shares.get(name)):
            yield Difference(f"share of {name}", alert.class_shares.get(name), shares.get(name))


def _detection_differences(stored: Detection, again: Detection | None) -> Iterator[Difference]:
    label = f"run {stored.scan.prediction.run_id}"
    if again is None:
        yield Difference(f"{label}: area", "found", "not found")
        return
    for name in FIGURES:
        value, other = getattr(stored, name), getattr(again, name)
        if not _alike(name, value, other):
            yield Difference(f"{label}: {name}", value, other)


def _alike(name: str, stored: Any, again: Any) -> bool:
    """Return whether two values are equal, numbers within rounding."""
    if not (isinstance(stored, int | float) and isinstance(again, int | float)):
        return bool(as_json(stored) == as_json(again))
    absolute = next((step for end, step in ROUNDING.items() if name.endswith(end)), 0.0)
    return math.isclose(stored, again, rel_tol=RELATIVE, abs_tol=absolute)


def _scans(detections: Sequence[Detection]) -> list[Scan]:
    return list({detection.scan_id: detection.scan for detection in detections}.values())


def _shape(*areas: Any) -> MultiPolygon:
    """Return one area, or the union of several, as the database stores them."""
    return polygons_of(unary_union([from_wkb(bytes(area.wkb)) for area in areas]))
