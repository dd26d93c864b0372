"""Training pairs of the coherence network of all kinds of ground and systems, with gamma and sample coherence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as functional

from lab.coherence.training.textures import brighter, drawn
from lab.simulation.sar import motion
from lab.simulation.sar.ground import (
    Bools,
    Ground,
    Likely,
    Points,
    power_law_field,
    smooth_field,
    structured,
    with_noise,
)
from lab.simulation.sar.opera_like import open_land
from lab.simulation.sar.pairs import SarPair, padded, simulate_pair
from lab.simulation.sar.recipes import GAIN_DB, MAX_MISREGISTRATION_PX, any_system, earlier_gamma, even_ground
from lab.simulation.sar.system import GRDH, RTC, Float32, System

GRDH_SHARE, RTC_SHARE, WIDE_SHARE = 0.25, 0.12, 0.1
EVEN_SHARE, OPEN_LAND_SHARE, WAVY_SHARE, CITY_SHARE, COMPLEX_SHARE = 0.18, 0.35, 0.05, 0.15, 0.2
COMPLEX_CITY_SHARE = 0.5  # Share of urban ground in images of single looks.
LIKELY = dataclasses.replace(Likely(), layover=0.06, town=0.45, texture_shape=(1.0, 60.0))
NO_TOWN = dataclasses.replace(Likely(), layover=0.0, town=0.0)
NO_TEXTURE = dataclasses.replace(
    Likely(), layover=0.0, textured=0.15, relief=0.1, parcel_db=1.0, town=0.2, water=0.1, texture_shape=(0.7, 5.0)
)
LOW_SHARE, STABLE_SHARE, SINGLE_LOOK_SHARE, AVERAGING_SHARE, MAPPED_SHARE = 0.5, 0.7, 0.3, 0.4, 0.6
MAP_MARGIN_PX = 16  # A map's image has this margin on each side; it is mirrored beyond.
ROUGH_SHARE, PATCHED_SHARE = 0.75, 0.45  # Shares of the grounds in `with_unseen`; some are both.
LOST_SHARE = 0.6  # of patches that lose coherence
SUDDEN_SHARE, WEATHER = 0.6, (0.3, 1.0)  # Share in `with_unseen`; factor by which half of these pairs lose coherence.
STEP = (0.7, 1.5)  # image pixels per pixel of a map
TURN_RAD = 0.25
AMPLITUDE_SHARE = 0.4  # share of pairs interpolated as amplitude
CUBIC_SHARE = 0.6
LOOKS_PX = 16  # side of the squares in which looks are measured
BRIGHTEST = 6.0  # Pixels brighter than this number of means (single scatterers) are clipped.
FINER = 2  # Samples per pixel of a single look along each axis.
DrawGround = Callable[[np.random.Generator, int, System], Ground]  # Its arguments: generator, size in px, system.


def coherence_pair(rng: np.random.Generator, size: int = 128, earlier: int = 0, unseen_share: float = 0.0) -> SarPair:
    """Draw a pair without motion, misregistered by up to MAX_MISREGISTRATION_PX on each axis, with its moments.

    earlier: number of images before it; unseen_share: probability that power does not show coherence (`with_unseen`).
    """
    if rng.random() < COMPLEX_SHARE:
        drawn_ground = partial(ground_of, city_share=COMPLEX_CITY_SHARE, unseen_share=unseen_share)
        return single_look_pair(rng, size, drawn_ground, earlier)
    return _imaged(rng, size, drawn_system(rng), partial(ground_of, unseen_share=unseen_share), earlier)


def single_look_pair(rng: np.random.Generator, size: int, ground: DrawGround, earlier: int) -> SarPair:
    """Draw a pair of single-look images: squared complex amplitudes at points, with a response 1.05 to 1.9 px wide."""
    rows, cols = (FINER * rng.uniform(1.05, 1.9, 2)).tolist()
    return _every(
        _imaged(rng, FINER * size, System(5.0, (rows, cols), 1), ground, earlier, FINER * MAX_MISREGISTRATION_PX)
    )


def _imaged(
    rng: np.random.Generator,
    size: int,
    system: System,
    ground: DrawGround,
    earlier: int,
    farthest_px: float = MAX_MISREGISTRATION_PX,
) -> SarPair:
    """Draw ground and misregistration and image them, with `earlier` images before the pair."""
    drawn_ground = ground(rng, size, system)
    field = _misregistration(rng, size, system, farthest_px)
    gain, past = float(rng.uniform(-GAIN_DB, GAIN_DB)), earlier_gamma(rng, drawn_ground, earlier)
    return simulate_pair(rng, system, drawn_ground, field, gain, sample=True, earlier=past)


def textured_pair(
    rng: np.random.Generator,
    size: int,
    textures: Sequence[Float32],
    earlier: int = 0,
    mixed_share: float = 0.0,
    unseen_share: float = 0.0,
) -> SarPair:
    """Draw a pair with real texture, imaged by any system and mostly resampled to a map.

    earlier: number of images before it; mixed_share: share of pairs with two mixed textures; unseen_share: see above.
    """
    real = partial(textured, textures=textures, mixed_share=mixed_share, unseen_share=unseen_share)
    mapped = rng.random() < MAPPED_SHARE
    wide = size + 2 * MAP_MARGIN_PX if mapped else size
    if rng.random() < SINGLE_LOOK_SHARE:
        pair = single_look_pair(rng, wide, real, earlier)
    else:
        if rng.random() < AVERAGING_SHARE:  # Wide pixels average 1 to 8 single looks in one or two sub-bands.
            size_px = rng.uniform(0.45, 1.5), rng.uniform(0.3, 1.0)
            system = System(15.0, size_px, int(rng.integers(1, 3)), float(rng.uniform(0, 0.5)))
        else:
            system = drawn_system(rng)
        pair = _imaged(rng, wide, system, real, earlier)
    return resampled_on_map(rng, pair, size) if mapped else pair


def textured(
    rng: np.random.Generator,
    size: int,
    system: System,
    textures: Sequence[Float32],
    mixed_share: float = 0.0,
    unseen_share: float = 0.0,
) -> Ground:
    """Draw ground with real texture in parcels, mostly of low coherence; bright ground is mostly stable."""
    low = rng.random() < LOW_SHARE
    likely = dataclasses.replace(NO_TEXTURE, gamma=(0.02, float(rng.uniform(0.3, 0.7))) if low else (0.2, 0.98))
    ground = structured(rng, padded(size), system, likely)
    texture = drawn(rng, textures, ground.gamma.shape, system.fine, mixed_share)
    gamma = ground.gamma.copy()
    bright = brighter(texture, float(rng.uniform(3, 9)), system.fine)
    if rng.random() < STABLE_SHARE:
        gamma[bright] += (float(rng.uniform(0.6, 0.99)) - gamma[bright]) * np.float32(rng.uniform(0.3, 1))
    gamma[texture < 10 ** (-rng.uniform(0.5, 1.2))] *= np.float32(rng.uniform(0, 1))
    ground = ground._replace(power=ground.power * texture, gamma=np.clip(gamma, 0, 0.99))
    return with_unseen(rng, ground, system.fine, unseen_share)


def with_unseen(rng: np.random.Generator, ground: Ground, fine: tuple[int, int], share: float) -> Ground:
    """Change the coherence of a share of grounds, but not the power: by a rough field, in patches, or both.

    Real coherence varies within a parcel, and backscatter after construction, a receded flood or a slope failure can be
    as before. Without such ground a network learns that equal power means equal coherence. Often the change is sudden,
    so that the network does not learn that stable ground stays stable. fine: cells per pixel, on each axis.
    """
    if not share or rng.random() >= share:
        return ground
    kind, sudden = rng.random(), rng.random() < SUDDEN_SHARE
    gamma = roughened(rng, ground.gamma, fine) if kind < ROUGH_SHARE else ground.gamma
    gamma = patched(rng, gamma, fine) if kind > 1 - PATCHED_SHARE else gamma
    weather = rng.uniform(*WEATHER) if sudden and rng.random() < 0.5 else 1.0
    return ground._replace(gamma=gamma * np.float32(weather), before=ground.gamma if sudden else None)


def roughened(rng: np.random.Generator, gamma: Float32, fine: tuple[int, int]) -> Float32:
    """Add a random field of any roughness to the logit of a coherence (rows, cols)."""
    longest = float(np.exp(rng.uniform(np.log(10), np.log(200))))
    field = power_law_field(rng, gamma.shape, float(rng.uniform(-3.5, -1.5)), fine, longest)
    held = np.clip(gamma, 0.01, 0.98)
    logit = np.log(held / (1 - held)) + np.float32(rng.uniform(0.2, 1.5)) * field
    return np.asarray(np.minimum(1 / (1 + np.exp(-logit)), 0.99) * (gamma > 0), dtype=np.float32)


def patched(rng: np.random.Generator, gamma: Float32, fine: tuple[int, int]) -> Float32:
    """Replace a coherence (rows, cols) in one to three rectangles or ellipses of 8 to 60 px; most lose coherence."""
    gamma = gamma.copy()
    for _ in range(int(rng.integers(1, 4))):
        middle, half = rng.uniform(0, 1, 2) * gamma.shape, np.exp(rng.uniform(np.log(4), np.log(30), 2)) * fine
        y, x = (np.arange(n) for n in gamma.shape)
        off = np.abs((y[:, None] - middle[0]) / half[0]), np.abs((x - middle[1]) / half[1])
        patch = np.maximum(*off) < 1 if rng.random() < 0.5 else off[0] ** 2 + off[1] ** 2 < 1
        new = rng.uniform(0, 0.6) * gamma[patch] if rng.random() < LOST_SHARE else rng.uniform(0.02, 0.98)
        gamma[patch] = new
    return gamma


def _every(pair: SarPair) -> SarPair:
    """Take every second sample of a pair, on each axis."""
    power, dx, dy, gamma = (np.ascontiguousarray(part[..., ::FINER, ::FINER]) for part in pair[:4])
    moments, mean, earlier = (
        None if part is None else np.ascontiguousarray(part[..., ::FINER, ::FINER])
        for part in (pair.moments, pair.mean_power, pair.earlier)
    )
    return SarPair(power, dx / np.float32(FINER), dy / np.float32(FINER), gamma, moments, pair.looks, mean, earlier)


def _misregistration(rng: np.random.Generator, size: int, system: System, farthest_px: float) -> Float32:
    whole = padded(size)
    shape = whole[0] * system.fine[0], whole[1] * system.fine[1]
    field = np.zeros((2, *shape), dtype=np.float32)
    field += rng.uniform(-farthest_px, farthest_px, (2, 1, 1)).astype(np.float32) * np.float32(rng.random() < 0.75)
    if rng.random() < WAVY_SHARE:
        field += 0.3 * motion.wavy(rng, whole, system.fine)
    return field


def drawn_system(rng: np.random.Generator) -> System:
    """Draw GRDH, RTC, a system with pixels wider than its resolution, or any other; 1 to 8 looks, often one."""
    kind = rng.random()
    if kind < GRDH_SHARE:
        return GRDH
    if kind < GRDH_SHARE + RTC_SHARE:
        return RTC
    looks = 1 if rng.random() < 0.12 else int(rng.integers(1, 9))
    uneven = float(rng.uniform(0, 0.7))
    if kind < GRDH_SHARE + RTC_SHARE + WIDE_SHARE:
        rows, cols = rng.uniform(0.4, 1.0, 2).tolist()
        return System(30.0, (rows, cols), looks, uneven)
    while (system := any_system(rng)) is GRDH:
        pass
    return dataclasses.replace(system, looks=looks, uneven=uneven)


def ground_of(
    rng: np.random.Generator, size: int, system: System, city_share: float = CITY_SHARE, unseen_share: float = 0.0
) -> Ground:
    """Draw simulated ground: even, open land, a city or a mixture. unseen_share: probability of `with_unseen`."""
    if rng.random() < EVEN_SHARE:
        gamma = max(0.0, float(rng.uniform(-0.1, 1)))
        ground = with_noise(even_ground(system, size, gamma), float(rng.uniform(-30, -15)))
    elif system is RTC and rng.random() < OPEN_LAND_SHARE:
        ground = open_land(rng, padded(size))
    elif rng.random() < city_share:
        ground = city(rng, size, system)
    else:
        ground = structured(rng, padded(size), system, LIKELY)
    return with_unseen(rng, ground, system.fine, unseen_share)


def city(rng: np.random.Generator, size: int, system: System) -> Ground:
    """Draw a city: blocks between streets, in which point scatterers of every strength stand on incoherent clutter.

    Most scatterers are stable; some bright ones are replaced at the second date (vehicles, cranes, building sites).
    """
    ground = structured(rng, padded(size), system, NO_TOWN)
    fine, shape = system.fine, ground.gamma.shape
    reach = rng.uniform(15, 60)
    built = smooth_field(rng, shape, (reach * fine[0], reach * fine[1])) > rng.uniform(-1.5, 0.7)
    angle, apart = rng.uniform(0, np.pi), rng.uniform(6, 30, 2)
    width = rng.uniform(0.5, 2.5)  # Width of streets, which run in two parallel sets at right angles.
    y, x = (np.arange(n)[:, None] / cells for n, cells in zip(shape, fine, strict=True))
    along, across = y * np.cos(angle) + x.T * np.sin(angle), x.T * np.cos(angle) - y * np.sin(angle)
    built &= (along % apart[0] >= width) & (across % apart[1] >= width)
    power, gamma = ground.power.copy(), ground.gamma.copy()
    gamma[built] = gamma[built] * np.float32(rng.uniform(0, 0.3)) + np.float32(rng.uniform(0, 0.4))
    power[:, built] *= np.float32(10 ** (rng.uniform(-2, 4) / 10))
    return ground._replace(power=power, gamma=gamma, points=_houses(rng, built, power[0], fine))


def _houses(rng: np.random.Generator, built: Bools, power: Float32, fine: tuple[int, int]) -> Points:
    """Draw point scatterers on built ground, 1 to 80 per 100 pixels; log-normal power relative to the clutter there."""
    pixel = fine[0] * fine[1]
    cells = np.flatnonzero(built)
    share = float(np.exp(rng.uniform(np.log(0.01), np.log(0.8))))
    chosen = rng.choice(cells, int(cells.size / pixel * share)) if cells.size else cells
    row, col = np.divmod(chosen, built.shape[1])
    level_db = np.clip(rng.normal(rng.uniform(0, 12), rng.uniform(4, 9), chosen.size), -6, 42)
    strength = 10 ** (level_db / 10) * pixel * power.reshape(-1)[chosen]
    stable = 1 - np.minimum(rng.exponential(rng.uniform(0.01, 0.08), chosen.size), 0.6)
    other = rng.random(chosen.size) < rng.uniform(0, 0.2)
    gamma = np.where(other, rng.uniform(0, 0.6, chosen.size), stable)
    off = rng.uniform(0, 1, (2, chosen.size))
    return Points(*(np.asarray(part, dtype=np.float32) for part in (row + off[0], col + off[1], strength, gamma)))


def resampled_on_map(rng: np.random.Generator, pair: SarPair, size: int) -> SarPair:
    """Resample a pair onto a turned, stretched map of size x size px, as a processor does; measure its looks again."""
    steps, turn = rng.uniform(*STEP, 2), float(rng.uniform(-TURN_RAD, TURN_RAD))
    grid = _grid(steps, turn, pair.gamma.shape[-1], size)
    mode = "bicubic" if rng.random() < CUBIC_SHARE else "bilinear"
    if rng.random() < AMPLITUDE_SHARE:
        power = _sampled(np.sqrt(pair.power), grid, mode) ** 2
    else:
        power = np.maximum(_sampled(pair.power, grid, mode), 0.2 * _sampled(pair.power, grid, "nearest"))
    parts = (pair.gamma, pair.moments, pair.mean_power, pair.dx_px, pair.dy_px)
    gamma, moments, mean, dx, dy = (_sampled(part, grid, "bilinear") for part in parts)
    along, across = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return pair._replace(
        power=power,
        dx_px=((along * dx + across * dy) / steps[1]).astype(np.float32),
        dy_px=((along * dy - across * dx) / steps[0]).astype(np.float32),
        gamma=gamma,
        moments=moments,
        looks=measured_looks(power, mean),
        mean_power=mean,
        earlier=None if pair.earlier is None else _sampled(pair.earlier, grid, mode).clip(1e-6),
    )


def measured_looks(power: Float32, mean: Float32) -> float:
    """Measure equivalent looks of power (n, rows, cols) with a known mean: the median over squares, at least 1/2."""
    ratio = np.minimum(power / np.maximum(mean, 1e-12), BRIGHTEST)
    ratio = ratio / np.median(ratio.mean(axis=(1, 2)))
    rows, cols = (size // LOOKS_PX for size in power.shape[1:])
    cut = ratio[:, : rows * LOOKS_PX, : cols * LOOKS_PX].reshape(-1, rows, LOOKS_PX, cols, LOOKS_PX)
    return float(1 / np.clip(np.median(((cut - 1) ** 2).mean(axis=(2, 4))), 0.02, 2.0))


def _grid(steps: np.ndarray[tuple[int], np.dtype[np.float64]], turn: float, wide: int, size: int) -> torch.Tensor:
    """Return the map pixels' positions, for grid_sample, in an image `wide` px square, mirrored beyond its edges."""
    along = np.arange(size) - (size - 1) / 2
    y, x = np.meshgrid(along * steps[0], along * steps[1], indexing="ij")
    turned = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    return torch.from_numpy(np.stack(turned, axis=-1) * 2 / wide).float()[None]


def _sampled(values: Float32 | None, grid: torch.Tensor, mode: str) -> Float32:
    """Sample values (n, rows, cols) or (rows, cols) at the places of a grid."""
    if values is None:
        raise ValueError("the pair lacks one of its truths")
    planes = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).reshape(1, -1, *values.shape[-2:])
    taken = functional.grid_sample(planes, grid, mode=mode, padding_mode="reflection", align_corners=False)
    return np.asarray(taken.numpy().reshape(*values.shape[:-2], *taken.shape[-2:]), dtype=np.float32)
