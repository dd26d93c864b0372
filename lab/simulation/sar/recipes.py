"""Recipes of pairs for training, benchmarks and checks. Each makes one pair from a random generator."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable

import numpy as np

from lab.simulation.sar import motion
from lab.simulation.sar.ground import Ground, Likely, even, structured, with_noise
from lab.simulation.sar.pairs import SarPair, padded, simulate_pair
from lab.simulation.sar.system import GRDH, RTC, Float32, System
from lab.simulation.seeds import Purpose, generator

Recipe = Callable[[np.random.Generator], SarPair]

MAX_MISREGISTRATION_PX = 1.5  # Largest constant shift, and largest misregistration.
GAIN_DB = 2.0
MIN_AFTER_RAIN = 0.75  # factor by which rain lowers an earlier image's gamma at most
COVER_OFFSETS = Likely(gamma=(0.3, 0.98))  # No classical method can track below this gamma.
KINDS = tuple(motion.MOTIONS)


def any_system(rng: np.random.Generator) -> System:
    """Draw GRDH half of the time; else pixels of 0.3 to 1 resolution on each axis and 1 to 8 looks."""
    if rng.random() < 0.5:
        return GRDH
    rows, cols = (1 / rng.uniform(0.3, 1.0, 2)).tolist()
    return System(10.0, (rows, cols), int(rng.integers(1, 9)), float(rng.uniform(0, 0.7)))


def even_ground(system: System, size: int, gamma: float) -> Ground:
    """Return ground without structure for images of size px."""
    return even(_cells(system, size), gamma)


def _cells(system: System, size: int) -> tuple[int, int]:
    rows, cols = (n * fine for n, fine in zip(padded(size), system.fine, strict=True))
    return rows, cols


def _shift(rng: np.random.Generator, farthest_px: float) -> Float32:
    return rng.uniform(-farthest_px, farthest_px, (2, 1, 1)).astype(np.float32)


def constant_shift(rng: np.random.Generator, gamma: float, size: int = 160) -> SarPair:
    """Draw a pair of GRDH, even ground, one shift within MAX_MISREGISTRATION_PX on each axis."""
    return one_shift(rng, GRDH, even_ground(GRDH, size, gamma))


def one_shift(rng: np.random.Generator, system: System, ground: Ground) -> SarPair:
    """Draw a pair of some ground, moved by one shift within MAX_MISREGISTRATION_PX on each axis."""
    field = np.zeros((2, *ground.gamma.shape), dtype=np.float32) + _shift(rng, MAX_MISREGISTRATION_PX)
    return simulate_pair(rng, system, ground, field)


def moving(rng: np.random.Generator, kind: str, size: int = 256, likely: Likely = COVER_OFFSETS) -> SarPair:
    """Draw a pair of any system, structured ground, one kind of motion over a slowly varying misregistration."""
    system = any_system(rng)
    whole, fine = padded(size), system.fine
    ground = structured(rng, whole, system, likely)
    field = motion.MOTIONS[kind](rng, whole, fine)
    if kind != "zero":
        field = field + _shift(rng, MAX_MISREGISTRATION_PX)
        if rng.random() < 0.3:
            field = field + motion.wavy(rng, whole, fine)
    return simulate_pair(rng, system, ground, field, float(rng.uniform(-GAIN_DB, GAIN_DB)))


def stepped(
    rng: np.random.Generator, along_rows: bool, size: int = 160, height_px: float = 0.5, gamma: float = 0.9
) -> SarPair:
    """Draw a GRDH pair of even ground with a step of motion across its middle, to measure the width of a response."""
    field = motion.step(padded(size), GRDH.fine, height_px, along_rows)
    return simulate_pair(rng, GRDH, even_ground(GRDH, size, gamma), field)


def homogeneous(
    rng: np.random.Generator, gamma: float, misregistration_px: float, size: int = 112, sample: bool = False
) -> SarPair:
    """Draw a pair of any system and even ground, with misregistration. sample: include its moments."""
    system = any_system(rng)
    return _misregistered(rng, system, even_ground(system, size, gamma), misregistration_px, sample)


def structured_pair(
    rng: np.random.Generator, misregistration_px: float, size: int = 128, sample: bool = False, earlier: int = 0
) -> SarPair:
    """Draw a pair of any system or RTC (one in five) and structured ground, with misregistration.

    sample: include its moments; earlier: number of images before it.
    """
    system = RTC if rng.random() < 0.2 else any_system(rng)
    ground = structured(rng, padded(size), system, Likely(layover=0.0))
    return _misregistered(rng, system, ground, misregistration_px, sample, earlier)


def _misregistered(
    rng: np.random.Generator, system: System, ground: Ground, by_px: float, sample: bool, earlier: int = 0
) -> SarPair:
    """Draw a pair without motion, misregistered by `by_px` in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)[:, None, None] * np.float32(by_px)
    field = np.zeros((2, *ground.gamma.shape), dtype=np.float32) + way
    gain = float(rng.uniform(-GAIN_DB, GAIN_DB))
    past = earlier_gamma(rng, ground, earlier) if earlier else ()
    return simulate_pair(rng, system, ground, field, gain, sample, past)


