"""From real files to alerts, the whole way of the service. Checks: nothing is tuned on these places."""

import pytest

from detection.kinds import Extent, Kind
from detection.models import Alert, AlertMotion, Detection
from monitor.pages.alerts.blocks import places_rows
from monitor.wording.cards.cards import alert_card
from tests.makers.watching import watch

pytestmark = [pytest.mark.realdata, pytest.mark.django_db]


def test_mexico_city_has_one_alert_with_nested_levels_that_claims_no_change(real_data):
    """Half a year of images: that it sinks since a date cannot be known."""
    watch(real_data / "mexicocity_s1" / "cum.h5", method="model")
    alert = Alert.objects.get(extent=Extent.LOCAL)
    assert alert.kind == Kind.GROUNDWATER
    levels = places_rows(list(Detection.objects.filter(alert=alert)))["outlines"]["features"]
    assert {one["properties"]["level"] for one in levels} == {"half", "core"}
    card = alert_card(alert)
    assert card.sentence.startswith("The ground here sank by about ")
    assert "between January and July 2018" in card.sentence
    assert "since" not in card.sentence
    assert not AlertMotion.objects.exclude(trend="steady").exists()


def test_ustica_has_none(real_data):
    tracks = sorted((real_data / "egms_ustica").glob("EGMS_L2b_*.zip"))
    assert len(tracks) == 2
    watch(*tracks, method="model")
    assert not Alert.objects.exists()
