"""Two radar images on one grid: how they are read, and the local statistics that coherence and offsets share."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
import torch
import torch.nn.functional as functional
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterWindow

from ingest.errors import InputError

Float32 = NDArray[np.float32]
MAX_PIXELS = 10**9
STRIP_ROWS = 512
HIGH_PASS_PX = 21
SCALES: dict[str, Callable[[Float32], Float32]] = {
    "power": lambda values: values,
    "amplitude": lambda values: values**2,
    "db": lambda values: np.asarray(10 ** (values / 10), dtype=np.float32),
}


class Window(NamedTuple):
    """A piece of an image: its first row and column, how many of each."""

    row: int
    col: int
    rows: int
    cols: int


class PairSource(NamedTuple):
    """A pair whose pixels are read when they are needed. read: (2, rows, cols), linear power, NaN unknown.

    epsg None: a pixel grid.
    """

    shape: tuple[int, int]
    transform: Affine
    epsg: int | None
    read: Callable[[Window], Float32]


class ImagePair(NamedTuple):
    """Reference (earlier) and secondary image: (rows, cols), linear power, NaN unknown. epsg None: a pixel grid."""

    reference: Float32
    secondary: Float32
    transform: Affine
    epsg: int | None

    def source(self) -> PairSource:
        rows, cols = self.reference.shape
        images = self.reference, self.secondary

        def read(at: Window) -> Float32:
            return np.stack([image[at.row : at.row + at.rows, at.col : at.col + at.cols] for image in images])

        return PairSource((rows, cols), self.transform, self.epsg, read)


def open_pair(reference: Path, secondary: Path, scale: str = "power") -> PairSource:
    """Look into two GeoTIFFs (band 1) that lie on one grid. scale: power, amplitude or db. Raises InputError."""
    paths = (reference, secondary)
    grids = [_grid_of(path, scale) for path in paths]
    if grids[0] != grids[1]:
        found = f"its grid {_words(grids[1])} is not that of the reference, {_words(grids[0])}"
        raise InputError(secondary, found, "Resample one image onto the other's grid")
    shape, transform, epsg = grids[0]

    def read(at: Window) -> Float32:
        window = RasterWindow(at.col, at.row, at.cols, at.rows)
        images = []
        for path in paths:
            with _opened(path) as raster:
                images.append(_linear(raster.read(1, window=window, masked=True), scale))
        return np.stack(images)

    return PairSource(shape, transform, epsg, read)


@contextmanager
def _opened(path: Path) -> Iterator[DatasetReader]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as raster:
                yield raster
    except RasterioError as fault:
        raise InputError(path, f"it cannot be read as GeoTIFF ({fault})", "Copy or make it again") from fault


def _grid_of(path: Path, scale: str) -> tuple[tuple[int, int], Affine, int | None]:
    """The grid, once every value was looked at: in strips, so that a large image does not fill the memory."""
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path")
    with _opened(path) as raster:
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


def _linear(values: Any, scale: str) -> Float32:
    power = SCALES[scale](values.astype(np.float32).filled(np.nan))
    return np.where(power > 0, power, np.float32(np.nan)).astype(np.float32, copy=False)


def _words(grid: tuple[tuple[int, int], Affine, int | None]) -> str:
    (rows, cols), transform, epsg = grid
    return f"{rows} x {cols} px from ({transform.c:g}, {transform.f:g}), EPSG:{epsg}"


def box_mean(values: torch.Tensor, window: int, least_share: float = 0.5) -> torch.Tensor:
    """Mean over a window of the known (finite) values. values: (n, rows, cols); NaN where too few are known."""
    known = torch.isfinite(values)
    total = _box(torch.where(known, values, 0.0), window)
    share = _box(known.to(values.dtype), window)
    inside = _box(torch.ones_like(values[:1]), window)
    return torch.where(share >= least_share * inside, total / share.clamp_min(1e-9), torch.nan)


def _box(values: torch.Tensor, window: int) -> torch.Tensor:
    """Mean over a window, beyond the edge counted as 0: along the rows, then along the columns."""
    rows, cols = values.shape[-2:]
    along = functional.avg_pool2d(values[:, None], (1, window), 1, (0, window // 2))[..., :cols]
    return functional.avg_pool2d(along, (window, 1), 1, (window // 2, 0))[:, 0, :rows]


def high_pass(power: torch.Tensor, window: int = HIGH_PASS_PX) -> torch.Tensor:
    """Log power against its surroundings, in units of its local spread. power: (n, rows, cols), linear; NaN stays."""
    log = torch.log(power.clamp_min(1e-9))
    mean = box_mean(log, window)
    spread = (box_mean(log**2, window) - mean**2).clamp_min(1e-6).sqrt()
    return (log - mean) / spread


def pixels_per_cell(power: torch.Tensor) -> float:
    """How many pixels share one independent cell of speckle, from the autocorrelation of the high-passed images."""
    texture = high_pass(power, 15)

    def along(dim: int) -> float:
        n = texture.shape[dim]
        total = 1.0
        for lag in (1, 2):
            a, b = texture.narrow(dim, lag, n - lag), texture.narrow(dim, 0, n - lag)
            both = torch.isfinite(a) & torch.isfinite(b)
            if both.any():
                total += 2 * max(0.0, float((a[both] * b[both]).mean() / (a[both] ** 2).mean().clamp_min(1e-9)))
        return total

    return along(-1) * along(-2)
