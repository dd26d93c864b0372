"""What lies near an area, what was simulated there, and what its regions are called in addresses."""

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from shapely import LineString

from ground_motion.readers.context.outlines import state_of
from ground_motion.readers.context.records import ContextKind
from ingest.context.exposure import nearby
from ingest.context.regions import region_by_name, region_by_slug, regions_around, regions_within, slugs
from ingest.context.services import context_load
from ingest.context.simulated_truth import truth_in, truth_is_loaded, truth_load
from ingest.models import AdministrativeRegion
from tests.makers import streetmap
from tests.service.ingest.context.conftest import square
from tests.service.ingest.context.test_readers import LANDSLIDES

AREA = MultiPolygon(Polygon.from_bbox((9.0, 46.94, 9.02, 46.942)), srid=4326)  # 1.5 km by 220 m


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


pytestmark = pytest.mark.django_db


@pytest.fixture
def truth(make_geojson):
    properties = {
        "kind": "landslide",
        "title": "Landslide",
        "description": "slides by up to 20 mm a year",
        "rate_mm_yr": 20.0,
        "rate_along": "downslope",
        "speed_m_day": None,
        "size_m": 500,
        "starts_on": None,
        "ends_on": "2023-12-14",
        "changed_on": "2023-07-20",
        "change_mm_yr": 30.0,
    }
    return make_geojson((properties, square(-12, 47, 0.1)))


def test_truth_is_loaded_in_place_of_the_one_before(truth):
    assert not truth_is_loaded()
    assert truth_load(path=truth) == 1
    assert truth_load(path=truth) == 1
    assert truth_is_loaded()
    (one,) = truth_in(area=MultiPolygon(Polygon.from_bbox((-11.95, 47.05, -11.8, 47.2)), srid=4326))
    assert str(one) == "Landslide: slides by up to 20 mm a year"
    assert one.ends_on.isoformat() == "2023-12-14"
    assert (one.changed_on.isoformat(), one.change_mm_yr) == ("2023-07-20", 30.0)
    assert not truth_in(area=MultiPolygon(Polygon.from_bbox((-11, 47, -10, 48)), srid=4326))


def test_a_name_that_is_taken_gets_its_country_then_its_code_then_a_number():
    named = [
        ("Saint-Étienne", "France", "", "saint-etienne-france"),
        ("Georgia", "Georgia", "GE", "georgia"),
        ("Georgia", "United States", "US-GA", "georgia-united-states"),
        ("Georgia", "United States", "US-XX", "georgia-us-xx"),
        ("Georgia", "United States", "US-XX", "georgia-2"),
        ("🏔", "", "", "region"),
    ]
    regions = [AdministrativeRegion(name=name, country=country, code=code) for name, country, code, _ in named]
    assert slugs(regions, taken=["saint-etienne"]) == [slug for *_, slug in named]


def test_words_of_lists_for_the_state_of_a_mine():
    words = {"Abandoned": "closed", "OPERATING": "active", "": "", "exploration": ""}
    assert {word: state_of(word) for word in words} == words


@pytest.mark.django_db
def test_a_newer_edition_of_a_file_keeps_the_addresses(make_geojson):
    features = [
        ({"name": "Atlantis", "level": 0}, square(0, 0, 4)),
        ({"name": "North Shore", "country": "Atlantis", "code": "AT-N", "level": 1}, square(1, 1)),
        ({"name": "North Shore", "country": "Atlantis", "code": "AT-X", "level": 2}, square(9, 9)),
    ]
    for edition in (features, [*features[::-1], ({"name": "New"}, square(20, 20))]):
        context_load(path=make_geojson(*edition), kind=ContextKind.REGIONS, replace=True)
        shore = region_by_slug(slug="north-shore")
        assert (shore.code, shore.level) == ("AT-N", 1)
        assert region_by_slug(slug="north-shore-atlantis").code == "AT-X"
        assert region_by_name(text=" NORTH shore") == shore
        assert [one.name for one in regions_around(region=shore)] == ["Atlantis"]
        assert regions_within(region=region_by_slug(slug="atlantis")) == [shore]
    assert region_by_slug(slug="nowhere\0") is None
