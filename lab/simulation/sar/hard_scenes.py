"""Scenes on which offset tracking fails or misstates its sigma, mixed into the training pairs of `recipes`.

Kinds: images whose intensity is sampled below its band; single looks whose pixels are longer than wide; ground whose
texture changes (snow, melt); towns of strong points; distortion of the image (azimuth streaks of the ionosphere, orbit
and terrain); fronts, beyond which nothing is coherent; crevasses that move with the ice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from lab.simulation.sar import motion
from lab.simulation.sar.ground import Ground, Likely, gamma_texture, power_law_field, smooth_field, structured
from lab.simulation.sar.pairs import SarPair, padded, simulate_pair
from lab.simulation.sar.recipes import GAIN_DB, MAX_MISREGISTRATION_PX, any_system, even_ground
from lab.simulation.sar.system import Float32, System

TRACKED = Likely(gamma=(0.3, 0.98))
TOWN = Likely(gamma=(0.3, 0.98), town=1.0, point_db=(10.0, 45.0))
VARYING = ("fractional", "glacier", "landslide", "fault", "bowl")
Size = tuple[int, int]
SHARES = (0.3, 0.15, 0.15, 0.1, 0.1, 0.1, 0.1)


def sampled_system(rng: np.random.Generator) -> System:
    """Draw a system whose pixels of 0.7 to 1.1 resolutions sample the power at a point, so that its band is folded."""
    rows, cols = rng.uniform(0.9, 1.45, 2).tolist()
    return System(10.0, (rows, cols), int(rng.choice([1, 1, 2, 4])), float(rng.uniform(0, 0.7)), sampled=True)


def single_look(rng: np.random.Generator) -> System:
    """Draw a system of one look, power sampled on the complex image's own grid or averaged from a finer one."""
    rows, cols = rng.uniform(1.1, 2.4, 2).tolist()
    return System(10.0, (rows, cols), 1, 0.0, sampled=bool(rng.random() < 0.5))


def hard_pair(rng: np.random.Generator, size: int) -> SarPair:
    """Draw one scene; its kind is drawn with the probabilities SHARES."""
    return MAKERS[int(rng.choice(len(MAKERS), p=SHARES))](rng, size)


def _folded(rng: np.random.Generator, size: int) -> SarPair:
    return _moved(rng, size, sampled_system(rng))


def _long_pixels(rng: np.random.Generator, size: int) -> SarPair:
    """Draw motion in pixels that are longer than wide: along the longer side, equal metres are far fewer pixels."""
    narrow = np.ones((2, 1, 1), dtype=np.float32)
    narrow[int(rng.integers(2))] = rng.uniform(0.15, 0.5)
    return _moved(rng, size, single_look(rng), narrow)


def _moved(rng: np.random.Generator, size: int, system: System, by: Float32 | None = None) -> SarPair:
    """Draw even or structured ground in motion that varies or has one shift. by: factors on dx and dy, or None."""
    ground = _even(rng, system, size) if rng.random() < 0.6 else structured(rng, padded(size), system, TRACKED)
    field = _varying(rng, size, system) if rng.random() < 0.4 else np.zeros_like(ground.power)
    return _pair(rng, system, ground, field if by is None else field * by)


def _changed(rng: np.random.Generator, size: int) -> SarPair:
    """Draw snow, melt or rain: the second image differs slowly, patches have another texture and cohere less."""
    system = _any(rng)
    ground = structured(rng, padded(size), system, TRACKED)
    shape, fine = ground.gamma.shape, system.fine
    reach = float(rng.uniform(4, 40))
    slow = smooth_field(rng, shape, (reach * fine[0], reach * fine[1])) * np.float32(rng.uniform(0.1, 0.9))
    grain = float(rng.uniform(1, 6))
    fresh = gamma_texture(smooth_field(rng, shape, (grain * fine[0], grain * fine[1])), float(rng.uniform(1, 8)))
    patches = smooth_field(rng, shape, (reach * fine[0], reach * fine[1])) > rng.uniform(-0.5, 1.2)
    second = ground.power[1] * np.exp(slow) * np.where(patches, fresh, np.float32(1))
    gamma = ground.gamma * np.where(patches, np.float32(rng.uniform(0.2, 0.9)), np.float32(1))
    ground = ground._replace(power=np.stack([ground.power[0], second]).astype(np.float32), gamma=gamma)
    return _pair(rng, system, ground, _field(rng, size, system))


def _town(rng: np.random.Generator, size: int) -> SarPair:
    system = _any(rng)
    return _pair(rng, system, structured(rng, padded(size), system, TOWN), _field(rng, size, system))


