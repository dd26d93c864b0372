"""What counts as a look at an alert, and what is remembered of it under which name."""

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from detection.search.known import known_share
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import FIRST, STEP

pytestmark = pytest.mark.django_db


def square(longitude: float, side_deg: float = 0.01) -> MultiPolygon:
    half, latitude = side_deg / 2, made_pairs.LATITUDE
    box = longitude - half, latitude - half, longitude + half, latitude + half
    return MultiPolygon(Polygon.from_bbox(box), srid=4326)


def test_a_pair_shows_what_it_has_values_for():
    change = made_pairs.full(0.0)
    change[:, : made_pairs.COLS // 2] = np.nan  # nothing is known in the west
    pair = made_pairs.make_pair(made_pairs.make_scene(FIRST), made_pairs.make_scene(FIRST + STEP))
    prediction = made_pairs.make_prediction(pair, "coherence-change", {"change_sigma": change})
    middle = made_pairs.LONGITUDE
    shares = [known_share(prediction=prediction, area=square(middle + east)) for east in (-0.02, 0.0, 0.02, 1.0)]
    assert shares[0] == 0.0
    assert shares[1] == pytest.approx(0.5, abs=0.05)
    assert shares[2:] == [1.0, 0.0]
