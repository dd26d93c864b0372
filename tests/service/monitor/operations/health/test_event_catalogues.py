"""Catalogues of events: one that fails or falls silent is known, and does not hold up the others."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from ml.models import GroundEvent
from monitor import tasks
from monitor.models.operations import SignOfLife
from tests.makers import catalogues
from tests.service.ingest.sources import replay

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings) -> Iterator[replay.Replay]:
    with replay.running() as running:
        settings.EVENT_FEEDS = [f"{running.address}/{name}" for name in ("broken", "quakes")]
        settings.OUTBOUND_HOSTS, settings.ACQUIRE_AREA = [running.address], "30,30,45,45"
        quake = catalogues.usgs_quake(at=timezone.now() - timedelta(hours=1))
        running.files |= {"/quakes": json.dumps(catalogues.usgs([quake])).encode(), "/broken": b"<html>"}
        yield running
        running.shutdown()


def test_without_catalogues_nothing_is_asked(settings, doctor):
    settings.EVENT_FEEDS = []
    tasks.take_events()
    assert "event catalogues" not in doctor()


def test_a_catalogue_that_fails_holds_up_no_other_and_the_doctor_names_it(server, doctor, monkeypatch):
    monkeypatch.setattr("ingest.sources.orders.services.pairs_order", lambda **order: 4)
    tasks.take_events()
    assert GroundEvent.objects.values_list("magnitude", "n_ordered").get() == (7.8, 4)
    assert "event catalogues" not in doctor()  # it may answer the next time
    SignOfLife.objects.filter(name__contains="catalogue").update(seen_at=Now() - timedelta(hours=2))
    tasks.take_events()
    server.files["/broken"] = json.dumps(catalogues.usgs([])).encode()
    assert "event catalogues" not in doctor()  # the installation is an hour old
    tasks.take_events()
    SignOfLife.objects.filter(name__contains="broken").update(seen_at=Now() - timedelta(hours=2))
    fault = doctor()["event catalogues"]
    assert "no usable answer for over 60 minutes" in fault
    assert "/broken" in fault
    assert "/quakes" not in fault
    assert "EVENT_FEEDS" in fault


def test_ground_that_nobody_watches_and_a_quake_far_from_land_lead_to_no_event(server, settings):
    settings.ACQUIRE_AREA = "5,5,6,6"
    tasks.take_events()
    settings.ACQUIRE_AREA = "-179,-60,179,70"
    at = timezone.now() - timedelta(hours=1)
    quake = catalogues.usgs_quake(at=at, place=(-17.826, -0.046, 10.0), mag=7.1)
    server.files["/quakes"] = json.dumps(catalogues.usgs([quake])).encode()
    tasks.take_events()
    assert not GroundEvent.objects.exists()
