"""What the network of coherence is taught on: pairs of every kind of ground and system, with both truths."""

from __future__ import annotations

import dataclasses

import numpy as np

from ml.simulation.sar import motion
from ml.simulation.sar.ground import Ground, Likely, structured, with_noise
from ml.simulation.sar.opera_like import country
from ml.simulation.sar.pairs import SarPair, padded, simulate_pair
from ml.simulation.sar.recipes import FARTHEST_PX, GAIN_DB, any_system, even_ground
from ml.simulation.sar.system import GRDH, RTC, System

GRDH_SHARE, RTC_SHARE, WIDE_SHARE = 0.25, 0.12, 0.1
EVEN_SHARE, COUNTRY_SHARE, WAVY_SHARE = 0.18, 0.35, 0.05
LIKELY = dataclasses.replace(Likely(), layover=0.06, town=0.45)


def coherence_pair(rng: np.random.Generator, size: int = 128) -> SarPair:
    """One pair at rest, misregistered by up to FARTHEST_PX on each axis, with gamma and sample coherence."""
    system = drawn_system(rng)
    whole = padded(size)
    ground = _ground(rng, size, system)
    field = np.zeros((2, *ground.gamma.shape), dtype=np.float32)
    field += rng.uniform(-FARTHEST_PX, FARTHEST_PX, (2, 1, 1)).astype(np.float32) * np.float32(rng.random() < 0.75)
    if rng.random() < WAVY_SHARE:
        field += 0.3 * motion.wavy(rng, whole, system.fine)
    return simulate_pair(rng, system, ground, field, float(rng.uniform(-GAIN_DB, GAIN_DB)), sample=True)


def drawn_system(rng: np.random.Generator) -> System:
    """GRDH, RTC, pixels wider than the resolution, or any; 1 to 8 looks, one of them more often than chance has it."""
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
    return dataclasses.replace(_of_any(rng), looks=looks, uneven=uneven)


def _of_any(rng: np.random.Generator) -> System:
    system = any_system(rng)
    while system is GRDH:
        system = any_system(rng)
    return system


def _ground(rng: np.random.Generator, size: int, system: System) -> Ground:
    if rng.random() < EVEN_SHARE:
        gamma = max(0.0, float(rng.uniform(-0.1, 1)))
        return with_noise(even_ground(system, size, gamma), float(rng.uniform(-30, -15)))
    if system is RTC and rng.random() < COUNTRY_SHARE:
        return country(rng, padded(size))
    return structured(rng, padded(size), system, LIKELY)
