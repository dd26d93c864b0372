"""Coherence by its classical estimators: what speckle of a known coherence must give."""

from datetime import date, timedelta

import numpy as np
import pytest
import torch
from affine import Affine

from ground_motion.methods.coherence.baseline import Speckle, guarnieri_prati, pearson, posterior_mean, speckle_of
from ground_motion.methods.coherence.change import choose_in_season, coherence_change
from ground_motion.methods.coherence.compared import ratio_db
from ground_motion.methods.coherence.infer import estimate_coherence
from ground_motion.rasters.imagery import ImagePair
from ground_motion.rasters.windows import Window
from ground_motion.runtime.methods import methods


def speckle(
    gamma: float, looks: int, size: int = 160, seed: int = 1, texture: np.ndarray | float = 1.0
) -> torch.Tensor:
    """(2, size, size): power of two images whose coherence is gamma."""
    rng = np.random.default_rng(seed)
    first, fresh = (
        (rng.normal(size=(looks, size, size)) + 1j * rng.normal(size=(looks, size, size))) / np.sqrt(2) for _ in "ab"
    )
    second = gamma * first + np.sqrt(1 - gamma**2) * fresh
    power = np.stack([(np.abs(field) ** 2).mean(axis=0) for field in (first, second)])
    return torch.tensor(power * texture, dtype=torch.float32)


@pytest.mark.parametrize("looks", [4, 9])
@pytest.mark.parametrize("gamma", [0.5, 0.7, 0.9])
def test_both_estimators_find_the_coherence_that_was_put_in(gamma, looks):
    power = speckle(gamma, looks)
    assert float(guarnieri_prati(power, 9, speckle_of([power], looks)).coherence.mean()) == pytest.approx(
        gamma, abs=0.035
    )
    assert float(pearson(power, 9, speckle_of([power])).coherence.mean()) == pytest.approx(gamma, abs=0.035)


def test_texture_leaves_guarnieri_prati_as_it_is_and_raises_pearson():
    texture = np.exp(np.random.default_rng(3).normal(0, 0.6, size=(160, 160)))
    power = speckle(0.4, 4, texture=texture)
    assert float(guarnieri_prati(power, 9, speckle_of([power], 4)).coherence.nanmean()) == pytest.approx(0.4, abs=0.12)
    assert float(pearson(power, 9, speckle_of([power])).coherence.nanmean()) > 0.7


@pytest.mark.parametrize("looks", [1, 4, 9])
def test_the_number_of_looks_is_found(looks):
    assert speckle_of([speckle(0.5, looks)]).looks == pytest.approx(looks, rel=0.2)


@pytest.mark.parametrize("gamma", [0.5, 0.7, 0.9])
def test_about_two_thirds_of_the_errors_lie_within_one_sigma(gamma):
    power = speckle(gamma, 5, size=240)
    result = guarnieri_prati(power, 9, speckle_of([power], 5))
    within = float(((result.coherence - gamma).abs() <= result.sigma).float().mean())
    assert 0.55 <= within <= 0.80


def test_one_bright_roof_that_turns_does_not_spoil_its_window():
    power = speckle(0.8, 5)
    power[0, 80, 80] *= 300.0
    result = guarnieri_prati(power, 9, speckle_of([power], 5)).coherence
    assert float(result[76:85, 76:85].mean()) > 0.5
    assert float(result.mean()) == pytest.approx(0.8, abs=0.03)


def test_a_gain_between_the_images_changes_nothing():
    power = speckle(0.7, 5)
    louder = power * torch.tensor([1.0, 1.6])[:, None, None]
    assert torch.allclose(
        guarnieri_prati(power, 9, speckle_of([power], 5)).coherence,
        guarnieri_prati(louder, 9, speckle_of([louder], 5)).coherence,
        atol=2e-3,
    )


@pytest.mark.parametrize("method", ["guarnieri-prati", "posterior-mean"])
def test_what_is_unknown_in_either_image_is_unknown_in_the_result(method):
    power = speckle(0.7, 5).numpy()
    power[1, :20] = np.nan
    pair = ImagePair(power[0], power[1], None, None)
    result = estimate_coherence(pair, method, torch.device("cpu"))
    assert np.isnan(result.bands["coherence"][:20]).all()
    assert np.isfinite(result.bands["coherence"][25:]).all()


@pytest.mark.parametrize("method", methods("coherence"))
def test_every_method_is_registered_before_it_estimates(method):
    power = speckle(0.8, 5).numpy()
    apart = ImagePair(power[0, 3:, 2:], power[1, :-3, :-2], None, None)  # what is at (r, c) is at (r + 3, c + 2)
    fits = ImagePair(power[0, 3:, 2:], power[1, 3:, 2:], None, None)
    shifted, known = (estimate_coherence(pair, method, torch.device("cpu"), looks=5.0) for pair in (apart, fits))
    inner = (slice(16, -16),) * 2
    one, other = (result.bands["coherence"][inner] for result in (shifted, known))
    assert float(np.abs(one - other).mean()) < 0.02
    assert float(shifted.tags["shift_rows_px"]) == pytest.approx(3, abs=0.05)
    assert float(shifted.tags["shift_cols_px"]) == pytest.approx(2, abs=0.05)
    assert float(known.tags["shift_rows_px"]) == 0


def test_a_method_that_does_not_exist_is_named():
    power = speckle(0.7, 5).numpy()
    with pytest.raises(ValueError, match="no method 'magic'"):
        estimate_coherence(ImagePair(power[0], power[1], None, None), "magic", torch.device("cpu"))


