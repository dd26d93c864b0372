"""Series in files and in the database: detectors see rates without unwrapping errors, the network sees both."""

from datetime import date, timedelta

import numpy as np
import pytest
import torch

from ingest.models import Product
from ingest.products import selectors
from ingest.products.services import product_load
from ingest.projections import transformer
from ingest.readers.records import Declaration
from ml import jobs, services
from ml.deformation.gridding import grid_median, grid_robust
from ml.deformation.inputs import read_tracks
from ml.deformation.series.clouds import corrected, half_wave_mm, has_cycles
from ml.deformation.series.steps import HALF_WAVE_MM
from tests.conftest import DATES

FIRST = date(2020, 1, 3)
DAYS = np.arange(0, 5 * 365, 12)
SIDE_M = 2_000.0


def with_an_unwrapping_error(table: dict[str, list]) -> None:
    """Points all over 4 km² with white noise; those within 350 m of the middle jump by a cycle in the third year."""
    n, rng = len(table["pid"]), np.random.default_rng(2)
    x, y = rng.uniform(0, SIDE_M, (2, n))
    easting, northing = 4_600_000.0 + x, 1_740_000.0 + y
    longitude, latitude = transformer(3035, 4326).transform(easting, northing)
    inside = np.hypot(x - SIDE_M / 2, y - SIDE_M / 2) < 350
    series = rng.normal(0, 3, (n, DAYS.size)) + HALF_WAVE_MM * np.outer(inside, DAYS > 2.4 * 365)
    rate = np.polyfit(DAYS / 365.25, series.T, 1)[0]
    for day in DATES:
        del table[day]
    table |= {"easting": list(easting), "northing": list(northing), "mean_velocity": list(np.round(rate, 1))}
    table |= {"longitude": list(longitude), "latitude": list(latitude)}
    for day, values in zip(DAYS, series.T, strict=True):
        table[f"{FIRST + timedelta(days=int(day)):%Y%m%d}"] = list(np.round(values, 1))


@pytest.fixture
def egms(make_egms):
    return make_egms(n=1_200, change=with_an_unwrapping_error)


def near_the_middle(points) -> np.ndarray:
    return np.hypot(points.x - 4_600_000.0 - SIDE_M / 2, points.y - 1_740_000.0 - SIDE_M / 2) < 330


def test_the_rates_of_a_file_are_those_without_unwrapping_errors(egms):
    ((track,), _) = read_tracks([egms], Declaration())
    points = track.points
    inside = near_the_middle(points)
    assert np.median(points.released_mm_yr[inside]) > 6
    assert np.abs(np.median(points.velocity_mm_yr[inside])) < 0.3
    np.testing.assert_array_equal(points.velocity_mm_yr[~inside][:50], points.released_mm_yr[~inside][:50])
    assert 0.1 < np.median(points.noise_mm_yr) < 0.3


def test_a_grid_has_the_corrected_rates_and_the_released_ones_beside_them(egms):
    ((track,), _) = read_tracks([egms], Declaration())
    grid, plain = grid_robust(track.points), grid_median(track.points)
    middle = tuple(size // 2 for size in grid.velocity_mm_yr.shape)
    around = tuple(slice(at - 1, at + 2) for at in middle)
    assert np.nanmedian(grid.raw_mm_yr[around]) > 6
    assert abs(np.nanmedian(grid.velocity_mm_yr[around])) < 0.5
    assert abs(np.nanmedian(plain.velocity_mm_yr[around])) < 0.5


def test_a_cloud_without_errors_keeps_its_rates(egms):
    ((track,), _) = read_tracks([egms], Declaration())
    points = track.points._replace(released_mm_yr=None, noise_mm_yr=None)
    nothing, unknown = np.zeros_like(points.velocity_mm_yr), np.full_like(points.velocity_mm_yr, np.nan)
    assert corrected(points, nothing, unknown) == points
    assert corrected(points, nothing, nothing + 1).released_mm_yr is None


@pytest.mark.django_db
def test_a_run_of_the_service_flags_no_unwrapping_error_where_the_product_has_its_series(egms):
    product = product_load(path=egms)
    (run,) = services.runs_queue(method="matched-filter")
    result = jobs.deformation(run, torch.device("cpu"))
    assert result.statistics["cells_moving"] == 0
    assert result.statistics["points_corrected"] > 80
    Product.objects.filter(pk=product.pk).update(has_series=False)
    run.product.refresh_from_db()
    result = jobs.deformation(run, torch.device("cpu"))
    assert result.statistics["cells_moving"] > 20
    assert "points_corrected" not in result.statistics


@pytest.mark.django_db
def test_a_product_too_large_for_its_series_is_taken_as_released(egms, monkeypatch):
    product_load(path=egms)
    (run,) = services.runs_queue(method="matched-filter")
    monkeypatch.setattr(jobs, "MOST_POINTS_WITH_SERIES", 1_000)
    assert jobs.deformation(run, torch.device("cpu")).statistics["cells_moving"] > 20


@pytest.mark.django_db
def test_series_come_in_the_order_of_the_points(egms):
    product = product_load(path=egms)
    blocks = list(selectors.product_series(product=product, at_once=500))
    assert [len(block) for block in blocks] == [500, 500, 200]
    points = selectors.product_points(product=product)
    rate = np.polyfit(DAYS / 365.25, np.concatenate(blocks).T, 1)[0]
    np.testing.assert_allclose(rate, points.velocity_mm_yr, atol=0.06)


def test_only_phase_along_the_line_of_sight_has_cycles():
    assert has_cycles(True, "los", "insar")
    assert not has_cycles(True, "up", "insar")
    assert not has_cycles(True, "los", "tracking")
    assert not has_cycles(False, "los", "insar")


def test_a_cycle_is_half_the_wavelength_that_the_file_states():
    assert half_wave_mm({}) == HALF_WAVE_MM
    assert half_wave_mm({"wavelength_m": "0.2360"}) == pytest.approx(118)
    assert half_wave_mm({"WAVELENGTH": "0.0310665"}) == pytest.approx(15.53, abs=0.01)
