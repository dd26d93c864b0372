"""Hard scenes of `offsets-foreign`, one function per family. Training pairs share neither their forms nor their code.

Any change of a scene requires a new version of the benchmark. The scenes must not be used for training or tuning.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ground_motion.statistics.intervals import Float64
from lab.offsets.foreign_imaging import Field, Scene

Rng = np.random.Generator
MIDDLE_PX = 96.0  # centre of the scenes of 192 px


def waves(rng: Rng, shortest_px: float, longest_px: float, count: int = 20) -> Field:
    """Draw a random surface of unit variance, a sum of plane waves; the longest waves have the greatest amplitudes."""
    angle, phase = rng.uniform(0, np.pi, count), rng.uniform(0, 2 * np.pi, count)
    length = np.exp(rng.uniform(np.log(shortest_px), np.log(longest_px), count))
    strength = length / np.sqrt((length**2).sum() / 2)

    def at(y: Float64, x: Float64) -> Float64:
        total = np.zeros_like(y)
        for k in range(count):
            way = (x * np.cos(angle[k]) + y * np.sin(angle[k])) / length[k]
            total += strength[k] * np.cos(2 * np.pi * way + phase[k])
        return total

    return at


def alike(*values: float) -> Field:
    """Return a field that is constant: one plane of the given value, or one plane for each of several values."""

    def at(y: Float64, x: Float64) -> Float64:
        planes = [np.full_like(y, value) for value in values]
        return planes[0] if len(planes) == 1 else np.stack(planes)

    return at


def _shift(rng: Rng) -> tuple[float, float]:
    dx, dy = rng.uniform(-2, 2, 2).tolist()
    return dx, dy


def _grain(rng: Rng) -> Field:
    """Draw the backscatter of open land."""
    fields, strength = waves(rng, 3, 40), float(rng.uniform(0.2, 0.7))
    return lambda y, x: np.exp(strength * fields(y, x))


def _both(power: Field) -> Field:
    return lambda y, x: np.stack([power(y, x)] * 2)


def folded(rng: Rng) -> Scene:
    """Draw intensity sampled once per resolution cell, as on a complex image's own grid, so that its band is folded."""
    size = float(rng.uniform(0.95, 1.15))
    gamma = float(rng.uniform(0.6, 0.95))
    looks = int(rng.integers(1, 4))
    return Scene(alike(*_shift(rng)), alike(1, 1), alike(gamma), (size, size), looks, sampled=True)


def melt(rng: Rng) -> Scene:
    """Draw snow that melts below a line, where it is darker, less coherent and of another texture than above."""
    ground, wet, line = _grain(rng), waves(rng, 3, 25), waves(rng, 40, 150)
    height, dark, left = rng.uniform(60, 130), 10 ** (-rng.uniform(3, 8) / 10), rng.uniform(0.3, 0.6)
    gamma = float(rng.uniform(0.6, 0.9))

    def melted(y: Float64, x: Float64) -> Float64:
        return 1 / (1 + np.exp(-(y + 15 * line(y, x) - height) / 2))

    def power(y: Float64, x: Float64) -> Float64:
        share, before = melted(y, x), ground(y, x)
        return np.stack([before, before * (1 - share + share * dark * np.exp(0.8 * wet(y, x)))])

    return Scene(alike(*_shift(rng)), power, lambda y, x: gamma * (1 - (1 - left) * melted(y, x)), looks=4)


def shadow(rng: Rng) -> Scene:
    """Draw ridges: a bright strip of layover, a slope, and a strip of shadow with noise only."""
    period, bend, ground = rng.uniform(45, 80), waves(rng, 50, 150), _grain(rng)
    gamma, foot = float(rng.uniform(0.5, 0.9)), rng.uniform(0, 1)

    def place(y: Float64, x: Float64) -> Float64:
        return (x / period + 0.15 * bend(y, x) + foot) % 1.0

    def power(y: Float64, x: Float64) -> Float64:
        at = place(y, x)
        return np.where(at < 0.12, 12.0, np.where(at > 0.75, 0.02, 1.0)) * ground(y, x)

    def coherence(y: Float64, x: Float64) -> Float64:
        return np.where(place(y, x) > 0.75, 0.0, gamma)

    return Scene(alike(*_shift(rng)), _both(power), coherence, looks=3)


def streaks(rng: Rng) -> Scene:
    """Draw ionospheric displacement along rows only, in slanted streaks of varying strength."""
    slant = rng.uniform(-0.5, 0.5)
    length, strength = rng.uniform(28, 90, 3), rng.uniform(0.1, 0.4, 3)
    phase, swell = rng.uniform(0, 2 * np.pi, 3), waves(rng, 80, 250)
    dx, dy = _shift(rng)

    def motion(y: Float64, x: Float64) -> Float64:
        along, fades = y + slant * x, 1 + 0.3 * swell(y, x)
        parts = [a * np.sin(2 * np.pi * along / n + p) for a, n, p in zip(strength, length, phase, strict=True)]
        return np.stack([np.full_like(y, dx), dy + fades * sum(parts)])

    return Scene(motion, _both(_grain(rng)), alike(float(rng.uniform(0.5, 0.9))), looks=4)


