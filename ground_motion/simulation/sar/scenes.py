"""Radar images of the simulated island: speckle that decorrelates, one surface that changes, one body that moves.

The simulation is simple on purpose, but physically correct: scatterers are complex Gaussians on a grid finer than the
resolution, and they are moved, never a detected image; only then is the field band-limited, detected and averaged to
looks. Towns of point scatterers, layover and relief in the geometry are left out; `lab.simulation.sar` has them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.core.projections import transformer
from ground_motion.simulation.ground.frame import GRID_EPSG, Floats
from ground_motion.simulation.ground.terrain import LandCover, fractal_field
from ground_motion.simulation.sar.speckle import Complex, Float32, average, image, scatterers, shift
from ground_motion.simulation.velocity.region import Region

UTM_EPSG = 32629  # 12° W to 6° W

# The order is that of LandCover: sea, town, suburb, open land, forest, ice.
COHERENCE = np.array([0.0, 0.85, 0.8, 0.75, 0.4, 0.7], dtype=np.float32)
BACKSCATTER_DB = np.array([-19.0, -3.0, -6.0, -11.0, -8.0, -9.0], dtype=np.float32)

Cells = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows and columns


@dataclass(frozen=True)
class SceneConfig:
    """Settings of grid, dates and events. Coherence: over one repeat; speeds: m/day; bearing: from grid north."""

    pixels: int = 320
    posting_m: float = 30.0
    oversampling: int = 4
    resolution_m: float = 12.0
    first_date: dt.datetime = dt.datetime(2023, 8, 5, 18, 40, tzinfo=dt.UTC)  # The pass is ascending there.
    repeat_days: int = 12
    dates: int = 9
    changed_at: int = 6  # the first date after the event
    changed_m: tuple[float, float] = (900.0, 600.0)
    moves_from: int = 4  # the last date at rest
    body_m: tuple[float, float] = (2_400.0, 1_500.0)
    speed_m_day: float = 3.0
    bearing_deg: float = 120.0
    rainy_date: int = 3
    rain_keeps: float = 0.85  # Rain leaves this share of the coherence.


class Event(NamedTuple):
    """An ellipse on the ground. centre: x, y in the images' system, m; half_m: half axes."""

    x_m: float
    y_m: float
    half_m: tuple[float, float]

    def holds(self, x_m: Floats, y_m: Floats) -> NDArray[np.bool_]:
        """Return whether the event covers each position, m."""
        return ((x_m - self.x_m) / self.half_m[0]) ** 2 + ((y_m - self.y_m) / self.half_m[1]) ** 2 <= 1.0


@dataclass(frozen=True)
class SceneSeries:
    """Series of radar images of one place, with its truth.

    power: (dates, rows, cols), linear. coherence, dx_px, dy_px: (dates - 1, rows, cols), truth of each repeat.

    Ground at column x, row y of one image is at x + dx, y + dy in the next.
    """

    config: SceneConfig
    dates: tuple[dt.datetime, ...]
    power: Float32
    coherence: Float32
    dx_px: Float32
    dy_px: Float32
    transform: Affine
    epsg: int
    changed: Event
    moving: Event


def simulate_scenes(region: Region, config: SceneConfig | None = None) -> SceneSeries:
    """Simulate a series of images of a region; the same region and config give the same numbers."""
    config = config or SceneConfig()
    rng = np.random.default_rng([region.seed, 0x5A2])
    ground = _ImageGrid(region, config)
    changed, moving = ground.quiet_sites()
    x_fine, y_fine = ground.centres(config.oversampling)
    cell = ground.cells(x_fine, y_fine)
    in_body, in_change = moving.holds(x_fine, y_fine), changed.holds(x_fine, y_fine)
    amplitude = np.sqrt(10 ** (ground.backscatter_db(rng, cell, in_body) / 10)).astype(np.float32)
    static = ground.coherence(cell)
    static[in_body | in_change] = COHERENCE[LandCover.OPEN]  # Events show on bare ground, not in forest.
    step = config.speed_m_day * config.repeat_days
    bearing = np.radians(config.bearing_deg)
    dx_m, dy_m = step * np.sin(bearing), -step * np.cos(bearing)  # Rows run south.
    x, y = ground.centres(1)
    truth = {name: np.zeros((config.dates - 1, *x.shape), np.float32) for name in ("coherence", "dx_px", "dy_px")}
    field = scatterers(rng, x_fine.shape)
    images = [_image(field * amplitude, config)]
    for date in range(1, config.dates):
        coherence = static * (config.rain_keeps if config.rainy_date in {date, date - 1} else 1.0)
        if date == config.changed_at:
            coherence = np.where(in_change, 0.0, coherence)
        if date > config.moves_from:
            fine_m = config.posting_m / config.oversampling
            field = np.where(in_body, shift(field, dx_m / fine_m, dy_m / fine_m), field)
            body = moving.holds(x, y)
            truth["dx_px"][date - 1][body] = dx_m / config.posting_m
            truth["dy_px"][date - 1][body] = dy_m / config.posting_m
        field = coherence * field + np.sqrt(1 - coherence**2) * scatterers(rng, x_fine.shape)
        images.append(_image(field * amplitude, config))
        truth["coherence"][date - 1] = average(coherence, config.oversampling)
    dates = tuple(config.first_date + dt.timedelta(days=config.repeat_days * n) for n in range(config.dates))
    return SceneSeries(
        config,
        dates,
        np.stack(images),
        **truth,
        transform=ground.transform,
        epsg=UTM_EPSG,
        changed=changed,
        moving=moving,
    )


