"""Errors that resemble motion: atmospheric delay, ramps, seams, unwrapping, warm buildings. mm/yr, one track.

Ranges are those of the project's science notes (section 1), if given there; the others are marked as choices.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.simulation.ground.frame import Floats
from ground_motion.simulation.ground.terrain import LandCover
from ground_motion.simulation.velocity.noise import VelocityNoise, velocity_errors

HALF_WAVE_MM = 28.0  # An unwrapping error is a whole number of these.
KNEE_M = 1_500.0
TURBULENCE_AT_M = 1_250.0
USTICA = VelocityNoise(nugget_mm2_yr2=0.32, sill_mm2_yr2=0.66, length_m=26.0)


class Range(NamedTuple):
    """Range of values, with uniform distribution."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """Sample a value of the range."""
        return float(rng.uniform(self.low, self.high))


class Nuisance(NamedTuple):
    """Frequency and strength of errors. factor: multiplies all errors (standard deviation, not variance).

    noise: the white, correlated and spiky error of each point. turbulence: semivariance at 1.25 km, (mm/yr)²; that of
    Ustica's tracks grows between 0.4 and 1.25 km by 0.23 and 0.18, of which 0.125 is common to both and thus not
    atmospheric; 0.06–0.10 is left, the middle of the range. stratified: mm/yr per km of height. ramp: mm/yr across 10
    km (a choice: EGMS is levelled to GNSS). seam: a step across a frame's edge, in seam_share of the tracks.
    block_share: share of tracks with an unwrapping error. warm_share: share of the 40 m blocks of built-up land that
    have tall buildings, whose yearly dilation (mm) adds leak_per_yr of itself to the rate.
    """

    factor: float = 1.0
    noise: VelocityNoise = USTICA
    turbulence_mm2_yr2: Range = Range(0.02, 0.15)
    stratified_mm_yr_km: Range = Range(0.5, 3.0)
    ramp_mm_yr: Range = Range(0.0, 1.0)
    seam_share: float = 0.1
    seam_mm_yr: Range = Range(0.5, 2.0)
    block_share: float = 0.03
    block_m: Range = Range(150.0, 800.0)
    warm_share: float = 0.04
    warm_mm: Range = Range(2.0, 10.0)
    leak_per_yr: float = 0.06


class TrackGround(NamedTuple):
    """Points of a track, (n,): x and y, m from the south-west corner of a square of side_m; height; land cover."""

    x_m: Floats
    y_m: Floats
    height_m: Floats
    cover: NDArray[np.uint8]
    side_m: float


class Errors(NamedTuple):
    """Simulated errors of a track.

    rate: (n,), mm/yr, + toward the satellite; yearly: amplitude of buildings' dilation, mm; kinds: which errors occur.
    """

    rate_mm_yr: Floats
    yearly_mm: Floats
    kinds: tuple[str, ...]


def draw_errors(rng: np.random.Generator, ground: TrackGround, nuisance: Nuisance, years: float) -> Errors:
    """Simulate all errors of a track's rates. years: time span, by which unwrapping errors are divided."""
    kinds = ["noise", "turbulence", "stratified", "ramp"]
    error = velocity_errors(rng, ground.x_m, ground.y_m, nuisance.noise, 0.0)
    error += turbulence(rng, ground) * math.sqrt(nuisance.turbulence_mm2_yr2.draw(rng))
    error += simulate_stratified(rng, ground, nuisance.stratified_mm_yr_km.draw(rng)) + ramp(
        rng, ground, nuisance.ramp_mm_yr
    )
    if rng.random() < nuisance.seam_share:
        error += seam(rng, ground, nuisance.seam_mm_yr.draw(rng))
        kinds.append("seam")
    yearly_mm = warm_buildings(rng, ground, nuisance)
    error += yearly_mm * rng.normal(0, nuisance.leak_per_yr)
    error *= nuisance.factor
    if rng.random() < nuisance.block_share:
        # Unwrapping errors are whole cycles, so they have no factor.
        error += unwrapping_block(rng, ground, nuisance.block_m.draw(rng), years)
        kinds.append("block")
    return Errors(error, yearly_mm * nuisance.factor, tuple(kinds))


