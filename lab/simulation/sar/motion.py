"""Fields of displacement between two images, px: columns right (dx) and rows down (dy), (2, rows, cols)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lab.simulation.sar.ground import power_law_field, smooth_field
from lab.simulation.sar.system import Float32

Floats = NDArray[np.floating]


def grid(size: tuple[int, int], fine: tuple[int, int]) -> tuple[Float32, Float32]:
    """Return row and column of every fine cell's middle, px."""
    rows, cols = (
        ((np.arange(n * cells) + 0.5) / cells).astype(np.float32) for n, cells in zip(size, fine, strict=True)
    )
    y, x = np.meshgrid(rows, cols, indexing="ij")
    return y, x


def zero(rng: np.random.Generator, size: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Return a field without motion."""
    return np.zeros((2, size[0] * fine[0], size[1] * fine[1]), dtype=np.float32)


def constant(rng: np.random.Generator, size: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Draw a constant shift within 3 px."""
    shift = rng.uniform(-3, 3, (2, 1, 1)).astype(np.float32)
    return np.asarray(zero(rng, size, fine) + shift)


def fractional(rng: np.random.Generator, size: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Draw fractional Brownian surfaces, Hurst 0.3-0.8, variance 0.5 px^2 on each axis."""
    shape = size[0] * fine[0], size[1] * fine[1]
    slope = -2 * float(rng.uniform(0.3, 0.8)) - 2
    return np.stack([power_law_field(rng, shape, slope, fine) for _ in "xy"]) * np.float32(np.sqrt(0.5))


def glacier(rng: np.random.Generator, size: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Draw a bending tongue of ice that ends in a front, up to 20 px: fastest in the middle, with shear margins."""
    y, x = grid(size, fine)
    angle, speed = rng.uniform(0, 2 * np.pi), float(np.exp(rng.uniform(np.log(1), np.log(20))))
    along = (x - size[1] / 2) * np.cos(angle) + (y - size[0] / 2) * np.sin(angle)
    across = -(x - size[1] / 2) * np.sin(angle) + (y - size[0] / 2) * np.cos(angle)
    bend = rng.uniform(-0.003, 0.003)
    half = rng.uniform(0.12, 0.35) * min(size) * (1 + 0.1 * np.sin(along / rng.uniform(20, 60)))
    off = (across - bend * along**2) / half
    profile = np.where(np.abs(off) < 1, 1 - np.abs(off) ** rng.uniform(2, 6), 0.0)
    front = rng.uniform(-0.1, 0.45) * size[0]
    profile *= 1 / (1 + np.exp((along - front) / rng.uniform(1, 4)))
    heading = angle + np.arctan(2 * bend * along)
    return np.asarray(speed * profile * np.stack([np.cos(heading), np.sin(heading)]), dtype=np.float32)


def landslide(rng: np.random.Generator, size: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Draw an ellipse with sharp edges that moves along its long axis, 0.5-6 px."""
    y, x = grid(size, fine)
    angle, aspect = rng.uniform(0, 2 * np.pi), rng.uniform(1.5, 4)
    at = rng.uniform(0.35, 0.65, 2) * size
    length = rng.uniform(0.15, 0.4) * min(size)
    along = (x - at[1]) * np.cos(angle) + (y - at[0]) * np.sin(angle)
    across = -(x - at[1]) * np.sin(angle) + (y - at[0]) * np.cos(angle)
    reach = np.hypot(along / length, across * aspect / length)
    profile = np.clip((1 - reach) / rng.uniform(0.03, 0.3), 0, 1) * rng.uniform(0.5, 6)
    return np.stack([np.cos(angle) * profile, np.sin(angle) * profile]).astype(np.float32)


def fault(rng: np.random.Generator, size: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Draw a fault through the middle, whose sides slip 0.5-4 px along it, each by half and in opposite directions."""
    y, x = grid(size, fine)
    angle, slip = rng.uniform(0, np.pi), rng.uniform(0.5, 4)
    across = -(x - size[1] / 2) * np.sin(angle) + (y - size[0] / 2) * np.cos(angle)
    profile = np.sign(across + rng.uniform(-0.1, 0.1) * size[0]) * slip / 2
    return np.stack([np.cos(angle) * profile, np.sin(angle) * profile]).astype(np.float32)


def bowl(rng: np.random.Generator, size: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Draw the horizontal motion, up to 3 px, of ground around a sinking bowl: toward the bowl's middle."""
    y, x = grid(size, fine)
    at = rng.uniform(0.35, 0.65, 2) * size
    radius = rng.uniform(0.12, 0.3) * min(size)
    dx, dy = x - at[1], y - at[0]
    inward = np.exp(0.5 - 0.5 * (dx**2 + dy**2) / radius**2) / radius * rng.uniform(0.5, 3)
    return np.stack([-dx * inward, -dy * inward]).astype(np.float32)


def step(size: tuple[int, int], fine: tuple[int, int], height_px: float, along_rows: bool) -> Float32:
    """Return a field in which one half moves by height_px in dx and dy. along_rows: the edge between them is a row."""
    y, x = grid(size, fine)
    moved = (y > size[0] / 2) if along_rows else (x > size[1] / 2)
    return np.stack([moved * np.float32(height_px)] * 2).astype(np.float32)


def wavy(rng: np.random.Generator, size: tuple[int, int], fine: tuple[int, int]) -> Float32:
    """Draw a slowly varying distortion between the images, like that by orbits and terrain, 0.1-0.5 px."""
    shape = size[0] * fine[0], size[1] * fine[1]
    reach = tuple(60.0 * cells for cells in fine)
    fields = [smooth_field(rng, shape, (reach[0], reach[1])) for _ in "xy"]
    return np.stack(fields) * np.float32(rng.uniform(0.1, 0.5))


Motion = Callable[[np.random.Generator, tuple[int, int], tuple[int, int]], Float32]
MOTIONS: dict[str, Motion] = {
    "zero": zero,
    "constant": constant,
    "fractional": fractional,
    "glacier": glacier,
    "landslide": landslide,
    "fault": fault,
    "bowl": bowl,
}
