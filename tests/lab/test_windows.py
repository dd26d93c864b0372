"""Small scenes that mostly move: what counts as still in them, and what is found."""

import numpy as np
import pytest

from lab.deformation.windows import outcome, table, window
from lab.simulation.seeds import Purpose
from ml.deformation.features.channels import background_of
from ml.deformation.gridding.cells import grid_robust


def test_the_still_level_of_windows_is_told_within_a_millimetre_where_a_fifth_stands_still():
    off = []
    for number in range(12):
        scene = window(number, Purpose.TEST)
        still = float((np.abs(scene.truth_mm_yr) < 1).mean())
        if still >= 0.2:
            off.append(background_of(grid_robust(scene.points, workers=1)) - scene.level_mm_yr)
    assert len(off) >= 6
    assert np.max(np.abs(off)) < 1


@pytest.mark.parametrize("number", [2, 3])
def test_a_window_that_moves_is_found_and_a_still_one_stays_silent(number):
    found = outcome("model", number)
    assert found.found == (found.moving_share > 0)
    assert found.false_alarms == 0
    assert "1 windows" in table([found])
