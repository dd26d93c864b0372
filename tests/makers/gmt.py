"""Makes grids of GMT: GMTSAR's folder of a velocity and its displacements, and a series as xarray writes it."""

from datetime import date
from pathlib import Path

import h5py
import numpy as np
import scipy

from ground_motion.readers.records import Component, Declaration
from tests.makers.sources import SINKS, Source

ROWS, COLS = 4, 5
DAYS = (date(2020, 1, 1), date(2020, 7, 1), date(2021, 1, 1))
TOWARD = Declaration(positive="toward")
WEST, SOUTH, STEP = -339.2, 26.1, 0.001  # 20.8 degrees east, as GMTSAR writes it


def grid(path: Path, values, unit: str = "", axes: tuple[str, str] = ("lon", "lat"), west: float = WEST) -> Path:
    """One grid in NetCDF-3 as GMT writes it: rows from the south. values: (rows, cols), from the south too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.broadcast_to(np.asarray(values, dtype=np.float32), (ROWS, COLS))
    with scipy.io.netcdf_file(path, "w") as file:
        places = {axes[0]: west + STEP * np.arange(COLS), axes[1]: SOUTH + STEP * np.arange(ROWS)}
        for name, places_of in places.items():
            file.createDimension(name, places_of.size)
            file.createVariable(name, "d", (name,))[:] = places_of
        z = file.createVariable("z", "f", (axes[1], axes[0]))
        z[:] = values
        if unit:
            z.units = unit
        if axes[0] == "lon":
            file.variables["lon"].units, file.variables["lat"].units = "degrees_east", "degrees_north"
    return path


def packed(path: Path, values, stated, version: int) -> Path:
    """Write velocities as integers in NetCDF-3 or -4. values: (rows, cols); stated: its attributes."""
    axes = {"lat": SOUTH + STEP * np.arange(len(values)), "lon": WEST + STEP * np.arange(len(values[0]))}
    if version == 4:
        with h5py.File(path, "w") as file:
            for name, places in axes.items():
                file[name] = places
            file["velocity"] = values
            file["velocity"].attrs.update(stated)
        return path
    with scipy.io.netcdf_file(path, "w") as file:
        for name, places in axes.items():
            file.createDimension(name, places.size)
            file.createVariable(name, "d", (name,))[:] = places
        velocity = file.createVariable("velocity", "h", ("lat", "lon"))
        velocity[:] = values
        for key, value in stated.items():
            setattr(velocity, key, value)
    return path


def make(folder: Path, velocity_mm_yr: float | None = SINKS, names: str = "%Y%m%d_ll", **options) -> Path:
    """The folder of GMTSAR's SBAS: the velocity, and the displacement at each date. velocity_mm_yr: None without it."""
    root = folder / "sbas"
    rate = SINKS if velocity_mm_yr is None else velocity_mm_yr
    if velocity_mm_yr is not None:
        grid(root / "vel_ll.grd", rate, **options)
    for day in DAYS:
        grid(root / f"{day:{names}}.grd", rate * (day - DAYS[0]).days / 365.25, **options)
    return root


def make_series(folder: Path, name: str = "displacement", unit: str = "mm", since: str = "2020-01-01", **more) -> Path:
    """A series in NetCDF-4 as xarray writes it: dimensions date, lat, lon. more: other datasets of these dimensions."""
    path = folder / "series.nc"
    days = np.array([(day - DAYS[0]).days for day in DAYS])
    moved = np.broadcast_to((SINKS * days / 365.25)[:, None, None], (3, ROWS, COLS)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file["date"], file["lat"], file["lon"] = days, SOUTH + STEP * np.arange(ROWS), WEST + STEP * np.arange(COLS)
        file["date"].attrs["units"] = np.bytes_(f"days since {since} 00:00:00")
        for axis in ("date", "lat", "lon"):
            file[axis].make_scale(axis)
        for key, values in ({name: moved} | more).items():
            file[key] = values
            for number, axis in enumerate(("date", "lat", "lon")[-values.ndim :]):
                file[key].dims[number].attach_scale(file[axis])
        if unit:
            file[name].attrs["units"] = np.bytes_(unit)
    return path


SOURCES = [Source("gmt", make, Component.LOS, SINKS), Source("gmt", make_series, Component.LOS, SINKS, declared=TOWARD)]
