"""Where slow motion would not be seen: the map layer, and the sentence about a region."""

from datetime import date

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from ingest.rasters import write_cog
from ingest.storage import save_with_raster
from ml.models import Prediction
from ml.stored import read_prediction
from monitor.maps.rasters.visibility import (
    Scope,
    Visibility,
    visibilities_in,
    visibility_around,
    visibility_in,
    visibility_sentence,
    visibility_words,
)
from tests.makers.organisations import FORM

AWAY = MultiPolygon(Polygon.from_bbox((50, 10, 51, 11)), srid=4326)
pytestmark = pytest.mark.django_db


@pytest.fixture
def limits(watched_region, tmp_path) -> list[Prediction]:
    """Two tracks: the first sees 4 mm a year in its northern half and nothing south of it, the second 30 mm."""
    predictions = list(Prediction.objects.order_by("run__product_id"))
    for prediction, (north, south) in zip(predictions, ((4.0, np.nan), (30.0, 30.0)), strict=True):
        raster = read_prediction(prediction)
        half = np.where(np.arange(raster.shape[0])[:, None] < raster.shape[0] // 2, north, south)
        bands = {"smallest_rate_mm_yr": np.broadcast_to(half, raster.shape).astype(np.float32)}
        path = tmp_path / "limits.tif"
        write_cog(path, bands, raster.transform, raster.epsg, ["mm/yr"], {})
        prediction.statistics["smallest_rate_mm_yr"] = 4.0
        save_with_raster(prediction, path)
    return predictions


def test_runs_that_do_not_state_what_they_would_see_have_no_layer_and_no_sentence(client, watched_region):
    names = {layer["name"] for layer in client.get("/rasters.json").json()["layers"]}
    assert "probability" in names
    assert "smallest-rate" not in names
    assert visibility_sentence(None) == ""


def test_the_best_view_counts_and_the_date_is_the_last_one(client, limits):
    layers = {layer["name"]: layer for layer in client.get("/rasters.json").json()["layers"]}
    assert layers["smallest-rate"]["groups"][0]["n_rasters"] == 2
    west, south, east, north = limits[0].run.product.footprint.extent
    middle = (south + north) / 2
    halves = (((middle + 0.01, north), 0.0, 0.1, 4.0), ((south, middle - 0.01), 0.95, 1.0, 30.0))
    for edges, least, most, noticed_mm_yr in halves:
        region = MultiPolygon(Polygon.from_bbox((west + 0.01, edges[0], east - 0.01, edges[1])), srid=4326)
        seen = visibility_in(region)
        assert least <= seen.unseen <= most
        assert seen.noticed_mm_yr == noticed_mm_yr
        assert seen.last_measured == max(one.run.product.dates[-1] for one in limits)
        assert visibilities_in({7: region, 8: AWAY}) == {7: seen, 8: None}


def test_lists_and_subscriptions_say_it(client, limits):
    sentence = visibility_sentence(None)
    assert "% of the ground that our data cover we would not notice ground that moves by less than 10 mm" in sentence
    assert sentence in client.get("/alerts/").content.decode()
    inside = limits[0].run.product.footprint.centroid
    answer = client.post(
        "/subscribe/preview.json", FORM | {"distance": "800", "latitude": inside.y, "longitude": inside.x}
    ).json()
    assert "of this region we would" in answer["unseen"]
    assert "The last measurement is of" in visibility_around(MultiPolygon(inside.buffer(0.001), srid=4326))
    assert visibility_sentence(AWAY) == ""


@pytest.mark.parametrize(
    ("unseen", "noticed", "words"),
    [
        (
            0.0,
            3.6,
            "notice ground that moves faster than about 4 mm a year over a kilometre and a half. Smaller places",
        ),
        (0.12, 3.6, "and in 12 % of it motion of less than 10 mm a year stays hidden."),
        (0.7, float("inf"), "In 70 % of this region we would not notice ground that moves by less than 10 mm a year"),
    ],
)
def test_a_region_says_what_would_be_noticed_and_where_nothing_would(unseen, noticed, words):
    sentence = visibility_words(Visibility(unseen, noticed, date(2024, 12, 25)), Scope.REGION)
    assert words in sentence
    assert sentence.endswith("The last measurement is of 25 December 2024.")
    assert ("hidden" in sentence) == (unseen >= 0.01 and noticed < 10)
