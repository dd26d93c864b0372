"""What elevation and population share: a GeoTIFF of one band on a north-up grid."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
from pyproj import CRS, Transformer
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from shapely import Polygon, box, transform

from ingest.errors import InputError


@contextmanager
def opened(path: Path) -> Iterator[DatasetReader]:
    """Open the raster by the one driver for GeoTIFF; faults become InputError."""
    try:
        with rasterio.open(path, driver="GTiff") as raster:
            yield raster
    except RasterioError as fault:
        raise InputError(path, f"it cannot be read as GeoTIFF ({fault})", "Download it again") from fault


def check_grid(path: Path, raster: DatasetReader, *, most_pixels: int, smaller: str, of: str, units: set[str]) -> None:
    """Raise InputError for a grid without a system, turned or too large, several bands, or another unit than these.

    smaller: how to cut it; of: what its values are.
    """
    if raster.crs is None:
        raise InputError(path, "it has no reference system", "Assign one (gdal_edit.py -a_srs EPSG:…)")
    grid = raster.transform
    if grid.b or grid.d or grid.a <= 0 or grid.e >= 0:
        raise InputError(path, f"its grid {tuple(grid)[:6]} is not north-up", "Warp it (gdalwarp)")
    if raster.width * raster.height > most_pixels:
        raise InputError(path, f"it declares {raster.width} x {raster.height} pixels", smaller)
    if raster.count != 1:
        raise InputError(path, f"it has {raster.count} bands", f"Give one band of {of}")
    unit = (raster.units[0] or "").strip().lower()
    if unit not in units:
        raise InputError(path, f"its values are in {unit[:20]!r}", f"Give {of}")


def outline(west: float, south: float, east: float, north: float, crs: CRS | int) -> Polygon:
    """Return a box of a reference system in degrees, with points between its corners."""
    project: Callable[..., Any] = Transformer.from_crs(crs, 4326, always_xy=True).transform
    corners = box(west, south, east, north).segmentize((east - west) / 8)
    turned: Polygon = transform(corners, project, interleaved=False)
    return turned
