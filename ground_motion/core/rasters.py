"""Writing of rasters: Cloud-Optimised GeoTIFFs with named bands, and tags from which every number can be traced."""

import errno
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.session import DummySession, Session
from rasterio.windows import Window

from ground_motion.core.errors import UnusableData
from ground_motion.core.pixel_grids import PixelGrid

# No side files: a raster is complete in itself and refers to no other file.
PLAIN = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": False}
NO_SESSION = DummySession()  # Without it, rasterio looks for AWS keys each time that it opens a file.
TILE_PX = 512  # the driver's default
CACHE_MB = 256  # GDAL's default is a share of all memory
MOSTLY_EMPTY = 0.1  # Leave empty tiles out of sparser rasters; some other readers cannot open these.
FULL_RATIO = 2  # If there is room for this many unpacked copies, a full disk did not cause the fault.


class Block(NamedTuple):
    """Block of an image: its first row and column, and linear power (rows, cols), NaN unknown."""

    row: int
    col: int
    power: NDArray[np.float32]


@contextmanager
def open_tiff(source: Path | str, session: Session = NO_SESSION, **options: str | float) -> Iterator[DatasetReader]:
    """Open a GeoTIFF with its own driver only, so not a VRT. options: of GDAL. Raises RasterioIOError."""
    with rasterio.Env(session, **PLAIN, **options), rasterio.open(source, driver="GTiff") as dataset:
        yield dataset


def write_cog(
    path: Path,
    bands: Mapping[str, NDArray[np.float32]],
    transform: Affine,
    epsg: int | None,
    units: Sequence[str],
    tags: Mapping[str, str],
    overviews: str = "cubic",
) -> None:
    """Write (rows, cols) bands as float32 COG, NaN as nodata. The file appears whole or not at all.

    overviews: resampling of the overviews by GDAL; "nearest" for codes, which must not be averaged.
    epsg None: a plain pixel grid without a place on the ground. Raises OSError (ENOSPC) where the disk is full.
    """
    rows, cols = next(iter(bands.values())).shape
    profile = {
        "driver": "COG",
        "dtype": "float32",
        "count": len(bands),
        "height": rows,
        "width": cols,
        "nodata": np.nan,
        "crs": CRS.from_epsg(epsg) if epsg else None,
        "transform": transform,
        "compress": "DEFLATE",
        "predictor": 3,
        "level": 1,  # a third faster than the default of 6, and 3 % larger
        "overview_resampling": overviews,
    }
    with (
        _appearing_whole(path, len(bands) * rows * cols) as partial,
        rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"),
        rasterio.open(partial, "w", **profile) as raster,
    ):
        for index, ((name, values), unit) in enumerate(zip(bands.items(), units, strict=True), start=1):
            raster.write(values.astype(np.float32, copy=False), index)
            raster.set_band_description(index, name)
            raster.update_tags(index, units=unit)
        raster.update_tags(**tags)


def write_cog_blocks(
    path: Path, grid: PixelGrid, blocks: Iterable[Block], band: tuple[str, str], tags: Mapping[str, str]
) -> int:
    """Write an image given in blocks as float32 COG of one band (name, unit); return the number of known pixels.

    Only one block is in memory. Pixels outside of all blocks are NaN. The file appears whole or not at all. Raises
    OSError (ENOSPC) if the disk is full.
    """
    known = 0

    def parts() -> Iterator[Part]:
        nonlocal known
        for row, col, power in blocks:
            known += int(np.isfinite(power).sum())
            yield (row, col), {band[0]: power}

    place = RasterExtent((grid.rows, grid.cols), grid.transform, grid.epsg)
    write_cog_parts(path, place, parts(), dict([band]), tags)
    return known


class RasterExtent(NamedTuple):
    """Shape (rows, cols) and place of a raster. epsg None: a plain pixel grid without a place on the ground."""

    shape: tuple[int, int]
    transform: Affine
    epsg: int | None


Part = tuple[tuple[int, int], Mapping[str, NDArray[np.float32]]]


