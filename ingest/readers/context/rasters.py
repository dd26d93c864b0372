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


def check_north_up(path: Path, raster: DatasetReader) -> None:
    """Raise InputError for a grid that is turned or mirrored."""
    grid = raster.transform
    if grid.b or grid.d or grid.a <= 0 or grid.e >= 0:
        raise InputError(path, f"its grid {tuple(grid)[:6]} is not north-up", "Warp it (gdalwarp)")


def outline(west: float, south: float, east: float, north: float, crs: CRS | int) -> Polygon:
    """Return a box of a reference system in degrees, with points between its corners."""
    project: Callable[..., Any] = Transformer.from_crs(crs, 4326, always_xy=True).transform
    corners = box(west, south, east, north).segmentize((east - west) / 8)
    turned: Polygon = transform(corners, project, interleaved=False)
    return turned
