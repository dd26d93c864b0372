"""LiCSBAS time series `cum.h5`.

Source: LiCSBAS (Morishita et al. 2020, doi 10.3390/rs12030424). `cum` (dates, rows, cols) mm and `vel` mm/yr are LOS,
positive toward the satellite, so no sign is changed here. Pixels lie at corner + index x post, EPSG:4326.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from ingest.errors import InputError
from ingest.readers import hdf5, raster
from ingest.readers.hdf5_grids import Grid
from ingest.readers.records import Component, Declaration, Direction, FieldHeader, Float32, PointBatch, VelocityField

NAME = "licsbas"
TITLE = "LiCSBAS"
SUFFIXES = hdf5.SUFFIXES
REQUIRED = ("imdates", "cum", "vel", "corner_lat", "corner_lon", "post_lat", "post_lon")
REMEDY = "Run LiCSBAS again"
VECTOR_TOLERANCE = 0.05  # of the length of a unit vector that was averaged over a few pixels


def recognises(path: Path) -> bool:
    """Return whether a file has any dataset of a LiCSBAS series; `read` reports missing ones."""
    return len({"cum", "imdates", "corner_lat", "post_lat"} & hdf5.names(path)) >= 2


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the header of a `cum.h5`; pixels with a velocity are read later, in batches. Raises InputError."""
    with hdf5.opened(path) as file:
        hdf5.require(path, file, REQUIRED, "Give the cum.h5 or cum_filt.h5 that LiCSBAS wrote")
        shape, vel, imdates = (hdf5.shape_of(path, file, name) for name in ("cum", "vel", "imdates"))
        if len(shape) != 3 or vel != shape[1:] or imdates != shape[:1]:
            raise InputError(path, f"cum {shape}, vel {vel} and imdates {imdates} do not fit", REMEDY)
        dates, grid = hdf5.days(path, file, "imdates"), _grid(path, file, shape)
        first = next(_blocks(path, file, grid, len(dates)), None)
        if first is None:
            raise InputError(path, "no pixel has a velocity", "Relax the LiCSBAS mask and run it again")
        refarea = hdf5.words(path, file, "refarea")
    header = FieldHeader(
        source_format=NAME,
        level="time series",
        component=Component.LOS,
        dates=dates,
        track=declared.track,
        direction=Direction.from_los_east(first.los_east),
        posting_m=grid.posting_m,
        attribution="LiCSBAS time series; its source is not stated in the file",
        extras={"refarea": refarea} if refarea else {},
    )
    batches, pixels = partial(_batches, path, grid, len(dates)), grid.rows * grid.cols
    return (VelocityField(header=header, batches=batches, expected_points=pixels),)


def _grid(path: Path, file: h5py.File, shape: tuple[int, ...]) -> Grid:
    lat, lon, post_lat, post_lon = (
        hdf5.scalar(path, file, name) for name in ("corner_lat", "corner_lon", "post_lat", "post_lon")
    )
    return Grid(x=lon, dx=post_lon, y=lat, dy=post_lat, rows=shape[1], cols=shape[2]).checked(path)


def _batches(path: Path, grid: Grid, n_dates: int) -> Iterator[PointBatch]:
    with hdf5.opened(path) as file:
        yield from _blocks(path, file, grid, n_dates)


def _blocks(path: Path, file: h5py.File, grid: Grid, n_dates: int) -> Iterator[PointBatch]:
    for rows in hdf5.row_blocks(grid.rows, grid.cols, n_dates):
        batch = _block(path, file, grid, rows)
        if batch.pid.size:
            yield batch


def _block(path: Path, file: h5py.File, grid: Grid, rows: slice) -> PointBatch:
    # file: mm and mm/yr, positive toward the satellite; ours: the same
    velocity = hdf5.numbers(path, file, "vel", rows)
    cum = hdf5.numbers(path, file, "cum", (slice(None), rows))  # (dates, rows, cols)
    row, col = np.nonzero(np.isfinite(velocity) & np.isfinite(cum).any(axis=0))
    displacement = np.ascontiguousarray(cum[:, row, col].T)  # (pixels, dates)
    hdf5.refuse_too_fast(path, velocity[row, col])
    hdf5.refuse_too_far(path, displacement)

    def layer(name: str) -> Float32:
        if hdf5.shape_of(path, file, name) != (grid.rows, grid.cols):
            return np.full(row.size, np.nan, dtype=np.float32)
        values: Float32 = hdf5.numbers(path, file, name, rows)[row, col]
        return values

    los = unit_vectors(path, [layer(name) for name in ("E.geo", "N.geo", "U.geo")])
    longitude, latitude = grid.positions(row + rows.start, col)
    return PointBatch(
        pid=raster.pids(row + rows.start, col),
        longitude=longitude,
        latitude=latitude,
        height_m=layer("hgt"),
        velocity_mm_yr=velocity[row, col],
        velocity_std_mm_yr=layer("vstd"),
        temporal_coherence=np.full(row.size, np.nan, dtype=np.float32),  # coh_avg is another quantity
        rmse_mm=layer("resid_rms"),
        los_east=los[0],
        los_north=los[1],
        los_up=los[2],
        displacement_mm=displacement,
    )


def unit_vectors(path: Path, los: list[Float32]) -> list[Float32]:
    """Return layers east, north, up, NaN where all are 0 (missing). Raises InputError if the length is not 1."""
    length = np.sqrt(sum(part.astype(np.float64) ** 2 for part in los))
    wrong = np.isfinite(length) & (length > 0) & (np.abs(length - 1) > VECTOR_TOLERANCE)
    if wrong.any():
        problem = f"E.geo, N.geo and U.geo make a vector of the length {length[wrong][0]:.3g}, not 1"
        raise InputError(path, problem, REMEDY)
    return [np.where(length == 0, np.float32(np.nan), part) for part in los]
