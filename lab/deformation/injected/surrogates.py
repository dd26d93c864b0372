"""`deformation-surrogates`: false alarms on fields with the spectrum and the distribution of real still ground.

Real fields are few and not wholly still. A surrogate keeps a place's points, the distribution of its rates and their
covariance by lag, but places the rates anew. So it contains no motion, and any number of surrogates can be made.
"""

import hashlib
from collections.abc import Sequence
from functools import partial

import numpy as np

from lab.benchmark import Benchmark, over_seeds, scenes_sha256
from lab.deformation.injected.evaluate import Entrant, entrant, false_alarms
from lab.deformation.injected.places import PLACES, RealTrack
from lab.deformation.injected.scenes import Scene, clouds, digest, scene_of
from lab.deformation.injected.scoring import Still, score_still
from lab.simulation.seeds import Purpose, generator
from ml.deformation import VERSIONS
from ml.deformation.gridding.cells import assign_cells
from ml.deformation.gridding.points import Float32, Float64, PointCloud
from ml.deformation.infer import WEIGHTS
from ml.statistics.intervals import Interval

NAME, VERSION = "deformation-surrogates", "1"
SIZE = 900  # scenes: more than 6,000 km²
CELL_M = 50.0
FEWEST_PAIRS = 50  # of cells at a lag, above which its covariance counts
FROZEN_SHA256 = {
    8: "1a9ab442f59a53872fa43711c5e4706b9a8e48d2a9c16ecc0c4417bd104b4cb0"
}  # size -> hash of the content of the scenes


def surrogate(rng: np.random.Generator, points: PointCloud) -> Float32:
    """Draw rates for a track's points, (n,), mm/yr, with the distribution and covariance by lag of its own."""
    cells = assign_cells(points.x, points.y, CELL_M)
    count = np.bincount(cells.cell, minlength=cells.shape[0] * cells.shape[1])
    middle = points.velocity_mm_yr - np.float32(np.median(points.velocity_mm_yr))
    mean = np.bincount(cells.cell, middle, count.size) / np.maximum(count, 1)
    size = tuple(2 * n for n in cells.shape)
    field, known = (np.fft.rfft2(plane.reshape(cells.shape), s=size) for plane in (mean, (count > 0).astype(float)))
    pairs = np.fft.irfft2(np.abs(known) ** 2, s=size)
    covariance = np.where(pairs > FEWEST_PAIRS, np.fft.irfft2(np.abs(field) ** 2, s=size) / np.maximum(pairs, 1), 0)
    down, right = (1 - np.minimum(np.arange(n), n - np.arange(n)) / (n / 2) for n in size)
    spectrum = _nearest(np.fft.fft2(covariance * np.outer(down, right)).real)  # tapered, as far lags are noise
    drawn = np.fft.ifft2(np.fft.fft2(rng.standard_normal(size)) * np.sqrt(spectrum)).real
    rate = drawn[: cells.shape[0], : cells.shape[1]].ravel()[cells.cell]
    rate = rate + rng.permutation(middle - mean[cells.cell])  # differences within cells, shuffled
    ranked = np.empty_like(points.velocity_mm_yr)
    ranked[np.argsort(rate, kind="stable")] = np.sort(points.velocity_mm_yr)
    return ranked


def _nearest(spectrum: Float64) -> Float64:
    """Return the nearest spectrum without negative power that has the same variance."""
    falling = np.sort(spectrum, axis=None)[::-1]
    over = (np.cumsum(falling) - spectrum.sum()) / np.arange(1, falling.size + 1)
    last = int(np.flatnonzero(falling >= over)[-1])
    return np.asarray((spectrum - over[last]).clip(min=0))


def surrogate_scene(number: int, purpose: Purpose = Purpose.BENCHMARK) -> Scene:
    """Make the scene of a number, without series; consecutive numbers alternate between places."""
    still = scene_of(PLACES[number % len(PLACES)].name, number // len(PLACES), purpose)
    rng = generator(purpose, NAME, number)

    def drawn(track: RealTrack) -> RealTrack:
        points = track.points._replace(velocity_mm_yr=surrogate(rng, track.points))
        return track._replace(points=points, years=None, displacement_mm=None)

    return still._replace(tracks=tuple(map(drawn, still.tracks)))


def measure_scene(one: Entrant, number: int) -> tuple[Still, Still | None]:
    """Count a method's false alarms on a scene, by its first track and by all its tracks."""
    seen = surrogate_scene(number)

    def still(tracks: Sequence[PointCloud]) -> Still:
        return score_still(one.detect(seen.place, tracks), seen, tracks)

    tracks = clouds(seen)
    return still(tracks[:1]), still(tracks) if len(tracks) > 1 else None


def evaluate(method: str, size: int) -> dict[str, Interval]:
    """Return false alarms per 1,000 km² by one track, and by both where a place has two, with the area searched."""
    scores = over_seeds(partial(measure_scene, entrant(method)), size)
    both = [two for _, two in scores if two is not None]
    figures = false_alarms([one for one, _ in scores])
    return figures | ({f"both_{key}": value for key, value in false_alarms(both).items()} if both else {})


def truth_sha256(size: int) -> str:
    """Return the hash of all points and rates of the scenes."""
    return scenes_sha256(VERSION, size, over_seeds(_digest, size))


def _digest(number: int) -> bytes:
    return hashlib.sha256(digest(surrogate_scene(number))).digest()


BENCHMARK = Benchmark(NAME, VERSION, SIZE, "scenes", VERSIONS, evaluate, truth_sha256, WEIGHTS)
