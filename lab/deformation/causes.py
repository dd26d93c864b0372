"""`python -m lab.deformation.causes`: fit the classifier of an area's cause to the network's outputs; a few minutes.

It uses its own validation tiles with five sources each; every other tile has rare kinds and an active mine under
sinking ground, and every fourth has a basin that sinks fast. Samples are taken from single tracks and from both, with
and without heights of points, because a slide must also be recognised if the slope is unknown.
Writes the coefficients beside the weights (see `deformation.places.causes`) with their own figures from
cross-validation over tiles, and prints these.
"""

import json
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax
from shapely import contains_xy

from ground_motion.methods.deformation.gridding.cells import middles
from ground_motion.methods.deformation.gridding.points import Float64, sorted_points
from ground_motion.methods.deformation.infer import decide_with_network
from ground_motion.methods.deformation.kinds import kind_of
from ground_motion.methods.deformation.network import DeformationNetwork
from ground_motion.methods.deformation.places.causes import FEATURES, NAME, core_and_rim, features_of, table_name
from ground_motion.methods.deformation.places.measure import measure
from ground_motion.rasters.areas import KINDS, SURE_SHARE, Area, areas_in
from ground_motion.simulation.ground.deformation import Ellipse, Panel
from ground_motion.simulation.ground.frame import Offset, project_to_los_mm_yr
from ground_motion.simulation.ground.sources import FillSettlement, GroundwaterSubsidence, MiningSubsidence, Source
from ground_motion.simulation.velocity.nuisance import Range
from lab.benchmark import over_seeds
from lab.deformation.calibration import options
from lab.deformation.measures.benchmark_tiles import CONFIGS, NATIONAL, cloud
from lab.deformation.training.dataset import RARE_KINDS
from lab.simulation.seeds import Purpose, generator, log_uniform
from lab.simulation.tiles import CELLS, Tile, TileTrack, make_tile, with_sources

SET = "deformation-causes"
VIEWS = ((0,), (1,), (0, 1))
RIDGE = 1.0
FOLDS = 8
MINE_WITHIN_M = 2_500.0  # A mine lies within this distance of the tile's middle.
HILLS_M, WOODED = Range(100.0, 350.0), Range(0.3, 0.7)  # relief and share of forest where slopes are steep
WIDE_FILL_M = (300.0, 1_500.0)
BASIN_M, BASIN_MM_YR = (3_000.0, 9_000.0), (20.0, 400.0)  # `draw_groundwater_bowl` ends at 50
MOVES_MM_YR = 0.5  # an area with a lower mean rate is a false alarm without a kind


class Sample(NamedTuple):
    """One area: its tile, its number of tracks, its kind (index of KINDS), its features, whether heights are known."""

    tile: int
    n_tracks: int
    kind: int
    features: Float64
    heights: bool = True


def causes_tile(number: int) -> Tile:
    """Make a validation tile with many sources; every other one holds rare kinds only, half of these in hills."""
    rng = generator(Purpose.VALIDATION, SET, number)
    config = CONFIGS[NATIONAL]._replace(signal_share=1.0, second_share=1.0, most_sources=5)
    if number % 4 == 1:
        config = config._replace(kinds=RARE_KINDS)
    if number % 4 == 3:
        config = config._replace(kinds=RARE_KINDS, relief_m=HILLS_M, forest_share=WOODED)
    tile = make_tile(rng, config)
    if number % 4 == 3:
        return with_sources(tile, (_worked_panel(rng), _wide_fill(rng)))
    if number % 4 == 2:
        return with_sources(tile, (_pumped_basin(rng),))
    return with_sources(tile, _worked_mine(rng, tile)) if number % 2 else tile


def _wide_fill(rng: np.random.Generator) -> Source:
    """Draw reclaimed land, a filled pit or a heap: wider than the fills of the tiles, which end at 500 m."""
    half_m = log_uniform(rng, *WIDE_FILL_M) / 2
    shape = Ellipse(half_m, half_m * rng.uniform(0.5, 1.0), rng.uniform(0, 180))
    at = rng.uniform(-MINE_WITHIN_M, 0), rng.uniform(-MINE_WITHIN_M, MINE_WITHIN_M)
    return FillSettlement(Offset(*at), shape, -log_uniform(rng, 3, 30))


