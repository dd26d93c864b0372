"""`python -m lab.deformation.detection_limit`: compare the map of detectable rates with bowls found and missed.

Bowls of 800 m with random rates are put at random places into tiles without motion; one tile in three has errors of
another kind than the benchmarks'. The network runs on one track and on both. The map's constants are fitted on some
seeds (--fit); on others the rates at which half and nine tenths of the bowls are found are reported, as multiples of
the map's rate.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from lab.benchmark import over_seeds
from lab.deformation.calibration import disturbed_tile
from lab.deformation.measures.benchmark_tiles import KEEP_OFF_M, NATIONAL, cloud, still_tile
from lab.deformation.measures.scoring import areas_of, on_tile
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import CELL_M, SIDE_M, Tile, with_sources
from ml.deformation.detection_limit import (
    CONSTANTS,
    FEWEST_POINTS,
    RADIUS_M,
    Components,
    LimitConstants,
    components,
    rate_of,
    square_cells,
)
from ml.deformation.gridding.cells import RobustGrid, grid_robust
from ml.deformation.gridding.points import Float64
from ml.deformation.infer import on_grids
from ml.deformation.network import DeformationNetwork, on_lattice
from ml.rasters.areas import CLASSES
from ml.simulation.ground.deformation import Ellipse
from ml.simulation.ground.frame import Offset
from ml.simulation.ground.sources import GroundwaterSubsidence

NAME = "detection-limit"
MOST_BOWLS, APART_M, TRIES = 3, 3_500.0, 200
RATES_MM_YR = (1.2, 12.0)
LOGIT_OF_90 = float(np.log(9.0))
FITTED_FROM, REPORTED_FROM = 40_000, 50_000  # first tile numbers, reserved for this use


class Bowl(NamedTuple):
    """Bowl as observed by one or more tracks. rate: in the network's units; parts: its `Components`, (tracks, 3)."""

    rate_mm_yr: float
    found: bool
    parts: Float64


def bowls_on(number: int) -> list[Bowl]:
    """Return the bowls of one tile, each as observed by the first track alone and by both."""
    tile = disturbed_tile(number) if number % 3 == 2 else still_tile(NATIONAL, number, Purpose.VALIDATION)
    moving, rates = _with_bowls(tile, generator(Purpose.VALIDATION, NAME, number))
    grids = [grid_robust(cloud(track), workers=1) for track in moving.tracks]
    network = DeformationNetwork.load("deformation")
    return [bowl for choice in ([0], [0, 1]) for bowl in _looked_at(moving, rates, grids, choice, network)]


def _with_bowls(tile: Tile, rng: np.random.Generator) -> tuple[Tile, list[float]]:
    track, sources = tile.tracks[0], []
    places: list[tuple[float, float]] = []
    rates: list[float] = []
    x_m, y_m = track.x_m - tile.terrain.west_m, track.y_m - tile.terrain.top_m + SIDE_M
    for _ in range(TRIES):
        x, y = rng.uniform(KEEP_OFF_M, SIDE_M - KEEP_OFF_M, 2)
        near = np.count_nonzero((x_m - x) ** 2 + (y_m - y) ** 2 < RADIUS_M**2)
        if near < FEWEST_POINTS or any(np.hypot(x - other[0], y - other[1]) < APART_M for other in places):
            continue
        places.append((x, y))
        rates.append(float(np.exp(rng.uniform(*np.log(RATES_MM_YR)))) * float(rng.choice([-1.0, 1.0])))
        east, north = tile.terrain.frame.to_local(
            np.array([tile.terrain.west_m + x]), np.array([tile.terrain.top_m - SIDE_M + y])
        )
        centre, up = Offset(float(east[0]), float(north[0])), rates[-1] / track.geometry.los.up
        sources.append(GroundwaterSubsidence(centre, Ellipse(RADIUS_M, RADIUS_M, 0.0), up, flatness=1.0))
        if len(places) == MOST_BOWLS:
            break
    return with_sources(tile, tuple(sources)), rates


