"""The cause of an alert takes a mine beside it in, and the page says so; without the list it is as before."""

import json

from django.core.management import call_command

from detection.kinds import Kind
from detection.models import Alert, AlertCause
from ingest.context.services import context_load
from ingest.readers.context.records import ContextKind
from tests.ingest.context.conftest import square

DOUBTFUL = {"mining_subsidence": 0.45, "groundwater_subsidence": 0.15, "fill_or_quarry": 0.2}
DOUBTFUL |= {"landslide": 0.15, "uplift": 0.05}


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
