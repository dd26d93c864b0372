"""What was simulated is kept once, and found by place."""

import json

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from ingest.context.simulated_truth import truth_in, truth_is_loaded, truth_load

pytestmark = pytest.mark.django_db
SQUARE = [[-12.0, 47.0], [-11.9, 47.0], [-11.9, 47.1], [-12.0, 47.1], [-12.0, 47.0]]


@pytest.fixture
def truth(tmp_path):
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
    }
    feature = {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}}
    path = tmp_path / "truth.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def test_truth_is_loaded_in_place_of_the_one_before(truth):
    assert not truth_is_loaded()
    assert truth_load(path=truth) == 1
    assert truth_load(path=truth) == 1
    assert truth_is_loaded()
    (one,) = truth_in(area=MultiPolygon(Polygon.from_bbox((-11.95, 47.05, -11.8, 47.2)), srid=4326))
    assert str(one) == "Landslide: slides by up to 20 mm a year"
    assert one.ends_on.isoformat() == "2023-12-14"
    assert not truth_in(area=MultiPolygon(Polygon.from_bbox((-11, 47, -10, 48)), srid=4326))
