"""Bowls against atmospheric delay: in their own standard deviations, wherever a product begins."""

from functools import cache

import numpy as np
import pytest

from ground_motion.methods.deformation.features import atmosphere
from ground_motion.methods.deformation.features.atmosphere import (
    ALIGN_CELLS,
    MARGIN,
    PLANES,
    RADII_CELLS,
    SQUARE_CELLS,
    standing_out,
)
from ground_motion.simulation.velocity.nuisance import turbulence_field

SIDE = 128
RADII, STRENGTH, RATIO = slice(0, len(RADII_CELLS)), len(RADII_CELLS), len(RADII_CELLS) + 1
ROW, COL = np.mgrid[:SIDE, :SIDE].astype(np.float32)


def still(seed: int, strength: float = 0.05):
    """Rates of delay and of points, and their number; two cells of five are known."""
    rng = np.random.default_rng(seed)
    atmosphere = np.sqrt(strength) * turbulence_field(rng, 256, 100.0)[:SIDE, :SIDE]
    rate = (atmosphere + rng.normal(0, 0.5, (SIDE, SIDE))).astype(np.float32)
    rate[rng.random(rate.shape) < 0.6] = np.nan
    return rate, np.where(np.isfinite(rate), 4, 0)


@cache
def planes_of_still(seed: int, strength: float) -> np.ndarray:
    return standing_out(*still(seed, strength), None, 100.0)


def bowl(rate_mm_yr: float, radius_m: float, row: float = 60, col: float = 68):
    away_m2 = ((ROW - row) ** 2 + (COL - col) ** 2) * 100.0**2
    return (rate_mm_yr * np.exp(-away_m2 / radius_m**2)).astype(np.float32)


@pytest.mark.parametrize("strength", [0.01, 0.05, 0.15])
def test_still_ground_scatters_by_about_one_however_strong_the_delay_is(strength):
    score = np.stack([planes_of_still(seed, strength) for seed in range(8)])
    scatter = score[:, RADII, ::SQUARE_CELLS, ::SQUARE_CELLS].std(axis=(0, 2, 3))
    assert (scatter > 0.6).all()
    assert (scatter < 1.4).all()


@pytest.mark.parametrize("radius_m", [700.0, 2000.0])
def test_a_bowl_stands_out_with_its_sign_and_most_at_its_own_radius(radius_m):
    own = RADII_CELLS.index(radius_m / 100)
    heart = []
    for seed in range(8):
        rate, count = still(seed)
        score = standing_out(rate + bowl(-3.0, radius_m), count, None, 100.0)
        heart.append(score[RADII, 56:64, 64:72].mean(axis=(1, 2)))
    score = np.median(heart, axis=0)
    assert score[own] < -6
    assert score[own] == score.min()


def test_a_product_of_wide_cells_is_searched_for_wide_bowls():
    rate, count = still(4, 0.0)
    wide = (-3.0 * np.exp(-((ROW - 60) ** 2 + (COL - 68) ** 2) / 12.0**2)).astype(np.float32)  # 5.4 km on 450 m cells
    score = standing_out(rate + wide, count, None, 450.0)
    assert score[1, 56:64, 64:72].mean() < -6


def test_the_strength_of_the_delay_is_estimated_in_its_window():
    planes = [planes_of_still(2, strength)[STRENGTH] for strength in (0.005, 0.05, 0.4)]
    assert np.mean(planes[0]) < np.mean(planes[1]) < np.mean(planes[2])


def test_a_plane_and_what_goes_with_height_do_not_stand_out():
    rate, count = still(3)
    height = (300 * np.sin(ROW / 17) * np.cos(COL / 23)).astype(np.float32)
    before = standing_out(rate, count, height, 100.0)
    after = standing_out(rate + 0.01 * ROW - 0.02 * COL + 1.5 + 0.01 * height, count, height, 100.0)
    assert float(np.abs(after - before).max()) < 0.05 * float(np.abs(before).max())
    without_heights = standing_out(rate + 0.01 * height, count, None, 100.0)
    assert float(np.abs(without_heights).max()) > 1.5 * float(np.abs(before).max())


