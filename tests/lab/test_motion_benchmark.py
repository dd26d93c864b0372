"""The benchmark of changes of the trend: its scenes hold what they say, and its figures separate true from false."""

import numpy as np
import pytest

from ground_motion.methods.deformation.motion.series import Trend
from lab.motion import evaluate
from lab.motion.scenes import NOISES, changing, still
from lab.simulation.seeds import Purpose, generator


@pytest.mark.parametrize("noise", NOISES)
def test_every_noise_is_about_as_large_as_it_says_and_drawn_again_alike(noise: str):
    one, same = (still(generator(Purpose.TEST, noise, 3), noise, 12) for _ in range(2))
    np.testing.assert_array_equal(one.values_mm, same.values_mm)
    left = one.values_mm - np.polyval(np.polyfit(one.days, one.values_mm, 1), one.days)
    assert 0.5 < left.std() < 16
    assert (np.diff(one.days).max() > 100) == (noise == "winter")


def test_a_large_change_is_found_soon_and_steady_ground_has_none():
    figures = evaluate.found_changes(Purpose.TEST, "faster", "white", 30.0, 12, 3)
    assert figures["found_30mm_12_days"].value == 1
    assert figures["soon_30mm_12_days"].value == 1
    assert evaluate.false_changes(Purpose.TEST, "white", 12, 3)["false_any_12_days"].value == 0


def test_a_wrong_name_is_not_counted_as_found():
    series = changing(generator(Purpose.TEST, "names", 0), "rests", "white", 30.0, 12)
    assert evaluate.outcome(series, Trend.FASTER).expected is False
    assert evaluate.outcome(series, Trend.FASTER).other is True
