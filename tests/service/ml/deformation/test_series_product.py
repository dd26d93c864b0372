"""Series in files and in the database: detectors see rates without unwrapping errors."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

import numpy as np
import pytest
import torch

from ground_motion.core.errors import InputError
from ground_motion.core.projections import transformer
from ground_motion.methods.deformation import inputs
from ground_motion.methods.deformation import product as detection
from ground_motion.methods.deformation.inputs import read_clusters
from ground_motion.methods.deformation.series import product as product_module
from ground_motion.methods.deformation.series.product import SeriesReader, half_wave_mm, has_cycles
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.rasters.pieces import Pieces
from ground_motion.readers.formats.registry import open_velocity_field
from ground_motion.readers.records import Declaration
from ingest.models import Product
from ingest.products import selectors
from ingest.products.services import product_load
from ml.runs import jobs, services
from tests.makers.egms import DATES

FIRST = date(2020, 1, 3)
DAYS = np.arange(0, 5 * 365, 12)
YEARS = DAYS / 365.25
SIDE_M = 2_000.0


def with_a_jump(table: dict[str, list], jump_mm: float) -> None:
    """Points within 350 m of the middle jump in the third year."""
    with_motion(table, lambda x, y: jump_mm * np.outer(np.hypot(x, y) < 350, DAYS > 2.4 * 365))


def with_motion(table: dict[str, list], motion: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Points all over 4 km² with white noise. motion: x, y from the middle, (n,) m each -> (n, dates) mm."""
    n, rng = len(table["pid"]), np.random.default_rng(2)
    x, y = rng.uniform(0, SIDE_M, (2, n))
    easting, northing = 4_600_000.0 + x, 1_740_000.0 + y
    longitude, latitude = transformer(3035, 4326).transform(easting, northing)
    series = rng.normal(0, 3, (n, DAYS.size)) + motion(x - SIDE_M / 2, y - SIDE_M / 2)
    rate = np.polyfit(YEARS, series.T, 1)[0]
    for day in DATES:
        del table[day]
    table |= {"easting": list(easting), "northing": list(northing), "mean_velocity": list(np.round(rate, 1))}
    table |= {"longitude": list(longitude), "latitude": list(latitude)}
    for day, values in zip(DAYS, series.T, strict=True):
        table[f"{FIRST + timedelta(days=int(day)):%Y%m%d}"] = list(np.round(values, 1))


@pytest.fixture
def egms(make_egms):
    """With an unwrapping error over a region."""
    return make_egms(n=1_200, change=partial(with_a_jump, jump_mm=HALF_WAVE_MM))


def test_the_rates_of_a_file_are_those_without_unwrapping_errors(egms, monkeypatch):
    ((track,),) = read_clusters([egms], Declaration()).clusters
    monkeypatch.setattr(inputs, "has_cycles", lambda *_: False)
    ((as_released,),) = read_clusters([egms], Declaration()).clusters
    middle_m = np.array([[4_600_000.0], [1_740_000.0]]) + SIDE_M / 2
    inside = np.hypot(*(track.points[:2] - middle_m)) < 330
    assert np.median(as_released.points.velocity_mm_yr[inside]) > 6
    assert np.abs(np.median(track.points.velocity_mm_yr[inside])) < 0.3
    outside = np.hypot(*(track.points[:2] - np.median(track.points[:2], axis=1)[:, None])) > 500
    np.testing.assert_array_equal(track.points.velocity_mm_yr[outside], as_released.points.velocity_mm_yr[outside])


def test_neighbours_across_180_are_neighbours(monkeypatch):
    monkeypatch.setattr(product_module, "agree", lambda summary, x, y, half_wave: x)
    reader = SeriesReader([FIRST + timedelta(days=int(day)) for day in DAYS], HALF_WAVE_MM)
    reader.add(np.zeros((4, DAYS.size), dtype=np.float32))
    x = reader.summary(np.array([179.999, 180.0, -180.0, -179.999]), np.zeros(4))
    np.testing.assert_allclose(x - x[1], [-111.3, 0, 0, 111.3], atol=0.1)


