"""Where a product has series, a detection is measured on rates without unwrapping errors and says how it moved."""

from functools import partial

import numpy as np
import pytest

from detection.models import Detection
from tests.makers.watching import watch
from tests.ml.deformation.test_series_product import YEARS, with_a_jump, with_motion

pytestmark = pytest.mark.django_db


def test_a_detection_says_that_the_ground_slid_at_once(make_egms):
    watch(make_egms(n=1_200, change=partial(with_a_jump, jump_mm=-18.0)))
    (detection,) = Detection.objects.all()
    (reason,) = detection.reasons
    assert reason["jump_share"] > 0.7
    assert reason["jump_mm"] == pytest.approx(-18, abs=1)
    assert reason["jump_date"] == "2022-06-09"  # the first image after day 876
    assert reason["jump_cycles"] == 0
    assert reason["odd_even_mm_yr"] < 0.3


def test_an_unwrapping_error_beside_motion_does_not_change_what_is_measured_of_it(make_egms):
    """A quarter of the moving ground has an unwrapping error as well."""

    def motion(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        wrong = 27.733 * np.outer((x > 0) & (y > 0) & (np.hypot(x, y) < 400), YEARS > 2.4)
        return wrong + np.outer(np.where(np.hypot(x, y) < 400, -8.0, 0.0), YEARS)

    watch(make_egms(n=1_200, change=partial(with_motion, motion=motion)))
    (detection,) = Detection.objects.all()
    assert detection.rate_mm_yr == pytest.approx(-8, abs=0.8)
    assert detection.reasons[0]["rate_mm_yr"] == pytest.approx(-8, abs=0.3)