def _distorted(rng: np.random.Generator, size: int) -> SarPair:
    """Draw streaks with motion along rows only, an orbital ramp, and range offsets that follow the terrain."""
    system = _any(rng)
    y, x = motion.grid(padded(size), system.fine)
    ground = structured(rng, padded(size), system, TRACKED) if rng.random() < 0.5 else _even(rng, system, size)
    field = _field(rng, size, system)
    tilt = rng.normal(0, 0.5)
    along = (y * np.cos(tilt) + x * np.sin(tilt)).astype(np.float32)
    width = float(np.exp(rng.uniform(np.log(4), np.log(40))))
    noise = ndimage.gaussian_filter1d(rng.standard_normal(2048), width)
    at = np.arange(2048) - 1024.0
    streaks = np.interp(along, at, noise / noise.std()).astype(np.float32) * np.float32(rng.uniform(0.1, 0.8))
    terrain = power_law_field(rng, ground.gamma.shape, -3.6, system.fine, 60.0) * np.float32(rng.uniform(0, 0.4))
    ramp = rng.normal(0, 0.002, 2)
    field = field + np.stack([terrain + (ramp[0] * y + ramp[1] * x).astype(np.float32), streaks])
    return _pair(rng, system, ground, field)


def _front(rng: np.random.Generator, size: int) -> SarPair:
    """Draw ice that ends at a wavy line: open water or broken ice beyond it coheres with nothing and drifts."""
    system = _any(rng)
    y, x = motion.grid(padded(size), system.fine)
    ground = structured(rng, padded(size), system, TRACKED) if rng.random() < 0.5 else _even(rng, system, size)
    angle = rng.uniform(0, 2 * np.pi)
    along = (x - x.mean()) * np.cos(angle) + (y - y.mean()) * np.sin(angle)
    across = (y - y.mean()) * np.cos(angle) - (x - x.mean()) * np.sin(angle)
    line = rng.uniform(-0.25, 0.25) * size + rng.uniform(0, 8) * np.sin(across / rng.uniform(6, 30))
    open_ = along > line
    level = np.float32(10 ** (rng.uniform(-8, 4) / 10))
    shape, fine = ground.gamma.shape, system.fine
    grain = float(rng.uniform(1, 10))
    rough = [
        level * gamma_texture(smooth_field(rng, shape, (grain * fine[0], grain * fine[1])), float(rng.uniform(1, 20)))
        for _ in range(2)
    ]
    power = np.where(open_, np.stack(rough), ground.power).astype(np.float32)
    ground = ground._replace(power=power, gamma=np.where(open_, np.float32(0), ground.gamma))
    drift = rng.uniform(-4, 4, (2, 1, 1)).astype(np.float32)
    return _pair(rng, system, ground, np.where(open_, drift, _field(rng, size, system)))


def _crevasses(rng: np.random.Generator, size: int) -> SarPair:
    """Draw bright lines at nearly even distances, which move with the ice and stay longer than its speckle."""
    system = _any(rng)
    y, x = motion.grid(padded(size), system.fine)
    ground = _even(rng, system, size, (0.1, 0.9))
    angle, period = rng.uniform(0, np.pi), float(rng.uniform(5, 25))
    reach = tuple(20.0 * n for n in system.fine)
    bent = smooth_field(rng, ground.gamma.shape, (reach[0], reach[1])) * np.float32(rng.uniform(0.2, 2))
    phase = 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + bent
    broken = smooth_field(rng, ground.gamma.shape, (reach[0] / 2, reach[1] / 2)) > rng.uniform(-2, 0.5)
    lines = np.where(broken, (0.5 + 0.5 * np.cos(phase)) ** float(rng.uniform(2, 8)), 0.0)
    power = ground.power * 10 ** (np.float32(rng.uniform(3, 12) / 10) * lines)
    ground = ground._replace(power=power.astype(np.float32))
    return _pair(rng, system, ground, _field(rng, size, system))


MAKERS: tuple[Callable[[np.random.Generator, int], SarPair], ...] = (
    _folded,
    _long_pixels,
    _changed,
    _town,
    _distorted,
    _front,
    _crevasses,
)


def _any(rng: np.random.Generator) -> System:
    kind = rng.random()
    return any_system(rng) if kind < 0.7 else (sampled_system(rng) if kind < 0.85 else single_look(rng))


def _even(rng: np.random.Generator, system: System, size: int, gamma: tuple[float, float] = (0.3, 0.97)) -> Ground:
    return even_ground(system, size, float(rng.uniform(*gamma)))


def _field(rng: np.random.Generator, size: int, system: System) -> Float32:
    """Draw varying motion half of the time, else a field of zeros; `_pair` adds a shift common to all pixels."""
    return _varying(rng, size, system) if rng.random() < 0.5 else motion.zero(rng, padded(size), system.fine)


def _varying(rng: np.random.Generator, size: int, system: System) -> Float32:
    return motion.MOTIONS[VARYING[int(rng.integers(len(VARYING)))]](rng, padded(size), system.fine)


def _pair(rng: np.random.Generator, system: System, ground: Ground, field: Float32) -> SarPair:
    shift = rng.uniform(-MAX_MISREGISTRATION_PX, MAX_MISREGISTRATION_PX, (2, 1, 1)).astype(np.float32)
    return simulate_pair(rng, system, ground, field + shift, float(rng.uniform(-GAIN_DB, GAIN_DB)))
