"""A newer method sees the same ground: no alert doubles, whatever it cuts or joins."""

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from detection.alerts import services
from detection.models import Alert, Detection
from detection.rules.lifecycle import State
from ingest.products.services import product_load
from ml import services as ml_services
from ml.models import ModelVersion, Prediction

pytestmark = pytest.mark.django_db


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