def _pumped_basin(rng: np.random.Generator) -> Source:
    """Draw pumped ground that sinks as fast as a mine does, so that speed alone does not name a mine."""
    half_m, at = log_uniform(rng, *BASIN_M) / 2, rng.uniform(-MINE_WITHIN_M / 2, MINE_WITHIN_M / 2, 2)
    shape = Ellipse(half_m, half_m * rng.uniform(0.6, 1.0), rng.uniform(0, 180))
    rate_mm_yr = -log_uniform(rng, *BASIN_MM_YR)
    return GroundwaterSubsidence(Offset(*at), shape, rate_mm_yr, flatness=rng.uniform(1.0, 3.0))


def _worked_panel(rng: np.random.Generator) -> Source:
    """Draw a single panel, either slow or so fast that no points remain in its middle."""
    at = rng.uniform(1_500, MINE_WITHIN_M), rng.uniform(-MINE_WITHIN_M, MINE_WITHIN_M)
    panel = Panel(log_uniform(rng, 500, 2_500), rng.uniform(150, 1_200), rng.uniform(0, 180))
    return MiningSubsidence(Offset(*at), panel, log_uniform(rng, 6, 800), rng.uniform(150, 600))


def _worked_mine(rng: np.random.Generator, tile: Tile) -> tuple[Source, ...]:
    """Draw a panel being worked inside ground that sinks over older ones: a sharp core in a slow wide rim."""
    at = rng.uniform(-MINE_WITHIN_M, MINE_WITHIN_M, 2)
    rim_m, core_m = rng.uniform(1_200, 3_000), rng.uniform(300, 900)
    rim = Panel(rim_m, rim_m * rng.uniform(0.5, 1.0), rng.uniform(0, 180))
    core = Panel(core_m, rng.uniform(150, 350), rng.uniform(0, 180))
    off = rng.uniform(-0.25, 0.25, 2) * rim_m
    return (
        MiningSubsidence(Offset(*at), rim, rng.uniform(3, 15), rng.uniform(200, 600)),
        MiningSubsidence(Offset(*(at + off)), core, rng.uniform(10, 80), rng.uniform(100, 300)),
    )


def samples_of(folder: Path, number: int) -> list[Sample]:
    """Return a sample for each area that the network detects on moving ground in one tile."""
    network, tile, samples = DeformationNetwork.load("deformation", folder), causes_tile(number), list[Sample]()
    clouds = [cloud(track) for track in tile.tracks]
    blind = [points._replace(height_m=np.full(points.x.size, np.nan, dtype=np.float32)) for points in clouds]
    for (seen, heights), view in product(((clouds, True), (blind, False)), VIEWS):
        tracks = [tile.tracks[i] for i in view]
        result = decide_with_network([seen[i] for i in view], network)
        held, bands = [sorted_points(seen[i]) for i in view], result.bands()
        flagged = areas_in(bands, result.transform)
        for area in (area for one in flagged for area in measure(one, held, result.maps.backgrounds_mm_yr, flagged)):
            kind = true_kind(tile, tracks, area)
            if area.places and kind is not None:
                features = features_of(area, *core_and_rim(area, bands, result.transform), held)
                samples.append(Sample(number, len(tracks), kind, features, heights))
    return samples


def true_kind(tile: Tile, tracks: list[TileTrack], area: Area) -> int | None:
    """Return the kind (index of KINDS) of the source that moves an area most; None if the area is still."""
    inside = contains_xy(area.polygon, *middles(tile.transform, (CELLS, CELLS)))
    if not inside.any():
        return None
    moved = [
        max(float(np.abs(project_to_los_mm_yr(motion, track.geometry.los)[inside]).mean()) for track in tracks)
        for motion in tile.motions
    ]
    strongest = int(np.argmax(moved))
    return kind_of(tile.sources[strongest]) if moved[strongest] >= MOVES_MM_YR else None


def network_itself(mean: Float64, scale: Float64) -> Float64:
    """Return coefficients, in the shape of those from `fit`, that use only the network's mean log shares."""
    table, own = np.zeros((len(KINDS), len(FEATURES) + 1)), np.arange(len(KINDS))
    for columns in (own, len(KINDS) + own):
        table[own, columns] = scale[columns] / 2
        table[:, -1] += mean[columns] / 2
    return table


