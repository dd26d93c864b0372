"""Event response, as operators see it: the report of an event, what it waits for, results near the place."""

import re
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from detection.models import AuditEntry
from ingest.scenes.next_pass import CYCLE
from ml.models import GroundEvent, Prediction
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import make_event
from tests.makers.looks import catalogued

pytestmark = pytest.mark.django_db
ASKED = {"kind": "landslide", "place": f"{made_pairs.LATITUDE}, {made_pairs.LONGITUDE}", "name": "Made slide"}
ASKED |= {"happened_on": "2021-12-08", "happened_at": "", "radius_km": "2"}


def test_an_operator_reports_an_event_and_sees_what_the_pair_across_it_shows(operator):
    made_pairs.make_dates()
    answer = operator.post("/events/", ASKED)
    event = GroundEvent.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"{event.pk}/"
    assert (event.happened_at, event.over_at) == (datetime(2021, 12, 8, tzinfo=UTC), datetime(2021, 12, 9, tzinfo=UTC))
    page = operator.get(f"/events/{event.pk}/").content.decode()
    assert "Radar images of 1 and 13 December 2021" in page
    # the middle moves by two pixels right and two up: 28.3 m to the north-east
    assert "the fastest of it by about 28 m" in page
    assert "to the north-east" in page
    assert "match to 80 % or better on half" in page
    assert page.count("Download (GeoTIFF)") == 2
    assert "/#" in page  # the map, at the place
    assert AuditEntry.objects.get().action == "event"
    assert "Made slide" in operator.get("/events/").content.decode()
    operator.post("/events/", ASKED | {"happened_at": "05:30"})
    event = GroundEvent.objects.latest("pk")
    assert event.happened_at == event.over_at == datetime(2021, 12, 8, 5, 30, tzinfo=UTC), "a time of day narrows it"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("place", "", "Type the name of a place"),
        ("place", "Nowhere at all", "No place of this name"),
        ("happened_on", "", "Choose the day"),
        ("happened_on", "1999-01-01", "no such images before 2014"),
        ("happened_on", "2999-01-01", "has not come yet"),
        ("radius_km", "0", "between 0.5 and 200"),
        ("radius_km", "far", "Type a number"),
        ("kind", "party", "Something is missing or wrong"),
    ],
)
def test_what_makes_no_sense_is_asked_again(operator, field, value, message):
    answer = operator.post("/events/", ASKED | {field: value})
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not GroundEvent.objects.exists()


def test_results_state_the_uncertainty_of_single_values_once_and_those_that_are_gone_or_failed_say_so(operator):
    made_pairs.make_dates(n=2)
    event = make_event(datetime(2021, 12, 8, tzinfo=UTC))
    given = re.findall(r"uncertain by ± (\d+) perc", operator.get(f"/events/{event.pk}/").content.decode())
    assert len(given) == 1
    as_nearby = {"mean_coherence": 0.8, "median_sigma": int(given[0]) / 100}
    Prediction.objects.update(statistics=as_nearby)
    assert operator.get(f"/events/{event.pk}/").content.decode().count("uncertain by") == 1
    runs = event.pairs.get().runs
    for run in runs.all():
        run.prediction.raster.storage.delete(run.prediction.raster.name)
    assert "cannot be read" in operator.get(f"/events/{event.pk}/").content.decode()
    error = "ValueError: the reference has the same value (0) everywhere; check its band and its scale"
    runs.update(state="failed", error=error)
    assert "no result: every run failed" in operator.get("/events/").content.decode()
    page = operator.get(f"/events/{event.pk}/").content.decode()
    assert '<p class="reason" lang="en">the reference has the same value (0) everywhere' in page


def reported(**values) -> GroundEvent:
    """An earthquake that a catalogue has reported, where the made images lie."""
    page = {"id": "us1", "url": "https://usgs.example/us1", "updated_at": "2021-12-08T06", "withdrawn": False}
    event = make_event(datetime(2021, 12, 8, tzinfo=UTC), kind="earthquake", name="Off the made coast")
    figures = {"magnitude": 6.2, "depth_km": 8.0, "people": 1312.0, "reports": {"usgs.example": page}}
    GroundEvent.objects.filter(pk=event.pk).update(**figures | values)
    event.refresh_from_db()
    return event


def test_everybody_reads_the_page_of_an_event_that_catalogues_report(client):
    made_pairs.make_dates()
    event = reported()
    page = client.get(f"/events/{event.pk}/").content.decode()
    assert "Magnitude 6.2, at a depth of 8 km." in page
    assert "by up to about 27 cm" in page
    assert 'href="https://usgs.example/us1"' in page
    assert "Taken on Monday, 13 December 2021, 06:30 UTC (track 901 ascending)." in page
    assert "the fastest of it by about 28 m" in page
    assert "it takes an interferogram" not in page  # the motion is there
    assert "match to 80 % or better on half" in page
    assert "About 1,300 people live within 2 km." in page
    hidden = make_event(datetime(2021, 12, 8, tzinfo=UTC))  # what people reported is for those who work here
    assert client.get(f"/events/{hidden.pk}/").status_code == 302
    events = client.get("/events/").content.decode()
    assert "Off the made coast" in events
    assert "Made slide" not in events


def test_before_an_image_is_there_each_step_says_not_yet(client):
    page = client.get(f"/events/{reported(people=None, n_ordered=3).pk}/").content.decode()
    assert "Not known yet: no image from the last weeks" in page
    assert page.count("Not yet: it takes an image from after the event.") == 2
    assert "Motion this small seldom shows between two single images: it takes an interferogram." in page
    assert "3 interferograms of it were ordered." in page
    assert "no count of people is loaded" in page
    last = timezone.now().replace(minute=12, second=0, microsecond=0) - CYCLE / 2
    catalogued(last)
    at = last + CYCLE
    expected = f"Expected on {at:%A}, {at.day} {at:%B %Y, %H:%M} UTC (track 037 ascending)."
    assert expected in client.get(f"/events/{GroundEvent.objects.get().pk}/").content.decode()


def test_a_withdrawn_event_says_so(client):
    event = reported(withdrawn_at=datetime(2021, 12, 9, tzinfo=UTC))
    page = client.get(f"/events/{event.pk}/").content.decode()
    assert "the catalogue took this report back" in page
    assert "before the images were compared" in page
    assert "withdrawn by the catalogue" in client.get("/events/").content.decode()
