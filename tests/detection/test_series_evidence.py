"""Where a product has series, a detection is measured on rates without unwrapping errors and says how it moved."""

from functools import partial

import numpy as np
import pytest

from detection.alerts.services import prediction_scan
from detection.models import Detection
from ingest.products.services import product_load
from ml import services
from tests.ml.deformation.test_series_product import with_a_jump

pytestmark = pytest.mark.django_db


def detections_of(path) -> list[Detection]:
    product_load(path=path)
    (run,) = services.runs_queue(method="matched-filter")
    services.run_execute(run_id=run.pk)
    run.refresh_from_db()
    prediction_scan(prediction=run.prediction)
    return list(Detection.objects.all())


def test_a_detection_says_that_the_ground_slid_at_once(make_egms):
    (detection,) = detections_of(make_egms(n=1_200, change=partial(with_a_jump, jump_mm=-18.0)))
    (reason,) = detection.reasons
    assert reason["jump_share"] > 0.7
    assert reason["jump_mm"] == pytest.approx(-18, abs=1)
    assert reason["jump_date"] == "2022-06-09"  # the first image after day 876
    assert reason["jump_cycles"] == 0
    assert reason["odd_even_mm_yr"] < 0.3


def test_an_unwrapping_error_beside_motion_does_not_change_what_is_measured_of_it(make_egms):
    """A quarter of the moving ground has an unwrapping error as well."""

    def change(table: dict[str, list]) -> None:
        with_a_jump(table, jump_mm=0.0)
        days = [name for name in table if name.isdigit()]
        x = np.array(table["easting"]) - 4_601_000.0
        y = np.array(table["northing"]) - 1_741_000.0
        years = (np.arange(len(days)) * 12) / 365.25
        wrong = 27.733 * np.outer((x > 0) & (y > 0) & (np.hypot(x, y) < 400), years > 2.4)
        motion = np.outer(np.where(np.hypot(x, y) < 400, -8.0, 0.0), years)
        series = np.array([table[day] for day in days]).T + wrong + motion
        table["mean_velocity"] = list(np.round(np.polyfit(years, series.T, 1)[0], 1))
        for day, values in zip(days, series.T, strict=True):
            table[day] = list(np.round(values, 1))

    (detection,) = detections_of(make_egms(n=1_200, change=change))
    assert detection.rate_mm_yr == pytest.approx(-8, abs=0.8)
    assert detection.reasons[0]["rate_mm_yr"] == pytest.approx(-8, abs=0.3)
