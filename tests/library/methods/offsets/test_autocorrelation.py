"""The law of whole lags: what is added, what follows from it, and that offsets are not drawn to whole pixels."""

import numpy as np
import pytest
import torch
from affine import Affine
from torch.nn import functional

from ground_motion.methods.offsets.autocorrelation import (
    LAGS_PX,
    LEARNING_LAGS,
    SHARED,
    Band,
    autocorrelation,
    autocorrelation_from,
    fit,
    fitted_bands,
    learned_bands,
    looks_of,
)
from ground_motion.methods.offsets.evidence import (
    PART_NODES,
    LagProducts,
    add_by_weights,
    add_evidence,
    evidence,
    parts_of,
    surfaces,
    surfaces_of,
)
from ground_motion.methods.offsets.infer import track_offsets
from ground_motion.methods.offsets.texture import texture
from ground_motion.methods.offsets.tracking import PRIOR_PX, prior, step_with_neighbours, windows_of
from ground_motion.rasters.imagery import ImagePair
from lab.simulation.sar.pairs import simulate_pair
from lab.simulation.sar.recipes import constant_shift, even_ground
from lab.simulation.sar.system import System
from lab.simulation.seeds import Purpose, generator

CPU = torch.device("cpu")
ALIASED = System(10.0, (1.0, 1.0), 1, sampled=True)
MARGIN = 8


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def held_of(reference: torch.Tensor, secondary: torch.Tensor, start: torch.Tensor):
    return evidence(reference, functional.pad(secondary, (MARGIN,) * 4), start, MARGIN)


def window_of(held: LagProducts, start: torch.Tensor, size_px: float) -> LagProducts:
    """The evidence of windows of one size on a field of one part."""
    (window,) = add_evidence(held, start, [size_px], (slice(0, PART_NODES), slice(0, PART_NODES)))
    return window


def test_the_evidence_of_a_window_is_the_sum_of_its_squares():
    first, second, start = noise(72, 72), noise(72, 72, seed=1), torch.zeros(2, 9, 9)
    window = window_of(held_of(first, second, start), start, 40)
    part, far = slice(16, 56), slice(16 - 2, 56 - 2)  # 40 px around the node in the middle; lag -2, +1
    product = (first[part, part] * second[far, slice(17, 57)]).mean()
    at = LAGS_PX - 2, LAGS_PX + 1
    torch.testing.assert_close(window.products[at][4, 4] / window.known[4, 4], product)
    assert float(window.known[4, 4]) == pytest.approx(25)


def test_equal_weights_of_three_levels_are_a_box_of_27_squares():
    planes = noise(2, 35, 35)
    by_weights = add_by_weights(planes, torch.full((3, 9, 35, 35), 1 / 9))
    torch.testing.assert_close(by_weights[:, 17, 17], planes[:, 4:31, 4:31].mean(dim=(1, 2)))


def test_squares_that_move_differently_are_added_each_at_its_own_place_and_those_out_of_reach_left_out():
    """The images move by a ramp of 1.6 px; a field that is off by 0.1 px is corrected at its middle."""
    model = autocorrelation_from((Band(0.35, 0.8, 5.0),) * 2, CPU)
    lags = np.arange(-LAGS_PX - 1, LAGS_PX + 2.0)
    truth = torch.stack([torch.linspace(-0.8, 0.8, 27).expand(27, 27), torch.zeros(27, 27)])
    of_rows = Band(0.35, 0.8, 5.0).autocorrelation(lags)
    of_cols = [Band(0.35, 0.8, 5.0).autocorrelation(lags - float(dx)) for dx in truth[0, 0]]
    products = 0.5 * torch.tensor(np.stack([np.outer(of_rows, col) for col in of_cols], axis=2), dtype=torch.float32)
    held = LagProducts(products[:, :, None].expand(-1, -1, 27, -1), torch.ones(3, 27, 27), torch.ones(27, 27))
    field = truth - torch.tensor([0.1, -0.05])[:, None, None]
    equal = torch.full((3, 9, 27, 27), 1 / 9)
    found = step_with_neighbours(held, field.flatten(1), model, equal)
    middle = found.offset.reshape(2, 27, 27)[:, 13, 13]
    torch.testing.assert_close(middle, truth[:, 13, 13], atol=0.02, rtol=0)
    far = field.clone()
    far[0, :13] = 2.6
    half = step_with_neighbours(held, far.flatten(1), model, equal)
    assert float((half.sigma / found.sigma)[0, 364]) == pytest.approx((27 / 14) ** 0.5, rel=0.05)


