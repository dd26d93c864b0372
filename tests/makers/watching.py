"""The way of the service in one call: files are loaded, methods run on them, and their results are searched."""

from pathlib import Path

from detection import selectors
from detection.alerts import services
from detection.models import Scan
from ingest.products.services import product_load
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scenes_load
from ml.models import Run
from ml.runs import services as ml_services


def run_all(method: str, task: str | None = None) -> list[Run]:
    """Run a method on everything that it is due on."""
    runs = ml_services.runs_queue(method=method, task=task)
    for run in runs:
        ml_services.run_execute(run_id=run.pk)
    return runs


def search_all() -> list[Scan]:
    """Search every result that has not been searched yet."""
    return [services.prediction_scan(prediction=one) for one in selectors.predictions_unscanned()]


def watch(*paths: Path, method: str = "matched-filter") -> list[Scan]:
    """Load velocity fields, run a method on them and search what it found."""
    for path in paths:
        product_load(path=path)
    run_all(method, "deformation")
    return search_all()


def watch_images(*paths: Path, tracker: str = "model", baselines_days: tuple[int, ...] = (12,)) -> None:
    """Load images and run coherence, its change and a tracker on their pairs."""
    for path in paths:
        scenes_load(path=path)
    pairs_make(baselines_days=[*baselines_days])
    for method, task in (("guarnieri-prati", None), ("robust-z", None), (tracker, "offsets")):
        run_all(method, task)