@lru_cache(maxsize=4)
def _turbulence_amplitude(size: int, posting_m: float) -> Floats:
    """Return the root of a 2-D power ∝ k^(−8/3) above 1.5 km (wavelength), else ∝ k^(−11/3), (size, size // 2 + 1).

    It is scaled so that white noise of variance one becomes a field whose semivariance is 1 at 1.25 km.
    """
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size, posting_m), np.fft.rfftfreq(size, posting_m), indexing="ij"))
    frequency[0, 0] = np.inf
    knee = 1 / KNEE_M
    power = np.where(frequency < knee, (frequency / knee) ** (-8 / 3), (frequency / knee) ** (-11 / 3))
    covariance = np.fft.irfft2(power, s=(size, size))
    lag = np.arange(size // 2)
    semivariance = covariance[0, 0] - (covariance[0, : size // 2] + covariance[: size // 2, 0]) / 2
    return np.asarray(np.sqrt(power / np.interp(TURBULENCE_AT_M, lag * posting_m, semivariance)), dtype=np.float64)


def turbulence_field(rng: np.random.Generator, size: int, posting_m: float) -> Floats:
    """Generate delay of a rate, (size, size), semivariance 1 at 1.25 km. It is periodic: use only a part of it."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * _turbulence_amplitude(size, posting_m)
    return np.asarray(np.fft.irfft2(spectrum, s=(size, size)), dtype=np.float64)


def turbulence(rng: np.random.Generator, ground: TrackGround) -> Floats:
    """Sample the turbulence at the points, cut from a field more than twice as wide."""
    field = turbulence_field(rng, 256, ground.side_m / 100)
    return np.asarray(
        ndimage.map_coordinates(field, [ground.y_m / ground.side_m * 100, ground.x_m / ground.side_m * 100], order=1)
    )


def simulate_stratified(rng: np.random.Generator, ground: TrackGround, mm_yr_km: float) -> Floats:
    """Simulate stratified delay: a rate proportional to height, of either sign, zero at the mean height."""
    if not ground.height_m.size:
        return np.zeros(0)
    return np.asarray(rng.choice([-1.0, 1.0]) * mm_yr_km * (ground.height_m - ground.height_m.mean()) / 1000)


def ramp(rng: np.random.Generator, ground: TrackGround, across: Range) -> Floats:
    """Simulate an error of orbit or reference: a plane. across: rise over the side of the tile, mm/yr."""
    bearing = rng.uniform(0, 2 * math.pi)
    along = (ground.x_m / ground.side_m - 0.5) * math.sin(bearing) + (ground.y_m / ground.side_m - 0.5) * math.cos(
        bearing
    )
    return across.draw(rng) * along


def seam(rng: np.random.Generator, ground: TrackGround, step_mm_yr: float) -> Floats:
    """Simulate a step between two frames, half on each side; their edge runs within 20° of east, as bursts' do."""
    tilt = math.radians(rng.uniform(-20, 20))
    middle = rng.uniform(0.2, 0.8) * ground.side_m
    beyond = (ground.y_m - middle) * math.cos(tilt) + (ground.x_m - ground.side_m / 2) * math.sin(tilt) > 0
    return np.asarray(rng.choice([-1.0, 1.0]) * step_mm_yr * (beyond - 0.5))


def unwrapping_block(rng: np.random.Generator, ground: TrackGround, size_m: float, years: float) -> Floats:
    """Simulate an unwrapping error in a sharply bounded area: n half waves over the time span, n · 28 mm / years."""
    if not ground.x_m.size:
        return np.zeros(0)
    around = rng.integers(ground.x_m.size)
    cycles = rng.choice([-1, 1]) * (1 if rng.random() < 0.9 else 2)
    east_m, north_m = ground.x_m - ground.x_m[around], ground.y_m - ground.y_m[around]
    turn = rng.uniform(0, math.pi)
    along = np.abs(east_m * math.cos(turn) + north_m * math.sin(turn))
    across = np.abs(north_m * math.cos(turn) - east_m * math.sin(turn))
    inside = (along < size_m / 2) & (across < size_m * rng.uniform(0.3, 0.5))
    return np.where(inside, cycles * HALF_WAVE_MM / years, 0.0)


def warm_buildings(rng: np.random.Generator, ground: TrackGround, nuisance: Nuisance) -> Floats:
    """Return the amplitude of tall buildings' yearly dilation, (n,), mm: on 40 m blocks of built-up land, else 0."""
    blocks = math.ceil(ground.side_m / 40)
    tall = rng.random((blocks, blocks)) < nuisance.warm_share
    amplitude = np.where(tall, rng.uniform(nuisance.warm_mm.low, nuisance.warm_mm.high, (blocks, blocks)), 0.0)
    row, col = ((at / 40).astype(np.intp).clip(0, blocks - 1) for at in (ground.y_m, ground.x_m))
    built = (ground.cover == LandCover.TOWN) | (ground.cover == LandCover.SUBURB)
    height_share = rng.random(ground.x_m.size)  # The foot of a building hardly moves.
    return np.where(built, amplitude[row, col] * height_share, 0.0)
