"""Lines in the database: stations on the ground, rates by the line of sight of each point, strips without steps."""

from types import SimpleNamespace

import numpy as np
import pytest
from shapely import LineString, get_coordinates

from ground_motion.core.geometry import project_geometry
from ground_motion.core.projections import EARTH
from ground_motion.methods.structures.lines import Along
from ground_motion.readers.records import Component
from ingest.products.selectors import VALUES
from ml.runs.structures import lines


def test_stations_of_a_long_line_are_those_on_the_ground():
    line = LineString([(longitude, 52.0) for longitude in np.linspace(9, 16, 71)])
    course = project_geometry(line, 4326, 32632)
    plane_m = [course.project(type(course.interpolate(0))(*corner)) for corner in get_coordinates(course)]
    found = lines._on_ground_m(np.array(plane_m), line, course)
    on_ground = np.concatenate([[0.0], np.cumsum(EARTH.line_lengths(*get_coordinates(line).T))])
    assert found == pytest.approx(on_ground, abs=0.01)
    scaled = np.array(plane_m) * on_ground[-1] / course.length
    assert np.abs(scaled - on_ground).max() > 100, "one factor for the whole line places stations wrongly"


def test_every_point_is_divided_by_its_own_line_of_sight(monkeypatch):
    line = LineString([(14.95, 50.0), (15.05, 50.0)])
    course = project_geometry(line, 4326, 32633)
    x_m = np.arange(0, course.length, 10.0)
    start = get_coordinates(course)[0]
    end = get_coordinates(course)[-1]
    place_m = start + (end - start) * (x_m / course.length)[:, np.newaxis]
    los_up = np.linspace(0.6, 0.9, x_m.size)
    values = np.full((x_m.size, len(VALUES)), np.nan)
    values[:, VALUES.index("los_up")] = np.where(np.arange(x_m.size) % 7, los_up, np.nan)
    values[:, VALUES.index("velocity_mm_yr")] = -10 * los_up
    values[:, VALUES.index("velocity_std_mm_yr")] = 1.0
    part = lines._Points(place_m, values, np.empty((x_m.size, 0), np.float32))
    monkeypatch.setattr(lines, "_pieces", lambda *_: iter([part]))
    product = SimpleNamespace(metric_epsg=32633, n_dates=0, dates=[], component=Component.LOS)
    length_m = EARTH.geometry_length(line)
    found = lines.motion_along(product=product, line=line, length_m=length_m, half_width_m=3.0, min_height=10.0)
    known = found.profile.mean[np.isfinite(found.profile.mean)]
    assert known.size > 100
    assert np.abs(known + 10).max() < 0.6


def test_a_point_that_begins_late_or_has_gaps_moves_no_cell_by_its_level():
    along = Along(np.arange(3), np.array([10.0, 11.0, 12.0]), np.ones(3))
    series = np.tile(-np.arange(40.0, dtype=np.float32), (3, 1))
    series[1] += 50  # another zero
    series[1, 20:] = np.nan
    series[2, :10] = np.nan
    series[2] += 30
    strip = lines._strip(along, series, 25.0)
    assert strip[0] == pytest.approx(-np.arange(40.0) + 0.5, abs=1e-4)
    series[:, 0:2] = np.nan
    assert np.isnan(lines._strip(along, series, 25.0)).all()