def write_cog_parts(
    path: Path, place: RasterExtent, parts: Iterable[Part], units: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    """Write bands given in parts as float32 COG, with only one part in memory. units: band -> its unit.

    Overviews are means of known pixels, made band by band, because the driver's own method takes ten times as long.

    parts: each ((first row, first column), band -> values). Pixels outside of all parts are NaN. The file appears whole
    or not at all. Raises OSError (ENOSPC) if the disk is full.
    """
    plain = path.with_name(f".{path.name}.plain")
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": len(units),
        "height": place.shape[0],
        "width": place.shape[1],
        "nodata": np.nan,
        "crs": CRS.from_epsg(place.epsg) if place.epsg else None,
        "transform": place.transform,
        "tiled": True,
        "interleave": "band",
        "blockxsize": TILE_PX,
        "blockysize": TILE_PX,
        "sparse_ok": True,
        "bigtiff": "if_safer",
    }
    number, written = {name: index for index, name in enumerate(units, start=1)}, 0
    try:
        with (
            _appearing_whole(path, len(units) * place.shape[0] * place.shape[1]) as partial,
            rasterio.Env(GDAL_CACHEMAX=CACHE_MB, GDAL_NUM_THREADS="ALL_CPUS", SPARSE_OK_OVERVIEW=True),
        ):
            with rasterio.open(plain, "w", **profile) as raster:
                for (row, col), bands in parts:
                    for name, values in bands.items():
                        window = Window(col, row, *values.shape[::-1])
                        raster.write(values.astype(np.float32, copy=False), number[name], window=window)
                        written += values.size
                for name, index in number.items():
                    raster.set_band_description(index, name)
                    raster.update_tags(index, units=units[name])
                raster.update_tags(**tags)
                # Overviews are halved up to the first that fits into one tile.
                halvings = math.ceil(math.log2(max(1, max(place.shape) / TILE_PX)))
                raster.build_overviews([2**step for step in range(1, halvings + 1)], Resampling.average)
            sparse = written < len(units) * place.shape[0] * place.shape[1] * MOSTLY_EMPTY
            packed = {"compress": "DEFLATE", "level": 1, "predictor": 3, "bigtiff": "IF_SAFER", "sparse_ok": sparse}
            rasterio.shutil.copy(plain, partial, driver="COG", **packed)
    finally:
        plain.unlink(missing_ok=True)


def copy_as_cog(source: Path, path: Path) -> None:
    """Copy a GeoTIFF as COG without overviews, whole or not at all. Raises OSError (ENOSPC)."""
    with open_tiff(source) as raster:
        values = raster.count * raster.height * raster.width
    with _appearing_whole(path, values) as partial, rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
        rasterio.shutil.copy(source, partial, driver="COG", compress="DEFLATE", bigtiff="IF_SAFER", overviews="NONE")


@contextmanager
def _appearing_whole(path: Path, values: int) -> Iterator[Path]:
    """Yield a temporary path; at the end the file there is read through and moved to `path`, or deleted on errors.

    values: number of its float32 values. Raises OSError (ENOSPC) on a full disk, for which GDAL has no clear error.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        _read_through(partial)
        partial.replace(path)
    except Exception as fault:
        if not isinstance(fault, UnusableData) and shutil.disk_usage(path.parent).free < FULL_RATIO * 4 * values:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from fault
        raise
    finally:
        partial.unlink(missing_ok=True)


def _read_through(path: Path) -> None:
    """Read all tiles of a raster and its overviews. Raises rasterio.errors.RasterioIOError if one is damaged."""
    with open_tiff(path) as raster:
        levels = len(raster.overviews(1))
    bounded = {"GDAL_CACHEMAX": CACHE_MB, "GDAL_NUM_THREADS": "ALL_CPUS"}
    for level in ({}, *({"OVERVIEW_LEVEL": level} for level in range(levels))):
        with rasterio.Env(**bounded), rasterio.open(path, driver="GTiff", **level) as raster:
            for _, window in raster.block_windows(1):
                raster.read(window=window)
