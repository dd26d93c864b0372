"""ITS_LIVE image-pair velocities of ice (NASA MEaSUREs, autoRIFT), NetCDF-4, one pair of images per file.

Source: ITS_LIVE image-pair product documentation v2; autoRIFT (Lei et al. 2021, doi 10.3390/rs13040749). `vx` and `vy`
are m/yr along the x and y of the file's **map** (polar stereographic or UTM), int16, nodata -32767; here they become
velocities to true east and true north. `v_error`, or the attribute `error` of vx and vy, is one standard deviation.
"""

from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from affine import Affine

from ingest.errors import InputError
from ingest.readers import hdf5, raster
from ingest.readers.hdf5_grids import metric_crs
from ingest.readers.records import Component, Declaration, FieldHeader, Float64, PointBatch, Technique, VelocityField
from ingest.readers.tables import text_table

NAME = "its-live"
TITLE = "ITS_LIVE"
SUFFIXES = hdf5.SUFFIXES
REQUIRED = ("vx", "vy", "mapping", "img_pair_info", "x", "y")
NODATA = -32767
MM_PER_M = 1000.0
MAX_SIDE = 100_000
BLOCK_PIXELS = 200_000
REMEDY = "Download it again"
ATTRIBUTION = "ITS_LIVE, NASA MEaSUREs (Gardner et al.), velocities by autoRIFT (Gardner et al. 2018, Lei et al. 2021)"
LICENCE = "ITS_LIVE: free and open, with attribution (NASA)"


class Pair(NamedTuple):
    """Facts about a pair, read before its pixels."""

    epsg: int
    transform: Affine
    shape: tuple[int, int]
    dates: tuple[date, date]


def recognises(path: Path) -> bool:
    """Return whether a file has any of the format's variables; `read` reports missing ones. Never raises."""
    names = hdf5.names(path)
    return "img_pair_info" in names or {"vx", "vy", "mapping"} <= names


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the header; eastward and northward velocities are read later, in batches. Raises InputError."""
    with hdf5.opened(path) as file:
        pair = _pair(path, file)
        extras = {
            name: hdf5.text(file["img_pair_info"].attrs[name])
            for name in ("mission_img1", "satellite_img1", "sensor_img1", "id_img1", "id_img2", "date_dt")
            if name in file["img_pair_info"].attrs
        }
    fields = []
    for component in (Component.EAST, Component.NORTH):
        header = FieldHeader(
            source_format=NAME,
            level="pair",
            component=component,
            dates=pair.dates,
            has_series=False,
            technique=Technique.TRACKING,
            posting_m=abs(float(pair.transform.a)),
            grid_epsg=pair.epsg,
            attribution=ATTRIBUTION,
            licence=LICENCE,
            extras=extras,
        )
        points = partial(_batches, path, pair, component)
        fields.append(VelocityField(header=header, batches=points, expected_points=pair.shape[0] * pair.shape[1]))
    return tuple(fields)


def _pair(path: Path, file: h5py.File) -> Pair:
    hdf5.require(path, file, REQUIRED, REMEDY)
    for name in ("vx", "vy", "x", "y"):
        if not isinstance(file[name], h5py.Dataset) or file[name].dtype.kind not in "iuf":
            raise InputError(path, f"{name!r} holds no plain numbers", REMEDY)
    vx, vy, x, y = (file[name] for name in ("vx", "vy", "x", "y"))
    shape = (y.size, x.size)
    if not (vx.shape == vy.shape == (*y.shape, *x.shape)) or x.ndim != 1 or max(shape) > MAX_SIDE or min(shape) < 2:
        raise InputError(path, f"vx {vx.shape}, vy {vy.shape}, x {x.shape} and y {y.shape} do not fit", REMEDY)
    for name in ("vx", "vy"):
        unit = hdf5.text(file[name].attrs.get("units", ""))
        if unit not in {"meter/year", "m/y", "m/yr", "meters/year", "metre/year"}:
            raise InputError(path, f"the unit of {name} is {unit or 'not stated'!r}, not meter/year", REMEDY)
    epsg = _epsg(path, file)
    return Pair(epsg, _transform(path, file), shape, _dates(path, file["img_pair_info"].attrs))


def _epsg(path: Path, file: h5py.File) -> int:
    try:
        epsg = int(float(hdf5.text(file["mapping"].attrs.get("spatial_epsg", "nan"))))
    except (ValueError, OverflowError) as fault:
        raise InputError(path, f"its mapping names no EPSG number ({fault})", REMEDY) from fault
    metric_crs(path, epsg)
    return epsg


def _transform(path: Path, file: h5py.File) -> Affine:
    """Return the file's GeoTransform. Raises InputError if it disagrees with the centres x and y of pixels."""
    text = hdf5.text(file["mapping"].attrs.get("GeoTransform", ""))
    try:
        x0, dx, row_turn, y0, col_turn, dy = (float(part) for part in text.split())
    except ValueError as fault:
        raise InputError(path, f"its GeoTransform is {text[:60]!r}", REMEDY) from fault
    x, y = (np.asarray(file[name][()], dtype=np.float64) for name in "xy")
    if not (np.isfinite([x0, dx, y0, dy]).all() and dx and dy) or row_turn or col_turn:
        raise InputError(path, f"its GeoTransform {text[:60]!r} is not a grid along x and y", REMEDY)
    columns, rows = x0 + dx * (np.arange(x.size) + 0.5), y0 + dy * (np.arange(y.size) + 0.5)
    if not (np.allclose(x, columns, rtol=0, atol=abs(dx) / 4) and np.allclose(y, rows, rtol=0, atol=abs(dy) / 4)):
        problem = f"its coordinates (x from {x[0]:.1f}, y from {y[0]:.1f}) do not agree with GeoTransform {text[:60]!r}"
        raise InputError(path, problem, REMEDY)
    return Affine(dx, 0, x0, 0, dy, y0)


