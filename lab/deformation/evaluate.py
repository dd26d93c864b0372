"""Every figure of a detector on the frozen benchmarks, with its 95 % interval from a bootstrap over tiles.

Names that begin with `both_` are for the two tracks together (each cell gets the higher probability), all others for
the ascending track alone. The figures are explained in docs/benchmarks.md.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from lab.benchmark import Benchmark, auc, over_seeds, scenes_sha256
from lab.deformation.measures.benchmark_tiles import BOWLS, NATIONAL, bowl_tiles, cloud, digest, field_tile
from lab.deformation.measures.scoring import BINS, TileScore, detects_bowl, score_tile, truth_of
from lab.deformation.measures.shapes import best_error, shape_metrics, true_shapes
from lab.deformation.reliability_figures import reliability_figures
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import SIDE_M, Tile, TileTrack
from ml.deformation import VERSIONS
from ml.deformation.gridding.points import Float64
from ml.deformation.infer import CONFIGS, WEIGHTS, Config, DeformationResult, detect_all_with, flagged_areas
from ml.rasters.areas import CLASSES, KINDS
from ml.statistics.intervals import Interval, bootstrap

VERSION = "1"
SIZES = {NATIONAL: 1_000}
TILES_PER_BOWL_TILE = 5  # one additional tile for the table's bowls per this number of tiles
ROUNDS = 1_000
TILE_KM2 = (SIDE_M / 1000) ** 2
FROZEN_SHA256: dict[str, dict[int, str]] = {  # benchmark -> size -> hash of its truth
    NATIONAL: {
        8: "6da91f6716b983f8b9f07f50ad09daa1a3aff4de7c3386c5d1a97cf210700752",
        1000: "652e13450e8ff3d9630d04d213e1163c024395852465b0b259d5466d2b0ec9e1",
    },
}


class FieldScores(NamedTuple):
    """Scores of each configuration on one tile, on the first track and on both."""

    one: list[TileScore]
    both: list[TileScore]


class BowlScores(NamedTuple):
    """Detections of each bowl in one still tile, (configurations, bowls), 0 or 1."""

    one: Float64
    both: Float64


def views(tile: Tile, configs: Sequence[Config]) -> list[tuple[DeformationResult, DeformationResult]]:
    """Return each configuration's results, on the first track and on both tracks."""
    points = [cloud(track) for track in tile.tracks]
    return [(detect_all_with(points[:1], config), detect_all_with(points, config)) for config in configs]


def measure_field(name: str, configs: Sequence[Config], purpose: Purpose, number: int) -> FieldScores:
    """Score some configurations on one tile."""
    tile = field_tile(name, number, purpose)
    first, both = _Drawn(tile, tile.tracks[:1]), _Drawn(tile, tile.tracks)
    seen = views(tile, configs)
    return FieldScores([first.score(view[0]) for view in seen], [both.score(view[1]) for view in seen])


class _Drawn:
    """Truth of one or more tracks of a tile; scores results with outlines redrawn on the points, as served."""

    def __init__(self, tile: Tile, tracks: Sequence[TileTrack]) -> None:
        self.tile, self.tracks = tile, tracks
        self.truth, self.shapes = truth_of(tile, tracks), true_shapes(tile, tracks)

    def score(self, result: DeformationResult) -> TileScore:
        areas = [area for area, _ in flagged_areas(result, [cloud(track) for track in self.tracks])]
        errors = [error for shape in self.shapes if (error := best_error(areas, shape))]
        return score_tile(result, self.tile, self.tracks, self.truth, areas)._replace(shapes=tuple(errors))


def measure_bowls(name: str, configs: Sequence[Config], purpose: Purpose, number: int) -> BowlScores:
    """Search one tile for each bowl of the table."""
    tiles = bowl_tiles(name, number, purpose)
    one, both = np.zeros((2, len(configs), len(BOWLS)))
    for j, (key, tile) in enumerate(tiles.items()):
        for i, (first, together) in enumerate(views(tile, configs)):
            one[i, j] = detects_bowl(first, tile, tile.tracks[:1], BOWLS[key].radius_m)
            both[i, j] = detects_bowl(together, tile, tile.tracks, BOWLS[key].radius_m)
    return BowlScores(one, both)


class Scores(NamedTuple):
    """Counts on the tiles of the benchmark, and on the still tiles with the table's bowls."""

    fields: list[FieldScores]
    bowls: list[BowlScores]


def measure(
    name: str, configs: Sequence[Config], size: int, purpose: Purpose = Purpose.BENCHMARK, processes: int = 2
) -> Scores:
    """Run each configuration on the given number of tiles and on a fifth as many for each bowl."""
    fields = over_seeds(partial(measure_field, name, configs, purpose), size, processes=processes)
    bowls = over_seeds(partial(measure_bowls, name, configs, purpose), _bowl_tiles(size), processes=processes)
    return Scores(fields, bowls)


def figures_of(scores: Scores, i: int) -> dict[str, Interval]:
    """Return every figure of configuration i."""
    metrics = _metrics([field.one[i] for field in scores.fields], np.stack([bowl.one[i] for bowl in scores.bowls]))
    both = _metrics([field.both[i] for field in scores.fields], np.stack([bowl.both[i] for bowl in scores.bowls]))
    return metrics | {f"both_{key}": value for key, value in both.items()}


