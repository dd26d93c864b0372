"""Functions that readers of map-projected images share: a band of a GeoTIFF becomes linear power, in blocks.

Scales: power (linear), amplitude (its square root) and db (10 log10 of power). Missing values are those that the file
masks, NaN, infinity, and 0 in power and amplitude. In decibels 0 is a value like any other (a power of 1).
A scale that the values contradict is refused; power and amplitude cannot be distinguished by the values.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ground_motion.core.errors import InputError
from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.core.rasters import Block
from ground_motion.readers import raster
from ground_motion.readers.images.placement import Placing, grid_out, middle, places_between, resample
from ground_motion.readers.images.scenes import SCALES, SceneFile, SceneHeader
from ground_motion.readers.records import Float32, Float64

MAX_PIXELS = 10**9  # A whole scene at 10 m has about 600 million.
MAX_TILE_BYTES = 2**28  # A tile is decoded at once, so that its size is limited.
BLOCK_PIXELS = 4 * 2**20
PIECE_PIXELS = 512  # A resampled piece has this side.
SAMPLES, SAMPLE_PIXELS = 5, 64  # There are 5 x 5 samples of 64 x 64 pixels.
MAX_DB, MIN_DB, MAX_MEDIAN_DB = 50.0, -100.0, 10.0
NEGATIVE_SHARE = 0.001  # Decibels are negative at least in this share: no scene is all brighter than 0 dB.
FILL_SHARE = 0.05  # If more values are exactly 0 dB, they are no measurement.

T = TypeVar("T")


class Raster(NamedTuple):
    """Header of a GeoTIFF. own: its grid; grid: output grid; degrees: whether `own` is in degrees; bands: names."""

    own: PixelGrid
    grid: PixelGrid
    degrees: bool
    longitude: float
    bands: tuple[str, ...]
    types: tuple[str, ...]
    simulated: bool

    @property
    def is_resampled(self) -> bool:
        """Whether the image's own grid differs from the output grid."""
        return self.own != self.grid

    def header(self, *, attribution: str, licence: str, extras: dict[str, str], **known: Any) -> SceneHeader:
        """Return an image's header, without credits if it is simulated. known: the header's other fields."""
        return SceneHeader(
            **known,
            epsg=self.grid.epsg,
            transform=self.grid.transform,
            rows=self.grid.rows,
            cols=self.grid.cols,
            simulated=self.simulated,
            attribution="" if self.simulated else attribution,
            licence="" if self.simulated else licence,
            extras=extras | self.extras(),
        )

    def extras(self) -> dict[str, str]:
        """Return {"resampled": how} for the scene's header; empty if the image is not resampled."""
        return {"resampled": f"bilinear, of power, from EPSG:{self.own.epsg}"} if self.is_resampled else {}


@contextmanager
def open_raster(path: Path, most_pixels: int = MAX_PIXELS) -> Iterator[DatasetReader]:
    """Open a GeoTIFF whose declared size and tile size can be handled; errors become InputError."""
    with raster.open_of_sound_size(path, most_pixels) as dataset:
        item = max(np.dtype(kind).itemsize for kind in dataset.dtypes)
        tile_rows, tile_cols = max(dataset.block_shapes)
        if tile_rows * tile_cols * dataset.count * item > MAX_TILE_BYTES:
            problem = f"its tiles are of {tile_cols} x {tile_rows} pixels"
            raise InputError(path, problem, "Write it anew (gdal_translate -co TILED=YES)")
        yield dataset


