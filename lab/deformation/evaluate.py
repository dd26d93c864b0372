"""Every figure of a detector on `deformation-national`, with its 95 % interval from a bootstrap over tiles.

`both_`: the higher probability of two tracks; all others: the ascending track alone. See docs/benchmarks.md.
"""

import hashlib
from collections.abc import Sequence
from functools import cache, partial

import numpy as np

from ground_motion.methods.deformation.gridding.points import Float64
from ground_motion.methods.deformation.infer import Config, DeformationResult, detect_all_with, flagged_areas
from ground_motion.rasters.areas import KINDS
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Interval, bootstrap, bootstrap_over
from lab.benchmark import Benchmark, over_seeds, scenes_sha256
from lab.deformation import CONFIGS
from lab.deformation.measures.benchmark_tiles import BOWLS, NATIONAL, TILE_KM2, bowl_tiles, cloud, digest, field_tile
from lab.deformation.measures.scoring import TileScore, detects_bowl, score_tile, truth_of
from lab.deformation.measures.shapes import best_error, shape_metrics, true_shapes
from lab.deformation.reliability_figures import reliability_figures, resampled
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import Tile, TileTrack

VERSION = "1"
SIZE = 1_000
TILES_PER_BOWL_TILE = 5  # The table gets one more tile with bowls per this number of tiles.
ROUNDS = 1_000
FROZEN_SHA256 = {  # The hash of the truth by size.
    8: "6da91f6716b983f8b9f07f50ad09daa1a3aff4de7c3386c5d1a97cf210700752",
    1000: "652e13450e8ff3d9630d04d213e1163c024395852465b0b259d5466d2b0ec9e1",
}
Figures = dict[str, Interval]
Scored = tuple[TileScore, TileScore]  # on the first track, and on both


def views(tile: Tile, config: Config) -> tuple[DeformationResult, DeformationResult]:
    """Return a detector's results on the first track and on both tracks."""
    points = [cloud(track) for track in tile.tracks]
    return detect_all_with(points[:1], config), detect_all_with(points, config)


def measure_field(config: Config, purpose: Purpose, number: int) -> Scored:
    """Score a detector on one tile, with outlines redrawn on the points, as served."""
    tile = field_tile(NATIONAL, number, purpose)
    first, both = views(tile, config)
    return _score(first, tile, tile.tracks[:1]), _score(both, tile, tile.tracks)


def _score(result: DeformationResult, tile: Tile, tracks: Sequence[TileTrack]) -> TileScore:
    areas = [area for area, _ in flagged_areas(result, [cloud(track) for track in tracks])]
    errors = [error for shape in true_shapes(tile, tracks) if (error := best_error(areas, shape))]
    return score_tile(result, tile, tracks, truth_of(tile, tracks), areas)._replace(shapes=tuple(errors))


def measure_bowls(config: Config, purpose: Purpose, number: int) -> Float64:
    """Search one tile for each bowl of the table; returns 0 or 1, (first track or both, bowls)."""
    found = np.zeros((2, len(BOWLS)))
    for j, (key, tile) in enumerate(bowl_tiles(NATIONAL, number, purpose).items()):
        for i, result in enumerate(views(tile, config)):
            found[i, j] = detects_bowl(result, tile, tile.tracks[: i + 1], BOWLS[key].radius_m)
    return found


def evaluate(method: str, size: int, purpose: Purpose = Purpose.BENCHMARK) -> Figures:
    """Measure a method with its shipped settings, on some tiles and on a fifth as many for each bowl."""
    config = CONFIGS[method]()
    fields = over_seeds(partial(measure_field, config, purpose), size)
    bowls = np.stack(over_seeds(partial(measure_bowls, config, purpose), _bowl_tiles(size)))
    metrics: Figures = {}
    for i, prefix in enumerate(("", "both_")):
        of_tracks = field_metrics([field[i] for field in fields])
        of_tracks |= {key: bootstrap(bowls[:, i, j]) for j, key in enumerate(BOWLS)}
        metrics |= {f"{prefix}{key}": value for key, value in of_tracks.items()}
    return metrics


def _bowl_tiles(size: int) -> int:
    return max(1, size // TILES_PER_BOWL_TILE)


def field_metrics(scores: Sequence[TileScore]) -> dict[str, Interval]:
    """Return the figures of the tiles proper, without the table's."""
    ratio = partial(resampled, rounds=ROUNDS)
    objects = np.array([(s.n_objects, s.n_detected, s.n_areas) for s in scores], dtype=np.float64)
    per_kind = np.array([s.per_kind.ravel() for s in scores], dtype=np.float64)
    alarms = np.array([s.false_alarms for s in scores], dtype=np.float64)
    sure = np.array([s.per_sure_kind.ravel() for s in scores], dtype=np.float64)
    unsure = np.array([(s.n_unsure, s.n_detected) for s in scores], dtype=np.float64)
    named = {
        "kind_macro_f1": ratio(per_kind, _macro_f1),
        "kind_macro_f1_sure": ratio(sure, _macro_f1),
        "kind_unsure_share": ratio(unsure, lambda n: _share(n[:, 0], n[:, 1])),
    }
    return (
        (named if scores[0].names_kinds else {})
        | shape_metrics([s.shapes for s in scores])
        | reliability_figures(scores)
        | {
            "false_alarms_per_1000km2": bootstrap(alarms, 1000 / TILE_KM2),
            "object_precision": ratio(objects, lambda n: _share(n[:, 1], n[:, 2])),
            "object_recall": ratio(objects, lambda n: _share(n[:, 1], n[:, 0])),
            "object_f1": ratio(objects, lambda n: _share(2 * n[:, 1], n[:, 0] + n[:, 2])),
            "median_iou": bootstrap_over([np.array(s.overlaps) for s in scores], _median),
        }
    )


def _share(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _macro_f1(counts: Float64) -> Float64:
    right, wrong, missed = np.moveaxis(counts.reshape(len(counts), len(KINDS), 3), -1, 0)
    f1: Float64 = _share(2 * right, 2 * right + wrong + missed).mean(axis=1)
    return f1


def _median(overlaps: Float64) -> float:
    return float(np.median(overlaps)) if overlaps.size else 0.0


@cache
def truth_sha256(size: int) -> str:
    """Make the tiles again and return the hash of their content."""
    return scenes_sha256(VERSION, size, over_seeds(_field_digest, size) + over_seeds(_bowl_digest, _bowl_tiles(size)))


def _field_digest(number: int) -> bytes:
    return digest(field_tile(NATIONAL, number))


def _bowl_digest(number: int) -> bytes:
    return hashlib.sha256(b"".join(map(digest, bowl_tiles(NATIONAL, number).values()))).digest()


BENCHMARK = Benchmark(NATIONAL, VERSION, SIZE, "tiles", methods("deformation"), evaluate, truth_sha256)
