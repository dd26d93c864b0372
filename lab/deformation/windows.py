"""`python -m lab.deformation.windows`: small scenes, most of which move, and still ones; what is found in them.

Windows of 1-6 km of simulated tiles: slides with sharp flanks and bowls over any share of the ground, or nothing; half
of the products have their zero up to OFFSET_MM_YR off the still ground. Printed: how far what counts as still is off,
places found, false alarms in moving and in still windows.
"""

import argparse
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from shapely import contains_xy

from lab.deformation.benchmark_tiles import HEIGHT_ERROR_M
from lab.deformation.training.motion_shapes import bowl, log_uniform
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import TileConfig, make_tile
from lab.workers import over_seeds
from ml.deformation.infer import CONFIGS, METHODS, detect_deformation, flagged_areas
from ml.deformation.points import Float64, PointCloud
from ml.simulation.ground.scatter import Density

SET = "deformation-windows"
STILL_SHARE = 0.3
OFFSET_MM_YR = 3.0
SIDES_M = (1_000.0, 6_000.0)
FEWEST_POINTS = 100
DENSER = (1.0, 8.0)  # than open land is in a nation: products of one slope are made for it
FOUND_SHARE = 0.3  # of the points that move by half of the peak or more
MOVES = (("nothing moves", -1.0, 0.0), ("up to half", 0.0, 0.5), ("most", 0.5, 0.8), ("almost all", 0.8, 1.0))
STILL_MM_YR = 1.0  # an area of which half of the points move by less is a false alarm


class Window(NamedTuple):
    """A small product. truth_mm_yr: (n,), motion along the line of sight; level_mm_yr: its rate of still ground."""

    points: PointCloud
    truth_mm_yr: Float64
    level_mm_yr: float


class Outcome(NamedTuple):
    """Of one window. off_mm_yr: what counted as still less what is; moving_share: of its points."""

    off_mm_yr: float
    moving_share: float
    found: bool
    false_alarms: int


def window(number: int, purpose: Purpose = Purpose.VALIDATION) -> Window:
    """Window `number`; about every third is still."""
    rng = generator(purpose, SET, number)
    tile_rng, rng = rng.spawn(2)
    density = Density(open_per_km2=Density().open_per_km2 * log_uniform(rng, *DENSER))
    config = TileConfig(signal_share=0.0, density=density)
    track = make_tile(tile_rng, config).tracks[0]
    side = log_uniform(rng, *SIDES_M)
    inside = _around_a_point(rng, track.x_m, track.y_m, side)
    x, y = track.x_m[inside], track.y_m[inside]
    truth = np.zeros(x.size) if rng.random() < STILL_SHARE else _motion(rng, x - x.mean(), y - y.mean(), side)
    errors = track.errors.rate_mm_yr[inside] + (rng.uniform(-OFFSET_MM_YR, OFFSET_MM_YR) if rng.random() < 0.5 else 0)
    velocity = np.round(truth + errors, 1).astype(np.float32)
    height = (track.height_m[inside] + rng.normal(0, HEIGHT_ERROR_M, x.size)).astype(np.float32)
    return Window(PointCloud(x, y, velocity, 3035, height_m=height), truth, float(np.median(errors)))


def _around_a_point(rng: np.random.Generator, x: Float64, y: Float64, side_m: float) -> NDArray[np.bool_]:
    """Points of a square that holds FEWEST_POINTS; of the fullest of a hundred where none does."""
    tried = []
    for at in rng.integers(0, x.size, 100):
        inside = np.asarray(np.maximum(np.abs(x - x[at]), np.abs(y - y[at])) <= side_m / 2)
        if inside.sum() >= FEWEST_POINTS:
            return inside
        tried.append(inside)
    return max(tried, key=lambda inside: int(inside.sum()))


def _motion(rng: np.random.Generator, x: Float64, y: Float64, side_m: float) -> Float64:
    """One to three bowls or slides, (n,), mm/yr; the fastest is 5-50."""
    sign, peak = rng.choice([-1.0, -1.0, -1.0, 1.0]), log_uniform(rng, 5.0, 50.0)
    total = np.zeros(x.size)
    for _ in range(rng.integers(1, 4)):
        at = rng.uniform(-0.35, 0.35, 2) * side_m
        radius = side_m * log_uniform(rng, 0.15, 0.7)
        shape = bowl(radius, rng.uniform(0.3, 1.0), log_uniform(rng, 1.0, 6.0), rng.uniform(0, np.pi))
        share = shape((y - at[1]).astype(np.float32), (x - at[0]).astype(np.float32))
        total = np.maximum(total, share * rng.uniform(0.4, 1.0))
    return np.asarray(sign * peak * total / max(float(total.max()), 1e-3), dtype=np.float64)


def outcome(method: str, number: int) -> Outcome:
    """What a method finds in a window."""
    scene = window(number)
    result = detect_deformation(scene.points, method, config=CONFIGS[method]())
    speed, peak = np.abs(scene.truth_mm_yr), float(np.abs(scene.truth_mm_yr).max())
    fast = speed >= max(peak / 2, 2.0)
    sign = np.sign(scene.truth_mm_yr.sum())
    found, false_alarms = False, 0
    for area, _ in flagged_areas(result, [scene.points]):
        inside = contains_xy(area.polygon, scene.points.x, scene.points.y)
        if np.sign(area.rate_mm_yr) != sign or float(np.median(speed[inside])) < STILL_MM_YR:
            false_alarms += 1
        else:
            found |= bool((inside & fast).sum() >= FOUND_SHARE * fast.sum())
    off = result.maps.background_mm_yr - scene.level_mm_yr
    return Outcome(off, float((speed >= STILL_MM_YR).mean()), found, false_alarms)


def table(outcomes: list[Outcome]) -> str:
    """Figures by how much of a window moves."""
    lines = []
    for label, low, high in MOVES:
        of = [one for one in outcomes if low < one.moving_share <= high]
        if of:
            off = np.abs([one.off_mm_yr for one in of])
            lines.append(
                f"{label}: {len(of)} windows, still level off by {np.median(off):.2f} mm/yr "
                f"(90 %: {np.quantile(off, 0.9):.2f}), found {np.mean([one.found for one in of]):.2f}, "
                f"false alarms {np.mean([one.false_alarms for one in of]):.3f} a window"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--method", choices=METHODS, default="model")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()
    print(table(over_seeds(partial(outcome, args.method), args.windows, args.first, args.processes)))


if __name__ == "__main__":
    main()
