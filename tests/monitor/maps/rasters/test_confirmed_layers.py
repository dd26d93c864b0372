"""Confirmed change on the map: where, how sure, since when; and only where something is confirmed."""

import pytest

from ml.models import Prediction
from tests.makers import pairs as made_pairs
from tests.monitor.maps.rasters.test_raster_tiles import colour, shown, tile_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),  # a picture lies nowhere
]
LONG, SHORT = "2021-12-25-24d", "2021-12-13-12d"


@pytest.fixture
def confirmed() -> list[Prediction]:
    """Make a pair of 12 days without and one of 24 days with a change that was first seen on 13 December."""
    return made_pairs.make_confirmed()


def test_only_dates_with_a_confirmed_change_are_offered(client, confirmed):
    layers = {
        layer["name"]: [one["key"] for one in layer["groups"]] for layer in client.get("/rasters.json").json()["layers"]
    }
    assert layers["coherence-change"] == [SHORT, LONG]
    assert layers["confirmed-change"] == layers["change-onset"] == [LONG]
    assert not shown(client, "confirmed-change", SHORT).any()


def test_a_tile_says_how_sure_and_how_many_days_before_the_later_image(client, confirmed):
    assert list(shown(client, "confirmed-change", LONG)[:3, 128, 128]) == colour("confirmed-change", 96)
    assert list(shown(client, "change-onset", LONG)[:3, 128, 128]) == colour("change-onset", 12)
    far_out = shown(client, "confirmed-change", LONG, tile_of(made_pairs.LONGITUDE, made_pairs.LATITUDE, 12))
    assert (far_out[3] == 0).sum() > 0  # unconfirmed places have no colour
