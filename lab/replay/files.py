"""Scenarios played through the whole service: files are read, networks run, rasters searched, alerts made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.test.utils import override_settings

from detection.alerts.glaciers import glacier_follow, glaciers_measure
from detection.alerts.services import prediction_scan
from detection.glaciers.selectors import glaciers_stale, predictions_unmeasured
from detection.selectors import predictions_unscanned
from ground_motion.core.errors import AlreadyLoaded
from ingest.foundation.storage import rasters_in
from ingest.models import Product
from ingest.products.services import product_delete, product_load
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scenes_load
from lab.replay.fields import write_field
from lab.replay.images import Camera
from lab.replay.pairs import glacier_stated
from lab.replay.scenario import REPEAT_DAYS, Event, Measure
from ml.models import ModelVersion
from ml.runs.services import run_execute, runs_queue

Task = ModelVersion.Task
HOUR_SECONDS = 3600.0  # This is longer than any replayed run takes.


class Workshop:
    """Writer of a scenario's files, which also ingests and processes them with the service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.camera = Camera()
        self.last: Path | None = None

    def take_in(self, event: Event) -> None:
        """Write and ingest a file, then run all due tasks; a file loaded before is refused, as by the service."""
        if event.measure is Measure.FIELD:
            self._field(event)
        else:
            self._image(event)
        for prediction in predictions_unscanned():
            prediction_scan(prediction=prediction)
        for prediction in predictions_unmeasured():
            glaciers_measure(prediction=prediction)
        for motion in glaciers_stale():
            glacier_follow(motion=motion)

    def withdraw(self, track: int) -> None:
        """Delete the newest product of a track."""
        product_delete(product=Product.objects.current().filter(track=track).latest("pk"))

    def _field(self, event: Event) -> None:
        if not (event.again and self.last):
            self.last = write_field(self.folder, event.data, event.track, event.made)
        try:
            product_load(path=self.last)
        except AlreadyLoaded:
            return
        _run(Task.DEFORMATION)

    def _image(self, event: Event) -> None:
        if "ice" in event.made:
            glacier_stated()
        if not (event.again and self.last):
            self.last = self.camera.take(self.folder, event.day, event.track, event.made)
        try:
            scenes_load(path=self.last)
        except AlreadyLoaded:
            return
        pairs_make(baselines_days=[REPEAT_DAYS])
        for task in (Task.OFFSETS, Task.COHERENCE, Task.COHERENCE_CHANGE):
            _run(task)


def _run(task: str) -> None:
    for run in runs_queue(method=settings.SCHEDULED_METHODS[task], task=task):
        run_execute(run_id=run.pk)


@contextmanager
def workshop() -> Iterator[Workshop]:
    """Open a workshop in a temporary folder, which is deleted afterwards with the rasters."""
    unseen = override_settings(RUN_BEAT_SECONDS=HOUR_SECONDS)  # Its connection cannot see the run.
    with TemporaryDirectory() as folder, unseen, rasters_in(Path(folder) / "rasters"):
        yield Workshop(Path(folder))
