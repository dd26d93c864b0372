"""Searches: a result that cannot be searched holds no other one up; places at 180 degrees and far apart."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from detection import tasks
from detection.models import Alert, Scan
from detection.search import areas
from ingest.models import StepFailure
from ingest.products.services import product_load
from ingest.readers.records import Declaration, Submission
from ml.models import Prediction, Run
from ml.runs import services as ml_services
from tests.makers.towns import town, write_points
from tests.makers.watching import run_all

pytestmark = pytest.mark.django_db

PLACES = {"west": (12.5, 41.9), "middle": (14.0, 41.9), "east": (180.0, -16.8)}
PERIOD = date(2020, 1, 3), date(2024, 12, 31)


def load(path: Path) -> None:
    declared = Declaration(unit="mm/yr", positive="toward", direction="ascending", period=PERIOD)
    product_load(path=path, submission=Submission(declared=declared))


@pytest.fixture
def three_results(tmp_path):
    """A run of three products, one of them on both sides of 180 degrees."""
    for name, place in PLACES.items():
        load(write_points(tmp_path / f"{name}.csv", town(*place)))
    run_all("matched-filter", "deformation")
    return list(Prediction.objects.order_by("run__product__pk"))


@pytest.fixture
def middle_raises(three_results, monkeypatch):
    """The search of the middle product raises; the function that was there before puts it right."""
    known = areas.areas_in

    def fails(bands, transform, thresholds):
        if transform.c == middle_west:
            raise IndexError("list index out of range")
        return known(bands, transform, thresholds)

    with areas.opened_bands(three_results[1]) as raster:
        middle_west = raster.transform.c
    monkeypatch.setattr(areas, "areas_in", fails)
    return lambda: monkeypatch.setattr(areas, "areas_in", known)


def test_a_failing_product_is_named_and_the_others_are_searched(three_results, middle_raises, capsys):
    with pytest.raises(CommandError, match=r"middle.*IndexError") as raised:
        call_command("detect")
    assert raised.value.returncode == 1
    assert "1 failed" in str(raised.value)
    assert set(Scan.objects.values_list("prediction", flat=True)) == {three_results[0].pk, three_results[2].pk}
    assert Alert.objects.count() == 2
    (failure,) = StepFailure.objects.all()
    assert (failure.step, failure.subject_id) == (StepFailure.Step.SEARCH, three_results[1].pk)


def test_a_search_that_failed_is_tried_again_and_then_forgotten(three_results, middle_raises):
    with pytest.raises(CommandError):
        call_command("detect")
    middle_raises()
    call_command("detect")
    assert Scan.objects.count() == 3
    assert not StepFailure.objects.exists()


def test_the_scheduled_search_goes_on_too(three_results, middle_raises):
    tasks.scan_finished_predictions()
    assert Scan.objects.count() == 2
    assert StepFailure.objects.get().subject_id == three_results[1].pk


def test_an_alert_on_both_sides_of_180_is_stored_split_and_measured_once(three_results):
    call_command("detect")
    alert = Alert.objects.get(detections__scan__prediction=three_results[2])
    west, east = sorted(alert.area, key=lambda part: part.extent[0])
    assert (west.extent[0], east.extent[2]) == (-180, 180)
    assert alert.area_m2 < 4e6
    assert alert.detections.get().n_points > 100
    assert -30 < alert.peak_rate_mm_yr < -20
    assert all(place[name]["type"] == "MultiPolygon" for name in ("motion", "half") for place in _places(alert))


def _places(alert: Alert) -> list[dict]:
    return alert.detections.get().places


def test_both_towns_of_one_product_are_searched_in_their_windows_of_its_raster(tmp_path):
    places = town(12.5, 41.9), town(24.5, 41.9, seed=2)
    load(write_points(tmp_path / "both.csv", np.concatenate(places)))
    run_all("matched-filter", "deformation")
    prediction = Prediction.objects.get()
    clusters = prediction.statistics["clusters"]
    assert sum(one["cells_known"] for one in clusters) == prediction.statistics["cells_known"] > 400
    call_command("detect")
    alerts = sorted(Alert.objects.all(), key=lambda alert: alert.area.centroid.x)
    assert [alert.area.centroid.x for alert in alerts] == pytest.approx([12.5, 24.5], abs=2e-3)
    assert all(-30 < alert.peak_rate_mm_yr < -20 for alert in alerts)
    assert alerts[1].area_m2 == pytest.approx(alerts[0].area_m2, rel=0.1)


def test_a_failing_run_is_named_and_the_others_are_computed(three_results, monkeypatch):
    known = ml_services.run_work

    def fails(run, device, pieces):
        if "middle" in str(run):
            raise MemoryError
        return known(run, device, pieces)

    monkeypatch.setattr(ml_services, "run_work", fails)
    with pytest.raises(CommandError, match=r"middle.*memory(.|\n)*1 of 3 runs failed"):
        call_command("run", "threshold")
    assert Run.objects.filter(model_version__method="threshold", state=Run.State.SUCCEEDED).count() == 2
