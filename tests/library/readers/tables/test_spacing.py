"""Cells of a grid given as points: their spacing is seen in their positions; scattered points have none."""

import numpy as np
import pytest
from pyproj import Transformer

from ground_motion.readers.formats.registry import open_velocity_field
from ground_motion.readers.tables.spacing import Spacing, lattice_of, spacing_of
from tests.makers.damage import the_batch
from tests.makers.generic import TOWARD, csv_text, mapping
from tests.makers.shapefiles import write

PLACES = {32614: (490_000, 2_140_000), 3035: (4_600_000, 1_740_000), 28992: (230_000, 590_000)}


def cells(epsg: int, side_m: float, filled: float = 1.0, across: int = 80, middle: float = 0.5):
    """x, y, m, of the cells that are filled; these stand at `middle` of their sides."""
    rng, (west, south) = np.random.default_rng(across), PLACES[epsg]
    row, col = np.nonzero(rng.random((across, across)) < filled)
    return west + side_m * (col + middle), south + side_m * (row + middle)


def degrees(epsg: int, x, y):
    return Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)


@pytest.mark.parametrize("filled", [1.0, 0.5, 0.1])
@pytest.mark.parametrize(("epsg", "side_m"), [(32614, 450), (3035, 100), (28992, 1000)])
def test_cells_of_a_stated_projection_have_its_spacing_exactly(epsg, side_m, filled):
    assert spacing_of(*degrees(epsg, *cells(epsg, side_m, filled)), epsg) == Spacing(side_m, epsg)


@pytest.mark.parametrize("digits", [4, 5, 7])
@pytest.mark.parametrize(("epsg", "side_m"), [(32614, 450), (3035, 500), (28992, 200)])
def test_cells_of_an_unknown_projection_are_seen_in_rounded_degrees(epsg, side_m, digits):
    longitude, latitude = (np.round(part, digits) for part in degrees(epsg, *cells(epsg, side_m, 0.3)))
    spacing = spacing_of(longitude, latitude)
    assert spacing.posting_m == pytest.approx(side_m, rel=0.02)
    assert spacing.epsg is None


@pytest.mark.parametrize(("step_deg", "digits", "side_m"), [(0.01, 2, 1113), (0.0008333, 5, 92.7), (0.0027777, 6, 309)])
@pytest.mark.parametrize("filled", [1.0, 0.1])
def test_cells_of_a_grid_of_degrees_have_the_longer_side(step_deg, digits, side_m, filled):
    row, col = np.nonzero(np.random.default_rng(1).random((120, 150)) < filled)
    longitude, latitude = np.round(31 + step_deg * col, digits), np.round(41 + step_deg * row, digits)
    assert spacing_of(longitude, latitude).posting_m == pytest.approx(side_m, rel=0.01)


def test_cells_that_stand_twice_are_one():
    x, y = cells(32614, 450, 0.4)
    assert lattice_of(np.concatenate([x, x]), np.concatenate([y, y])).posting_m == 450


def test_a_turned_grid_is_a_grid_that_is_not_aligned():
    x, y = cells(32614, 450, 0.5)
    turned = np.radians(12.0)
    lattice = lattice_of(x * np.cos(turned) - y * np.sin(turned), x * np.sin(turned) + y * np.cos(turned))
    assert lattice.posting_m == pytest.approx(450, abs=1)
    assert lattice.turned_deg == pytest.approx(12.0, abs=0.01)
    assert not lattice.is_aligned


@pytest.mark.parametrize("per_km2", [20, 200, 2000])
def test_scattered_points_are_no_grid(per_km2):
    rng = np.random.default_rng(per_km2)
    x, y = rng.uniform(0, 5000, (2, 25 * per_km2))
    assert lattice_of(x, y) is None
    assert lattice_of(np.round(x), np.round(y)) is None  # whole metres are no cells


def test_places_all_over_the_earth_and_impossible_ones_are_no_grid():
    rng = np.random.default_rng(4)
    assert spacing_of(rng.uniform(-170, 170, 60), rng.uniform(-60, 60, 60)).posting_m is None
    x, y = np.meshgrid(np.arange(5e5, 5.01e5, 20), np.arange(4.8e6, 4.801e6, 20))
    assert spacing_of(x.ravel(), y.ravel()).posting_m is None


def test_lines_towns_and_a_few_points_are_no_grid():
    rng = np.random.default_rng(3)
    x = np.arange(500) * 50.0
    assert lattice_of(x, np.zeros(500)) is None
    assert lattice_of(x, rng.normal(0, 10, 500)) is None
    towns = np.repeat(rng.uniform(0, 50_000, (20, 2)), 60, axis=0)  # nothing lies between them
    assert lattice_of(*(towns + rng.normal(0, 300, towns.shape)).T) is None
    assert lattice_of(*cells(32614, 450, across=5)) is None


def test_a_table_of_cells_states_their_spacing_and_a_mapping_may_correct_it(tmp_path):
    longitude, latitude = (part.tolist() for part in degrees(32614, *cells(32614, 450, 0.6)))
    path = tmp_path / "cells.csv"
    path.write_text(csv_text({"lon": longitude, "lat": latitude, "velocity_mm_yr": [-3.0] * len(latitude)}))
    assert open_velocity_field(path, declared=TOWARD).header.posting_m == pytest.approx(450, abs=1)
    corrected = mapping(tmp_path, 'positive = "toward"\nposting_m = 900.0\n')
    assert open_velocity_field(path, declared=corrected).header.posting_m == 900.0


def shapefile_header(folder, epsg, x, y):
    path = write(folder / "cells.shp", [*zip(x, y, strict=True)], {"VEL": [-3.5] * len(x)}, epsg)
    return open_velocity_field(path, declared=TOWARD).header


def test_cells_of_a_shapefile_keep_its_projection_except_of_web_maps(tmp_path):
    header = shapefile_header(tmp_path, 3035, *cells(3035, 500, 0.6, across=20))
    assert (header.posting_m, header.grid_epsg) == (500, 3035)
    place = degrees(28992, *cells(28992, 500, 0.6, across=20))
    header = shapefile_header(tmp_path, 3857, *Transformer.from_crs(4326, 3857, always_xy=True).transform(*place))
    assert header.grid_epsg is None
    assert header.posting_m == pytest.approx(500, abs=1)


@pytest.mark.realdata
@pytest.mark.parametrize("track", ["022_0845", "117_0227"])
def test_real_scattered_points_are_no_grid(real_data, track):
    (path,) = (real_data / "egms_ustica").glob(f"EGMS_L2b_{track}_*.zip")
    assert open_velocity_field(path, "generic", TOWARD).header.posting_m is None


@pytest.mark.realdata
def test_real_cells_are_a_grid_of_100_m(real_data):
    (path,) = (real_data / "egms_ustica").glob("EGMS_L3_*_U_*.zip")
    batch = the_batch(path)
    assert spacing_of(batch.longitude, batch.latitude, 3035) == Spacing(100, 3035)
    assert spacing_of(batch.longitude, batch.latitude).posting_m == pytest.approx(100, abs=1)


def test_a_damaged_position_does_not_hide_the_grid_of_the_others():
    x, y = (axis.ravel() * 50.0 for axis in np.meshgrid(np.arange(10), np.arange(10)))
    assert lattice_of(np.append(x, 1e300), np.append(y, 0.0)).posting_m == 50
    assert lattice_of(np.logspace(200, 300, 60), np.zeros(60)) is None