def town(rng: Rng) -> Scene:
    """Draw stable houses at the corners of a grid of streets, on ground that changes completely."""
    angle, pitch = rng.uniform(0, np.pi / 2), rng.uniform(9, 15)
    strong, bent = 10 ** (rng.uniform(13, 22) / 10), waves(rng, 40, 120)
    clutter = float(rng.uniform(0.2, 0.5))
    lot = waves(rng, 4, 10)

    def houses(y: Float64, x: Float64) -> Float64:
        u = x * np.cos(angle) + y * np.sin(angle) + 2 * bent(y, x)
        v = y * np.cos(angle) - x * np.sin(angle) - 2 * bent(x, y)
        off = [(part + 0.5 * pitch) % pitch - 0.5 * pitch for part in (u, v)]
        return np.asarray(np.exp(-(off[0] ** 2 + off[1] ** 2) / (2 * 0.7**2)) * np.exp(0.8 * lot(y, x)))

    def coherence(y: Float64, x: Float64) -> Float64:
        share = strong * houses(y, x)
        return (clutter + 0.97 * share) / (1 + share)

    return Scene(alike(*_shift(rng)), _both(lambda y, x: 1 + strong * houses(y, x)), coherence, (1.6, 1.6), looks=1)


def crevasses(rng: Rng) -> Scene:
    """Draw chevrons of crevasses that move with the ice; their pattern is periodic, and speckle is barely coherent."""
    angle, half, speed = rng.uniform(0, 2 * np.pi), rng.uniform(50, 75), rng.uniform(2, 8)
    period, steep = rng.uniform(8, 16), rng.uniform(0.4, 1.0)
    bright, gaps, gamma = 10 ** (rng.uniform(4, 9) / 10), waves(rng, 12, 60), float(rng.uniform(0.2, 0.5))
    heading = np.array([np.cos(angle), np.sin(angle)])[:, None, None]

    def frame(y: Float64, x: Float64) -> tuple[Float64, Float64]:
        off_x, off_y = x - MIDDLE_PX, y - MIDDLE_PX
        return off_x * np.cos(angle) + off_y * np.sin(angle), off_y * np.cos(angle) - off_x * np.sin(angle)

    def motion(y: Float64, x: Float64) -> Float64:
        across = np.clip(np.abs(frame(y, x)[1]) / half, 0, 1)
        return np.asarray(speed * heading * (1 - across**3))

    def power(y: Float64, x: Float64) -> Float64:
        along, across = frame(y, x)
        line = ((along + steep * np.abs(across)) / period + 0.1 * gaps(y, x)) % 1.0 < 0.25
        return np.where(line & (np.abs(across) < half) & (gaps(x, y) > -1), bright, 1.0)

    return Scene(motion, _both(power), alike(gamma), looks=4)


def calving(rng: Rng) -> Scene:
    """Draw ice that spreads to a curved front, with incoherent floes beyond it."""
    reach, speed, bow = rng.uniform(80, 130), rng.uniform(1, 4), waves(rng, 20, 60)
    ground, floes = _grain(rng), (waves(rng, 5, 20), waves(rng, 5, 20))
    gamma, turn = float(rng.uniform(0.5, 0.85)), rng.uniform(0, 2 * np.pi)
    foot = MIDDLE_PX - 110 * np.array([np.sin(turn), np.cos(turn)])

    def distance(y: Float64, x: Float64) -> Float64:
        return np.asarray(np.hypot(y - foot[0], x - foot[1]))

    def beyond(y: Float64, x: Float64) -> NDArray[np.bool_]:
        return np.asarray(distance(y, x) > reach + 4 * bow(y, x))

    def motion(y: Float64, x: Float64) -> Float64:
        away = distance(y, x)
        return np.stack([x - foot[1], y - foot[0]]) * speed * np.clip(away / reach, 0, 1.2) / np.maximum(away, 1)

    def power(y: Float64, x: Float64) -> Float64:
        open_, ice = beyond(y, x), ground(y, x)
        return np.stack([np.where(open_, 0.5 * np.exp(floe(y, x)), ice) for floe in floes])

    return Scene(motion, power, lambda y, x: np.where(beyond(y, x), 0.0, gamma), looks=4)


def long_pixels(rng: Rng) -> Scene:
    """Draw a glacier in single looks, pixels of 3 m (columns) by 14 m (rows): in px it moves little along the rows."""
    angle, half, metres = rng.uniform(0, 2 * np.pi), rng.uniform(300, 600), rng.uniform(5, 25)
    heading = np.array([np.cos(angle) / 3, np.sin(angle) / 14])[:, None, None]

    def motion(y: Float64, x: Float64) -> Float64:
        across = 14 * (y - MIDDLE_PX) * np.cos(angle) - 3 * (x - MIDDLE_PX) * np.sin(angle)
        return np.asarray(metres * heading * np.exp(-0.5 * (across / half) ** 2))

    return Scene(motion, _both(_grain(rng)), alike(float(rng.uniform(0.6, 0.9))), (1.5, 1.2), 1, sampled=True)


def orbit(rng: Rng) -> Scene:
    """Draw misregistration due to orbits (curved planes) and to heights (column offsets that follow the terrain)."""
    bend, tilt = rng.normal(0, 0.4, (2, 3)), rng.normal(0, 0.6, (2, 2))
    terrain, by, (dx, dy) = waves(rng, 50, 200), rng.uniform(0.1, 0.4), _shift(rng)

    def motion(y: Float64, x: Float64) -> Float64:
        v, u = y / MIDDLE_PX - 1, x / MIDDLE_PX - 1
        plane, curved = np.stack([u, v]), np.stack([u * u, u * v, v * v])
        planes = np.tensordot(tilt, plane, 1) + np.tensordot(bend, curved, 1)
        return np.stack([dx + planes[0] + by * terrain(y, x), dy + planes[1]])

    return Scene(motion, _both(_grain(rng)), alike(float(rng.uniform(0.4, 0.9))), (3.0, 2.2), 4)


FAMILIES: dict[str, Callable[[Rng], Scene]] = {
    family.__name__: family for family in (folded, melt, shadow, streaks, town, crevasses, calving, long_pixels, orbit)
}