def _looked_at(
    tile: Tile, rates: Sequence[float], grids: Sequence[RobustGrid], choice: list[int], network: DeformationNetwork
) -> list[Bowl]:
    seen, tracks = [grids[i] for i in choice], [tile.tracks[i] for i in choice]
    areas = areas_of(on_tile(on_grids(seen, network), tile), tile, tracks)
    lattice = on_lattice(seen, planes=lambda *_: np.zeros((0, *_[0].shape), dtype=np.float32))
    parts = [components(one.velocity_mm_yr, one.n_points, CELL_M) for one in lattice.tracks]
    east_m, north_m = tile.terrain.cell_centres()
    bowls = []
    for source, rate in zip(tile.sources, rates, strict=True):
        away_m = np.hypot(east_m - source.centre.east_m, north_m - source.centre.north_m)
        sign = CLASSES[0] if rate < 0 else CLASSES[1]
        found = any(area.kind == sign and bool((area.mask & (away_m <= RADIUS_M / 2)).any()) for area in areas)
        row, col = np.unravel_index(np.argmin(away_m), away_m.shape)
        x, y = tile.transform @ (col + 0.5, row + 0.5)
        at_col, at_row = (int(at) // square_cells(CELL_M) for at in ~lattice.transform @ (x, y))
        bowls.append(
            Bowl(abs(rate), found, np.array([[float(plane[at_row, at_col]) for plane in one] for one in parts]))
        )
    return bowls


def stated(bowls: Sequence[Bowl], constants: LimitConstants = CONSTANTS) -> Float64:
    """Return the map's rate at each bowl, mm/yr, (n,); NaN where no rate is detectable."""
    limit = np.full(len(bowls), np.nan)
    for n in (1, 2):
        own = [number for number, bowl in enumerate(bowls) if len(bowl.parts) == n]
        parts = np.stack([bowls[number].parts for number in own], axis=-1)  # (tracks, 3, bowls)
        limit[own] = rate_of([Components(*part) for part in parts], constants)
    return limit


def fit(bowls: Sequence[Bowl]) -> LimitConstants:
    """Fit constants by maximum likelihood: log-odds of detection are linear in the log of a bowl's relative rate."""

    def loss(parameters: Float64) -> float:
        log_rate, covered, delay, log_tracks, log_steepness = parameters
        constants = LimitConstants(float(np.exp(log_rate)), covered, delay, float(np.exp(log_tracks)))
        return _loss(bowls, stated(bowls, constants), float(np.exp(log_steepness)), LOGIT_OF_90)

    rate, covered, delay, tracks = CONSTANTS
    start = np.array([np.log(rate), covered, delay, np.log(tracks), np.log(6.0)])
    best = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 2_000, "xatol": 1e-3, "fatol": 1e-3}).x
    return LimitConstants(*(round(float(one), 2) for one in (np.exp(best[0]), best[1], best[2], np.exp(best[3]))))


def _loss(bowls: Sequence[Bowl], limit: Float64, steepness: float, at_limit: float) -> float:
    """Return the negative log-likelihood; bowls where the map states nothing are left out."""
    known = np.isfinite(limit)
    found = np.array([bowl.found for bowl in bowls])[known]
    odds = at_limit + steepness * np.log(np.array([bowl.rate_mm_yr for bowl in bowls])[known] / limit[known])
    return float(np.logaddexp(0, np.where(found, -odds, odds)).sum())


def factors(bowls: Sequence[Bowl], limit: Float64) -> tuple[float, float]:
    """Return the rates at which 90 % and 50 % of bowls are found, as multiples of `limit`, the map's at each bowl."""

    def loss(parameters: Float64) -> float:
        return _loss(bowls, limit, float(np.exp(parameters[0])), float(parameters[1]))

    log_steepness, at_limit = minimize(loss, np.array([np.log(5.0), LOGIT_OF_90]), method="Nelder-Mead").x
    steepness = float(np.exp(log_steepness))
    return float(np.exp((LOGIT_OF_90 - at_limit) / steepness)), float(np.exp(-at_limit / steepness))


def report(bowls: Sequence[Bowl]) -> dict[str, dict[str, float]]:
    """Return factors of all bowls, by number of tracks, and by thirds of the map's rate."""
    limit, tracks = stated(bowls), np.array([len(bowl.parts) for bowl in bowls])
    low, high = np.nanquantile(limit, [1 / 3, 2 / 3])
    groups = {
        "all": np.isfinite(limit),
        "one track": tracks == 1,
        "two tracks": tracks == 2,
        f"map below {low:.1f} mm/yr": limit < low,
        f"map {low:.1f} to {high:.1f} mm/yr": (limit >= low) & (limit < high),
        f"map from {high:.1f} mm/yr": limit >= high,
    }
    rows = {}
    for name, chosen in groups.items():
        own = [bowl for bowl, mine in zip(bowls, chosen & np.isfinite(limit), strict=True) if mine]
        at_90, at_50 = factors(own, limit[chosen & np.isfinite(limit)])
        median = float(np.nanmedian(limit[chosen]))
        rows[name] = {"bowls": len(own), "map_mm_yr": median, "nine_of_ten_over_map": at_90, "half_over_map": at_50}
    return rows


def main() -> None:
    """Fit the constants, or report the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--fit", action="store_true", help="fit the constants to seeds that no report uses")
    parser.add_argument("--json", type=Path, metavar="R.json")
    args = parser.parse_args()
    first = FITTED_FROM if args.fit else REPORTED_FROM
    bowls = [bowl for each in over_seeds(bowls_on, args.tiles, first, args.processes) for bowl in each]
    result = {"constants": fit(bowls)._asdict()} if args.fit else report(bowls)
    print(json.dumps(result, indent=2))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
