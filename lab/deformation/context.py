"""`python -m lab.deformation.context`: what the surroundings add to the names of causes, on simulated tiles.

Tiles as `lab.deformation.causes` draws them, of seeds that nothing was fitted to. The slope is the simulated one.
Lists of mines and landslides are drawn with gaps and with entries where nothing moves: how many is assumed, see
LISTED, and no finding. For the network alone, with the slope, and with all: macro-F1 of what is drawn, log-loss, and
the error of calibration (mean difference between probability and share of hits, in five bins).
Slopes of simulated slides and of all else are counted as well: what the factors of the slope rest on.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.deformation.benchmark_tiles import cloud
from lab.deformation.causes import causes_tile, true_kind
from lab.simulation.tiles import SIDE_M, Tile
from lab.workers import over_seeds
from ml.deformation.infer import with_network
from ml.deformation.kinds import kind_of
from ml.deformation.network import DeformationNetwork
from ml.deformation.places.causes import fitted, named
from ml.deformation.places.context import LANDSLIDE, MINING, OTHER, SLOPES, Surroundings, weigh
from ml.deformation.places.measure import measure
from ml.deformation.points import sorted_points
from ml.rasters.areas import KINDS, SURE_SHARE, Area, areas_in
from ml.runtime.checkpoints import WEIGHTS

FIRST_SEED = 6_000  # beyond all that were fitted to, and those that LEAST_SHARE was chosen on (5000 to 5099)
VIEWS = ((0,), (0, 1))
LISTED = {MINING: 0.6, LANDSLIDE: 0.3}  # share of the moving ones that are on a list
DECOYS_KM2 = {MINING: 1 / 200, LANDSLIDE: 1 / 200}  # entries where nothing moves
SLIDE_ERROR_M = 500.0
BINS = np.linspace(0, 1, 6)
WAYS = ("network", "slope", "all")


class Sample(NamedTuple):
    """One area: its true kind, index of KINDS, how many tracks saw it, and what it may be by each of WAYS."""

    kind: int
    n_tracks: int
    shares: dict[str, dict[str, float]]  # way -> cause -> probability


def samples_of(folder: Path, number: int) -> list[Sample]:
    """The moving areas that a network draws in one tile."""
    network, tile, rng = (
        DeformationNetwork.load("deformation", folder),
        causes_tile(number),
        np.random.default_rng(number),
    )
    lists = {kind: _listed(rng, tile, kind) for kind in LISTED}
    clouds = [cloud(track) for track in tile.tracks]
    samples = []
    for view in VIEWS:
        result = with_network([clouds[i] for i in view], network)
        held = [sorted_points(clouds[i]) for i in view]
        bands, tracks = result.bands(), [tile.tracks[i] for i in view]
        for flagged in areas_in(bands, result.transform):
            for area in measure(flagged, held, result.maps.background_mm_yr):
                kind = true_kind(tile, tracks, area)
                if area.places and kind is not None:
                    shares = named(area, bands, result.transform, held, fitted(folder)).kinds
                    samples.append(Sample(kind, len(view), _ways(shares, _surroundings(tile, area, lists))))
    return samples


def _ways(shares: Mapping[str, float], place: Surroundings) -> dict[str, dict[str, float]]:
    known = {"network": Surroundings(), "slope": Surroundings(slope_deg=place.slope_deg), "all": place}
    return {way: weigh(shares, known[way]).shares for way in WAYS}


def _listed(rng: np.random.Generator, tile: Tile, kind: str) -> NDArray[np.float64]:
    """Positions on a list, (n, 2) metres east and north of the tile's middle."""
    true = [tuple(source.centre) for source in tile.sources if KINDS[kind_of(source)] == kind]
    on_list = [at for at in true if rng.random() < LISTED[kind]]
    n_decoys = rng.poisson(DECOYS_KM2[kind] * SIDE_M**2 / 1e6)
    decoys = rng.uniform(-SIDE_M / 2, SIDE_M / 2, (n_decoys, 2))
    places = np.array([*on_list, *decoys]).reshape(-1, 2)
    return places + (rng.normal(0, SLIDE_ERROR_M, places.shape) if kind == LANDSLIDE else 0.0)


