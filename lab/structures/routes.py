"""Simulated lines: rail, dike or pipe with points on and near it, and steps at known stations."""

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Float64 = NDArray[np.float64]

KNOT_M = 10.0
SPACING_M = (10.0, 25.0)  # Distance of neighbouring points on the line
BESIDE_M = (15.0, 60.0)  # Distance between points beside the line, within BESIDE_WITHIN_M.
BESIDE_WITHIN_M = 45.0
NOISE_MM = (1.5, 3.0)  # Noise of one point in a year's motion.
SHARED_MM, SHARED_M = (0.5, 1.5), (80.0, 600.0)
GEOLOCATION_M = (8.0, 12.0)
STRAYS = 0.02
STEP_MM_M, STEP_WIDTH_M = 2.0, (8.0, 25.0)
STEP_APART_M, SETTLED_M = 2500.0, (150.0, 500.0)  # A step has faded out this far behind it.
GAPS_PER_KM, GAP_M = 0.15, (60.0, 400.0)  # Gaps by forest and cuttings, in which there is no point.


class Route(NamedTuple):
    """A line in metres and its points (n,): motion of a year in mm. steps_m: stations at which it breaks."""

    line: shapely.LineString
    x_m: Float64
    y_m: Float64
    value_mm: Float64
    sigma_mm: Float64
    steps_m: Float64


def draw_route(rng: np.random.Generator, length_m: float, steps: bool) -> Route:
    """Draw a route, with or without steps of STEP_MM_M, each between points less than three spacings apart."""
    corners = np.arange(0, length_m + 100, 100.0)
    course = np.cumsum(rng.normal(0, 0.08, corners.size))
    line = shapely.LineString(np.column_stack([np.cumsum(100 * np.cos(course)), np.cumsum(100 * np.sin(course))]))
    length_m = line.length
    spacing = rng.uniform(*SPACING_M)
    on = np.sort(rng.uniform(0, length_m, rng.poisson(length_m / spacing)))
    beside = rng.uniform(0, length_m, rng.poisson(length_m / rng.uniform(*BESIDE_M)))
    gaps = rng.uniform(0, length_m, rng.poisson(GAPS_PER_KM * length_m / 1000))
    widths = rng.uniform(*GAP_M, gaps.size) / 2
    on, beside = (
        part[(np.abs(part[:, np.newaxis] - gaps) > widths).all(axis=1)] if gaps.size else part for part in (on, beside)
    )
    places = np.arange(300, length_m - 300, STEP_APART_M)
    places += rng.uniform(-250, 250, places.size)
    near = np.searchsorted(on, places)
    inside = (near >= 3) & (near < on.size - 3)
    places, near = places[inside], near[inside]
    steps_m = places[on[near] - on[near - 1] < 3 * spacing] if steps else np.empty(0)
    step_widths = rng.uniform(*STEP_WIDTH_M, steps_m.size)
    heights = rng.choice([-1, 1], steps_m.size) * STEP_MM_M * step_widths
    shared_m, shared_mm = rng.uniform(*SHARED_M), rng.uniform(*SHARED_MM)
    knots_m = np.arange(0, length_m + KNOT_M, KNOT_M)

    def wave(at: Float64, size_mm: float, wide_m: float) -> Float64:
        """Return a smooth random function of stations."""
        smooth = gaussian_filter1d(rng.standard_normal(knots_m.size), wide_m / 2 / KNOT_M)
        return np.asarray(size_mm * np.interp(at, knots_m, smooth / smooth.std()))

    every = np.concatenate([on, beside])
    smooth = wave(every, rng.uniform(1, 6), 500.0) + wave(every, shared_mm, shared_m)
    away = np.concatenate(
        [rng.uniform(-3, 3, on.size), rng.choice([-1, 1], beside.size) * rng.uniform(8, BESIDE_WITHIN_M, beside.size)]
    )
    motion = smooth.copy()
    after = on[:, np.newaxis] - steps_m
    ramps = np.clip(after / step_widths + 0.5, 0, 1) * np.clip(1 - after / rng.uniform(*SETTLED_M, steps_m.size), 0, 1)
    motion[: on.size] += ramps @ heights
    motion[on.size :] += rng.normal(0, 1.0, beside.size)  # Houses and fields settle by themselves.
    noise = rng.uniform(*NOISE_MM)
    value = motion + noise * rng.standard_t(6, every.size) / np.sqrt(1.5)
    strays = rng.random(every.size) < STRAYS
    value[strays] += rng.normal(0, 20, strays.sum())
    ends = shapely.get_coordinates(shapely.line_interpolate_point(line, every))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(line, np.minimum(every + 1, length_m)))
    direction = ahead - ends
    direction /= np.maximum(np.hypot(*direction.T), 1e-9)[:, np.newaxis]
    seen = ends + away[:, np.newaxis] * np.column_stack([-direction[:, 1], direction[:, 0]])
    seen += rng.normal(0, 1, seen.shape) * rng.uniform(*GEOLOCATION_M, 2)
    stated = noise * 1.3 ** rng.uniform(-1, 1) * np.exp(rng.normal(0, 0.15, every.size))
    return Route(line, seen[:, 0], seen[:, 1], value, stated, steps_m)
