"""A fictional island: fractal heights, slopes, and what covers the land."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.simulation.ground.deformation import Downslope
from ground_motion.simulation.ground.frame import Floats, LocalFrame, Offset

LOWEST_LAND_M = 1.0


class LandCover(IntEnum):
    """Land cover of a cell, which determines how many stable radar points it has."""

    SEA = 0
    TOWN = 1
    SUBURB = 2
    OPEN = 3
    FOREST = 4
    ICE = 5


@dataclass(frozen=True)
class TerrainConfig:
    """Size and shape of the island. Lengths in metres; slope: exponent of the 2-D height spectrum."""

    longitude_deg: float = -12.0  # open Atlantic, west of the Bay of Biscay: nobody lives there
    latitude_deg: float = 47.0
    side_m: float = 16_000.0
    posting_m: float = 50.0
    island_radius_m: float = 6_000.0
    highest_m: float = 600.0
    spectral_slope: float = -3.8
    roughness: float = 0.22
    forest_share: float = 0.3


@dataclass(frozen=True)
class Terrain:
    """Heights on a north-up EPSG:3035 grid, row 0 in the north.

    height_m: (rows, cols) float32, metres, NaN over the sea. slope_east, slope_north: (rows, cols), rise per metre
    toward true east and true north, from heights smoothed over 100 m, 0 over the sea.
    """

    frame: LocalFrame
    west_m: float
    top_m: float
    posting_m: float
    height_m: NDArray[np.float32]
    slope_east: Floats
    slope_north: Floats

    def cell_of(self, easting_m: Floats, northing_m: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the row and column of the cells at positions; off the grid, those of the nearest edge cell."""
        rows, cols = self.height_m.shape
        row = np.clip(np.floor((self.top_m - northing_m) / self.posting_m), 0, rows - 1).astype(np.intp)
        col = np.clip(np.floor((easting_m - self.west_m) / self.posting_m), 0, cols - 1).astype(np.intp)
        return row, col

    def cell_centres(self) -> tuple[Floats, Floats]:
        """Return (east_m, north_m) of every cell from the frame's origin, each (rows, cols)."""
        rows, cols = self.height_m.shape
        easting_m = self.west_m + (np.arange(cols) + 0.5) * self.posting_m
        northing_m = self.top_m - (np.arange(rows) + 0.5) * self.posting_m
        return self.frame.to_local(*np.meshgrid(easting_m, northing_m))

    def downslope_at(self, east_m: Floats, north_m: Floats) -> Downslope:
        """Return unit vectors down the slope: (−∂h/∂e, −∂h/∂n, −|∇h|²)/length; zero where the ground is flat."""
        cell = self.cell_of(*self.frame.to_grid(east_m, north_m))
        rise_east, rise_north = self.slope_east[cell], self.slope_north[cell]
        steepness = np.hypot(rise_east, rise_north)
        length = steepness * np.sqrt(1 + steepness**2)
        scale = np.divide(-1.0, length, out=np.zeros_like(length), where=length > 0)
        return Downslope(rise_east * scale, rise_north * scale, steepness**2 * scale)


def fractal_field(rng: np.random.Generator, size: int, spectral_slope: float) -> Floats:
    """Generate a periodic Gaussian field of spectrum ∝ k^spectral_slope: (size, size), mean 0, variance 1."""
    wavenumber = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij"))
    wavenumber[0, 0] = np.inf  # Remove the mean.
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * wavenumber ** (spectral_slope / 2)
    field = np.fft.irfft2(spectrum, s=(size, size))
    return np.asarray(field / field.std(), dtype=np.float64)


def make_terrain(rng: np.random.Generator, config: TerrainConfig, frame: LocalFrame) -> Terrain:
    """Generate one island: a dome-shaped envelope plus fractal hills; only the largest piece of land, without lakes.

    Hills are limited to two standard deviations, so that the inner 78 % of the radius is land for every seed.
    """
    size = round(config.side_m / config.posting_m)
    axis_m = (np.arange(size) + 0.5) * config.posting_m - config.side_m / 2
    radius = np.hypot(*np.meshgrid(axis_m, axis_m)) / config.island_radius_m
    hills = 2 * np.tanh(fractal_field(rng, size, config.spectral_slope) / 2)
    relief = np.clip(1.0 - radius**3, -2, 1) * (0.55 + config.roughness * hills)
    relief += 0.1 * hills * np.clip(radius**6, None, 1)  # This makes the coasts ragged.
    pieces, _ = ndimage.label(relief > 0)
    largest = np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    land = ndimage.binary_fill_holes(pieces == largest)
    return terrain_on(frame, config, land, config.highest_m * relief / relief[land].max())


def terrain_on(frame: LocalFrame, config: TerrainConfig, land: NDArray[np.bool_], height_m: Floats) -> Terrain:
    """Return a terrain on the grid of a config. land: (rows, cols), False for sea; height_m: of the same shape."""
    height_m = np.clip(height_m, LOWEST_LAND_M, None)
    smooth_m = ndimage.gaussian_filter(np.where(land, height_m, 0.0), 100.0 / config.posting_m)
    fall_per_row, rise_per_col = np.gradient(smooth_m, config.posting_m)
    slope_east, slope_north = frame.turn_to_true(rise_per_col, -fall_per_row)  # Row 0 is north.
    return Terrain(
        frame=frame,
        west_m=frame.easting_m - config.side_m / 2,
        top_m=frame.northing_m + config.side_m / 2,
        posting_m=config.posting_m,
        height_m=np.where(land, height_m, np.nan).astype(np.float32),
        slope_east=np.where(land, slope_east, 0.0),
        slope_north=np.where(land, slope_north, 0.0),
    )


@dataclass(frozen=True)
class Settlement:
    """A place with houses: a dense core (its radius is 0 for a village) inside looser suburbs."""

    centre: Offset
    town_radius_m: float
    suburb_radius_m: float


def make_land_cover(
    rng: np.random.Generator, terrain: Terrain, settlements: tuple[Settlement, ...], forest_share: float
) -> NDArray[np.uint8]:
    """Cover the land with ragged settlements, patches of forest, and open land: (rows, cols) of LandCover."""
    land = np.isfinite(terrain.height_m)
    patches = fractal_field(rng, land.shape[0], -3.0)
    ragged_m = 60.0 * fractal_field(rng, land.shape[0], -2.5)
    cover = np.where(patches > np.quantile(patches[land], 1 - forest_share), LandCover.FOREST, LandCover.OPEN)
    east_m, north_m = terrain.cell_centres()
    for place in settlements:
        away_m = np.hypot(east_m - place.centre.east_m, north_m - place.centre.north_m) + ragged_m
        cover[(away_m < place.suburb_radius_m) & (cover != LandCover.TOWN)] = LandCover.SUBURB
        cover[away_m < place.town_radius_m] = LandCover.TOWN
    cover[~land] = LandCover.SEA
    return cover.astype(np.uint8)
