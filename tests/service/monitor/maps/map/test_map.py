"""The map: the list beside it, and the switch that shows what was simulated, where a simulation is loaded."""

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.management import call_command

from ingest.models import ContextLayer, Product, Scene, ScenePair, SimulatedTruth
from monitor.maps.map import views
from monitor.operations.management.commands.loaddemo import Command
from tests.makers.small_nation import small

pytestmark = pytest.mark.django_db


@pytest.fixture
def bowl() -> SimulatedTruth:
    """Make a bowl around the made alert's place."""
    return SimulatedTruth.objects.create(
        kind="groundwater_subsidence",
        title="Pumped ground",
        description="sinks by up to 19 mm a year",
        rate_mm_yr=-19.0,
        rate_along="up",
        size_m=4800.0,
        outline=MultiPolygon(Polygon.from_bbox((-12.02, 46.98, -11.98, 47.02)), srid=4326),
    )


def test_the_tile_holds_the_outline_and_its_words(client, bowl):
    tile = client.get("/tiles/context/truth/9/238/180.mvt").content
    assert b"Pumped ground" in tile
    assert b"sinks by up to 19 mm a year" in tile


def test_a_false_alert_is_called_one_and_one_of_real_data_is_compared_with_nothing(client, make_alert, bowl):
    found = client.get(make_alert(simulated=True).get_absolute_url()).content.decode()
    assert "Simulated outlines fill 100 % of the detected area" in " ".join(found.split())
    false = make_alert(longitude=-11.5, simulated=True)
    assert "this is a false alarm" in client.get(false.get_absolute_url()).content.decode()
    assert "What was simulated" not in client.get(make_alert().get_absolute_url()).content.decode()


@pytest.mark.long
def test_the_demo_loads_once_is_not_called_searched_and_everything_in_it_is_simulated(capsys, client, monkeypatch):
    monkeypatch.setattr(Command, "config", small())
    call_command("loaddemo")
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("product ") for line in lines) == 4  # two tracks, two halves
    assert sum(line.startswith("derived product ") for line in lines) >= 2
    kinds = {"regions", "places", "elevation", "glaciers", "mines", "buildings", "roads", "railways", "population"}
    assert {layer.kind for layer in ContextLayer.objects.all()} == {*kinds, "rivers"}
    for model in (Product, Scene, ContextLayer):
        assert not model.objects.filter(simulated=False).exists()
    assert ScenePair.objects.filter(temporal_baseline_days=12).exists()
    assert SimulatedTruth.objects.count() == 13
    page = client.get("/").content.decode()
    assert "4 data sets are not searched yet." in page
    assert "Searched: " not in page
    call_command("loaddemo")
    assert "already" in capsys.readouterr().out


def test_cards_are_made_once_for_each_language_and_state_of_the_alerts(client, make_alert, monkeypatch):
    made, original = [], views.alert_cards
    monkeypatch.setattr(views, "alert_cards", lambda alerts: made.append(1) or original(alerts))

    def page(language: str = "en") -> str:
        return client.get("/", headers={"Accept-Language": language}).content.decode()

    alert = make_alert()
    for _ in range(2):
        assert alert.code in page()
        assert 'lang="de"' in page("de")
    assert len(made) == 2
    second = make_alert()
    assert second.code in page()
    alert.state = "withdrawn"
    alert.save()
    assert alert.code not in page()
    assert len(made) == 4