def _dates(path: Path, attrs: Any) -> tuple[date, date]:
    """Return the days of the two images, from '20180304T20:33:12.5' or '20180304'. Raises InputError."""
    days = []
    for name in ("acquisition_date_img1", "acquisition_date_img2"):
        stated = hdf5.text(attrs.get(name, ""))
        try:
            days.append(text_table.day_of(stated.partition("T")[0]))
        except ValueError as fault:
            raise InputError(path, f"its {name} is {stated[:40]!r}", REMEDY) from fault
    if not days[0] < days[1]:
        raise InputError(path, f"its images are of {days[0]} and {days[1]}, not in order", REMEDY)
    return days[0], days[1]


def _batches(path: Path, pair: Pair, component: Component) -> Iterator[PointBatch]:
    with hdf5.opened(path) as file:
        rows, cols = pair.shape
        lines = max(1, BLOCK_PIXELS // cols)
        for first in range(0, rows, lines):
            block = slice(first, min(first + lines, rows))
            vx, vy = (_metres(path, file, name, block) for name in ("vx", "vy"))
            row, col = np.nonzero(np.isfinite(vx) & np.isfinite(vy))
            if row.size:
                error = _errors(path, file, block)[row, col]
                yield _batch(path, pair, component, row + first, col, vx[row, col], vy[row, col], error)


def _metres(path: Path, file: h5py.File, name: str, block: slice) -> Float64:
    """Read rows of a variable with CF's scale and offset applied, NaN where missing."""
    dataset = file[name]
    raw = dataset[block].astype(np.float64)
    scale, offset, fill = (
        _number(path, dataset, key, value)
        for key, value in (("scale_factor", 1.0), ("add_offset", 0.0), ("_FillValue", NODATA))
    )
    with np.errstate(all="ignore"):
        values = raw * scale + offset
    return np.where((raw == NODATA) | (raw == fill) | ~np.isfinite(values), np.nan, values)


def _number(path: Path, dataset: h5py.Dataset, key: str, default: float) -> float:
    value = np.ravel(dataset.attrs.get(key, default))
    if value.size != 1 or value.dtype.kind not in "iuf":
        raise InputError(path, f"attribute {key} of {dataset.name} is not a number", REMEDY)
    return float(value[0])


def _errors(path: Path, file: h5py.File, block: slice) -> Float64:
    """Return the standard deviation of vx and vy, m/yr, by pixel: the larger of both, else that of the speed."""
    names = [
        (file[name], key) for name in ("vx", "vy") for key in ("error", f"{name}_error") if key in file[name].attrs
    ]
    known = [_number(path, dataset, key, np.nan) for dataset, key in names]
    if known and np.isfinite(known).all():
        return np.full(file["vx"][block].shape, max(known))
    speed = file.get("v_error")
    if isinstance(speed, h5py.Dataset) and speed.shape == file["vx"].shape and speed.dtype.kind in "iuf":
        return _metres(path, file, "v_error", block)
    return np.full(file["vx"][block].shape, np.nan)


def _batch(
    path: Path, pair: Pair, component: Component, row: Any, col: Any, vx: Float64, vy: Float64, error: Float64
) -> PointBatch:
    longitude, latitude = raster.degrees(path, pair.epsg, *raster.centres(pair.transform, row, col))
    # file: m/yr along map x and y; ours: mm/yr, positive to true east and true north
    velocity = raster.true_velocity(component, pair.epsg, longitude, latitude, vx * MM_PER_M, vy * MM_PER_M)
    raster.refuse_too_fast(path, velocity, Technique.TRACKING)
    error = np.where((error >= 0) & (error * MM_PER_M < raster.FASTEST_MM_YR[Technique.TRACKING]), error, np.nan)
    std = (error * MM_PER_M).astype(np.float32)
    return raster.batch(row, col, longitude, latitude, velocity.astype(np.float32), component, velocity_std_mm_yr=std)
