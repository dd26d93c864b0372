"""The layer of velocities: means of the points on cells of the size that a picture asks for, at a bounded cost."""

from datetime import date

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ground_motion.core.projections import web_mercator
from ground_motion.readers.records import Declaration, Submission
from ingest.models import Product
from ingest.products.services import product_load
from monitor.maps.rasters import velocity
from monitor.maps.rasters.velocity import velocity_values
from tests.makers import generic

pytestmark = pytest.mark.django_db
LONGITUDE, LATITUDE, STEP, SIDE = 13.0, 52.0, 0.0004, 60


@pytest.fixture
def field(tmp_path) -> Product:
    """Load points that sink by 20 mm a year in the west and rise by 5 in the east, with a gap between them."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    apart = np.where(x < SIDE // 2, x, x + SIDE)
    table = {"CODE": [f"P{n}" for n in range(x.size)], "LON": LONGITUDE + STEP * apart, "LAT": LATITUDE + STEP * y}
    table |= {"VEL": np.where(x < SIDE // 2, -20.0, 5.0)}
    path = tmp_path / "points.csv"
    path.write_text(generic.csv_text({name: list(values) for name, values in table.items()}))
    declared = Declaration(unit="mm/yr", positive="toward", period=(date(2020, 1, 1), date(2024, 1, 1)))
    return product_load(path=path, submission=Submission(declared=declared))


def around(share: float = 1.0) -> tuple[float, float, float, float]:
    """Return the box of the points, or of a share of it from its north-west corner, EPSG:3857."""
    x, y = web_mercator(
        np.array([LONGITUDE, LONGITUDE + 2 * SIDE * STEP]), np.array([LATITUDE, LATITUDE + SIDE * STEP])
    )
    return x[0], y[1] - share * (y[1] - y[0]), x[0] + share * (x[1] - x[0]), y[1]


def test_cells_have_the_mean_of_their_points_at_every_scale_in_metres_and_degrees(field):
    for pixels in (16, 64, 256, 1024):
        values = velocity_values([field], 3857, around(), (pixels, pixels))
        third = pixels // 3
        assert np.nanmedian(values[:, : third - 8]) == pytest.approx(-20)
        assert np.nanmedian(values[:, -third:]) == pytest.approx(5)
        assert np.isfinite(values).mean() > 0.1
        middle = values[:, pixels // 2 - pixels // 8 : pixels // 2 + pixels // 8]
        assert not np.isfinite(middle).any() or pixels == 16
        assert np.nanmin(values) >= -20
        assert np.nanmax(values) <= 5
    west, south, east, north = LONGITUDE, LATITUDE, LONGITUDE + 2 * SIDE * STEP, LATITUDE + SIDE * STEP
    ours = velocity_values([field], 3857, around(), (128, 256))
    same = velocity_values([field], 4326, (west, south, east, north), (128, 256))
    assert np.mean(np.isfinite(ours) == np.isfinite(same)) > 0.97


def test_a_cell_of_several_fields_has_the_mean_of_all_their_points_and_cells_of_a_grid_leave_no_holes(field):
    both = velocity_values([field, field], 3857, around(), (64, 64))
    np.testing.assert_array_equal(both, velocity_values([field], 3857, around(), (64, 64)))
    Product.objects.filter(pk=field.pk).update(posting_m=45.0)
    field.refresh_from_db()
    shown = np.isfinite(velocity_values([field], 3857, around(0.2), (256, 256)))
    assert shown[32:, 16:].all()


@pytest.mark.parametrize("share", [1.0, 0.3, 0.05])
def test_a_picture_reads_no_more_rows_than_its_cells_need(field, monkeypatch, share):
    monkeypatch.setattr(velocity, "MAX_POINTS", 400)
    monkeypatch.setattr(velocity.sampling, "SHARES", (4, 16, 64))
    with CaptureQueriesContext(connection) as queries:
        values = velocity_values([field], 3857, around(share), (256, 256))
    assert np.isfinite(values).any()
    for query in queries:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*), sum(one.n) FROM ({query['sql']}) AS one(gx, gy, total, n)")
            cells, points = cursor.fetchone()
        if "tile_point" in query["sql"]:
            assert points <= 2 * 400
        assert cells <= 128 * 128


def test_a_picture_of_one_pixel_has_the_mean_of_many_points_and_not_of_its_middle(field):
    assert not np.isfinite(velocity_values([field], 3857, (0.0, 0.0, 1e4, 1e4), (64, 64))).any()
    assert np.isnan(velocity_values([field], 3857, around(), (255, 255))[127, 127])
    assert -20 < velocity_values([field], 3857, around(), (1, 1))[0, 0] < 5