def test_ground_that_starts_a_pixel_apart_is_added_at_the_same_lags_and_farther_ground_is_left_out():
    first, second = noise(72, 72), noise(72, 72, seed=1)
    level, uneven = torch.zeros(2, 9, 9), torch.zeros(2, 9, 9)
    uneven[0, :, 6:], uneven[1, 7:] = 1, -1
    whole = window_of(held_of(first, second, level), level, 40)
    other = window_of(held_of(first, second, uneven), uneven, 40)
    torch.testing.assert_close(other.products[..., 4, 4], whole.products[..., 4, 4])
    uneven[0, :, 6:] = 3
    apart = window_of(held_of(first, second, uneven), uneven, 40)
    assert float(apart.known[4, 4]) == pytest.approx(20)


FINE, WIDE, WIDEST = (0.0, 0.2, 0.1, 0.0, 0.0), (0.0, 0.0, 0.0, 0.3, 0.0), (0.0, 0.0, 0.0, 0.0, 0.3)


@pytest.mark.parametrize("textures", [(FINE, FINE), (WIDE, WIDEST)], ids=["the same on both axes", "of edges"])
def test_the_band_and_the_texture_of_each_axis_are_found_again(textures):
    bands = [Band(half, 0.7, 1.0, textures=own) for half, own in zip((0.38, 0.42), textures, strict=True)]
    lags = np.stack([band.autocorrelation(np.arange(LEARNING_LAGS + 1.0)) for band in bands])
    tenths = np.arange(0, 3, 0.1)
    for found, band in zip(fitted_bands(lags, 1.0), bands, strict=True):
        np.testing.assert_allclose(found.autocorrelation(tenths), band.autocorrelation(tenths), atol=0.015)
        assert sum(found.textures) == pytest.approx(0.3, abs=0.05)


def test_the_looks_of_an_image_are_found_again():
    gamma = torch.distributions.Gamma(torch.tensor(4.0), torch.tensor(4.0))
    torch.manual_seed(1)
    assert looks_of(gamma.sample((400, 400))) == pytest.approx(4, rel=0.25)


@pytest.mark.parametrize(("dx", "dy"), [(0.0, 0.0), (0.3, -0.45), (-1.2, 0.8)])
def test_a_surface_of_the_law_itself_gives_its_offset(dx, dy):
    """Of two images in each of which texture is 30 % and that share it whole, but only a third of their speckle."""
    lags, surface = np.arange(-LAGS_PX, LAGS_PX + 1.0), 0.0
    bands = [Band(half, 0.8, 5.0, 1 / 3, (0.0, 0.3, 0.0, 0.0, 0.0)) for half in (0.35, 0.6)]
    for part, share in (((), 0.7 / 3), ((0.0, 1.0, 0.0, 0.0, 0.0), 0.3)):
        alone = [band._replace(textures=part) for band in bands]
        shapes = [band.autocorrelation(lags - off) for band, off in zip(alone, (dy, dx), strict=True)]
        surface = surface + share * np.outer(*shapes)
    model = autocorrelation_from(bands, CPU)
    found = fit(torch.tensor(surface, dtype=torch.float32)[:, :, None], torch.tensor([1000.0]), model)
    torch.testing.assert_close(found.offset[:, 0], torch.tensor([dx, dy]), atol=4e-3, rtol=0)
    assert float(found.correlation) == pytest.approx(0.7 / 3 + 0.3, abs=0.02)
    of_noise = fit(torch.tensor(surface, dtype=torch.float32)[:, :, None], torch.tensor([1e9]), model).sigma[:, 0]
    expected = model.form_px.flip(0) * (2 * np.pi * torch.tensor([dx, dy])).sin().abs()
    torch.testing.assert_close(of_noise, expected, atol=1e-4, rtol=0.05)  # however many pixels, the form has an error


def test_what_a_pair_shares_is_usual_where_nothing_matches():
    texture, unknown = noise(64, 64)[None].expand(2, -1, -1), torch.zeros(7, 7, 4)
    smooth = functional.avg_pool2d(texture[None], 3, 1, 1)[0] + texture
    assert {band.shared for band in learned_bands([smooth], 1.0, unknown, torch.zeros(4))} == {SHARED[0]}


def test_a_pair_without_known_squares_has_the_law_of_white_noise():
    for band in learned_bands([torch.zeros(2, 64, 64)], 1.0, torch.zeros(7, 7, 4), torch.zeros(4)):
        np.testing.assert_allclose(band.autocorrelation(np.arange(1.0, 4.0)), 0, atol=0.05)