def look(path: Path, most_pixels: int = MAX_PIXELS) -> Raster:
    """Read the header of a GeoTIFF without its values. Raises InputError for an unusable position or grid."""
    with open_raster(path, most_pixels) as dataset:
        raster.refuse_unplaced(path, dataset)
        crs = dataset.crs
        if not (crs.is_projected or crs.is_geographic):
            problem = f"its reference system is {crs}, not a projected one or one of degrees"
            raise InputError(path, problem, "Assign the right one (gdal_edit.py -a_srs EPSG:…)")
        epsg = raster.epsg_of(path, dataset)
        if not np.isfinite(dataset.transform[:6]).all():
            raise InputError(path, "it does not state where its pixels are", "Assign its corner and pixel size")
        own = PixelGrid(epsg, dataset.transform, dataset.height, dataset.width)
        grid = grid_out(path, own, crs.is_geographic)
        if grid.rows * grid.cols > most_pixels:
            raise InputError(path, f"it would become {grid.cols} x {grid.rows} pixels", "Cut it into pieces")
        if any(kind.startswith("complex") for kind in dataset.dtypes):
            raise InputError(path, f"its values are {dataset.dtypes[0]} numbers", "Give power, amplitude or decibels")
        names = tuple(name or "" for name in dataset.descriptions)
        simulated = dataset.tags().get("SIMULATED") == "yes"
        longitude, _ = middle(path, own)
        return Raster(own, grid, crs.is_geographic, longitude, names, dataset.dtypes, simulated)


def image(path: Path, header: SceneHeader, raster: Raster, scale: str, band: int = 1) -> SceneFile:
    """Return one band as a scene whose image is read later. InputError if sampled values contradict the scale."""
    refuse_other_scale(path, sample(path, band), scale)
    return SceneFile(header=header, blocks=lambda: blocks(path, raster, scale, band))


def blocks(path: Path, raster: Raster, scale: str, band: int = 1) -> Iterator[Block]:
    """Yield the image as blocks of limited size, except those without values. InputError if there are no others."""
    seen = False
    with open_raster(path) as dataset:
        for block in (
            _warp_blocks(path, dataset, raster, scale, band)
            if raster.is_resampled
            else _read_blocks(path, dataset, scale, band)
        ):
            if np.isfinite(block.power).any():
                seen = True
                yield block
    if not seen:
        raise InputError(path, "no pixel has a value", "Download or make it again")


def sample(path: Path, band: int = 1) -> Float64:
    """Return a sample of a band's known raw values, (n,), from all parts of the image."""
    with open_raster(path) as dataset:
        starts = [
            np.unique(np.linspace(0, max(0, size - SAMPLE_PIXELS), SAMPLES).astype(int)).tolist()
            for size in (dataset.height, dataset.width)
        ]
        parts = []
        for row, col in product(*starts):
            sides = min(SAMPLE_PIXELS, dataset.width - col), min(SAMPLE_PIXELS, dataset.height - row)
            values = raster.values_of(path, dataset, Window(col, row, *sides), band)
            parts.append(values[np.isfinite(values)].astype(np.float64))
    return np.concatenate(parts)


def refuse_other_scale(path: Path, values: Float64, scale: str) -> None:
    """Raise InputError if values, (n,), cannot be of this scale or hold a fill value that is not declared."""
    if scale not in SCALES:
        raise InputError(path, f"{scale!r} is not a scale", f"Declare --scale {'|'.join(SCALES)}")
    known = values if scale == "db" else values[values != 0]
    if not known.size:
        return  # The sample holds no value; reading the whole image decides.
    least, median, most = float(known.min()), float(np.median(known)), float(known.max())
    value_range = f"its values ({least:.3g} to {most:.3g}, median {median:.3g})"
    if scale != "db":
        exponent = 1 if scale == "power" else 2
        if median < 0:
            remedy = "Declare --scale db, or convert decibels with 10 ** (value / 10)"
            raise InputError(path, f"{value_range} are not linear {scale}: most are negative", remedy)
        if median**exponent > 10 ** (MAX_MEDIAN_DB / 10) or abs(most) ** exponent > 10 ** (MAX_DB / 10):
            remedy = "Calibrate it first, and declare the right --scale and nodata value"
            raise InputError(path, f"{value_range} are not linear {scale}: they are too bright", remedy)
        return
    if np.mean(known < 0) < NEGATIVE_SHARE or median > MAX_MEDIAN_DB:
        remedy = "Declare --scale power or --scale amplitude if they are that"
        raise InputError(path, f"{value_range} are not decibels: none or too few are below 0", remedy)
    _refuse_extreme_db(path, least, most)
    filled = float(np.mean(known == 0))
    if filled >= FILL_SHARE:
        problem = f"{filled:.0%} of its values are exactly 0 dB: that is a fill value, and it is not declared"
        raise InputError(path, problem, "Declare it (gdal_edit.py -a_nodata 0)")


