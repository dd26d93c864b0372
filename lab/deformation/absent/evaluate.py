"""Figures of a detector on `deformation-absent`, of all families and of each, with 95 % intervals over tiles.

Names that begin with `both_` are for the two tracks together, all others for the ascending track alone; bowls are
searched in one track only. Families have equal weight. The figures are explained in docs/benchmarks.md.
"""

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from lab.benchmark import Benchmark, over_seeds, scenes_sha256
from lab.deformation.absent.families import FAMILIES
from lab.deformation.absent.objects import OBJECTS
from lab.deformation.absent.tiles import BOWLS, NAME, bowl_tiles, digest, field_tile
from lab.deformation.evaluate import field_metrics, views
from lab.deformation.measures.benchmark_tiles import TILE_KM2, cloud
from lab.deformation.measures.scoring import TileScore, detects_bowl, score_tile, truth_of
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import Tile
from ml.deformation import VERSIONS
from ml.deformation.gridding.points import Float64
from ml.deformation.infer import CONFIGS, WEIGHTS, Config, detect_all_with
from ml.statistics.intervals import Interval, bootstrap

VERSION = "2"
SIZE = 40  # tiles of each family
FROZEN_SHA256 = {
    1: "441295b8624fb507312018bf6e57d59e524693907016b1e5ba6227fb62ea5119"
}  # tiles of each family -> hash of their content
NAMES = tuple(FAMILIES)
Metrics = dict[str, Interval]


class TileFigures(NamedTuple):
    """Scores on one tile of a family, by the first track and by both.

    detected: (bowls,), 0 or 1, NaN for families of objects and for tiles without bowls.
    """

    family: str
    one: TileScore
    both: TileScore
    detected: Float64


def _job(number: int) -> tuple[str, int]:
    """Return the family and tile of a job. Families alternate, so that two processes end at the same time."""
    return NAMES[number % len(NAMES)], number // len(NAMES)


def _bowls_of(family: str, number: int, purpose: Purpose) -> dict[str, Tile]:
    """Return a tile with each bowl, by bowl; empty for every second tile, because only half are used for bowls."""
    return bowl_tiles(family, number, purpose) if number % 2 == 0 else {}


def measure_tile(config: Config, purpose: Purpose, job: int) -> TileFigures:
    """Score a detector on one tile, and test whether it finds each bowl of the table in it."""
    family, number = _job(job)
    tile = field_tile(family, number, purpose)
    first, both = views(tile, config)
    detected = np.full(len(BOWLS), np.nan)
    for j, (key, bowl) in enumerate(_bowls_of(family, number, purpose).items()):
        result = detect_all_with([cloud(bowl.tracks[0])], config)
        detected[j] = detects_bowl(result, bowl, bowl.tracks[:1], BOWLS[key].radius_m)
    return TileFigures(
        family,
        score_tile(first, tile, tile.tracks[:1], truth_of(tile, tile.tracks[:1])),
        score_tile(both, tile, tile.tracks, truth_of(tile, tile.tracks)),
        detected,
    )


def figures_of(tiles: Sequence[TileFigures]) -> Metrics:
    """Return the figures of all families, and of each family as FAMILY_figure."""
    metrics = field_metrics([tile.one for tile in tiles]) | _bowl_metrics(tiles)
    metrics |= {f"both_{key}": value for key, value in field_metrics([tile.both for tile in tiles]).items()}
    for family in NAMES:
        own = [tile for tile in tiles if tile.family == family]
        metrics |= {f"{family}_{key}": value for key, value in _family_metrics([t.one for t in own], family).items()}
        metrics |= {f"{family}_{key}": value for key, value in _bowl_metrics(own).items()}
        pairs = _family_metrics([tile.both for tile in own], family)
        metrics |= {f"both_{family}_{key}": value for key, value in pairs.items()}
    return metrics


def _family_metrics(scores: Sequence[TileScore], family: str) -> Metrics:
    alarms = np.array([score.false_alarms for score in scores], dtype=np.float64)
    metrics = {"false_alarms_per_1000km2": bootstrap(alarms, 1000 / TILE_KM2)}
    if family in OBJECTS:
        whole = field_metrics(scores)
        metrics |= {"recall": whole["object_recall"], "median_iou": whole["median_iou"]}
    return metrics


def _bowl_metrics(tiles: Sequence[TileFigures]) -> Metrics:
    held = [tile.detected for tile in tiles if np.isfinite(tile.detected).all()]
    return {key: bootstrap(np.stack(held)[:, j]) for j, key in enumerate(BOWLS)} if held else {}


def evaluate(method: str, size: int, purpose: Purpose = Purpose.BENCHMARK) -> Metrics:
    """Measure a method with its shipped settings on some tiles of each family, and half as many with each bowl."""
    return figures_of(over_seeds(partial(measure_tile, CONFIGS[method](), purpose), size * len(NAMES)))


@cache
def truth_sha256(size: int) -> str:
    """Make the tiles again and return the hash of their content."""
    return scenes_sha256(VERSION, size, over_seeds(_digest, size * len(NAMES)))


def _digest(job: int) -> bytes:
    family, number = _job(job)
    tiles = [field_tile(family, number), *_bowls_of(family, number, Purpose.BENCHMARK).values()]
    return hashlib.sha256(b"".join(map(digest, tiles))).digest()


BENCHMARK = Benchmark(
    NAME, VERSION, SIZE, f"tiles of each of {len(NAMES)} families", VERSIONS, evaluate, truth_sha256, WEIGHTS
)