def fit(features: Float64, kinds: NDArray[np.int64], prior: Float64) -> Float64:
    """Fit a multinomial logistic regression, (kinds, features + 1), last column the bias; ridge toward `prior`.

    features: (n, features), standardised. Every kind has the same total weight, because the frequency of causes
    differs between countries.
    """
    design, wanted = np.column_stack([features, np.ones(len(features))]), np.eye(len(KINDS))[kinds]
    weight = (1 / wanted.sum(axis=0).clip(1))[kinds]
    weight /= weight.mean()

    def loss(flat: Float64) -> tuple[float, Float64]:
        table = flat.reshape(len(KINDS), -1)
        chances = softmax(design @ table.T, axis=1)
        gradient = ((chances - wanted) * weight[:, None]).T @ design
        off = (table - prior)[:, :-1]
        gradient[:, :-1] += 2 * RIDGE * off
        likelihood = float((weight * np.log((chances * wanted).sum(axis=1) + 1e-12)).sum())
        return RIDGE * float((off**2).sum()) - likelihood, gradient.ravel()

    found = minimize(loss, prior.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    return np.asarray(found.reshape(len(KINDS), -1), dtype=np.float64)


def crossed(features: Float64, kinds: NDArray[np.int64], tiles: NDArray[np.int64], prior: Float64) -> dict[str, float]:
    """Return cross-validated figures: macro-F1, share of sure names that are right, and of unsure areas."""
    chances = np.zeros((len(kinds), len(KINDS)))
    for fold in range(FOLDS):
        left_out = tiles // 2 % FOLDS == fold
        table = fit(features[~left_out], kinds[~left_out], prior)
        chances[left_out] = softmax(features[left_out] @ table[:, :-1].T + table[:, -1], axis=1)
    named, sure = chances.argmax(axis=1), chances.max(axis=1) >= SURE_SHARE
    each = [(kinds == kind, named == kind) for kind in range(len(KINDS))]
    figures = {
        "areas": float(len(kinds)),
        "macro_f1": float(
            np.mean([2 * (is_it & said).sum() / max((is_it.sum() + said.sum()), 1) for is_it, said in each])
        ),
        "right_sure": float((named == kinds)[sure].mean()),
        "unsure_share": float(1 - sure.mean()),
    }
    return {name: round(value, 3) for name, value in figures.items()}


def fit_all(samples: list[Sample], weights_sha256: str, command: str) -> dict[str, Any]:
    """Fit coefficients for one and two tracks, with and without heights; return the content of their file."""
    features = np.array([sample.features for sample in samples])
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    standard = (features - mean) / scale
    kinds, tiles, tracks, heights = (np.array([sample[i] for sample in samples]) for i in (2, 0, 1, 4))
    coefficients, figures, prior = {}, {}, network_itself(mean, scale)
    for n_tracks, known in product((1, 2), (True, False)):
        of, label = (tracks == n_tracks) & (heights == known), table_name(n_tracks, known)
        if not of.any():
            continue
        coefficients[label] = fit(standard[of], kinds[of], prior).round(4).tolist()
        figures[label] = crossed(standard[of], kinds[of], tiles[of], prior)
    return {
        "command": command,
        "weights_sha256": weights_sha256,
        "features": list(FEATURES),
        "mean": mean.round(6).tolist(),
        "scale": scale.round(6).tolist(),
        "coefficients": coefficients,
        "figures": figures,
    }


def main() -> None:
    """Fit, write the coefficients next to the weights, print the figures."""
    args = options(__doc__, "of the weights; the coefficients are written there", tiles=200, processes=1)
    each = over_seeds(partial(samples_of, args.folder), args.tiles, processes=args.processes)
    weights = DeformationNetwork.load("deformation", args.folder).card.weights_sha256
    command = f"python -m lab.deformation.causes --tiles {args.tiles}"
    content = fit_all([sample for samples in each for sample in samples], weights, command)
    (args.folder / NAME).write_text(json.dumps(content, indent=1) + "\n")
    for label, figures in content["figures"].items():
        print(f"{label} track(s):", ", ".join(f"{name} {value:g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
