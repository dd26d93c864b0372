"""Far-out tiles: every point is counted once at every zoom, in the cell where it stands."""

import numpy as np
import pytest
from mapbox_vector_tile import decode

from ground_motion.core.projections import transformer
from ingest.models import PyramidCell
from ingest.products import pyramid
from ingest.products.selectors import product_points
from ingest.products.services import product_delete, product_load
from monitor.maps.map import selectors
from monitor.maps.map.layers import BY_NAME

pytestmark = pytest.mark.django_db


def spread(table):
    """Points a kilometre apart, each with its own velocity."""
    n = len(table["pid"])
    table["easting"] = [4_600_000.0 + 1000 * index for index in range(n)]
    longitude, latitude = transformer(3035, 4326).transform(table["easting"], table["northing"])
    table["longitude"], table["latitude"] = list(longitude), list(latitude)
    table["mean_velocity"] = [float(index) for index in range(n)]


def test_every_level_holds_every_point_and_the_same_mean_and_a_cell_stands_where_its_points_are(make_egms):
    product = product_load(path=make_egms(n=60, change=spread))
    for zoom in range(pyramid.FINEST_ZOOM + 1):
        cells = PyramidCell.objects.filter(product=product, z=zoom).values_list("n", "velocity_mm_yr")
        counts, means = np.array(cells).T
        assert counts.sum() == 60
        assert (counts * means).sum() / 60 == pytest.approx(29.5, abs=1e-3)
    assert PyramidCell.objects.filter(z=0).count() < PyramidCell.objects.filter(z=zoom).count()
    points, side = product_points(product=product), pyramid.CELLS
    across = side * 2**zoom
    column = np.floor((points.longitude + 180) / 360 * across).astype(int)
    mercator = np.arcsinh(np.tan(np.radians(points.latitude)))
    row = np.floor((1 - mercator / np.pi) / 2 * across).astype(int)
    stored = {
        (cell.tile_x, cell.tile_y, cell.cell % side, cell.cell // side)
        for cell in PyramidCell.objects.filter(product=product, z=zoom)
    }
    assert stored == set(zip(column // side, row // side, column % side, row % side, strict=True))
    product_delete(product=product)
    assert not PyramidCell.objects.exists()


def test_a_far_tile_shows_the_cells_of_all_products_of_its_layer(make_egms):
    for velocity, name in ((4.0, "EGMS_L2b_117_0227_IW2_VV.zip"), (6.0, "EGMS_L2b_044_0300_IW1_VV.zip")):
        product_load(path=make_egms(name=name, n=5, velocity_mm_yr=velocity, xml=None))
    cell = PyramidCell.objects.filter(z=6).first()
    products = selectors.layer_products(layer=BY_NAME["los"])
    tile = decode(selectors.points_tile(products=products, z=6, x=cell.tile_x, y=cell.tile_y))
    features = tile["points"]["features"]
    assert sum(feature["properties"]["n"] for feature in features) == 10
    assert {feature["properties"]["v"] for feature in features} == {5.0}  # five points of 4 and five of 6
    x, y = features[0]["geometry"]["coordinates"]
    assert 0 < x < 4096
    assert 0 < y < 4096
