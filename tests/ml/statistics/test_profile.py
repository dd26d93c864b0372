"""Points along a line: distances, pieces, medians."""

import numpy as np
import pytest

from ml.statistics.profile import along_line, binned


def test_a_point_beside_a_bent_line_stands_as_far_along_as_its_foot():
    corners = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0]])
    along = along_line(np.array([30.0, 90.0]), np.array([5.0, 50.0]), corners)
    assert along.distance_m == pytest.approx([30.0, 150.0])
    assert along.offset_m == pytest.approx([5.0, 10.0])


def test_a_piece_shows_its_median_and_nothing_where_it_has_too_few_points():
    distance = np.array([1.0, 2.0, 3.0, 11.0, 12.0, 29.9])
    usual = binned(distance, np.array([1.0, 5.0, 2.0, 7.0, np.nan, 4.0]), 30.0, 3)
    assert usual.n_points.tolist() == [3, 1, 1]
    assert usual.median[0] == 2.0
    assert np.isnan(usual.median[1:]).all()
    assert usual.distance_m == pytest.approx([5.0, 15.0, 25.0])
