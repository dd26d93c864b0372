"""From real files to alerts, the whole way of the service. Checks: nothing is tuned on these places."""

from pathlib import Path

import pytest

from detection import selectors
from detection.alerts import services
from detection.kinds import Extent, Kind
from detection.models import Alert, AlertMotion, Detection
from ingest.products.services import product_load
from ml import services as ml_services
from monitor.pages.alerts.blocks import places_rows
from monitor.wording.cards.cards import alert_card

pytestmark = [pytest.mark.realdata, pytest.mark.django_db]


def alerts_from(*paths: Path) -> list[Alert]:
    """The alerts of the network on these files, as the service makes them."""
    for path in paths:
        product_load(path=path)
    for run in ml_services.runs_queue(method="model", task="deformation"):
        ml_services.run_execute(run_id=run.pk)
    for prediction in selectors.predictions_unscanned():
        services.prediction_scan(prediction=prediction)
    return list(Alert.objects.all())


def test_mexico_city_has_one_alert_with_nested_levels_that_claims_no_change(real_data):
    """Half a year of images: that it sinks since a date cannot be known."""
    alerts = alerts_from(real_data / "mexicocity_s1" / "cum.h5")
    (alert,) = [one for one in alerts if one.extent == Extent.LOCAL]
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
    assert alerts_from(*tracks) == []