def agree(path: Path, what: str, stated: T | None, declared: T | None) -> T | None:
    """Return the stated or declared value; None if neither is given. Raises InputError if they differ."""
    if stated and declared and stated != declared:
        problem = f"its {what} is {stated}, but {declared} was declared"
        raise InputError(path, problem, "Declare what is true, or nothing")
    return stated or declared or None


def _refuse_extreme_db(path: Path, least: float, most: float) -> None:
    if most > MAX_DB or least < MIN_DB:
        problem = f"its values ({least:.3g} to {most:.3g} dB) are not backscatter"
        raise InputError(path, problem, "Declare the right --scale and nodata value (gdal_edit.py -a_nodata …)")


def _power(path: Path, dataset: DatasetReader, scale: str, band: int, window: Window) -> Float32:
    """Return the linear power of a window. Raises InputError for values too bright or too dark for any ground."""
    values = raster.values_of(path, dataset, window, band)
    if scale == "db":
        if np.isfinite(values).any():
            _refuse_extreme_db(path, float(np.nanmin(values)), float(np.nanmax(values)))
        power = 10 ** (values / 10)
    else:
        linear = np.where(values > 0, values, values.dtype.type(np.nan))
        power = linear if scale == "power" else linear**2
        if np.isfinite(power).any() and np.nanmax(power) > 10 ** (MAX_DB / 10):
            problem = f"its values (up to {np.nanmax(values):.3g}) are not linear {scale}"
            raise InputError(path, problem, "Declare the right --scale and nodata value")
    return power.astype(np.float32)


def _read_blocks(path: Path, dataset: DatasetReader, scale: str, band: int) -> Iterator[Block]:
    tile_rows, tile_cols = dataset.block_shapes[band - 1]
    cols = dataset.width
    if tile_rows * cols > BLOCK_PIXELS:
        cols = min(cols, max(1, BLOCK_PIXELS // (tile_rows * tile_cols)) * tile_cols)
    rows = max(1, BLOCK_PIXELS // (tile_rows * cols)) * tile_rows
    for row, col in product(range(0, dataset.height, rows), range(0, dataset.width, cols)):
        window = Window(col, row, min(cols, dataset.width - col), min(rows, dataset.height - row))
        yield Block(row, col, _power(path, dataset, scale, band, window))


def _warp_blocks(path: Path, dataset: DatasetReader, raster: Raster, scale: str, band: int) -> Iterator[Block]:
    """Yield blocks of the output grid, each resampled from the window of the file that it covers."""
    placing = Placing(path, raster.own, raster.grid, raster.degrees)
    reach = placing.reach()
    for row, col in product(range(0, raster.grid.rows, PIECE_PIXELS), range(0, raster.grid.cols, PIECE_PIXELS)):
        shape = min(PIECE_PIXELS, raster.grid.rows - row), min(PIECE_PIXELS, raster.grid.cols - col)
        at = places_between(placing, (row, col), shape)
        low = [max(0, int(np.floor(place.min() - width))) for place, width in zip(at, reach, strict=True)]
        high = [
            min(size, int(np.ceil(place.max() + width)) + 1)
            for place, width, size in zip(at, reach, (raster.own.rows, raster.own.cols), strict=True)
        ]
        if high[0] <= low[0] or high[1] <= low[1]:
            continue
        window = Window(low[1], low[0], high[1] - low[1], high[0] - low[0])
        if window.width * window.height > 4 * BLOCK_PIXELS:
            raise InputError(path, "its grid is bent too much for its UTM zone", "Warp it (gdalwarp -t_srs EPSG:…)")
        power = _power(path, dataset, scale, band, window)
        if not np.isfinite(power).any():
            continue
        yield Block(row, col, resample(power, at[0] - low[0], at[1] - low[1], reach))
