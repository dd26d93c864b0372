"""The cause of an alert takes a mine beside it in, and the page says so; without the list it is as before."""

import json

import pytest
from django.core.management import call_command

from detection.kinds import Kind
from detection.models import Alert, AlertCause
from ingest.context.services import context_load
from ingest.readers.context.records import ContextKind
from monitor.wording.causes import because_sentences
from tests.ingest.context.conftest import square

DOUBTFUL = {
    "mining_subsidence": 0.45,
    "groundwater_subsidence": 0.15,
    "fill_or_quarry": 0.2,
    "landslide": 0.15,
    "uplift": 0.05,
}


def test_a_mine_beside_it_makes_a_doubtful_cause_sure_and_is_named(watched_region, tmp_path, client):
    alert = Alert.objects.filter(kind=Kind.SUBSIDENCE, extent="local").first()
    alert.detections.update(class_shares=DOUBTFUL)
    call_command("surroundings")
    alert.refresh_from_db()
    assert (alert.kind, alert.class_shares) == (Kind.SUBSIDENCE, DOUBTFUL)
    assert AlertCause.objects.get(alert=alert).terms == []
    inside = alert.area.point_on_surface
    outline = {"type": "Polygon", "coordinates": [square(inside.x, inside.y, 0.01)]}
    mine = {"type": "Feature", "properties": {"name": "Old Pit", "state": "active"}, "geometry": outline}
    path = tmp_path / "mines.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [mine]}))
    context_load(path=path, kind=ContextKind.MINES, simulated=True)
    call_command("surroundings")
    alert.refresh_from_db()
    assert alert.kind == Kind.MINING
    assert alert.class_shares["mining_subsidence"] > 0.6
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "It lies inside a known mine that is listed as active. That speaks for: mining, fill or a quarry." in page
    assert AlertCause.objects.get(alert=alert).network_shares == DOUBTFUL


@pytest.mark.parametrize(
    ("fact", "value", "factors", "sentence"),
    [
        (
            "no mine",
            9_300.0,
            {"mining_subsidence": 0.6},
            "The nearest known mine is 9.3 km away. That speaks against: mining.",
        ),
        ("landslide", 0.0, {"landslide": 4.0}, "A landslide was reported here. That speaks for: a landslide."),
        ("slope", 1.2, {"landslide": 0.3}, "It lies on nearly flat ground. That speaks against: a landslide."),
        (
            "ice",
            0.8,
            {"other": 40.0, "landslide": 0.5},
            "It lies on a glacier. That speaks for: another cause. That speaks against: a landslide.",
        ),
    ],
)
def test_facts_in_words(fact, value, factors, sentence):
    term = {"fact": fact, "value": value, "factors": factors, "detail": ""}
    assert because_sentences(600.0, 1.1, [term]) == ["It is round, about 600 metres across.", sentence]
