"""Functions that readers of grids share: opening files; positions, ids and units of pixels; direction of true north."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine, TransformNotInvertibleError
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import ProjError
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.files import begins, refuse_hollow
from ground_motion.core.geometry import METRES_PER_DEGREE
from ground_motion.core.projections import EARTH, is_metric, transformer
from ground_motion.readers.records import UNIT_VECTORS, Component, Float32, Float64, PointBatch, Technique

SUFFIXES = frozenset({".tif", ".tiff"})
MM_PER_UNIT = {"mm/yr": 1.0, "cm/yr": 10.0, "m/yr": 1000.0, "m/day": 365_250.0}
SIGNS = {
    Component.LOS: ("toward", "away"),
    Component.UP: ("up", "down"),
    Component.EAST: ("east", "west"),
    Component.NORTH: ("north", "south"),
}
COMPONENT_OF_SIGN = {word: component for component, words in SIGNS.items() for word in words}
TOWARD = {word: sign for words in SIGNS.values() for word, sign in zip(words, (1.0, -1.0), strict=True)}
MAX_PIXELS = 10**9
MAX_COLUMNS = 10**6  # A row at least is read at a time.
BLOCK_PIXELS = 200_000
UNIT_TAGS = ("units", "unit", "UNITS", "UNIT", "UNITTYPE", "DATA_UNITS")
FASTEST_MM_YR = {Technique.INSAR: 1e6, Technique.TRACKING: 2e7}  # 1 km/yr: no ground; 20 km/yr: no glacier
MAX_DISPLACEMENT_MM = 1e7  # Larger values are errors: this is ten kilometres.
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
FAULTS = (RasterioError, CRSError, TransformNotInvertibleError, UnicodeDecodeError)
STEP_DEGREES = 1e-4  # About 11 m, short against any curvature and long against rounding.


def is_geotiff(path: Path) -> bool:
    """Return whether a file has the signature and an extension of TIFF. Never raises."""
    return begins(path, SUFFIXES, *_TIFF_MAGIC)


@contextmanager
def open_geotiff(path: Path) -> Iterator[DatasetReader]:
    """Open a GeoTIFF with a plausible size and position. Raises InputError for any other file."""
    with open_of_sound_size(path, MAX_PIXELS) as dataset:
        refuse_unplaced(path, dataset)
        grid = dataset.transform
        if grid == Affine.identity() or not np.isfinite(grid[:6]).all() or grid.determinant == 0:
            raise InputError(path, "it does not state where its pixels are", "Assign its corner and pixel size")
        yield dataset


def refuse_unplaced(path: Path, dataset: DatasetReader) -> None:
    """Raise InputError for an image without a reference system, such as one of a Sentinel-1 product."""
    if dataset.crs is None and dataset.gcps[0]:
        problem = "it has control points and no grid, as an image of a Sentinel-1 product"
        raise InputError(path, problem, "Give the whole product (.SAFE), or warp it (gdalwarp -t_srs EPSG:4326)")
    if dataset.crs is None:
        raise InputError(path, "it has no reference system", "Assign one (gdal_edit.py -a_srs EPSG:…)")


@contextmanager
def open_of_sound_size(path: Path, most_pixels: int) -> Iterator[DatasetReader]:
    """Open a GeoTIFF (by its own driver only) whose declared size is plausible; else raises InputError."""
    with refusing(path, "it cannot be read as GeoTIFF ({})", "Download or make it again", *FAULTS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # It is reported where its place is needed.
            dataset = rasterio.open(path, driver="GTiff")
        with dataset:
            declares, pixels = f"it declares {dataset.width} x {dataset.height} pixels", dataset.width * dataset.height
            if pixels > most_pixels or dataset.width > MAX_COLUMNS:
                raise InputError(path, declares, "Cut it into pieces")
            refuse_hollow(path, declares, pixels * sum(np.dtype(kind).itemsize for kind in dataset.dtypes))
            yield dataset


def epsg_of(path: Path, dataset: DatasetReader) -> int:
    """Return the EPSG number of a GeoTIFF's reference system, the only part of it that is used. InputError if none."""
    epsg = dataset.crs.to_epsg()
    if epsg is None:
        problem = "its reference system has no EPSG number"
        raise InputError(path, problem, "Warp it to one that has (gdalwarp -t_srs EPSG:…)")
    return int(epsg)


def degrees(path: Path, epsg: int, x: Float64, y: Float64) -> tuple[Float64, Float64]:
    """Transform positions on a grid to longitude and latitude, EPSG:4326; NaN where impossible. Raises InputError."""
    with refusing(path, f"EPSG:{epsg} cannot be turned into degrees ({{}})", "Warp it to EPSG:4326", ProjError):
        longitude, latitude = transformer(epsg, 4326).transform(x, y)
    good = np.isfinite(longitude) & np.isfinite(latitude)
    return np.where(good, longitude, np.nan), np.where(good, latitude, np.nan)


def centres(
    transform: Affine, row: NDArray[np.int64] | Float64, col: NDArray[np.int64] | Float64
) -> tuple[Float64, Float64]:
    """Return x and y of the centres of pixels, in the coordinates of their grid."""
    x: Float64 = transform.a * (col + 0.5) + transform.b * (row + 0.5) + transform.c
    y: Float64 = transform.d * (col + 0.5) + transform.e * (row + 0.5) + transform.f
    return x, y


