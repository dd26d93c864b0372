"""What stored runs lead to when they are done again: detections of a run or of a glacier's series. Nothing is saved."""

import copy
from collections.abc import Callable
from typing import NamedTuple

from shapely import from_wkb

from detection.alerts.glaciers import Sampled, measured, surges_in
from detection.glaciers.cells import cells_of, pack
from detection.glaciers.selectors import glaciers_in, samples_by_view
from detection.kinds import Kind
from detection.models import Detection, GlacierSample, SurgeSeries
from detection.search.areas import SEARCHES
from ingest.models import Glacier
from ml.models import ModelVersion, Prediction, Run
from ml.rasters.results import NotRepeatable, RasterResult
from ml.stored import StoredRaster

Again = Callable[[Run], RasterResult]
WITH_INPUT = ("scan", "run__model_version", "run__pair__reference", "run__pair__secondary")


class Done(NamedTuple):
    """What is kept of a run that was done again. samples: by the row of the glacier, packed as `cells` says."""

    detections: list[Detection]
    samples: dict[int, bytes]


class Series(NamedTuple):
    """The offsets that a surge was found in, oldest first."""

    glacier: Glacier
    predictions: list[Prediction]


class Reruns:
    """Runs that are done once each, however many alerts stand on them. again: does one, or raises NotRepeatable."""

    def __init__(self, again: Again) -> None:
        self.again = again
        self._done: dict[int, Done] = {}
        self._surges: dict[tuple[int, ...], list[Detection]] = {}

    def detections(self, stored: Detection) -> list[Detection]:
        """Everything that is found in the run of a stored detection now; of a surge, in its series."""
        if stored.kind != Kind.GLACIER_SURGE:
            return self._of(stored.scan.prediction).detections
        series = series_of(stored)
        key = (series.glacier.pk, *(one.pk for one in series.predictions))
        if key not in self._surges:
            self._surges[key] = self._surges_in(series)
        return [one for one in self._surges[key] if one.scan.pk == stored.scan_id]

    def _surges_in(self, series: Series) -> list[Detection]:
        glacier, known = series.glacier, [(one, self._of(one).samples) for one in series.predictions]
        rows = [
            GlacierSample(glacier=glacier, prediction=prediction, packed=samples[glacier.pk])
            for prediction, samples in known
            if glacier.pk in samples
        ]
        return surges_in(Sampled(glacier, cells_of(from_wkb(bytes(glacier.outline.wkb))), rows))

    def _of(self, prediction: Prediction) -> Done:
        run = prediction.run
        if run.pk not in self._done:
            result = self.again(run)
            raster = StoredRaster(result.bands, result.transform, result.epsg)
            self._done[run.pk] = Done(_searched(prediction, result, raster), _samples(run, raster))
        return self._done[run.pk]


def runs_behind(stored: Detection) -> list[Run]:
    """The runs that a stored detection stands on. NotRepeatable where not all of them are known any more."""
    if stored.kind == Kind.GLACIER_SURGE:
        return [one.run for one in series_of(stored).predictions]
    return [stored.scan.prediction.run]


def series_of(stored: Detection) -> Series:
    """What a surge was found in; of one of an earlier release, which did not record it, the series of today.

    NotRepeatable where a part of it is no longer there.
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
    return Series(kept.glacier, [there[number] for number in kept.predictions])


def _series_today(stored: Detection) -> Series:
    samples = GlacierSample.objects.filter(
        prediction=stored.scan.prediction_id, glacier__shown=True, glacier__outline__intersects=stored.area
    )
    for sample in samples.select_related("glacier"):
        for rows in samples_by_view(glacier=sample.glacier).values():
            if any(row.prediction_id == sample.prediction_id for row in rows):
                return Series(sample.glacier, [row.prediction for row in rows])
    raise NotRepeatable("no measurement of its glacier is kept for this pair", "missing: samples of the glacier")


def _searched(prediction: Prediction, result: RasterResult, raster: StoredRaster) -> list[Detection]:
    """What a search with the stored thresholds finds in a result that is in memory only."""
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


def _samples(run: Run, raster: StoredRaster) -> dict[int, bytes]:
    """What offsets show of every glacier, with the outlines that are loaded now."""
    if run.model_version.task != ModelVersion.Task.OFFSETS:
        return {}
    samples = measured(raster, run.pair, list(glaciers_in(pair=run.pair))).samples
    return {number: pack(motion) for number, motion in samples.items()}
