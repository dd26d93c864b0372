"""One alert per moving place, through all sightings and newer runs; a search that fails holds no other one up."""

import ast
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from detection import selectors, tasks
from detection.alerts import services
from detection.models import Alert, AlertTransition, Detection, Scan
from detection.rules.lifecycle import State
from detection.search import areas
from ground_motion.readers.records import Declaration, Submission
from ingest.foundation.locks import Lock
from ingest.models import Product, SimulatedTruth, StepFailure
from ingest.products.services import product_load
from lab.sources import tree
from ml.models import Prediction, Run
from ml.runs import services as ml_services
from tests.fixtures.servers import OWN_LOCKS
from tests.makers.towns import town, write_points
from tests.makers.watching import run_all, watch
from tests.service.ingest.readers.test_real_sets import named_by_number

pytestmark = pytest.mark.django_db


@pytest.fixture
def first_scan(filled_once, simulated_tracks) -> Scan:
    """The first track watched."""
    filled_once("first track", lambda: watch(simulated_tracks[0]))
    return Scan.objects.get()


def test_one_track_opens_one_alert_per_place_with_its_first_transition_and_figures_of_its_points(first_scan):
    assert first_scan.n_detections == Alert.objects.count() >= 3
    for alert in Alert.objects.all():
        (transition,) = alert.transitions.all()
        assert (transition.from_state, transition.to_state) == ("", "first")
        assert "track 901" in transition.reason
        assert alert.simulated
        assert alert.rate_sigma_mm_yr > 0
        (detection,) = alert.detections.all()
        low, peak, high = (abs(alert.peak_low_mm_yr), abs(alert.peak_rate_mm_yr), abs(alert.peak_high_mm_yr))
        assert low <= peak <= high
        assert alert.peak_rate_mm_yr == detection.peak_rate_mm_yr
        place = detection.places[0]
        assert place["peak_rate_mm_yr"] == pytest.approx(detection.peak_rate_mm_yr, abs=0.01)
        assert {place[name]["type"] for name in ("motion", "half", "core")} == {"MultiPolygon"}
    before = Detection.objects.count()
    assert services.prediction_scan(prediction=first_scan.prediction) is None  # It is searched once.
    assert Detection.objects.count() == before


def test_the_second_track_joins_the_same_alerts_makes_them_provisional_and_tells_sideways_motion(tracks_in_turn):
    first, second = Scan.objects.order_by("pk")
    codes = {alert.code for alert in Alert.objects.filter(detections__scan=first)}
    assert Detection.objects.count() == first.n_detections + second.n_detections
    provisional = Alert.objects.filter(state=State.PROVISIONAL)
    assert provisional.count() >= 3
    assert {alert.code for alert in provisional} <= codes
    assert AlertTransition.objects.filter(to_state="provisional").count() == provisional.count()

    kinds = sorted(alert.kind for alert in provisional)
    assert kinds == ["subsidence", "subsidence", "unknown", "uplift"]  # mine, groundwater, landslide, mine water


def test_a_change_that_life_does_not_allow_or_that_comes_too_late_is_refused(make_alert):
    alert, stale = make_alert(), Alert.objects.get()
    services.alert_transition(alert=alert, to=State.FINISHED, reason="at rest")
    with pytest.raises(ValueError, match="cannot become"):
        services.alert_transition(alert=alert, to=State.REJECTED, reason="no")
    with pytest.raises(ValueError, match="somebody else"):
        services.alert_transition(alert=stale, to=State.REJECTED, reason="no motion")


def test_predictions_are_searched_side_by_side_and_merged_one_after_the_other(make_egms, monkeypatch):
    states, search = [], services.search
    held = f"SELECT count(*) FROM {OWN_LOCKS} AS lock WHERE locktype = 'advisory' AND (classid, objid) = (0, %s)"

    def watched(prediction):
        with connection.cursor() as cursor:
            cursor.execute(held, [int(Lock.ALERTS)])
            states.append(cursor.fetchone()[0])
        return search(prediction)

    monkeypatch.setattr(services, "search", watched)
    assert [scan.n_detections for scan in watch(make_egms(n=100, velocity_mm_yr=0.2))] == [0]
    assert states == [0]
    assert not Alert.objects.exists()  # still ground


