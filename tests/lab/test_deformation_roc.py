"""Figures at one rate of false alarms, between two shifts of the thresholds."""

import numpy as np
import pytest

from lab.deformation.benchmark_tiles import CELLS
from lab.deformation.roc import SHIFTS, at_alarms


def test_figures_are_read_off_where_the_benchmark_has_as_many_false_alarms():
    """Ten tiles of 100 km²: alarms fall from six to none with the shift, bowls are detected up to no shift."""
    alarms = np.array([6, 4, 2, 1, 0, 0, 0])
    fields = [np.array([[count / 10, 8, 10, 12, 5.0] for count in alarms]) for _ in range(10)]
    detected = np.array(SHIFTS) < 0.1
    bowls = [np.repeat(detected[:, None], len(CELLS), axis=1).astype(float) for _ in range(4)]
    figures = at_alarms(fields, bowls, 2.0)  # per 1,000 km², which is what ten tiles are
    assert figures["shift"].value == pytest.approx(SHIFTS[2])
    assert figures["false_alarms_per_1000km2"].value == pytest.approx(2.0)
    assert figures["object_f1"].value == pytest.approx(2 * 8 / 22)
    assert all(figures[key].value == 1 for key in CELLS)
    assert at_alarms(fields, bowls, 0.5)["shift"].value > figures["shift"].value
