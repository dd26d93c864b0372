"""Files become point clouds: the spacing of a product's own cells goes with its points."""

import numpy as np
import pytest
from pyproj import Transformer

from ground_motion.methods.deformation.gridding.cells import grid_robust
from ground_motion.methods.deformation.inputs import read_clusters
from ground_motion.readers.records import Declaration
from tests.makers import shapefiles
from tests.makers.generic import csv_text

TOWARD = Declaration(unit="cm/yr", positive="toward")


def cells(side_m: float, across: int = 40):
    """x, y in UTM zone 14 N, m, of three cells out of four."""
    row, col = np.nonzero(np.random.default_rng(5).random((across, across)) < 0.75)
    return 486_000 + side_m * (col + 0.5), 2_140_200 + side_m * (row + 0.5)


def test_a_table_of_450_m_cells_becomes_a_grid_of_450_m_cells(tmp_path):
    x, y = cells(450)
    longitude, latitude = Transformer.from_crs(32614, 4326, always_xy=True).transform(x, y)
    path = tmp_path / "cells.csv"
    path.write_text(csv_text({"lon": longitude.round(6), "lat": latitude.round(6), "velocity": [-2.5] * x.size}))
    ((track,),) = read_clusters([path], TOWARD).clusters
    assert track.points.posting_m == pytest.approx(450, abs=1)
    assert track.points.velocity_mm_yr == pytest.approx(-25.0)
    grid = grid_robust(track.points, despiked=False)
    assert grid.cell_m == pytest.approx(450, abs=1)
    assert np.isfinite(grid.velocity_mm_yr).mean() > 0.65


def test_cells_of_a_shapefile_stay_in_their_projection(tmp_path):
    x, y = cells(500)
    path = shapefiles.write(tmp_path / "cells.shp", [*zip(x, y, strict=True)], {"VEL": [-2.5] * x.size}, 32614)
    ((track,),), files, _ = read_clusters([path], TOWARD)
    assert (track.points.posting_m, track.points.epsg) == (500, 32614)
    assert {file.suffix for file in files} == {".shp", ".dbf", ".prj"}
    grid = grid_robust(track.points, despiked=False)
    assert (grid.n_points[np.isfinite(grid.velocity_mm_yr)] == 1).all()
