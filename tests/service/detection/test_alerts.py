"""One alert per moving place, through all sightings and newer runs; a search that fails holds no other one up."""

import ast
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
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
from ml.models import ModelVersion, Prediction, Run
from ml.runs import services as ml_services
from tests.fixtures.servers import OWN_LOCKS
from tests.makers.towns import town, write_points
from tests.makers.watching import run_all, watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def first_scan(filled_once, simulated_tracks) -> Scan:
    """The first track watched."""
    filled_once("first track", lambda: watch(simulated_tracks[0]))
    return Scan.objects.get()


def test_one_track_opens_one_alert_per_place_with_its_first_transition(first_scan):
    assert first_scan.n_detections == Alert.objects.count() >= 3
    for alert in Alert.objects.all():
        (transition,) = alert.transitions.all()
        assert (transition.from_state, transition.to_state) == ("", "first")
        assert "track 901" in transition.reason
        assert alert.simulated
        assert alert.rate_sigma_mm_yr > 0


def test_every_detection_is_measured_on_the_points_of_its_product(first_scan):
    for alert in Alert.objects.all():
        (detection,) = alert.detections.all()
        low, peak, high = (abs(alert.peak_low_mm_yr), abs(alert.peak_rate_mm_yr), abs(alert.peak_high_mm_yr))
        assert low <= peak <= high
        assert alert.peak_rate_mm_yr == detection.peak_rate_mm_yr
        place = detection.places[0]
        assert place["peak_rate_mm_yr"] == pytest.approx(detection.peak_rate_mm_yr, abs=0.01)
        assert {place[name]["type"] for name in ("motion", "half", "core")} == {"MultiPolygon"}


def test_the_second_track_joins_the_same_alerts_and_makes_them_provisional(tracks_in_turn):
    first, second = Scan.objects.order_by("pk")
    codes = {alert.code for alert in Alert.objects.filter(detections__scan=first)}
    assert Detection.objects.count() == first.n_detections + second.n_detections
    provisional = Alert.objects.filter(state=State.PROVISIONAL)
    assert provisional.count() >= 3
    assert {alert.code for alert in provisional} <= codes
    assert AlertTransition.objects.filter(to_state="provisional").count() == provisional.count()


def test_two_directions_distinguish_sinking_rising_and_sideways(tracks_in_turn):
    kinds = sorted(alert.kind for alert in Alert.objects.filter(state=State.PROVISIONAL))
    assert kinds == ["subsidence", "subsidence", "unknown", "uplift"]  # mine, groundwater, landslide, mine water


def test_a_prediction_is_searched_once(first_scan):
    before = Detection.objects.count()
    assert services.prediction_scan(prediction=first_scan.prediction) is None
    assert Detection.objects.count() == before


def test_replaying_the_same_product_raises_no_new_alert_and_no_new_transition(first_scan):
    alerts, transitions = Alert.objects.count(), AlertTransition.objects.count()
    product, version = first_scan.prediction.run.product, first_scan.prediction.run.model_version
    version.pk, version.version = None, "replay"
    version.save()
    run = ml_services.run_queue(subject=product, version=version)
    ml_services.run_execute(run_id=run.pk)
    call_command("detect")
    assert Detection.objects.count() == 2 * alerts
    assert (Alert.objects.count(), AlertTransition.objects.count()) == (alerts, transitions)


def test_a_rejected_place_stays_quiet_when_it_is_seen_again(first_scan, simulated_tracks):
    for alert in Alert.objects.all():
        services.alert_transition(alert=alert, to=State.REJECTED, reason="a known dump", actor="operator")
    known = {alert.pk for alert in Alert.objects.all()}
    watch(simulated_tracks[1])
    assert set(Alert.objects.filter(pk__in=known).values_list("state", flat=True)) == {"rejected"}
    assert not set(selectors.alerts_public().values_list("pk", flat=True)) & known


def test_a_change_that_life_does_not_allow_is_refused(first_scan):
    alert = Alert.objects.first()
    services.alert_transition(alert=alert, to=State.FINISHED, reason="at rest")
    with pytest.raises(ValueError, match="cannot become"):
        services.alert_transition(alert=alert, to=State.REJECTED, reason="no")


def test_of_two_people_who_decide_at_once_one_is_refused(first_scan):
    mine, theirs = Alert.objects.first(), Alert.objects.first()
    services.alert_transition(alert=mine, to=State.CONFIRMED, reason="seen in the field")
    with pytest.raises(ValueError, match="somebody else"):
        services.alert_transition(alert=theirs, to=State.REJECTED, reason="no motion")


def test_predictions_are_searched_side_by_side_and_merged_one_after_the_other(make_egms, monkeypatch):
    states, search = [], services.search
    held = f"SELECT count(*) FROM {OWN_LOCKS} AS lock WHERE locktype = 'advisory' AND (classid, objid) = (0, %s)"

    def watched(prediction, used):
        with connection.cursor() as cursor:
            cursor.execute(held, [int(Lock.ALERTS)])
            states.append(cursor.fetchone()[0])
        return search(prediction, used)

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


@pytest.fixture
def product(make_egms):
    return product_load(path=make_egms(n=60))


def box(west: float, east: float) -> MultiPolygon:
    return MultiPolygon(Polygon.from_bbox((west, 47.0, east, 47.02)), srid=4326)


