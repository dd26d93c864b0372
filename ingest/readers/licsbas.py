"""LiCSBAS time series `cum.h5`.

Source: LiCSBAS (Morishita et al. 2020, doi 10.3390/rs12030424). `cum` (dates, rows, cols) mm and `vel` mm/yr are LOS,
positive toward the satellite, so nothing changes sign here. Pixel (row, col) stands at
corner + index x post, EPSG:4326.
"""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ingest.errors import InputError
from ingest.readers import hdf5
from ingest.readers.records import (
    METRES_PER_DEGREE,
    Component,
    Declared,
    Direction,
    FieldHeader,
    Float32,
    PointBatch,
    VelocityField,
)

TITLE = "LiCSBAS"
REQUIRED = ("imdates", "cum", "vel", "corner_lat", "corner_lon", "post_lat", "post_lon")
BATCH_ROWS = 64


def recognises(path: Path) -> bool:
    """Tell a LiCSBAS series by the names of its datasets, any of them: what is missing is said by `read`."""
    return len({"cum", "imdates", "corner_lat", "post_lat"} & hdf5.names(path)) >= 2


def read(path: Path, declared: Declared | None = None) -> VelocityField:
    """Read the header of a `cum.h5`; its pixels with a velocity follow in batches. Raises InputError."""
    with hdf5.opened(path) as file:
        hdf5.require(path, file, REQUIRED, "Give the cum.h5 or cum_filt.h5 that LiCSBAS wrote")
        _refuse_other_kinds(path, file)
        shape = file["cum"].shape
        if len(shape) != 3 or file["vel"].shape != shape[1:] or file["imdates"].shape != shape[:1]:
            raise InputError(
                path,
                f"cum {shape}, vel {file['vel'].shape} and imdates {file['imdates'].shape} do not fit",
                "Run LiCSBAS again",
            )
        dates = _dates(path, file["imdates"][()])
        corner_lat, post_lat, post_lon = (_number(file, name) for name in ("corner_lat", "post_lat", "post_lon"))
        if not (-90 <= corner_lat <= 90 and -180 <= _number(file, "corner_lon") <= 180):
            raise InputError(path, f"corner_lat is {corner_lat}", "Check whether latitude and longitude are swapped")
        velocity = file["vel"][()]
        if not np.isfinite(velocity).any():
            raise InputError(path, "no pixel has a velocity", "Relax the LiCSBAS mask and run it again")
        los_east = _vector(file, "E.geo", velocity.shape)
        header = FieldHeader(
            source_format="licsbas",
            level="time series",
            component=Component.LOS,
            dates=dates,
            direction=Direction.from_los_east(los_east),
            posting_m=max(abs(post_lat), abs(post_lon) * np.cos(np.radians(corner_lat))) * METRES_PER_DEGREE,
            attribution="LiCSBAS time series; its source is not stated in the file",
            extras={"refarea": hdf5.text(file["refarea"][()])} if "refarea" in file else {},
        )
    return VelocityField(header, lambda: _batches(path))


def _refuse_other_kinds(path: Path, file: h5py.File) -> None:
    """What is required are fields of numbers, and single numbers for corner and posting."""
    for name in REQUIRED:
        item = file[name]
        numbers = isinstance(item, h5py.Dataset) and item.shape is not None and item.dtype.kind in "iuf"
        if not numbers or (name.startswith(("corner", "post")) and item.size != 1):
            raise InputError(
                path, f"dataset {name!r} does not hold numbers as LiCSBAS writes them", "Run LiCSBAS again"
            )


def _number(file: h5py.File, name: str) -> float:
    return float(np.asarray(file[name][()]).ravel()[0])


def _dates(path: Path, stamps: Any) -> tuple[date, ...]:
    try:
        dates = tuple(datetime.strptime(str(int(stamp)), "%Y%m%d").date() for stamp in stamps)  # noqa: DTZ007 (a day)
    except ValueError as fault:
        raise InputError(path, f"imdates holds what is no date ({fault})", "Run LiCSBAS again") from fault
    if len(dates) < 2 or any(later <= earlier for earlier, later in pairwise(dates)):
        raise InputError(path, f"imdates holds {len(dates)} dates that are not in order", "Run LiCSBAS again")
    return dates


def _vector(file: h5py.File, name: str, shape: tuple[int, ...]) -> Float32:
    """A layer of the line-of-sight vector, NaN where LiCSBAS was run without it."""
    if name in file and file[name].shape == shape:
        values: Float32 = file[name][()].astype(np.float32)
        values[values == 0] = np.nan
        return values
    return np.full(shape, np.nan, dtype=np.float32)


def _batches(path: Path) -> Iterator[PointBatch]:
    with hdf5.opened(path) as file:
        rows, cols = file["vel"].shape
        for first in range(0, rows, BATCH_ROWS):
            batch = _block(file, slice(first, min(first + BATCH_ROWS, rows)), cols)
            if batch.pid.size:
                yield batch


def _block(file: h5py.File, block: slice, cols: int) -> PointBatch:
    velocity = file["vel"][block].astype(np.float32)
    cum = file["cum"][:, block].astype(np.float32)  # (dates, rows, cols)
    row, col = np.nonzero(np.isfinite(velocity) & np.isfinite(cum).any(axis=0))

    def layer(name: str) -> Float32:
        if name not in file or file[name].shape != file["vel"].shape:
            return np.full(row.size, np.nan, dtype=np.float32)
        values: Float32 = file[name][block].astype(np.float32)[row, col]
        return values

    los = [layer(name) for name in ("E.geo", "N.geo", "U.geo")]
    return PointBatch(
        pid=np.char.add(np.char.add((row + block.start).astype("S6"), b"_"), col.astype("S6")),
        longitude=float(file["corner_lon"][()]) + col.astype(np.float64) * float(file["post_lon"][()]),
        latitude=float(file["corner_lat"][()]) + (row + block.start) * float(file["post_lat"][()]),
        height_m=layer("hgt"),
        velocity_mm_yr=velocity[row, col],
        velocity_std_mm_yr=layer("vstd"),
        temporal_coherence=np.full(row.size, np.nan, dtype=np.float32),  # coh_avg is another quantity
        rmse_mm=layer("resid_rms"),
        los_east=los[0],
        los_north=los[1],
        los_up=los[2],
        displacement_mm=np.ascontiguousarray(cum[:, row, col].T),
    )
