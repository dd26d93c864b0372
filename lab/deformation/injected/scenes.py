"""Scenes of `deformation-injected`: real still fields, unchanged or transformed, with motion of known shape added.

Scenes alternate between the places. The first scenes of each place are the unchanged fields, one for each track; all
later ones are rotated, mirrored, thinned and of either sign. Such copies are not independent of each other, so that
intervals are computed over pieces of real ground, by the real positions from `Scene.ground`.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lab.deformation.injected.places import PLACES, RealTrack, place, residual_tracks
from lab.deformation.measures.benchmark_tiles import BOWLS, FEWEST_POINTS
from lab.deformation.measures.scoring import REACH_M
from lab.simulation.seeds import Purpose, generator
from ml.deformation.gridding.points import Float64, PointCloud

NAME = "deformation-injected"
AS_THEY_ARE = 2  # unchanged scenes of each place, the largest number of tracks
LEAST_KEPT = 0.5  # share of the points of a thinned field
NESTED_RADIUS, NESTED_RATE = 0.25, 2 / 3  # of the core of a nested bowl, as shares of the whole
TRIES = 2_000


class Shape(NamedTuple):
    """Shape of motion along the line of sight: its peak rate, its radius, and its form.

    bowl: rate · exp(−(r / radius)²); half-dome: the same on one side of a straight fault, nothing beyond; nested: two
    thirds of the rate in a core of a quarter of the radius, the rest over the whole.
    """

    rate_mm_yr: float
    radius_m: float
    form: str = "bowl"


class Motion(NamedTuple):
    """A shape at a position. rate_mm_yr: with its sign; fault_rad: direction of the half that moves."""

    shape: Shape
    x: float
    y: float
    sign: float
    fault_rad: float

    def rate_mm_yr(self, x: Float64, y: Float64) -> Float64:
        """Return the rate along the first track's line of sight, mm/yr, in the shape of x and y."""
        east, north = x - self.x, y - self.y
        square = (east**2 + north**2) / self.shape.radius_m**2
        peak = self.sign * self.shape.rate_mm_yr
        if self.shape.form == "nested":
            core = np.exp(-square / NESTED_RADIUS**2)
            return np.asarray(peak * (NESTED_RATE * core + (1 - NESTED_RATE) * np.exp(-square)))
        rate = peak * np.exp(-square)
        if self.shape.form == "half-dome":
            rate = np.where(east * np.cos(self.fault_rad) + north * np.sin(self.fault_rad) >= 0, rate, 0.0)
        return np.asarray(rate)


SHAPES = {key: Shape(cell.rate_mm_yr, cell.radius_m) for key, cell in BOWLS.items()} | {
    "pd_half_dome_4mm_800m": Shape(4.0, 800.0, "half-dome"),
    "pd_nested_6mm_1200m": Shape(6.0, 1200.0, "nested"),
}