def earlier_gamma(rng: np.random.Generator, ground: Ground, images: int) -> list[Float32]:
    """Draw gamma of each earlier image with the next: what it was before the pair, less after rain."""
    gamma = ground.gamma if ground.before is None else ground.before
    return [gamma * np.float32(rng.uniform(MIN_AFTER_RAIN, 1)) for _ in range(images)]


def gamma_step(rng: np.random.Generator, size: int = 112) -> SarPair:
    """Draw a pair of GRDH, gamma 0.9 left of the middle and 0.2 right of it."""
    rows, cols = _cells(GRDH, size)
    gamma = np.where(np.arange(cols) < cols / 2, 0.9, 0.2).astype(np.float32)
    ground = even((rows, cols), 0.0)._replace(gamma=np.broadcast_to(gamma, (rows, cols)).copy())
    return simulate_pair(rng, GRDH, ground, np.zeros((2, rows, cols), dtype=np.float32))


def training_pair(rng: np.random.Generator, size: int = 128, rtc_share: float = 0.05, sample: bool = True) -> SarPair:
    """Draw a training pair: every kind of motion and ground, misregistration, gain, both truths of coherence."""
    system = RTC if rng.random() < rtc_share else any_system(rng)
    whole, fine = padded(size), system.fine
    if rng.random() < 0.15:
        noise_db = float(rng.uniform(-30, -15))
        ground = with_noise(even_ground(system, size, float(rng.uniform(0, 1))), noise_db)
    else:
        ground = structured(rng, whole, system, dataclasses.replace(Likely(), layover=0.1))
    # Half of the pairs move as a whole: they cost a third, and much real ground does not move.
    kind = "constant" if rng.random() < 0.5 else KINDS[int(rng.integers(len(KINDS)))]
    field = motion.MOTIONS[kind](rng, whole, fine)
    if kind != "zero":
        field = field + _shift(rng, MAX_MISREGISTRATION_PX)
    return simulate_pair(rng, system, ground, field, float(rng.uniform(-GAIN_DB, GAIN_DB)), sample)


def fingerprint(name: str, recipe: Recipe, settings: object, purpose: Purpose = Purpose.BENCHMARK) -> str:
    """Return a hash of a benchmark: its name, its settings, and its first three scenes.

    Scenes enter by rounded means and the generator's next bytes, because Fourier transforms differ in last bits.
    """
    digest = hashlib.sha256(repr((name, settings)).encode())
    for scene in range(3):
        rng = generator(purpose, name, scene)
        pair = recipe(rng)
        means = [float(np.mean(part)) for part in (pair.dx_px, pair.dy_px, pair.gamma, np.log(pair.power))]
        digest.update(" ".join(f"{mean:.3f}" for mean in means).encode() + rng.bytes(8))
    return digest.hexdigest()


def joined_fingerprint(recipes: Iterable[tuple[str, Recipe]], settings: object) -> str:
    """Return the fingerprint of a recipe with its name, or a hash of those of several."""
    prints = [fingerprint(name, recipe, settings) for name, recipe in recipes]
    return prints[0] if len(prints) == 1 else hashlib.sha256("".join(prints).encode()).hexdigest()