@pytest.fixture
def scanned(product, monkeypatch):
    """A run of a version of its own whose search finds these boxes."""

    def scan(version: str, *boxes: MultiPolygon, **values) -> list[Detection]:
        row = ModelVersion.objects.create(task="deformation", method="model", version=version)
        run = ml_services.run_queue(subject=product, version=row)
        ml_services.run_claim(run_id=run.pk)
        run.refresh_from_db()
        run.state, run.finished_at = "succeeded", run.started_at
        run.save()
        prediction = Prediction.objects.create(run=run, raster="none.tif", raster_sha256="0" * 64)
        figures = {"rate_mm_yr": -9.0, "peak_rate_mm_yr": -12.0, "rate_sigma_mm_yr": 1.0, "area_m2": 2e6} | values
        detections = [Detection(kind="subsidence", score=0.9, n_points=50, area=area, **figures) for area in boxes]
        monkeypatch.setattr(services, "search", lambda *args: detections)
        services.prediction_scan(prediction=prediction)
        return detections

    return scan


def test_one_area_that_falls_into_three_stays_one_alert(scanned):
    scanned("1", box(12.00, 12.09))
    code = Alert.objects.get().code
    scanned("2", box(12.00, 12.02), box(12.03, 12.05), box(12.06, 12.09))
    alert = Alert.objects.get()
    assert alert.code == code
    assert alert.area.extent[0] == pytest.approx(12.00)
    assert alert.area.extent[2] == pytest.approx(12.09)


def test_two_alerts_that_become_one_area_go_on_under_one_code(scanned):
    scanned("1", box(12.00, 12.05), box(12.06, 12.08))
    scanned("2", box(12.00, 12.08))
    kept, gone = Alert.objects.order_by("state")
    assert (kept.state, gone.state) == (State.FIRST, State.MERGED)
    assert gone.transitions.last().reason == f"part of alert {kept.code} in the newest run"
    scanned("3", box(12.06, 12.08))  # later detections there belong to the alert that continues
    assert Detection.objects.latest("pk").alert == kept
    assert Alert.objects.count() == 2


def test_what_people_have_judged_is_not_taken_over(scanned):
    scanned("1", box(12.00, 12.05), box(12.06, 12.08))
    judged = Alert.objects.get(detections__area=box(12.06, 12.08))
    services.alert_transition(alert=judged, to=State.CONFIRMED, reason="plausible motion", actor="a specialist")
    scanned("2", box(12.00, 12.08))
    judged.refresh_from_db()
    assert judged.state == State.CONFIRMED


def test_an_alert_that_the_same_run_still_shows_is_not_taken_over(scanned):
    scanned("1", box(12.00, 12.05), box(12.06, 12.08))
    scanned("2", box(12.00, 12.055), box(12.06, 12.08))
    assert set(Alert.objects.values_list("state", flat=True)) == {State.FIRST}


def test_a_merged_alert_sends_no_mail_and_takes_back_what_was_not_sent(scanned, make_subscription):
    from monitor.models.messages import Notification
    from monitor.notifications.announcements import transition_announce

    make_subscription(longitude=12.04, latitude=47.01)
    scanned("1", box(12.00, 12.05), box(12.06, 12.08))
    for transition in list(Alert.objects.values_list("transitions", flat=True)):
        transition_announce(transition_id=transition)
    scanned("2", box(12.00, 12.08))
    gone = Alert.objects.get(state=State.MERGED)
    assert transition_announce(transition_id=gone.transitions.last().pk).n_notifications == 0
    queued = Notification.objects.filter(transition__alert=gone)
    assert queued.count() == 1
    assert queued.get().withdrawn_at is not None


def test_the_kind_follows_the_network_once_it_has_looked(scanned):
    scanned("1", box(12.00, 12.05))
    assert Alert.objects.get().kind == "subsidence"
    shares = {"mining_subsidence": 0.8, "groundwater_subsidence": 0.2}
    scanned("2", box(12.00, 12.05), class_shares=shares)
    alert = Alert.objects.get()
    assert alert.kind == "mining-subsidence"
    assert alert.class_shares["mining_subsidence"] == pytest.approx(0.8)


ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.mark.django_db
def test_from_points_to_alerts_no_query_touches_the_truth(simulated_tracks):
    statements = []

    def listen(execute, sql, params, many, context):
        statements.append(str(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        watch(simulated_tracks[0])
    assert Detection.objects.exists()
    assert not [sql for sql in statements if SimulatedTruth._meta.db_table in sql]


@pytest.mark.parametrize("package", ["ground_motion", "ml", "detection"])
def test_no_module_that_detects_names_the_truth(package):
    for path in (ROOT / package).rglob("*.py"):
        code = ast.unparse(ast.parse(path.read_text(encoding="utf-8")))  # without comments
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


@pytest.mark.realdata
def test_the_order_in_which_two_tracks_are_loaded_decides_nothing(real_data):
    """The figures of one track of the Doñana were once held against the still ground of the other."""
    tracks = [real_data / "velocity_real" / "donana_psbas" / f"Sentinel_{name}.shp" for name in ("Asc", "Desc")]
    assert alerts_of(*tracks, method="model") == alerts_of(*reversed(tracks), method="model") != []


def test_of_two_runs_on_the_same_tracks_one_counts_whichever_was_loaded_first(simulated_tracks):
    assert alerts_of(*simulated_tracks) == alerts_of(*reversed(simulated_tracks)) != []


def alerts_of(*paths: Path, **how: str) -> list[dict[str, Any]]:
    """The alerts of tracks that were loaded in this order and searched together; they are deleted again."""
    watch(*paths, **how)
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