def test_a_prediction_that_cannot_be_read_does_not_hold_up_the_others(three_results):
    first, *others = three_results
    first.raster.storage.delete(first.raster.name)
    tasks.scan_finished_predictions()
    assert list(selectors.predictions_unscanned()) == [first]
    assert {*Detection.objects.values_list("scan__prediction", flat=True)} == {one.pk for one in others}


ROOT = Path(__file__).resolve().parents[3]


def test_no_module_that_detects_names_the_truth():
    for path in (path for package in ("ground_motion", "ml", "detection") for path in (ROOT / package).rglob("*.py")):
        code = ast.unparse(tree(path.read_text(encoding="utf-8")))  # Unparsed code has no comments.
        assert not re.search("simulated_?truth", code, re.IGNORECASE), path


PLACES = {"west": (12.5, 41.9), "middle": (14.0, 41.9), "east": (180.0, -16.8)}
PERIOD = date(2020, 1, 3), date(2024, 12, 31)


def load(path: Path) -> None:
    declared = Declaration(unit="mm/yr", positive="toward", direction="ascending", period=PERIOD)
    product_load(path=path, submission=Submission(declared=declared))


@pytest.fixture
def three_results(filled_once, tmp_path):
    """A run of three products, one of them on both sides of 180 degrees."""

    def fill() -> None:
        for name, place in PLACES.items():
            load(write_points(tmp_path / f"{name}.csv", town(*place)))
        run_all("matched-filter", "deformation")

    filled_once("three towns", fill)
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


def test_a_failing_product_is_named_the_others_are_searched_and_it_is_forgotten_when_it_succeeds(
    three_results, middle_raises
):
    with pytest.raises(CommandError, match=r"middle.*IndexError") as raised:
        call_command("detect")
    assert raised.value.returncode == 1
    assert "1 failed" in str(raised.value)
    assert set(Scan.objects.values_list("prediction", flat=True)) == {three_results[0].pk, three_results[2].pk}
    assert Alert.objects.count() == 2
    (failure,) = StepFailure.objects.all()
    assert (failure.step, failure.subject_id) == (StepFailure.Step.SEARCH, three_results[1].pk)
    middle_raises()
    call_command("detect")
    assert Scan.objects.count() == 3
    assert not StepFailure.objects.exists()


def test_an_alert_on_both_sides_of_180_is_stored_split_and_measured_once(three_results):
    call_command("detect")
    alert = Alert.objects.get(detections__scan__prediction=three_results[2])
    west, east = sorted(alert.area, key=lambda part: part.extent[0])
    assert (west.extent[0], east.extent[2]) == (-180, 180)
    assert alert.area_m2 < 4e6
    assert alert.detections.get().n_points > 100
    assert -30 < alert.peak_rate_mm_yr < -20
    places = alert.detections.get().places
    assert all(place[name]["type"] == "MultiPolygon" for name in ("motion", "half") for place in places)


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


@pytest.mark.long
@pytest.mark.realdata
def test_the_order_in_which_two_tracks_are_loaded_decides_nothing(real_data, tmp_path):
    """The figures of one track of the Doñana were once held against the still ground of the other."""
    folder = real_data / "velocity_real" / "donana_psbas"
    tracks = [named_by_number(folder / f"Sentinel_{name}.shp", tmp_path) for name in ("Asc", "Desc")]
    assert alerts_of(*tracks, method="gls") == alerts_of(*reversed(tracks), method="gls") != []


def test_of_two_runs_on_the_same_tracks_one_counts_whichever_was_loaded_first_and_none_reads_the_truth(watched_region):
    statements = []

    def listen(execute, sql, *rest):
        statements.append(str(sql))
        return execute(sql, *rest)

    first = alerts_taken_away()
    with connection.execute_wrapper(listen):
        assert alerts_of(*reversed(watched_region)) == first != []
    assert not [sql for sql in statements if SimulatedTruth._meta.db_table in sql]


def alerts_of(*paths: Path, **how: str) -> list[dict[str, Any]]:
    """The alerts of tracks that were loaded in this order and searched together; they are deleted again."""
    watch(*paths, **how)
    return alerts_taken_away()


def alerts_taken_away() -> list[dict[str, Any]]:
    alerts = [*Alert.objects.order_by("area").values("kind", "area_m2", "peak_rate_mm_yr", "class_shares")]
    Alert.objects.all().delete()
    Product.objects.all().delete()
    return alerts


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