class _ImageGrid:
    """The region on the images' UTM grid."""

    def __init__(self, region: Region, config: SceneConfig) -> None:
        self.region, self.config = region, config
        self._to_region = transformer(UTM_EPSG, GRID_EPSG)
        frame = region.terrain.frame
        x, y = transformer(GRID_EPSG, UTM_EPSG).transform(frame.easting_m, frame.northing_m)
        half = config.pixels * config.posting_m / 2
        west, north = (round(v / config.posting_m) * config.posting_m for v in (x - half, y + half))
        self.transform = Affine(config.posting_m, 0, west, 0, -config.posting_m, north)

    def centres(self, oversampling: int) -> tuple[Floats, Floats]:
        """Return x and y of every pixel's centre, m; the pixels are finer by the factor `oversampling`."""
        n, step = self.config.pixels * oversampling, self.config.posting_m / oversampling
        axis = (np.arange(n) + 0.5) * step
        x, y = np.meshgrid(self.transform.c + axis, self.transform.f - axis)
        return x, y

    def cells(self, x: Floats, y: Floats) -> Cells:
        """Return row and column of the region's cells at positions, m."""
        return self.region.terrain.cell_of(*self._to_region.transform(x, y))

    def coherence(self, cell: Cells) -> Float32:
        return np.asarray(COHERENCE[self.region.land_cover[cell]])

    def backscatter_db(self, rng: np.random.Generator, cell: Cells, in_body: NDArray[np.bool_]) -> Float32:
        """Return backscatter by cover, slope toward the radar and texture, dB; the moving body is bare and even."""
        texture = fractal_field(rng, in_body.shape[0], -2.2).astype(np.float32)
        level = BACKSCATTER_DB[self.region.land_cover[cell]] - 12 * np.clip(
            self.region.terrain.slope_east[cell], -0.5, 0.5
        )
        level += 1.2 * texture * (self.region.land_cover[cell] != LandCover.SEA)
        level[in_body] = -9.0
        return level.astype(np.float32)

    def quiet_sites(self) -> tuple[Event, Event]:
        """Return the sites of the changing surface and of the moving body: on land, far from the sea and all else."""
        x, y = self.centres(1)
        cell = self.cells(x, y)
        land = self.region.land_cover[cell] != LandCover.SEA
        inland = ndimage.distance_transform_edt(land) * self.config.posting_m
        away = np.full(x.shape, 1e9)
        easting, northing = self._to_region.transform(x, y)
        for area in self.region.truths:
            at = self.region.terrain.frame.to_grid(np.array(area.centre.east_m), np.array(area.centre.north_m))
            away = np.minimum(away, np.hypot(easting - at[0], northing - at[1]) - area.size_m / 2)
        body_m, changed_m = (tuple(side / 2 for side in size) for size in (self.config.body_m, self.config.changed_m))
        body = _best(np.minimum(inland, away), x, y, body_m)
        away = np.minimum(away, np.hypot(x - body.x_m, y - body.y_m) - max(body_m))
        return _best(np.minimum(inland, away), x, y, changed_m), body


def _best(room_m: Floats, x: Floats, y: Floats, half_m: tuple[float, ...]) -> Event:
    row, col = np.unravel_index(int(np.argmax(room_m)), room_m.shape)
    return Event(float(x[row, col]), float(y[row, col]), (half_m[0], half_m[1]))


def _image(field: Complex, config: SceneConfig) -> Float32:
    return image(field, config.oversampling, config.resolution_m / config.posting_m)
