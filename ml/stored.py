"""Rasters in storage become arrays. Nothing here imports torch, so that every floor above may use it."""

from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import reproject

from ingest.storage import stored_tiff
from ml.models import Prediction


class StoredRaster(NamedTuple):
    """bands: name -> (rows, cols) float32, NaN unknown."""

    bands: dict[str, NDArray[np.float32]]
    transform: Affine
    epsg: int

    @property
    def shape(self) -> tuple[int, int]:
        rows, cols = next(iter(self.bands.values())).shape
        return rows, cols


def read_prediction(prediction: Prediction, onto: StoredRaster | None = None) -> StoredRaster:
    """All bands of a run's raster, by name; where another raster is given, its nearest cells on that one's grid."""
    with stored_tiff(prediction.raster) as raster:
        own = raster.transform, raster.crs.to_epsg(), raster.shape
        bands = {name: raster.read(index) for index, name in enumerate(raster.descriptions, start=1)}
    stored = StoredRaster(bands, *own[:2])
    if onto is None or own == (onto.transform, onto.epsg, onto.shape):
        return stored
    return StoredRaster({name: _moved(band, stored, onto) for name, band in bands.items()}, onto.transform, onto.epsg)


def _moved(band: NDArray[np.float32], source: StoredRaster, onto: StoredRaster) -> NDArray[np.float32]:
    moved = np.full(onto.shape, np.nan, dtype=np.float32)
    crs = {"src_crs": CRS.from_epsg(source.epsg), "dst_crs": CRS.from_epsg(onto.epsg)}
    reproject(band, moved, src_transform=source.transform, dst_transform=onto.transform, src_nodata=np.nan, **crs)
    return moved