def _metrics(scores: Sequence[TileScore], detected: Float64) -> dict[str, Interval]:
    """Return figures of the tiles and of the table. detected: (tiles, bowls) 0 or 1."""
    return field_metrics(scores) | {key: bootstrap(detected[:, j]) for j, key in enumerate(BOWLS)}


def _bowl_tiles(size: int) -> int:
    return max(1, size // TILES_PER_BOWL_TILE)


def field_metrics(scores: Sequence[TileScore]) -> dict[str, Interval]:
    """Return the figures of the tiles proper, without the table's."""
    rng = np.random.default_rng(1)
    draws = rng.integers(0, len(scores), (ROUNDS, len(scores)))
    times = np.stack([np.bincount(draw, minlength=len(scores)) for draw in draws])  # (rounds, tiles)

    def ratio(counts: Float64, statistic: Callable[[Float64], Float64]) -> Interval:
        """Return a statistic of summed counts (…, k) with its interval. counts: (tiles, k)."""
        value = float(statistic(counts.sum(axis=0)[None])[0])
        low, high = np.nanpercentile(statistic(times @ counts), [2.5, 97.5])
        return Interval(value, float(low), float(high))

    objects = np.array([(s.n_objects, s.n_detected, s.n_areas) for s in scores], dtype=np.float64)
    cells = np.array([(s.both_cells, s.either_cells) for s in scores], dtype=np.float64)
    per_class = np.array([s.per_class.ravel() for s in scores], dtype=np.float64)
    per_kind = np.array([s.per_kind.ravel() for s in scores], dtype=np.float64)
    calibration = np.array([s.calibration.ravel() for s in scores])
    alarms = np.array([s.false_alarms for s in scores], dtype=np.float64)
    sure = np.array([s.per_sure_kind.ravel() for s in scores], dtype=np.float64)
    unsure = np.array([(s.n_unsure, s.n_detected) for s in scores], dtype=np.float64)
    named = {
        "kind_macro_f1": ratio(per_kind, lambda n: _macro_f1(n, len(KINDS))),
        "kind_macro_f1_sure": ratio(sure, lambda n: _macro_f1(n, len(KINDS))),
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
            "median_iou": _resampled(scores, draws[:200], _median_iou),
            "pixel_iou": ratio(cells, lambda n: _share(n[:, 0], n[:, 1])),
            "class_macro_f1": ratio(per_class, lambda n: _macro_f1(n, len(CLASSES))),
            "ece": ratio(calibration, _calibration_error),
            "auc": _resampled(scores, draws[:200], _auc),
        }
    )


def _share(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _macro_f1(counts: Float64, classes: int) -> Float64:
    right, wrong, missed = np.moveaxis(counts.reshape(-1, classes, 3), -1, 0)
    f1: Float64 = _share(2 * right, 2 * right + wrong + missed).mean(axis=1)
    return f1


def _calibration_error(sums: Float64) -> Float64:
    n, probability, moving = np.moveaxis(sums.reshape(-1, BINS, 3), -1, 0)
    error: Float64 = np.abs(probability - moving).sum(axis=1) / n.sum(axis=1)
    return error


def _resampled(
    scores: Sequence[TileScore], draws: np.ndarray, statistic: Callable[[Sequence[TileScore]], float]
) -> Interval:
    values = [statistic([scores[i] for i in draw]) for draw in draws]
    low, high = np.nanpercentile(values, [2.5, 97.5]) if np.isfinite(values).any() else (np.nan, np.nan)
    return Interval(statistic(scores), float(low), float(high))


def _median_iou(scores: Sequence[TileScore]) -> float:
    overlaps = [overlap for score in scores for overlap in score.overlaps]
    return float(np.median(overlaps)) if overlaps else 0.0


def _auc(scores: Sequence[TileScore]) -> float:
    """Return the probability that the maximum score of a tile with an object exceeds that of a tile without one."""
    signal = np.array([score.n_objects > 0 for score in scores])
    if signal.all() or not signal.any():
        return 0.5
    return auc(np.array([score.highest for score in scores]), signal)


def evaluate(name: str, method: str, size: int) -> dict[str, Interval]:
    """Measure a method with its shipped settings."""
    return figures_of(measure(name, [CONFIGS[method]()], size), 0)


@cache
def truth_sha256(name: str, size: int) -> str:
    """Make the tiles of a benchmark again and return the hash of their content."""
    fields = over_seeds(partial(_field_digest, name), size)
    bowls = over_seeds(partial(_bowl_digest, name), _bowl_tiles(size))
    return scenes_sha256(VERSION, size, [*fields, *bowls])


def _field_digest(name: str, number: int) -> bytes:
    return digest(field_tile(name, number))


def _bowl_digest(name: str, number: int) -> bytes:
    return hashlib.sha256(b"".join(map(digest, bowl_tiles(name, number).values()))).digest()


BENCHMARKS = tuple(
    Benchmark(name, VERSION, size, "tiles", VERSIONS, partial(evaluate, name), partial(truth_sha256, name), WEIGHTS)
    for name, size in SIZES.items()
)