@pytest.mark.parametrize("size_px", [24, 56])
def test_the_prior_answers_as_the_fit_of_each_window(size_px):
    """One step from tabulated shifts, where five turns of scoring were; even ground, moved by parts of a pixel."""
    pair = shifted(System(10.0, (2.0, 2.0), 4, sampled=True), 0.37, -0.44)
    power = torch.from_numpy(np.stack([pair.reference, pair.secondary]))
    start, seen = torch.zeros(2, 32, 32), texture(power.log())
    held = held_of(*seen, start)
    model = autocorrelation_from(learned_bands([seen], 4.0, *surfaces_of(held, start, 64)), CPU)
    found = windows_of(prior(held, start, model), start)
    fitted = fit(*surfaces(window_of(held, start, size_px)), model)
    at = PRIOR_PX.index(size_px)
    sure = fitted.contrast.reshape(32, 32) > 6
    assert float(sure.float().mean()) > 0.9
    off = (found.offset[at] - fitted.offset.reshape(2, 32, 32))[:, sure].abs()
    assert float(off.quantile(0.95)) < 0.02
    torch.testing.assert_close(found.correlation[at][sure], fitted.correlation.reshape(32, 32)[sure], atol=0.02, rtol=0)


def test_no_square_is_lost_where_a_field_is_added_in_parts():
    first, second, start = noise(8 * 80, 8 * 80), noise(8 * 80, 8 * 80, seed=1), torch.zeros(2, 80, 80)
    held, seen = held_of(first, second, start), torch.zeros(80, 80)
    for part in parts_of(held.known.shape):
        rows, cols = part
        windows = add_evidence(held, start, [24, 104], part)
        seen[rows, cols] += 1
        for window, reach in zip(windows, (1, 6), strict=True):
            row, col = (max(reach, part.start) for part in (rows, cols))
            around = slice(row - reach, row + reach + 1), slice(col - reach, col + reach + 1)
            whole = held.products[1:-1, 1:-1, around[0], around[1]].sum(dim=(2, 3))
            here = row - rows.start, col - cols.start
            torch.testing.assert_close(window.products[..., here[0], here[1]], whole, atol=1e-4, rtol=1e-4)
            assert float(window.known[here]) == (2 * reach + 1) ** 2
    assert bool((seen == 1).all())


def shifted(system: System, dx: float, dy: float, gamma: float = 0.9, size: int = 256) -> ImagePair:
    ground = even_ground(system, size, gamma)
    field = np.zeros((2, *ground.gamma.shape), dtype=np.float32) + np.array([dx, dy], np.float32)[:, None, None]
    power = simulate_pair(generator(Purpose.TEST, "offsets-law", 1), system, ground, field).power
    return ImagePair(power[0], power[1], Affine.identity(), None)


def test_images_sampled_at_their_resolution_are_not_drawn_to_whole_pixels():
    pair = shifted(ALIASED, 0.3, -0.3)
    errors = {}
    for method in ("law", "ncc"):
        bands = track_offsets(pair, method, CPU, 6).bands
        errors[method] = np.nanmean(bands["dx_px"]) - 0.3, np.nanmean(bands["dy_px"]) + 0.3
    assert np.abs(errors["law"]).max() < 0.02
    assert np.abs(errors["ncc"]).max() > 0.03


def test_sigma_of_the_law_needs_no_calibration_on_even_ground():
    scaled = []
    for scene in range(6):
        pair = constant_shift(generator(Purpose.TEST, "offsets-law-sigma", scene), 0.6)
        images = ImagePair(pair.power[0], pair.power[1], Affine.identity(), None)
        bands = track_offsets(images, "law", CPU, 6).bands
        for axis, truth in (("dx", pair.dx_px), ("dy", pair.dy_px)):
            scaled.append((bands[f"{axis}_px"] - truth.mean()) / bands[f"sigma_{axis}_px"])
    inner = np.abs(np.stack(scaled)[:, 4:-4, 4:-4])
    assert 0.58 < (inner < 1).mean() < 0.82
    assert (inner < 1.96).mean() > 0.9


def test_a_few_bright_points_count_as_few():
    texture = 0.3 * noise(72, 72)
    texture[20::30, 20::30] = 5.0
    start = torch.zeros(2, 9, 9)
    with_points, without = (
        surfaces(window_of(held_of(one, one, start), start, 72))[1][40] for one in (texture, noise(72, 72))
    )
    assert float(with_points) < 0.1 * float(without)


def test_the_autocorrelation_is_the_mean_product_of_the_pairs_that_are_known():
    image = noise(50, 61)
    image[10:14, :30] = 0.0
    expected = np.empty((2, LEARNING_LAGS + 1))
    for lag in range(LEARNING_LAGS + 1):
        products = image[: 50 - lag] * image[lag:], image[:, : 61 - lag] * image[:, lag:]
        expected[:, lag] = [float(part.sum() / (part != 0).sum()) for part in products]
    np.testing.assert_allclose(autocorrelation(image), expected / expected[:, :1], atol=1e-5)
