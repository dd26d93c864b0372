"""Samples of one polarisation of a Sentinel-1 GRD product, read piece by piece and resampled to a map."""

import math
import os
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterWindow

from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.core.rasters import Block
from ground_motion.readers.images.sentinel1 import geolocation
from ground_motion.readers.images.sentinel1.calibration import Noise, Table, Window, sigma0_amplitude
from ground_motion.readers.images.sentinel1.container import Safe
from ground_motion.readers.images.sentinel1.safe import Annotation, Manifest
from ground_motion.readers.images.sentinel1.terrain import Terrain

MAX_WINDOW_PIXELS = 64 * 10**6
WORKERS = min(2, os.cpu_count() or 1)
# Read only the wanted samples, without the cache of blocks and without side files.
GDAL = {"GTIFF_DIRECT_IO": True, "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": False}


@dataclass(frozen=True)
class Image:
    """What is known about one polarisation of a product before its samples are read."""

    safe: Safe
    manifest: Manifest
    annotation: Annotation
    calibration: Table
    noise: Noise
    measurement: str

    def unpack(self) -> AbstractContextManager[Path]:
        """Unpack the measurement once, because reading each piece from a zip would inflate lines again."""
        return self.safe.unpack(self.measurement, 4 * self.annotation.lines * self.annotation.pixels + 2**26)

    @property
    def posting_m(self) -> float:
        """Posting of the output grid: the coarser spacing in whole metres; 10 for IW GRDH, 25 or 40 for EW."""
        return float(max(1, round(max(self.annotation.range_spacing_m, self.annotation.azimuth_spacing_m))))


def blocks_of(
    image: Image, grid: PixelGrid, positions: geolocation.Positions, terrain: Terrain | None
) -> Iterator[Block]:
    """Yield the pieces of the map with data, row by row; two threads read ahead. InputError if there is none."""
    lines, pixels = image.annotation.lines, image.annotation.pixels
    with ExitStack() as stack:
        path = stack.enter_context(image.unpack())
        free: SimpleQueue[tuple[DatasetReader, geolocation.Locator]] = SimpleQueue()
        for _ in range(WORKERS):
            locator: geolocation.Locator = geolocation.ByPoints(grid, positions)
            if terrain:
                locator = stack.enter_context(terrain.locator(grid, positions))
            free.put((stack.enter_context(open_measurement(image, path)), locator))

        def work(piece: geolocation.Piece) -> Block | None:
            mine = free.get()
            try:
                return _block(image, mine[0], mine[1], piece)
            finally:
                free.put(mine)

        pool = ThreadPoolExecutor(WORKERS)
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        waiting, found = deque[Future[Block | None]](), False
        pieces = geolocation.pieces_of(grid, positions, lines, pixels, terrain.reach_m if terrain else 0.0)
        for piece in chain(pieces, repeat(None, WORKERS)):  # Each None yields one result that is still waiting.
            if piece:
                waiting.append(pool.submit(work, piece))
            ready = waiting and (piece is None or len(waiting) > WORKERS)
            if ready and (block := waiting.popleft().result()) is not None:
                found = True
                yield block
    if not found:
        raise image.safe.fault(f"the image of {image.annotation.polarisation} is empty: nothing but zeros")


def _block(
    image: Image, dataset: DatasetReader, locator: geolocation.Locator, piece: geolocation.Piece
) -> Block | None:
    """Return one piece of the map, from samples that are read, calibrated and resampled; None without data."""
    annotation = image.annotation
    sighting = locator(piece)
    source = sighting and geolocation.window_of(sighting, annotation.lines, annotation.pixels)
    if sighting is None or source is None:
        return None
    window, inside = source
    if window.lines * window.pixels > MAX_WINDOW_PIXELS:
        raise image.safe.fault(f"{annotation.file}: its geolocation grid tears the image apart")
    digital = _read(image, dataset, window)
    if not digital.any():
        return None
    noise = None if annotation.noise_removed else image.noise.interpolate(window)
    amplitude, seen = sigma0_amplitude(digital, image.calibration.interpolate(window), noise)
    power = geolocation.resample(amplitude, seen, window, sighting, inside)
    return None if power is None else Block(piece.row, piece.col, power)


def _read(image: Image, dataset: DatasetReader, window: Window) -> NDArray[np.uint16]:
    place = RasterWindow(window.pixel, window.line, window.pixels, window.lines)
    with image.safe.refusing(f"{image.measurement} cannot be read whole ({{}})", RasterioError), rasterio.Env(**GDAL):
        digital: NDArray[np.uint16] = dataset.read(1, window=place)
    return digital


@contextmanager
def open_measurement(image: Image, path: Path | None = None) -> Iterator[DatasetReader]:
    """Open the measurement file. Raises InputError if it does not agree with the annotation or is cut off."""
    annotation, file = image.annotation, image.measurement
    with ExitStack() as stack:
        path = path or stack.enter_context(image.unpack())
        readable = image.safe.refusing(f"{file} cannot be read as GeoTIFF ({{}})", RasterioError)
        with readable, warnings.catch_warnings(), rasterio.Env(**GDAL):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # The image is placed by the annotation.
            dataset = stack.enter_context(rasterio.open(path, driver="GTiff"))
        if (dataset.height, dataset.width) != (annotation.lines, annotation.pixels):
            problem = f"{file} has {dataset.width} x {dataset.height} pixels"
            raise image.safe.fault(f"{problem}, its annotation {annotation.pixels} x {annotation.lines}")
        if dataset.count != 1 or dataset.dtypes[0] != "uint16":
            raise image.safe.fault(f"{file} holds {dataset.count} bands of {dataset.dtypes[0]}, not one of uint16")
        if math.prod(dataset.block_shapes[0]) > MAX_WINDOW_PIXELS:
            raise image.safe.fault(f"{file} is one block of {dataset.block_shapes[0]} samples", "Write it in strips")
        if _end_of(dataset) > path.stat().st_size:  # GDAL's direct reading would take what is missing for zeros
            raise image.safe.fault(f"{file} is cut off: it holds {path.stat().st_size:,} bytes")
        yield dataset


def _end_of(dataset: DatasetReader) -> int:
    height, width = dataset.block_shapes[0]
    last = f"{(dataset.width - 1) // width}_{(dataset.height - 1) // height}"
    offset, size = (dataset.get_tag_item(f"BLOCK_{what}_{last}", "TIFF", bidx=1) for what in ("OFFSET", "SIZE"))
    return int(offset or 0) + int(size or 0)
