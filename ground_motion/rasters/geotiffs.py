"""Reading of two radar images on one grid from GeoTIFFs."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterWindow

from ground_motion.core.errors import InputError
from ground_motion.rasters.imagery import Float32, PairSource
from ground_motion.rasters.windows import Window

MAX_PIXELS = 10**9
STRIP_ROWS, LINEAR_ROWS = 512, 64
TO_POWER: dict[str, Callable[[Float32], Float32]] = {  # The keys are the scales of ground_motion.readers.images.scenes.
    "power": lambda values: values,
    "amplitude": lambda values: values**2,
    "db": lambda values: np.asarray(10 ** (values / 10), dtype=np.float32),
}


def open_pair(reference: Path, secondary: Path, scale: str = "power", slack_px: int = 0) -> PairSource:
    """Check two GeoTIFFs (band 1) and return them as one pair. scale: power, amplitude or db. Raises InputError.

    slack_px: by how many pixels the edges of grids of equal posting may differ; then the common pixels on the
    reference's grid are read, and a shift by a fraction of a pixel is left to registration.
    """
    paths = (reference, secondary)
    grids = [_grid_of(path, scale) for path in paths]
    shared = _common_part(grids[0], grids[1], slack_px)
    if shared is None:
        mismatch = f"its grid {_words(grids[1])} is not that of the reference, {_words(grids[0])}"
        raise InputError(secondary, mismatch, "Resample one image onto the other's grid")
    shape, corners = shared
    _, transform, epsg = grids[0]

    def read(at: Window) -> Float32:
        images = np.empty((2, at.rows, at.cols), dtype=np.float32)
        for image, path, (row, col) in zip(images, paths, corners, strict=True):
            window = RasterWindow(at.col + col, at.row + row, at.cols, at.rows)
            with _open(path) as raster:
                _write_linear(raster.read(1, window=window, masked=True), scale, image)
        return images

    return PairSource(shape, transform @ Affine.translation(*corners[0][::-1]), epsg, read)


Grid = tuple[tuple[int, int], Affine, int | None]
Corners = tuple[tuple[int, int], tuple[int, int]]


def _common_part(reference: Grid, secondary: Grid, slack_px: int) -> tuple[tuple[int, int], Corners] | None:
    """Return the common size (rows, cols) and its first pixel in each image; None if the grids differ too much."""
    if reference == secondary:
        return reference[0], ((0, 0), (0, 0))
    (own, transform, epsg), (other, moved, other_epsg) = reference, secondary
    alike = np.allclose((transform.a, transform.b, transform.d, transform.e), (moved.a, moved.b, moved.d, moved.e))
    if epsg != other_epsg or not alike:
        return None
    col, row = (round(part) for part in ~transform @ (moved.c, moved.f))
    first, last = (max(0, row), max(0, col)), (min(own[0], row + other[0]), min(own[1], col + other[1]))
    edges = (row, col, row + other[0] - own[0], col + other[1] - own[1])
    if max(map(abs, edges)) > slack_px:
        return None
    size = last[0] - first[0], last[1] - first[1]
    return (size, (first, (first[0] - row, first[1] - col))) if min(size) > 0 else None


@contextmanager
def _open(path: Path) -> Iterator[DatasetReader]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as raster:
                yield raster
    except RasterioError as fault:
        raise InputError(path, f"it cannot be read as GeoTIFF ({fault})", "Copy or make it again") from fault


def _grid_of(path: Path, scale: str) -> Grid:
    """Check every value of an image and return its grid. Reads in strips, as a large image would fill the memory."""
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path")
    with _open(path) as raster:
        if raster.width * raster.height > MAX_PIXELS:
            raise InputError(path, f"it declares {raster.width} x {raster.height} pixels", "Cut it into tiles")
        known = negative = 0
        for first in range(0, raster.height, STRIP_ROWS):
            strip = RasterWindow(0, first, raster.width, min(STRIP_ROWS, raster.height - first))
            values = raster.read(1, window=strip, masked=True).astype(np.float32).filled(np.nan)
            known += int(np.isfinite(values).sum())
            negative += int((values < 0).sum())
        if not known:
            raise InputError(path, "no pixel has a value", "Check its nodata value")
        if scale != "db" and negative > known / 2:
            raise InputError(path, f"half of its values are negative, so they are not {scale}", "Add --scale db")
        return raster.shape, raster.transform, raster.crs.to_epsg() if raster.crs else None


def _write_linear(values: Any, scale: str, power: Float32) -> None:
    """Convert values of a scale, masked where unknown, to linear power, in strips that fit the processor's cache."""
    for first in range(0, len(power), LINEAR_ROWS):
        strip = slice(first, first + LINEAR_ROWS)
        linear = TO_POWER[scale](values[strip].astype(np.float32).filled(np.nan))
        power[strip] = np.where(linear > 0, linear, np.float32(np.nan))


def _words(grid: Grid) -> str:
    (rows, cols), transform, epsg = grid
    return f"{rows} x {cols} px from ({transform.c:g}, {transform.f:g}), EPSG:{epsg}"
