"""Events that catalogues report: one for each earthquake, with its newest figures, unless it is withdrawn."""

import json
from datetime import timedelta

import pytest
from django.contrib.gis.geos import Point
from django.utils import timezone

from ingest.sources.client.quakes import parse
from ml.models import GroundEvent
from ml.runs.catalogues import events_counted, reports_take
from ml.runs.events import events_followed
from tests.makers import catalogues
from tests.makers.glaciers import make_event

pytestmark = pytest.mark.django_db
USGS, EMSC, VOLCANOES = "https://usgs.example/q", "https://emsc.example/q", "https://volcano.example/cap"


def take(content: object, url: str = USGS, watched: bool = True, mechanism: str = "") -> list[GroundEvent]:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    reports = parse(raw, url, timezone.now())
    reports = reports._replace(events=[event._replace(mechanism=mechanism) for event in reports.events])
    return reports_take(reports=reports, is_watched=lambda area: watched)


def quake(later: float = 0.0, **values) -> dict:
    """An hour ago; later: minutes after the first report that this one was made."""
    at = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    values = {"updated": catalogues.milliseconds(at + timedelta(minutes=later))} | values
    return catalogues.usgs([catalogues.usgs_quake(at=at, **values)])


def of_emsc(seconds: float = 0.0, **values) -> dict:
    at = timezone.now() - timedelta(hours=1, seconds=seconds)
    return catalogues.emsc([catalogues.emsc_quake(at=at, **values)])


def test_a_large_earthquake_in_watched_ground_is_taken_once():
    (event,) = take(quake())
    assert take(quake()) == []
    assert (event.magnitude, event.depth_km, event.reported_by) == (7.8, 10.0, "usgs.example")
    assert event.radius_km > 100
    assert event.area.covers(Point(37.9, 37.2, srid=4326))


@pytest.mark.parametrize("values", [{"mag": 4.5}, {"place": (37.0, 37.2, 300.0), "mag": 7.0}, {"place": (0, 89, 10)}])
def test_small_deep_and_unseen_ones_are_not_nor_is_any_elsewhere_and_long_ago(values):
    assert take(quake(**values)) == []
    assert take(quake(), watched=False) == []
    assert take(catalogues.usgs([catalogues.usgs_quake()])) == []  # of 2023
    tomorrow = timezone.now() + timedelta(days=1)
    assert take(catalogues.usgs([catalogues.usgs_quake(at=tomorrow)])) == []


def test_two_catalogues_report_one_earthquake_beside_what_people_reported():
    at = timezone.now() - timedelta(hours=1)
    place = {"position": Point(37.0143, 37.2256, srid=4326), "kind": "earthquake", "between": (at, at)}
    by_hand = make_event(**place, name="What we felt")
    take(quake())
    assert take(of_emsc(), EMSC) == []
    event = GroundEvent.objects.exclude(reports={}).get()
    assert set(event.reports) == {"usgs.example", "emsc.example"}
    assert (event.depth_km, event.position.x) == (10.0, 37.0143)  # those of the first
    by_hand.refresh_from_db()
    assert (by_hand.name, by_hand.reports, by_hand.magnitude) == ("What we felt", {}, None)


@pytest.mark.parametrize(
    "values", [{"seconds": 90}, {"place": (38.5, 37.17, 10.0)}, {"mag": 6.5}], ids=["later", "farther", "smaller"]
)
def test_two_earthquakes_stay_two(values):
    take(quake())
    assert len(take(of_emsc(**values), EMSC)) == 1


def test_a_later_report_replaces_the_figures_and_an_older_one_does_not_and_too_little_counts_as_needless():
    take(quake())
    take(quake(later=10, mag=7.5, place=(37.1, 37.3, 12.0)))
    take(quake(later=5, mag=6.9))
    event = GroundEvent.objects.get()
    assert (event.magnitude, event.depth_km, event.position.coords) == (7.5, 12.0, (37.1, 37.3))
    assert events_counted(days=1) == (1, 0)
    take(quake(later=15, mag=4.9))
    event.refresh_from_db()
    assert (event.magnitude, event.withdrawn_at) == (4.9, None)
    assert event.radius_km > 100
    assert events_counted(days=1) == (1, 1)


def test_a_mechanism_narrows_the_radius_and_stays_when_a_later_report_has_none():
    take(quake(mag=7.0))
    unknown_km = GroundEvent.objects.get().radius_km
    take(quake(mag=7.0), mechanism="normal")
    event = GroundEvent.objects.get()
    assert (event.mechanism, event.radius_km < unknown_km) == ("normal", True)
    take(quake(later=5, mag=7.0))
    take(of_emsc(mag=7.0), EMSC)
    assert GroundEvent.objects.get().radius_km == event.radius_km


def test_an_earthquake_that_every_catalogue_withdraws_is_withdrawn_and_followed_no_more():
    take(quake())
    take(of_emsc(), EMSC)
    take(quake(status="deleted"))
    event = GroundEvent.objects.get()
    assert (event.withdrawn_at, event.reported_by) == (None, "emsc.example")
    GroundEvent.objects.update(reports={name: report for name, report in event.reports.items() if "usgs" in name})
    take(quake(status="deleted"))
    assert GroundEvent.objects.get().withdrawn_at
    assert not events_followed().exists()
    assert events_counted(days=1) == (1, 1)
    take(quake(later=20))
    assert GroundEvent.objects.get().withdrawn_at is None


def test_notices_of_one_volcano_are_one_event():
    sent = (timezone.now() - timedelta(days=1)).isoformat()
    first, other = (catalogues.cap_notice(name, sent=sent) for name in ("VA-1", "VA-9"))
    assert len(take(first, VOLCANOES)) == 1
    assert take(other, VOLCANOES) == []
    event = GroundEvent.objects.get()
    assert (event.kind, event.magnitude, event.radius_km) == ("eruption", None, 15.0)