def test_on_even_ground_nothing_beats_the_posterior_mean_and_its_sigma_is_honest():
    """Science: 0.113 (floor), 0.154 and 0.143 over 64 cells of 4 looks, coherence uniform in 0-1."""
    errors = {"guarnieri-prati": [], "pearson": [], "posterior-mean": []}
    within = []
    for seed, gamma in enumerate(np.linspace(0.03, 0.97, 16)):
        power, known = speckle(gamma, 4, size=72, seed=seed), Speckle(4.0, 1.0)
        result = posterior_mean(power, 9, known)
        picked = (slice(4, None, 9),) * 2
        for name, estimate in {
            "guarnieri-prati": guarnieri_prati(power, 9, known),
            "pearson": pearson(power, 9, known),
            "posterior-mean": result,
        }.items():
            errors[name].append((estimate.coherence[picked] - gamma).numpy().ravel())
        within.append(((result.coherence - gamma).abs() <= result.sigma)[picked].float().mean())
    rmse = {name: float(np.sqrt(np.mean(np.concatenate(parts) ** 2))) for name, parts in errors.items()}
    assert rmse["posterior-mean"] == pytest.approx(0.105, abs=0.015)
    assert rmse["posterior-mean"] < 0.85 * rmse["pearson"] < rmse["guarnieri-prati"]
    assert 0.6 <= float(np.mean(within)) <= 0.78


def past(n: int = 6, level: float = 0.75, spread: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    history = np.random.default_rng(5).normal(level, spread, size=(n, 60, 60)).astype(np.float32)
    return history, np.full_like(history, 0.06)


def test_a_lost_coherence_stands_out_and_the_rest_does_not():
    history, sigma = past()
    now = np.random.default_rng(6).normal(0.75, 0.05, size=(60, 60)).astype(np.float32)
    now[20:40, 20:40] = 0.15
    z = coherence_change(history, sigma, now).change_sigma
    assert np.median(z[22:38, 22:38]) < -6
    assert (z[:15] < -4.5).mean() < 0.01


def test_rain_over_the_whole_scene_is_no_change():
    history, sigma = past()
    now = np.random.default_rng(6).normal(0.45, 0.05, size=(60, 60)).astype(np.float32)
    result = coherence_change(history, sigma, now)
    assert result.weather == pytest.approx(-0.3, abs=0.02)
    assert (result.change_sigma < -4.5).mean() < 0.001


def test_uneven_weather_widens_the_scale():
    """A quarter of the scene loses half of its coherence at once: that is weather or harvest, not an event."""
    history, sigma = past()
    now = np.random.default_rng(6).normal(0.75, 0.05, size=(60, 60)).astype(np.float32)
    now[:15] -= 0.4
    assert coherence_change(history, sigma, now).change_sigma[:15].min() > -2.5


def test_without_a_past_there_is_no_change():
    history, sigma = past(2)
    with pytest.raises(ValueError, match="2 predecessors are too few"):
        coherence_change(history, sigma, history[0])


def test_a_pixel_with_a_short_past_is_unknown():
    history, sigma = past(4)
    history[:2, 5, 5] = np.nan
    result = coherence_change(history, sigma, history[3].copy())
    assert np.isnan(result.change_sigma[5, 5])
    assert np.isnan(result.before[5, 5])
    assert np.isfinite(result.change_sigma).sum() == 60 * 60 - 1


def test_a_wet_day_long_ago_does_not_widen_the_past():
    history, sigma = past(8)
    now = np.random.default_rng(6).normal(0.75, 0.05, size=(60, 60)).astype(np.float32)
    now[20:40, 20:40] = 0.4
    dry = coherence_change(history, sigma, now)
    history[1::2] *= 0.7
    wet = coherence_change(history, sigma, now)
    assert np.median(wet.change_sigma[22:38, 22:38]) < 0.8 * np.median(dry.change_sigma[22:38, 22:38]) < -3


def test_a_pair_is_compared_with_its_own_season_where_there_is_enough_of_it():
    day = date(2024, 7, 1)
    latest = [day - timedelta(days=12 * back) for back in range(1, 16)]
    assert choose_in_season(latest, day) == list(range(12))
    years = [date(year, month, 1) for year in (2021, 2022, 2023) for month in range(1, 13)]
    assert [years[index].month for index in choose_in_season(years, day)] == [8, 7, 6] * 3
    assert [years[index].year for index in choose_in_season(years, day, 4)] == [2023, 2023, 2023, 2022]
    assert {years[index].month for index in choose_in_season(years, date(2024, 1, 5))} == {12, 1, 2}


def test_a_field_that_grew_brighter_stands_out_and_a_gain_does_not():
    rng = np.random.default_rng(2)
    first, second = rng.gamma(30, 1 / 30, (2, 90, 90)).astype(np.float32)
    second *= 1.6
    second[30:60, 30:60] *= 2
    first[:5] = np.nan
    source = ImagePair(first, second, Affine.identity(), None).source()
    change_db = ratio_db(source, Window(0, 0, 90, 90), torch.device("cpu"))
    part = ratio_db(source, Window(20, 30, 40, 50), torch.device("cpu"))
    np.testing.assert_allclose(part, change_db[20:60, 30:80], atol=1e-5)  # it does not know where the part ends
    change_db -= np.nanmedian(change_db)
    assert float(change_db[36:54, 36:54].mean()) == pytest.approx(10 * np.log10(2), abs=0.2)
    assert float(change_db[65:, 65:].mean()) == pytest.approx(0, abs=0.2)
    assert np.isnan(change_db[:5]).all()