def _surroundings(tile: Tile, area: Area, lists: dict[str, NDArray[np.float64]]) -> Surroundings:
    middle = area.polygon.representative_point()
    east_m, north_m = tile.terrain.frame.to_local(np.array([middle.x]), np.array([middle.y]))
    at = np.array([east_m[0], north_m[0]])
    radius_m = np.sqrt(area.polygon.area / np.pi)
    away = {
        kind: max(0.0, float(np.hypot(*(places - at).T).min()) - radius_m) if len(places) else inf
        for kind, places in lists.items()
    }
    return Surroundings(mine_m=away[MINING], slide_m=away[LANDSLIDE], slope_deg=_slope_deg(tile, at, radius_m))


def _slope_deg(tile: Tile, at: NDArray[np.float64], radius_m: float) -> float:
    """Mean slope of the cells within a circle."""
    east_m, north_m = tile.terrain.cell_centres()
    inside = np.hypot(east_m - at[0], north_m - at[1]) <= max(radius_m, tile.terrain.posting_m)
    steep = np.hypot(tile.terrain.slope_east, tile.terrain.slope_north)[inside]
    return float(np.degrees(np.arctan(steep)).mean()) if steep.size else 0.0


def slopes_of(number: int) -> list[tuple[bool, float]]:
    """Of every source of a tile: whether it is a slide, and the mean slope within 300 m, degrees."""
    tile = causes_tile(number)
    return [
        (KINDS[kind_of(source)] == LANDSLIDE, _slope_deg(tile, np.array(tuple(source.centre)), 300.0))
        for source in tile.sources
    ]


def slope_factors(slopes: Sequence[tuple[bool, float]]) -> list[dict[str, float]]:
    """How much oftener slides lie on each class of SLOPES than all else does, one added to each count."""
    edges = np.array([least for least, _ in SLOPES] + [90.0])
    slides, others = (
        np.histogram([deg for is_slide, deg in slopes if is_slide == which], edges)[0] + 1.0 for which in (True, False)
    )
    factors = (slides / slides.sum()) / (others / others.sum())
    return [
        {
            "from_deg": float(edges[i]),
            "slides": float(slides[i] - 1),
            "others": float(others[i] - 1),
            "factor": float(f),
        }
        for i, f in enumerate(factors)
    ]


def figures(samples: Sequence[Sample], way: str) -> dict[str, float]:
    """Macro-F1 (not sure counts as missed), share that is sure, share of those that is right, log-loss, calibration."""
    true = np.array([one.kind for one in samples])
    names = (*KINDS, OTHER)
    probability = np.array([[one.shares[way].get(name, 0.0) for name in names] for one in samples])
    best, surest = probability.argmax(axis=1), probability.max(axis=1)
    sure = (surest >= SURE_SHARE) & (best < len(KINDS))
    hits = best == true
    counts = [(np.sum((best == k) & hits), np.sum(best == k), np.sum(true == k)) for k in range(len(KINDS))]
    f1 = [2 * hit / (drawn + there) for hit, drawn, there in counts if there]
    bins = np.digitize(surest, BINS[1:-1])
    gaps = [np.sum(bins == b) * abs(surest[bins == b].mean() - hits[bins == b].mean()) for b in np.unique(bins)]
    return {
        "areas": len(samples),
        "macro_f1": float(np.mean(f1)),
        "sure": float(sure.mean()),
        "right_where_sure": float(hits[sure].mean()) if sure.any() else float("nan"),
        "log_loss": float(-np.log(np.maximum(probability[np.arange(true.size), true], 1e-6)).mean()),
        "calibration_error": float(np.sum(gaps) / true.size),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=60)
    parser.add_argument("--slope-tiles", type=int, default=200)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    slopes = over_seeds(slopes_of, options.slope_tiles, FIRST_SEED - options.slope_tiles, options.processes)
    answer: dict[str, Any] = {"slopes": slope_factors([one for tile in slopes for one in tile])}
    print(json.dumps(answer["slopes"]), flush=True)
    tiles = over_seeds(partial(samples_of, options.weights), options.tiles, FIRST_SEED, options.processes)
    samples = [one for tile in tiles for one in tile]
    for n_tracks in (1, 2):
        seen = [one for one in samples if one.n_tracks == n_tracks]
        answer[f"{n_tracks} tracks"] = {way: figures(seen, way) for way in WAYS}
        for way in WAYS:
            print(n_tracks, way, json.dumps(answer[f"{n_tracks} tracks"][way]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
