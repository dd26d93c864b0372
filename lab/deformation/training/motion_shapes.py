"""Shapes of motion for training: bowls and many others."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import erf, expit

from ground_motion.methods.deformation.gridding.points import Float32
from lab.simulation.seeds import log_uniform

Share = Callable[[Float32, Float32], Float32]  # (down, right) from the middle, cells -> share of the peak, 0-1
MIN_CELLS, MAX_CELLS = 2.0, 30.0
_SHARES = (0.35, 0.15, 0.1, 0.1, 0.1, 0.05, 0.05, 0.1)


def bowl(radius: float, aspect: float = 1.0, flatness: float = 1.0, turn: float = 0.0) -> Share:
    """Return exp(−s^flatness) of the squared elliptical distance s. radius: cells; aspect: narrow way to long way."""

    def share(down: Float32, right: Float32) -> Float32:
        along, across = _turned(down / radius, right / radius, turn)
        square = along**2 + (across / np.float32(aspect)) ** 2
        return np.asarray(np.exp(-(np.minimum(square, 50) ** np.float32(flatness))), dtype=np.float32)

    return share


def draw_shape(rng: np.random.Generator) -> Share:
    """Draw one of all shapes with a radius between MIN_CELLS and MAX_CELLS."""
    draw = _DRAWS[int(rng.choice(len(_DRAWS), p=_SHARES))]
    return draw(rng, log_uniform(rng, MIN_CELLS, MAX_CELLS), rng.uniform(0, math.pi))


def _round_bowl(rng: np.random.Generator, radius: float, turn: float) -> Share:
    return bowl(radius)


def _any_bowl(rng: np.random.Generator, radius: float, turn: float) -> Share:
    return bowl(radius, rng.uniform(0.4, 1.0), rng.uniform(1.0, 4.0), turn)


def _panels(rng: np.random.Generator, radius: float, turn: float) -> Share:
    """Draw one panel or a row of panels, each with its own width of edges."""
    n, gap = int(rng.integers(1, 4)), rng.uniform(1.0, 1.6)
    width, length = radius * rng.uniform(0.3, 0.7), radius * rng.uniform(0.8, 2.0)
    edge = max(0.7, width * rng.uniform(0.15, 0.6))
    strengths = rng.uniform(0.5, 1.0, n)

    def share(down: Float32, right: Float32) -> Float32:
        along, across = _turned(down, right, turn)
        total = np.zeros_like(along)
        for number, strength in enumerate(strengths / strengths.max()):
            off = (number - (n - 1) / 2) * 2 * width * gap
            total += np.float32(strength) * _between(across - off, width, edge) * _between(along, length, edge)
        return np.asarray(np.minimum(total, 1), dtype=np.float32)

    return share


def _half_dome(rng: np.random.Generator, radius: float, turn: float) -> Share:
    """Draw a bowl that ends at a fault."""
    whole = bowl(radius, rng.uniform(0.5, 1.0), rng.uniform(0.8, 2.0), turn)
    fault, at, width = rng.uniform(0, 2 * math.pi), rng.uniform(-0.5, 0.4) * radius, rng.uniform(0.3, 1.5)

    def share(down: Float32, right: Float32) -> Float32:
        beyond, _ = _turned(down, right, fault)
        return np.asarray(whole(down, right) * expit((beyond - at) / width), dtype=np.float32)

    return share


def _lobe(rng: np.random.Generator, radius: float, turn: float) -> Share:
    """Draw a slide: fast at its foot or its head, with sharp flanks."""
    aspect, lean, edge = rng.uniform(0.25, 0.7), rng.uniform(-0.8, 0.8), rng.uniform(0.3, 1.2)

    def share(down: Float32, right: Float32) -> Float32:
        along, across = _turned(down, right, turn)
        s = along / radius
        inside = _between(along, radius, edge) * _between(across, radius * aspect * (1 + 0.4 * lean * s), edge)
        return np.asarray(inside * (1 + lean * s).clip(0, 2) / (1 + abs(lean)), dtype=np.float32)

    return share


def _ring(rng: np.random.Generator, radius: float, turn: float) -> Share:
    width = radius * rng.uniform(0.25, 0.5)

    def share(down: Float32, right: Float32) -> Float32:
        return np.asarray(np.exp(-(((np.hypot(down, right) - 0.8 * radius) / width) ** 2)), dtype=np.float32)

    return share


def _line(rng: np.random.Generator, radius: float, turn: float) -> Share:
    """Draw the motion over a tunnel, a dyke or a creeping fault, straight or bent."""
    width, bend = rng.uniform(0.8, 3.0), rng.uniform(-0.3, 0.3)
    length = max(radius, 3 * width)

    def share(down: Float32, right: Float32) -> Float32:
        along, across = _turned(down, right, turn)
        off = across - bend * along**2 / length
        return np.asarray(np.exp(-((off / width) ** 2)) * _between(along, length, width), dtype=np.float32)

    return share


def _nested(rng: np.random.Generator, radius: float, turn: float) -> Share:
    """Draw a sharp core in a wide slow rim."""
    rim = bowl(radius, rng.uniform(0.6, 1.0), rng.uniform(0.7, 2.0), turn)
    core = bowl(max(1.5, radius * rng.uniform(0.12, 0.4)), rng.uniform(0.5, 1.0), rng.uniform(1.0, 3.0), turn)
    part, down_by, right_by = rng.uniform(0.2, 0.5), *(rng.uniform(-0.3, 0.3, 2) * radius)

    def share(down: Float32, right: Float32) -> Float32:
        inner = core(down - np.float32(down_by), right - np.float32(right_by))
        return np.asarray(part * rim(down, right) + (1 - part) * inner, dtype=np.float32)

    return share


_DRAWS = (_round_bowl, _any_bowl, _panels, _half_dome, _lobe, _ring, _line, _nested)


def _turned(down: Float32, right: Float32, turn: float) -> tuple[Float32, Float32]:
    cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    return down * cos + right * sin, right * cos - down * sin


def _between(at: Float32, half: float | Float32, edge: float) -> Float32:
    """Return 1 within ± half and 0 beyond, with a transition of width `edge`."""
    return np.asarray(0.5 * (erf((at + half) / edge) - erf((at - half) / edge)), dtype=np.float32)
