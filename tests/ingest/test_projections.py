"""Coordinates of web maps are those of PROJ."""

import numpy as np

from ingest.products.loading import MAX_MERCATOR_LATITUDE
from ingest.projections import transformer, web_mercator


def test_web_mercator_is_that_of_proj_to_a_micrometre():
    longitude = np.linspace(-180, 180, 50_001)
    latitude = np.random.default_rng(1).uniform(-MAX_MERCATOR_LATITUDE, MAX_MERCATOR_LATITUDE, longitude.size)
    latitude[:3] = 0, MAX_MERCATOR_LATITUDE, -MAX_MERCATOR_LATITUDE
    for ours, proj in zip(
        web_mercator(longitude, latitude), transformer(4326, 3857).transform(longitude, latitude), strict=True
    ):
        np.testing.assert_allclose(ours, proj, rtol=0, atol=1e-6)
