"""Surges from images on: `python -m lab.glaciers.images` tracks simulated pairs of a glacier with the network.

Ground of 10 m pixels, 12 days apart, gamma 0.7: a plug of ice that flows down the image between margins of a quarter of
its width, at first as usual, then in LASTING pairs at the speed asked for. The reach is the service's for a pair that
shows a glacier; nodes become metres a day, cells and a series, and the rule looks at them, as for real pairs.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine

from lab import results
from lab.simulation.sar.pairs import padded, simulate_pair
from lab.simulation.sar.recipes import even_ground
from lab.simulation.sar.system import GRDH, Float32
from lab.simulation.seeds import Purpose, generator
from ml.glaciers.series import PairVelocities, velocity_series
from ml.glaciers.surges import surges
from ml.offsets.infer import METHODS, NETWORK, WEIGHTS, reach_px, track_offsets
from ml.offsets.motion import GroundMotion, Nodes, PixelScale, against_stable, ground_motion, into_cells, stable_ground
from ml.rasters.imagery import ImagePair
from ml.statistics.intervals import Interval

NAME = "surges-images"
SPEEDS_M_DAY = (0.5, 3.0, 10.0, 30.0)
USUAL_M_DAY = 0.1
QUIET, LASTING = 8, 4  # pairs
SIZE_PX, POSTING_PX = 384, 8
SCALE = PixelScale(10.0, 12)
REACH_M_DAY = 50.0  # of the service, where a pair shows a glacier
EPSG, CORNER_M = 32633, (5e5, 8e6)  # the zone's own meridian: north is up
CELL_PX, EDGE_PX = 24, 24  # nodes nearer to the edge of either image are not asked for
STILL = 0.01  # of the plug's motion
MARGIN, PLUG = 0.25, 0.3  # of the image: width of a margin, and how far it begins from the middle


class Measured(NamedTuple):
    """A pair in cells, and of the nodes of the plug: share known, root mean square error in m/day, share within 1 σ."""

    cells: GroundMotion
    known_share: float
    rmse_m_day: float
    within_68: float


def plug(m_per_day: float, size: int) -> Float32:
    """Motion down the image, (2, rows, cols) px on the finest cells."""
    rows, cols = (n * fine for n, fine in zip(padded(size), GRDH.fine, strict=True))
    across = np.abs(np.linspace(-0.5, 0.5, cols))
    profile = np.clip((PLUG - across) / MARGIN, 0, 1)
    smooth = m_per_day * SCALE.days / SCALE.posting_m * profile**2 * (3 - 2 * profile)
    return np.stack([np.zeros((rows, cols)), np.broadcast_to(smooth, (rows, cols))]).astype(np.float32)


def measure(m_per_day: float, scene: int, size: int = SIZE_PX, method: str = NETWORK, gamma: float = 0.7) -> Measured:
    """Simulate and track one pair."""
    made = simulate_pair(
        generator(Purpose.BENCHMARK, NAME, scene), GRDH, even_ground(GRDH, size, gamma), plug(m_per_day, size)
    )
    transform = Affine(SCALE.posting_m, 0, CORNER_M[0], 0, -SCALE.posting_m, CORNER_M[1])
    pair = ImagePair(made.power[0], made.power[1], transform, EPSG)
    bands = track_offsets(pair, method, torch.device("cpu"), reach_px(REACH_M_DAY, SCALE)).bands
    y, x = np.mgrid[POSTING_PX // 2 : size : POSTING_PX, POSTING_PX // 2 : size : POSTING_PX]
    x_m, y_m = transform @ (x.ravel(), y.ravel())
    sigma = np.hypot(bands["sigma_dx_px"], bands["sigma_dy_px"]) / np.sqrt(2)
    nodes = Nodes(x_m, y_m, *(part.ravel().astype(float) for part in (bands["dx_px"], bands["dy_px"], sigma)))
    motion = ground_motion(nodes, EPSG, SCALE)
    truth_px = made.dy_px[y, x].ravel()
    fastest = m_per_day * SCALE.days / SCALE.posting_m
    ground = stable_ground(motion, truth_px < STILL * fastest)
    if ground is None:
        raise ValueError(f"no node is known in images of {size} px")
    motion = against_stable(motion, ground)
    ends = y.ravel(), y.ravel() + truth_px
    ice = (truth_px > 0.9 * fastest) & (ends[0] > EDGE_PX) & (ends[1] < size - EDGE_PX)
    off = np.stack([motion.east_m_day, motion.north_m_day + truth_px * SCALE.posting_m / SCALE.days])[:, ice]
    known = np.isfinite(off[0])
    number = (y // CELL_PX * (size // CELL_PX) + x // CELL_PX).ravel()
    cells = into_cells(motion, np.where(ice, number, -1), int(number.max()) + 1)
    within = np.abs(off[:, known]) <= motion.sigma_m_day[ice][known]
    return Measured(cells, float(known.mean()), float(np.sqrt(np.mean(off[:, known] ** 2) * 2)), float(within.mean()))


def follow(quiet: list[Measured], fast: list[Measured]) -> tuple[int, float]:
    """How many surges the rule finds, and the error of the first one's onset in pairs (NaN without one)."""
    pairs = [one.cells for one in (*quiet, *fast)]
    start = np.arange(len(pairs), dtype=float) * SCALE.days
    stacked = (np.stack([getattr(one, name) for one in pairs]) for name in GroundMotion._fields)
    series = velocity_series(PairVelocities(start, start + SCALE.days, *stacked))
    cell_km2 = (CELL_PX * SCALE.posting_m) ** 2 / 1e6
    detected = surges(series.day, series.speed_m_day, series.sigma_m_day, cell_km2)
    if not detected:
        return 0, np.nan
    return len(detected), (detected[0].onset.day - len(quiet) * SCALE.days) / SCALE.days


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.glaciers.images", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True, metavar="OUT.json")
    parser.add_argument("--method", choices=METHODS, default=NETWORK)
    args = parser.parse_args()
    quiet = [measure(USUAL_M_DAY, scene, method=args.method) for scene in range(QUIET)]
    metrics = {}
    for number, speed in enumerate(SPEEDS_M_DAY, start=1):
        fast = [measure(speed, QUIET + number * LASTING + n, method=args.method) for n in range(LASTING)]
        found, late = follow(quiet, fast)
        metrics[f"{speed:g} m/day"] = {
            "surges": results.exact(found),
            "onset_error_pairs": results.exact(late),
            **{
                name: _range([getattr(one, name) for one in fast])
                for name in ("known_share", "rmse_m_day", "within_68")
            },
        }
    weights = {speed: WEIGHTS[args.method] for speed in metrics if args.method in WEIGHTS}
    note = f"{LASTING} pairs of each speed after {QUIET} at {USUAL_M_DAY} m/day, {args.method}; ranges over pairs."
    results.write(args.json, "lab.glaciers.images", metrics, weights, note=note)


def _range(values: list[float]) -> Interval:
    return Interval(float(np.mean(values)), min(values), max(values))


if __name__ == "__main__":
    main()