class FieldTurn(NamedTuple):
    """Rotation of a field around its middle (x, y), then mirroring; sign: of its rates; kept: share of its points."""

    x: float
    y: float
    turn_rad: float = 0.0
    mirrored: bool = False
    sign: float = 1.0
    kept: float = 1.0

    def seen(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Convert positions on real ground to positions in the scene."""
        east, north = _turned(x - self.x, y - self.y, self.turn_rad)
        return self.x + (-east if self.mirrored else east), self.y + north

    def ground(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Convert positions in the scene to positions on real ground."""
        east = x - self.x
        east, north = _turned(-east if self.mirrored else east, y - self.y, -self.turn_rad)
        return self.x + east, self.y + north


def _turned(east: Float64, north: Float64, by_rad: float) -> tuple[Float64, Float64]:
    cos, sin = np.cos(by_rad), np.sin(by_rad)
    return east * cos - north * sin, east * sin + north * cos


class Scene(NamedTuple):
    """A still field. tracks: the first is the one that is searched alone."""

    place: str
    number: int
    tracks: tuple[RealTrack, ...]
    view: FieldTurn

    @property
    def as_it_is(self) -> bool:
        """Return whether the scene is the unchanged real field."""
        return self.view.turn_rad == 0 and not self.view.mirrored and self.view.sign == self.view.kept == 1


def scene(number: int, purpose: Purpose = Purpose.BENCHMARK) -> Scene:
    """Make a scene by its number; consecutive numbers alternate between places."""
    return scene_of(PLACES[number % len(PLACES)].name, number // len(PLACES), purpose)


def scene_of(name: str, number: int, purpose: Purpose = Purpose.BENCHMARK) -> Scene:
    """Make a scene of one place, numbered from 0; the first AS_THEY_ARE are the unchanged field."""
    tracks = residual_tracks(place(name))
    tracks = tracks[number % len(tracks) :] + tracks[: number % len(tracks)]
    x, y = (np.concatenate([getattr(track.points, axis) for track in tracks]) for axis in ("x", "y"))
    view = FieldTurn(float(x.mean()), float(y.mean()))
    if number < AS_THEY_ARE:
        return Scene(name, number, tracks, view)
    rng = generator(purpose, f"{NAME} {name}", number)
    view = view._replace(
        turn_rad=float(rng.uniform(0, 2 * np.pi)),
        mirrored=bool(rng.random() < 0.5),
        sign=float(rng.choice([-1.0, 1.0])),
        kept=float(rng.uniform(LEAST_KEPT, 1.0)),
    )
    return Scene(name, number, tuple(_as_seen(track, view, rng) for track in tracks), view)


def _as_seen(track: RealTrack, view: FieldTurn, rng: np.random.Generator) -> RealTrack:
    points, kept = track.points, rng.random(track.points.x.size) < view.kept
    x, y = view.seen(points.x[kept], points.y[kept])
    rate = (view.sign * points.velocity_mm_yr[kept]).astype(np.float32)
    height = None if points.height_m is None else points.height_m[kept]
    series = None if track.displacement_mm is None else (view.sign * track.displacement_mm[kept]).astype(np.float32)
    return track._replace(
        points=points._replace(x=x, y=y, velocity_mm_yr=rate, height_m=height), displacement_mm=series
    )


def motion_in(still: Scene, key: str, purpose: Purpose = Purpose.BENCHMARK) -> Motion | None:
    """Draw a position for a shape of SHAPES in a scene; None if the field is narrower than the shape.

    FEWEST_POINTS of the first track must lie within its radius, and one within half of it and REACH_M, so that on an
    island the middle of a wide bowl is on land. Returns None also if TRIES random places do not meet this.
    """
    shape = SHAPES[key]
    rng = generator(purpose, f"{NAME} {still.place} {key}", still.number)
    points = still.tracks[0].points
    at = np.column_stack([points.x, points.y])
    low, high = at.min(axis=0), at.max(axis=0)
    sign, fault_rad = float(rng.choice([-1.0, 1.0])), float(rng.uniform(0, 2 * np.pi))
    if (high - low).max() < 2 * shape.radius_m:
        return None
    tried = rng.uniform(low, high, (TRIES, 2))
    tree = cKDTree(at)
    enough = tree.query_ball_point(tried, shape.radius_m, return_length=True) >= FEWEST_POINTS
    near = tree.query(tried)[0] <= min(REACH_M, shape.radius_m / 2)
    if not (enough & near).any():
        return None
    x, y = tried[np.argmax(enough & near)]
    return Motion(shape, float(x), float(y), sign, fault_rad)


def with_motion(still: Scene, motion: Motion) -> Scene:
    """Return the scene with vertical motion in every track's rates and series."""
    first_up = still.tracks[0].los_up
    return still._replace(tracks=tuple(_moving(track, motion, track.los_up / first_up) for track in still.tracks))


def _moving(track: RealTrack, motion: Motion, share: float) -> RealTrack:
    points = track.points
    rate = share * motion.rate_mm_yr(points.x, points.y)
    moving = track._replace(points=points._replace(velocity_mm_yr=(points.velocity_mm_yr + rate).astype(np.float32)))
    if track.displacement_mm is None or track.years is None:
        return moving
    series = track.displacement_mm + np.outer(rate, track.years).astype(np.float32)
    return moving._replace(displacement_mm=series)


def clouds(seen: Scene) -> list[PointCloud]:
    """Return the tracks as input for a detector."""
    return [track.points for track in seen.tracks]


def digest(seen: Scene) -> bytes:
    """Return the hash of a scene, 32 bytes: points, heights, rates and series of all its tracks."""
    held = hashlib.sha256(seen.place.encode())
    for track in seen.tracks:
        points = track.points
        for values, steps in (
            (points.x, 100),
            (points.y, 100),
            (points.height_m, 10),
            (points.velocity_mm_yr, 100),
            (track.displacement_mm, 10),
        ):
            if values is not None:
                held.update(_whole(values, steps).tobytes())
    return held.digest()


def _whole(values: NDArray[np.floating], steps: int) -> NDArray[np.int32]:
    return np.rint(np.nan_to_num(values.astype(np.float64)) * steps).astype("<i4")