@pytest.mark.django_db
def test_a_run_of_the_service_flags_no_unwrapping_error_where_the_product_has_its_series(egms, monkeypatch):
    product = product_load(path=egms)
    (run,) = services.runs_queue(method="matched-filter")
    result = jobs.deformation(run, torch.device("cpu"), Pieces())
    assert result.statistics["cells_moving"] == 0
    assert result.statistics["points_corrected"] > 80
    assert "null" not in result.statistics
    monkeypatch.setattr(detection, "DRAWN_CELLS", 1_500)
    (default,) = services.runs_queue(method="model", task="deformation")
    null = jobs.deformation(default, torch.device("cpu"), Pieces()).statistics["null"]
    assert 0 <= null["expected_false_areas"] <= 0.01
    assert set(null["thresholds_log_odds"]) == {"model", "matched-filter"}
    Product.objects.filter(pk=product.pk).update(has_series=False)
    run.product.refresh_from_db()
    result = jobs.deformation(run, torch.device("cpu"), Pieces())
    assert result.statistics["cells_moving"] > 20
    assert "points_corrected" not in result.statistics
    Product.objects.filter(pk=product.pk).update(has_series=True)
    run.product.refresh_from_db()
    monkeypatch.setattr(jobs, "MAX_POINTS_WITH_SERIES", 1_000)  # too large for its series, it is taken as released
    assert jobs.deformation(run, torch.device("cpu"), Pieces()).statistics["cells_moving"] > 20
    blocks = list(selectors.product_series(product=product, at_once=500))
    assert [len(block) for block in blocks] == [500, 500, 200]
    points = selectors.product_points(product=product)
    rate = np.polyfit(YEARS, np.concatenate(blocks).T, 1)[0]
    np.testing.assert_allclose(rate, points.velocity_mm_yr, atol=0.06)


@pytest.mark.parametrize(("missing", "all_undone"), [((), True), (range(6, 11), True), (range(6, 20), False)])
def test_cycles_lost_across_a_winter_without_images_may_remain(missing, all_undone):
    days = [date(2020, 1, 1) + timedelta(days=12 * step) for step in range(60) if step not in missing]
    reader = SeriesReader(days, HALF_WAVE_MM)
    assert reader.all_undone == all_undone
    assert reader.summary(np.zeros(0), np.zeros(0)).rate_mm_yr.size == 0  # no points, no rates and no warning


def test_only_phase_along_the_line_of_sight_has_cycles_of_half_the_wavelength_that_the_file_states():
    assert has_cycles(True, "los", "insar")
    assert not has_cycles(True, "up", "insar")
    assert not has_cycles(True, "los", "tracking")
    assert not has_cycles(False, "los", "insar")
    assert half_wave_mm({}) == HALF_WAVE_MM
    assert half_wave_mm({"wavelength_m": "0.2360"}) == pytest.approx(118)
    assert half_wave_mm({"WAVELENGTH": "0.0310665"}) == pytest.approx(15.53, abs=0.01)


def test_a_mapping_states_the_wavelength_of_a_table(tmp_path):
    table, mapping = tmp_path / "points.csv", tmp_path / "m.toml"
    table.write_text("longitude,latitude,velocity,20200101,20200113\n13.1,38.7,1.0,0.0,0.1\n")
    mapping.write_text('unit = "mm/yr"\npositive = "toward"\nwavelength_m = 0.236\n')
    header = open_velocity_field(table, declared=Declaration(mapping=mapping)).header
    assert half_wave_mm(header.extras) == pytest.approx(118)
    mapping.write_text("wavelength_m = 23.6\n")
    with pytest.raises(InputError, match=r"wavelength_m = 23.6 is not accepted"):
        open_velocity_field(table, declared=Declaration(mapping=mapping))
