"""What lies near an area: distances on the ground, nothing from lists of other countries, unknown where not loaded."""

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from shapely import LineString

from ingest.context.nearby import nearby
from ingest.context.services import context_load
from ingest.readers.context.mines import state_of
from ingest.readers.context.records import ContextKind
from tests.ingest.context.conftest import square
from tests.ingest.context.test_readers import LANDSLIDES
from tests.makers import streetmap

AREA = MultiPolygon(Polygon.from_bbox((9.0, 46.94, 9.02, 46.942)), srid=4326)  # 1.5 km by 220 m


@pytest.mark.parametrize(
    ("word", "state"), [("Abandoned", "closed"), ("OPERATING", "active"), ("", ""), ("exploration", "")]
)
def test_words_of_lists_for_the_state_of_a_mine(word, state):
    assert state_of(word) == state


@pytest.mark.django_db
def test_only_what_is_loaded_is_known(make_geojson, make_csv, tmp_path):
    assert nearby(area=AREA) == (None, "", None, None, None, None, False)
    mines = (
        ({"name": "Old", "state": "closed"}, square(9.0, 46.945, 0.01)),
        ({"name": "Far", "state": "active"}, square(9.2, 46.945, 0.01)),
    )
    context_load(path=make_geojson(*mines, name="mines.geojson"), kind=ContextKind.MINES)
    slides = ("7,09/25/2015,46.99,9.01,Landslide,Rain,1km,Small,", "8,09/25/2015,46.941,9.01,Landslide,Rain,25km,,")
    context_load(path=make_csv(LANDSLIDES, *slides))
    ice = ({"name": "Ice"}, square(9.01, 46.9, 0.1))
    context_load(path=make_geojson(ice, name="ice.json"), kind=ContextKind.GLACIERS)
    rails = [({"railway": "rail", "tunnel": "yes"}, LineString([(8.99, 46.941), (9.03, 46.941)]))]
    context_load(
        path=streetmap.gpkg(tmp_path / "rail.gpkg", {"rail": ("LINESTRING", rails)}), kind=ContextKind.RAILWAYS
    )
    here = nearby(area=AREA)
    assert here.mine_m == pytest.approx(0.003 * 111_200, rel=0.01)
    assert here.mine_state == "closed"
    assert here.slide_m == pytest.approx(0.048 * 111_200 - 1_000, rel=0.02)  # one known to 25 km says nothing
    assert here.ice_share == pytest.approx(0.5, abs=0.01)
    assert here.line_share == pytest.approx(120 / 222, rel=0.05)
    assert here.in_tunnel
    elsewhere = nearby(area=MultiPolygon(Polygon.from_bbox((20.0, 46.94, 20.02, 46.942)), srid=4326))
    assert (elsewhere.mine_m, elsewhere.slide_m) == (None, None)
    assert nearby(area=AREA, simulated=True).mine_m is None
