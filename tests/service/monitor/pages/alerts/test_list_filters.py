"""The list of alerts: filtered, counted and sorted by its address alone."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.gis.geos import Polygon

from detection.models import Alert
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
FAR = Polygon.from_bbox((4, 46, 6, 48))


def codes(client, query: str) -> list[str]:
    answer = client.get(f"/alerts/?{query}")
    assert answer.status_code == 200
    return re.findall(r'data-alert-code="(\w+)"', answer.content.decode())


@pytest.fixture
def four(make_alert) -> dict[str, str]:
    """Codes of one strong and confirmed, one small, one far away, one that was no motion."""
    made = {
        "strong": make_alert(severity="strong", state="confirmed", area_m2=1e6),
        "small": make_alert(severity="minor", kind="landslide", longitude=-12.02, area_m2=1e5),
        "far": make_alert(longitude=5.0, area_m2=9e6),
        "rejected": make_alert(state="rejected"),
    }
    return {name: alert.code for name, alert in made.items()}


def test_each_filter_leaves_what_fits(client, four):
    region = make_region()
    assert codes(client, "")[0] == four["strong"]
    assert codes(client, "sort=largest") == [four["far"], four["strong"], four["small"]]
    assert codes(client, "sort=found") == [four["far"], four["small"], four["strong"]]
    assert codes(client, "severity=minor") == [four["small"]]
    assert set(codes(client, f"region={region.slug}")) == {four["strong"], four["small"]}
    assert codes(client, "region=WESTSHORE&kind=landslide") == [four["small"]]
    assert codes(client, "bbox=4,46,6,48") == [four["far"]]
    assert codes(client, "state=rejected") == [four["rejected"]]
    Alert.objects.filter(area__bboverlaps=FAR).update(created_at=datetime(2020, 5, 4, tzinfo=UTC))
    assert codes(client, "found_from=2020-05-01&found_to=2020-05-04") == [four["far"]]
    assert four["far"] not in codes(client, "found_from=2020-05-05")
    for address in ("/alerts.geojson", "/alerts.atom"):
        content = client.get(f"{address}?region=westshore&found_from=2020-05-05").content.decode()
        assert four["strong"] in content
        assert four["far"] not in content


def test_the_time_of_motion_is_a_filter_of_lists_and_feeds(client, four):
    Alert.objects.all().update(first_motion="2019-01-01", last_motion="2020-12-31")
    Alert.objects.filter(area__bboverlaps=FAR).update(first_motion="2021-03-01", last_motion="2022-06-30")
    assert codes(client, "moving_from=2021-01-01") == [four["far"]]
    assert four["far"] not in codes(client, "moving_to=2021-02-28")
    assert len(codes(client, "moving_from=2020-12-31&moving_to=2021-03-01")) == 3  # both days belong to it
    assert codes(client, "moving_from=2022-07-01") == []
    for address in ("/alerts.geojson", "/alerts.atom"):
        content = client.get(f"{address}?moving_from=2021-01-01").content.decode()
        assert four["far"] in content
        assert four["small"] not in content
    assert client.get("/alerts.atom?moving_from=soon").status_code == 400


def test_values_say_how_many_they_leave_nonsense_is_left_out_and_feeds_keep_the_choice(client, four):
    page = re.sub(r"\s+", " ", client.get("/alerts/?severity=minor&region=no").content.decode())
    assert '<option value="landslide">Sliding slope, likely a landslide (1)' in page
    assert '<option value="subsidence">Sinking ground, cause unknown (0)' in page
    assert '<option value="strong">high (1)' in page
    assert "Any importance (3)" in page
    answer = client.get("/alerts/?region=<b>Nowhere&bbox=1,2&found_from=yesterday&kind=landslide")
    page = answer.content.decode()
    assert "No region called “&lt;b&gt;Nowhere” is loaded." in page
    assert "Bbox is not four numbers." in page
    assert "Enter a valid date." in page
    assert page.count("data-alert-code=") == 1
    refused = client.get("/alerts.geojson?region=nowhere")
    assert (refused.status_code, "no region" in refused.json()["error"]) == (400, True)
    assert client.get("/alerts.atom?found_to=soon").status_code == 400
    make_region()
    page = client.get("/alerts/?region=Westshore&sort=largest&severity=").content.decode()
    assert 'href="/alerts.atom?region=westshore"' in page
    assert 'href="/alerts.geojson?region=westshore"' in page
    assert "Places where the ground moves in Westshore" in page
    feed = client.get("/alerts.atom?region=westshore").content.decode()
    assert "<title>Ground Motion Monitor: places where the ground moves in Westshore</title>" in feed
