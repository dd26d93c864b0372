"""The page of ground that moves by metres and has no outline: how fast it went, pair by pair."""

import json
import re

import pytest

from detection import selectors
from detection.alerts import services
from detection.models import Alert
from tests.makers.glaciers import make_offsets

pytestmark = pytest.mark.django_db
SPEEDS = [1.5, 2.0, 2.5]


@pytest.fixture
def moving() -> Alert:
    make_offsets(SPEEDS)
    for prediction in selectors.predictions_unscanned():
        services.prediction_scan(prediction=prediction)
    return Alert.objects.get(kind="moving-ground")


def test_its_page_shows_its_speed_in_each_pair_that_saw_it(client, moving):
    page = re.sub(r">\s+<", "><", client.get(f"/alerts/{moving.code}/").content.decode())
    assert "How it moved, pair by pair" in page
    (view,) = json.loads(re.search(r'id="speed-series" type="application/json">(.*?)</script>', page)[1])
    assert view["name"] == "track 901 ascending"
    assert view["start"] == ["2020-01-01", "2020-01-13", "2020-01-25"]
    assert view["speed_m_day"] == pytest.approx(SPEEDS, abs=0.1)
    assert re.search(r"25 Jan 2020</td><td[^>]*>6 Feb 2020</td><td>2\.[45] ± \d\.\d metres a day", page)


def test_other_alerts_have_no_such_series(client, make_alert):
    assert "pair by pair" not in client.get(f"/alerts/{make_alert().code}/").content.decode()