def test_scores_do_not_depend_on_where_a_product_begins_nor_on_what_is_far():
    rate, count = still(5)
    rate = rate + bowl(-3.0, 1200.0)
    whole = standing_out(rate, count, None, 100.0)
    later = standing_out(rate[ALIGN_CELLS:, ALIGN_CELLS:], count[ALIGN_CELLS:, ALIGN_CELLS:], None, 100.0)
    inner = -(-MARGIN * SQUARE_CELLS // ALIGN_CELLS) * ALIGN_CELLS
    assert np.allclose(whole[:, ALIGN_CELLS + inner :, ALIGN_CELLS + inner :], later[:, inner:, inner:], atol=1e-3)
    assert np.abs(later[:, :inner] - whole[:, ALIGN_CELLS : ALIGN_CELLS + inner, ALIGN_CELLS:]).max() > 0.01


def test_where_too_little_is_known_there_is_no_value():
    rate, count = still(7)
    rate[:, 24:] = np.nan
    rate[24:] = np.nan
    score = standing_out(rate, np.where(np.isfinite(rate), count, 0), None, 100.0)
    assert score.shape == (PLANES, SIDE, SIDE)
    assert not score.any()


def plainly(squares: atmosphere.Squares, row: int, col: int, strength: float, spectrum, square_m: float = 800.0):
    """Likelihood of a strength of the atmospheric delay in one block, and the scores there, by whole inverses."""
    window = tuple(slice(max(0, at - MARGIN), at + atmosphere.BLOCK + MARGIN) for at in (row, col))
    weight, rate, height, down, right = (
        plane[window][squares.weight[window] > atmosphere.MIN_WEIGHT] for plane in squares
    )
    lags = np.rint(
        np.hypot(np.subtract.outer(down, down), np.subtract.outer(right, right)) * atmosphere.FINER / atmosphere.LAG_M
    )
    noise = atmosphere.NOISE_MM2_YR2 / weight + atmosphere.MIN_NOISE_MM2_YR2
    covariance = strength * atmosphere._covariance(100.0, *spectrum).astype(float)[lags.astype(int)] + np.diag(noise)
    free = np.stack([np.ones_like(rate), down / 5e3, right / 5e3, height - height.mean()], axis=1)
    inverse = np.linalg.inv(covariance)
    normal = free.T @ inverse @ free + 1e-9 * np.eye(4)
    left = inverse - inverse @ free @ np.linalg.inv(normal) @ free.T @ inverse
    likelihood = -(np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(normal)[1] + rate @ left @ rate) / 2
    score = np.empty((len(RADII_CELLS), atmosphere.BLOCK, atmosphere.BLOCK))
    for plane, i, j in np.ndindex(score.shape):
        away = np.hypot(down - (row + i + 0.5) * square_m, right - (col + j + 0.5) * square_m)
        shape = np.exp(-((away / RADII_CELLS[plane] / 100) ** 2))
        score[plane, i, j] = shape @ left @ rate / np.sqrt(max(shape @ left @ shape, atmosphere.MIN_INFORMATION))
    return likelihood, score


@pytest.mark.parametrize("strength", [0.0, 0.03, 0.3])
def test_scores_are_those_of_whole_inverses_in_double_precision(strength, monkeypatch):
    spectrum = atmosphere.SPECTRA[0]
    monkeypatch.setattr(atmosphere, "SPECTRA", (spectrum, spectrum))
    rate, count = still(11, strength)
    height = (300 * np.sin(ROW / 17) * np.cos(COL / 23)).astype(np.float32)
    score = standing_out(rate, count, height, 100.0)[RADII, ::SQUARE_CELLS, ::SQUARE_CELLS]
    squares = atmosphere._squares(rate, count, height, 100.0)
    for row, col in ((0, 4), (8, 8), (12, 0)):
        expected = max(
            (plainly(squares, row, col, one, spectrum) for one in atmosphere.STRENGTHS), key=lambda both: both[0]
        )[1]
        assert np.abs(score[:, row : row + atmosphere.BLOCK, col : col + atmosphere.BLOCK] - expected).max() < 2e-3
