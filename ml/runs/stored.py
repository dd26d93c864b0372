"""Reading of stored rasters into arrays. Nothing here imports torch, so that every layer above may use it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import reproject
from rasterio.windows import Window

from ingest.foundation.storage import stored_tiff
from ingest.models import Product
from ml.models import Prediction

Part = tuple[int, int, int, int]  # first row and column, number of rows and columns


class StoredRaster(NamedTuple):
    """A raster. bands: name -> array (rows, cols) float32, NaN unknown, or StoredBand while the file is open."""

    bands: Mapping[str, Any]
    transform: Affine
    epsg: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = next(iter(self.bands.values())).shape
        return rows, cols


class RasterWindows(NamedTuple):
    """Stored raster that is read window by window, on its own grid or on another.

    read: (name of the band, part) -> (rows, cols) float32, NaN unknown.
    """

    shape: tuple[int, int]
    transform: Affine
    epsg: int
    names: tuple[str, ...]
    read: Callable[[str, Part], NDArray[np.float32]]


class StoredBand:
    """A band of an open raster. band[rows, cols] reads only that part, as float32, NaN unknown."""

    def __init__(self, raster: RasterWindows, name: str) -> None:
        self._raster, self._name, self.shape = raster, name, raster.shape

    def __getitem__(self, part: tuple[slice, slice]) -> NDArray[np.float32]:
        rows, cols = (range(size)[index] for index, size in zip(part, self.shape, strict=True))
        return self._raster.read(self._name, (rows.start, cols.start, len(rows), len(cols)))


@contextmanager
def opened_prediction(prediction: Prediction, onto: RasterWindows | None = None) -> Iterator[RasterWindows]:
    """Open a run's raster to be read by windows; if `onto` is given, on its grid, from the nearest cells."""
    with stored_tiff(prediction.raster) as raster:
        names = raster.descriptions

        def own(name: str, part: Part) -> NDArray[np.float32]:
            row, col, rows, cols = part
            return np.asarray(raster.read(names.index(name) + 1, window=Window(col, row, cols, rows)))

        def warp(name: str, part: Part) -> NDArray[np.float32]:
            return _warp(rasterio.band(raster, names.index(name) + 1), part, grid)

        here = RasterWindows(raster.shape, raster.transform, raster.crs.to_epsg(), names, own)
        grid = onto or here
        yield here if here[:3] == grid[:3] else RasterWindows(*grid[:3], names, warp)


@contextmanager
def opened_bands(prediction: Prediction) -> Iterator[StoredRaster]:
    """Open a run's raster as bands by name, which are read when they are indexed."""
    with opened_prediction(prediction) as raster:
        yield StoredRaster({name: StoredBand(raster, name) for name in raster.names}, raster.transform, raster.epsg)


def read_prediction(prediction: Prediction) -> StoredRaster:
    """Read all bands of a run's raster, by name."""
    with stored_tiff(prediction.raster) as raster:
        bands = {name: raster.read(index) for index, name in enumerate(raster.descriptions, start=1)}
        return StoredRaster(bands, raster.transform, raster.crs.to_epsg())


def clusters_of(
    raster: StoredRaster, statistics: Mapping[str, Any]
) -> Iterator[tuple[StoredRaster, Mapping[str, Any]]]:
    """Yield the part of a raster, and the figures, of each cluster of points far apart; a raster has one, or several.

    statistics: of the prediction (`ground_motion.methods.deformation.infer.make_mosaic`).
    """
    for cluster in statistics.get("clusters", [statistics]):
        row, col, rows, cols = cluster.get("window", (0, 0, *raster.shape))
        bands = {name: band[row : row + rows, col : col + cols] for name, band in raster.bands.items()}
        yield StoredRaster(bands, raster.transform @ Affine.translation(col, row), raster.epsg), cluster


def background_mm_yr(statistics: Mapping[str, Any], product: Product) -> float:
    """Return the rate of still ground in one of the products that a run saw, mm/yr.

    statistics: of a cluster, or of a prediction, whose first cluster with the product counts; else its first track.
    """
    if "background_mm_yr" in statistics:  # Predictions of earlier releases state one rate for all products.
        return float(statistics["background_mm_yr"])
    known = [part["backgrounds_mm_yr"] for part in (statistics, *statistics.get("clusters", ()))]
    rates = next((rates for rates in known if str(product.pk) in rates), known[0])
    return float(rates.get(str(product.pk), next(iter(rates.values()))))


def _warp(band: rasterio.Band, part: Part, onto: RasterWindows) -> NDArray[np.float32]:
    row, col, rows, cols = part
    warp = np.full((rows, cols), np.nan, dtype=np.float32)
    reproject(
        band,
        warp,
        src_nodata=np.nan,
        dst_transform=onto.transform @ Affine.translation(col, row),
        dst_crs=CRS.from_epsg(onto.epsg),
        dst_nodata=np.nan,
        tolerance=0,  # An approximation would depend on the cutting of parts.
    )
    return warp
