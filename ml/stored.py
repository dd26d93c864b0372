"""Rasters in storage become arrays. Nothing here imports torch, so that every floor above may use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import DatasetReader, MemoryFile

from ingest.models import Scene
from ml.models import Prediction


class StoredRaster(NamedTuple):
    """bands: name -> (rows, cols) float32, NaN unknown."""

    bands: dict[str, NDArray[np.float32]]
    transform: Affine
    epsg: int


def read_prediction(prediction: Prediction) -> StoredRaster:
    """All bands of a run's raster, by name."""
    with _opened(prediction) as raster:
        bands = {name: raster.read(index) for index, name in enumerate(raster.descriptions, start=1)}
        return StoredRaster(bands, raster.transform, raster.crs.to_epsg())


def read_scene(scene: Scene) -> NDArray[np.float32]:
    """An image: (rows, cols), linear power, NaN unknown."""
    with _opened(scene) as raster:
        return raster.read(1)


@contextmanager
def _opened(row: Prediction | Scene) -> Iterator[DatasetReader]:
    with row.raster.open("rb") as stored, MemoryFile(stored.read()) as memory, memory.open(driver="GTiff") as raster:
        yield raster
