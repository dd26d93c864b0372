"""What counts as a look at an alert, and what is remembered of it under which name."""

from importlib import import_module

import numpy as np
import pytest
from django.apps import apps
from django.contrib.gis.geos import MultiPolygon, Polygon

from detection.models import AlertLife
from detection.search.known import known_share
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import FIRST, STEP

pytestmark = pytest.mark.django_db
migration = import_module("detection.migrations.0016_views_by_processor")


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


def test_memories_of_a_track_become_memories_of_its_processor_and_back(make_alert):
    seen = {"rate": -8.0, "sigma": 0.5, "area_m2": 2e5, "until": "2024-01-01", "by": "licsbas, network 1 abc"}
    looks = {"moved_until": "2024-01-01", "rest_looks": 0, "rest_until": None}
    told = {"views": {"los/15/ascending": seen, "pair/901": seen}, "main": "los/15/ascending"}
    life = AlertLife.objects.create(
        alert=make_alert(), told=told, told_at=FIRST, views={"los/15/ascending": looks, "pair/901": looks}
    )
    migration._rename(apps, migration._with_processor)
    life.refresh_from_db()
    assert set(life.views) == set(life.told["views"]) == {"los/15/ascending/licsbas", "pair/901"}
    assert life.told["main"] == "los/15/ascending/licsbas"
    migration._rename(apps, migration._without_processor)
    life.refresh_from_db()
    assert (life.told, set(life.views)) == (told, {"los/15/ascending", "pair/901"})