def pids(row: NDArray[np.int64], col: NDArray[np.int64]) -> NDArray[np.bytes_]:
    """Return an id for each pixel, b"row_col", unique within its image."""
    return np.char.add(np.char.add(row.astype("S10"), b"_"), col.astype("S10"))


def spacing_of(path: Path, epsg: int, transform: Affine) -> tuple[float, int | None]:
    """Return the spacing of columns, m on the ground, and the system of a grid if it is true to scale there, else None.

    The grid may be rotated. Degrees are converted as on the equator.
    """
    step = float(np.hypot(transform.a, transform.d))
    if CRS.from_epsg(epsg).is_geographic:
        return step * METRES_PER_DEGREE, None
    longitude, latitude = degrees(path, epsg, *centres(transform, np.zeros(2), np.arange(2.0)))
    if is_metric(epsg, longitude[0], latitude[0]):
        return step, epsg
    return float(EARTH.inv(longitude[0], latitude[0], longitude[1], latitude[1])[2]), None


def unit_of(dataset: DatasetReader) -> str:
    """Return the unit that the first band or a tag states, as it is spelled; empty if none does."""
    tags = dataset.tags() | dataset.tags(1)
    return next(filter(None, (dataset.units[0], *(tags.get(name) for name in UNIT_TAGS))), "")


def values_of(path: Path, dataset: DatasetReader, window: Window, band: int = 1) -> Float32 | Float64:
    """Return a window of a band with scale and offset applied, NaN where masked or infinite. Raises InputError."""
    with np.errstate(all="ignore"):
        values = dataset.read(band, window=window, masked=True)
        kind = np.float64 if values.dtype.itemsize > 4 else np.float32
        plain: Float32 | Float64 = values.astype(kind).filled(np.nan)
        scale, offset = dataset.scales[band - 1], dataset.offsets[band - 1]
        if (scale, offset) != (1.0, 0.0):
            if not (np.isfinite(scale) and np.isfinite(offset) and scale):
                raise InputError(path, f"its scale is {scale} and its offset {offset}", "Remove or mend these tags")
            plain = (plain * scale + offset).astype(kind)
    return np.where(np.isinf(plain), kind(np.nan), plain)


def rows_of(dataset: DatasetReader) -> Iterator[Window]:
    """Yield windows of whole rows, of about BLOCK_PIXELS pixels, that cover an image."""
    lines = max(1, BLOCK_PIXELS // dataset.width)
    for first in range(0, dataset.height, lines):
        yield Window(0, first, dataset.width, min(lines, dataset.height - first))


def batch(
    row: NDArray[np.int64],
    col: NDArray[np.int64],
    longitude: Float64,
    latitude: Float64,
    velocity_mm_yr: Float32,
    component: Component,
    **known: Float32,
) -> PointBatch:
    """Return pixels as points; those without a position or velocity are refused. All arrays: (n,).

    known: values of other columns of PointBatch, by name. By default: the component's vector, no series, NaN.
    """
    unknown = np.full(row.size, np.nan, dtype=np.float32)
    vector = (np.full(row.size, part, dtype=np.float32) for part in UNIT_VECTORS.get(component, (np.nan,) * 3))
    columns: dict[str, Any] = dict(zip(("los_east", "los_north", "los_up"), vector, strict=True))
    columns |= dict.fromkeys(("height_m", "velocity_std_mm_yr", "temporal_coherence", "rmse_mm"), unknown)
    columns["displacement_mm"] = np.empty((row.size, 0), dtype=np.float32)
    return PointBatch(
        pid=pids(row, col), longitude=longitude, latitude=latitude, velocity_mm_yr=velocity_mm_yr, **(columns | known)
    ).only_usable()


def north_on_map(epsg: int, longitude: Float64, latitude: Float64) -> NDArray[np.complex128]:
    """Return true north on a map as unit complex numbers x + iy, (n,), NaN where undefined.

    It is the numerical derivative of the projection along the meridian. longitude, latitude: (n,), degrees. On a polar
    stereographic map true north turns with the longitude, through all directions around the pole.
    """
    step = np.where(latitude > 89.9, -STEP_DEGREES, STEP_DEGREES)  # The step never crosses the pole.
    try:
        forward = transformer(4326, epsg)
        x0, y0 = forward.transform(longitude, latitude)
        x1, y1 = forward.transform(longitude, latitude + step)
    except ProjError:
        return np.full(longitude.shape, np.nan, np.complex128)
    along = np.column_stack([x1 - x0, y1 - y0]) * np.sign(step)[:, None]
    length = np.hypot(along[:, 0], along[:, 1])
    good = np.isfinite(length) & (length > 0)
    north = along[:, 0] + 1j * along[:, 1]
    return np.asarray(np.where(good, north, np.nan) / np.where(good, length, 1.0), dtype=np.complex128)


def true_velocity(
    component: Component, epsg: int, longitude: Float64, latitude: Float64, vx: Float64, vy: Float64
) -> Float64:
    """Convert velocities along map x and y (conformal map) to true east or north, (n,), in the same unit."""
    turned = (vx + 1j * vy) * np.conj(north_on_map(epsg, longitude, latitude))  # The real part points north.
    return np.asarray(turned.real if component is Component.NORTH else -turned.imag, dtype=np.float64)
