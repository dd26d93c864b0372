"""Reading of pixels of scenes and pairs. A pair's secondary is resampled to the common grid here, at most once."""

from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window

from ground_motion.core.errors import promised
from ground_motion.core.pixel_grids import PixelGrid, same_lattice
from ground_motion.core.rasters import Block, write_cog_blocks
from ground_motion.readers.records import Float32
from ingest.foundation.storage import stored_tiff
from ingest.models import Scene, ScenePair

PIECE_PX = 2048
MARGIN_PX = 4  # Resampled pixels need a margin wider than the kernel.


class PairImages(NamedTuple):
    """Two images on the common grid, (rows, cols), linear power, NaN unknown."""

    reference: Float32
    secondary: Float32


def read_scene(scene: Scene, part: PixelGrid | None = None) -> Float32:
    """Return a scene's pixels on a grid, by default its own; (rows, cols), linear power, NaN unknown.

    A part on the scene's own lattice is read unchanged; for any other, the amplitude is resampled by a cubic kernel.
    """
    part = part or scene.pixel_grid
    with stored_tiff(scene.raster) as raster:
        if not same_lattice(part, scene.pixel_grid):
            return _resample(raster, scene.pixel_grid, part)
        row, col = (round(shift) for shift in part.shift_from(scene.pixel_grid))
        return _window(raster, Window(col, row, part.cols, part.rows))


def read_pair(pair: ScenePair, part: PixelGrid | None = None) -> PairImages:
    """Return both images of a pair on its common grid, or on a part of that grid."""
    part = part or pair.pixel_grid
    return PairImages(read_scene(pair.reference, part), read_scene(pair.secondary, part))


def _window(raster: DatasetReader, window: Window, shape: tuple[int, int] | None = None) -> Float32:
    values: Float32 = raster.read(
        1, window=window, boundless=True, fill_value=np.nan, out_shape=shape, resampling=Resampling.average
    )
    return values


def _resample(raster: DatasetReader, own: PixelGrid, part: PixelGrid) -> Float32:
    """Return power from cubically resampled amplitude; power itself would ring further below 0 at bright targets."""
    west, south, east, north = transform_bounds(f"EPSG:{part.epsg}", f"EPSG:{own.epsg}", *part.bounds_m, densify_pts=64)
    left, top = (int(np.floor(edge)) - MARGIN_PX for edge in ~own.transform @ (west, north))
    right, bottom = (int(np.ceil(edge)) + MARGIN_PX for edge in ~own.transform @ (east, south))
    step = max(1, int(part.posting_m / own.posting_m))  # Pictures are read from an overview.
    width, height = max(1, (right - left) // step), max(1, (bottom - top) // step)
    power = _window(raster, Window(left, top, width * step, height * step), (height, width) if step > 1 else None)
    amplitude = np.full((part.rows, part.cols), np.nan, dtype=np.float32)
    reproject(
        np.sqrt(power),
        amplitude,
        src_transform=own.transform @ Affine.translation(left, top) @ Affine.scale(step),
        src_crs=CRS.from_epsg(own.epsg),
        src_nodata=np.nan,
        dst_transform=part.transform,
        dst_crs=CRS.from_epsg(part.epsg),
        dst_nodata=np.nan,
        resampling=Resampling.cubic,
    )
    return np.maximum(amplitude, 0) ** 2


def pair_write(*, pair: ScenePair, folder: Path) -> tuple[Path, Path]:
    """Write both images on the common grid for `python -m ml` (COG, linear power, NaN unknown); return paths."""
    paths, grid = (folder / "reference.tif", folder / "secondary.tif"), pair.pixel_grid
    for path, scene in zip(paths, (pair.reference, pair.secondary), strict=True):
        tags = {
            "file_name": scene.file_name,
            "file_sha256": scene.file_sha256,
            "backscatter": scene.backscatter,
            "acquired_at": promised(scene.acquired_at).isoformat(),
            "pair": str(pair),
            "temporal_baseline_days": str(pair.temporal_baseline_days),
        }
        corners = product(range(0, grid.rows, PIECE_PX), range(0, grid.cols, PIECE_PX))
        parts = ((row, col, min(PIECE_PX, grid.rows - row), min(PIECE_PX, grid.cols - col)) for row, col in corners)
        blocks = (Block(part[0], part[1], read_scene(scene, grid.part(*part))) for part in parts)
        write_cog_blocks(path, grid, blocks, (scene.polarisation, "linear power"), tags)
    return paths
