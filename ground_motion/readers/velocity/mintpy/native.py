"""MintPy: a geocoded `timeseries*.h5`, a `velocity.h5`, or the folder `geo` that holds both with their geometry.

Source: MintPy (Yunjun et al. 2019, doi 10.1016/j.cageo.2019.104331). `timeseries` (dates, rows, cols) is m and
`velocity` m/yr along the line of sight, positive toward the satellite. A single file is read without its neighbours.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.files import files_in
from ground_motion.readers import gate, hdf5
from ground_motion.readers.hdf5_grids import Grid
from ground_motion.readers.records import Declaration, VelocityField
from ground_motion.readers.velocity.mintpy import stack as mintpy_stack
from ground_motion.readers.velocity.mintpy.stack import Layer, Stack

NAME = "mintpy"
TITLE = "MintPy"
ORDER = 90
SUFFIXES = hdf5.SUFFIXES
MAIN = ("timeseries", "velocity")
SIGNS = frozenset({"FILE_TYPE", "X_FIRST", "ORBIT_DIRECTION", "WAVELENGTH", "REF_LAT", "REF_Y", "START_DATE"})
MASK = "maskTempCoh"  # This one of a folder's masks marks the measured pixels.
SIDE = {
    "timeseries": {"displacement": "timeseries"},
    "velocity": {"velocity": "velocity", "velocity_std": "velocityStd"},
    "geometry": {"incidence": "incidenceAngle", "azimuth": "azimuthAngle", "height": "height"},
    "temporalCoherence": {"coherence": "temporalCoherence"},
    "mask": {"mask": "mask"},
}  # kind of file -> field of a stack -> dataset
REMEDY = "Give the file as MintPy wrote it"
MAX_FILES = 200


class Part(NamedTuple):
    """File of a product: its grid, dates of a series, layers, attributes, and the unit and sign of its values."""

    grid: Grid
    dates: tuple[date, ...]
    layers: dict[str, Layer]
    attributes: dict[str, str]
    units: gate.Units


def recognises(path: Path) -> bool:
    """Return whether a file is MintPy's by datasets and attributes, or a folder holds such a file."""
    return any(_kind(*hdf5.look(file), file) in MAIN for file in files_in(path, {".h5"})[:MAX_FILES])


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the header of a file or folder; its pixels are read later, in batches. Raises InputError."""
    # A project is its folder `geo`: its own files are in radar coordinates.
    path = path / "geo" if path.is_dir() and recognises(path / "geo") else path
    files: dict[str, Path] = {}
    given = files_in(path, {".h5"})
    if len(given) > MAX_FILES:
        raise InputError(path, f"it holds {len(given)} .h5 files", "Give the folder geo, with the files of one product")
    for file in given:
        with hdf5.open_file(file) as content:  # A damaged file must stop the load, not be skipped.
            kind = _kind(frozenset(content), hdf5.attributes(file, content), file)
        if kind in files:
            others = f"{files[kind].name} and {file.name}"
            raise InputError(path, f"it holds two files of {kind}: {others}", "Leave one of them, or give it alone")
        if kind:
            files[kind] = file
    if not files.keys() & {*MAIN}:
        raise InputError(path, "it holds neither a time series nor a velocity", REMEDY)
    return (_field(path, {kind: files[kind] for kind in SIDE if kind in files}, declared),)


def _kind(names: frozenset[str], attributes: dict[str, str], path: Path) -> str:
    """Return the kind of a file, a key of SIDE; empty if the file is not MintPy's or is not used."""
    stated, signs = attributes.get("FILE_TYPE", ""), SIGNS & attributes.keys()
    for kind in MAIN:
        if stated == kind or (not stated and signs and kind in names):
            return kind
    if not signs:
        return ""
    if "incidenceAngle" in names:
        return "geometry"
    if "temporalCoherence" in names:
        return "temporalCoherence"
    return "mask" if "mask" in names and path.stem.endswith(MASK) else ""


def _field(path: Path, files: dict[str, Path], declared: Declaration) -> VelocityField:
    parts = {kind: _part(kind, file, declared) for kind, file in files.items()}
    first = next(iter(parts.values()))
    for kind, part in parts.items():
        if not part.grid.fits(first.grid):
            problem = f"{files[kind].name} and {next(iter(files.values())).name} are not on one grid"
            raise InputError(path, problem, "Keep files of one geocoding in the folder")
    scale = {kind: part.units.factor for kind, part in parts.items()}
    stack = Stack(
        grid=first.grid,
        dates=first.dates,  # first is the series, where there is one.
        layers={name: layer for part in parts.values() for name, layer in part.layers.items()},
        azimuth_deg=mintpy_stack.azimuth_of(first.attributes),
        series_mm=scale.get("timeseries", 1000.0),
        velocity_mm=scale.get("velocity", 1000.0),
    )
    extras = {name: first.attributes[name][:100] for name in mintpy_stack.KEPT if name in first.attributes}
    extras["velocity"] = "as MintPy estimated it" if "velocity" in files else mintpy_stack.SLOPE
    extras |= {kind: file.name for kind, file in files.items() if kind != next(iter(files))}
    field = mintpy_stack.field_of(
        stack,
        first.attributes,
        declared,
        source_format=NAME,
        level="time series" if first.dates else "velocity",
        dates=first.dates or _period(files["velocity"], parts["velocity"].attributes),
        has_series=bool(first.dates),
        extras=extras,
    )
    return replace(field, files=tuple(files.values()) if path.is_dir() else ())


def _part(kind: str, path: Path, declared: Declaration) -> Part:
    with hdf5.open_file(path) as file:
        attributes = hdf5.attributes(path, file)
        name = next(iter(SIDE[kind].values()))
        hdf5.require(path, file, (name, "date") if kind == "timeseries" else (name,), REMEDY)
        shape = hdf5.shape_of(path, file, name)
        if len(shape) != (3 if kind == "timeseries" else 2):
            raise InputError(path, f"dataset {name!r} has the shape {shape}", REMEDY)
        grid = mintpy_stack.grid_of(path, attributes, *shape[-2:])
        present = {field: name for field, name in SIDE[kind].items() if hdf5.is_dataset(path, file, name)}
        hdf5.require_shape(path, file, present.values(), shape, REMEDY)
        dates = hdf5.days(path, file, "date") if kind == "timeseries" else ()
        if dates and shape[0] != len(dates):
            raise InputError(path, f"it holds {len(dates)} dates and {shape[0]} displacements", REMEDY)
    units = gate.Units("m/yr", "toward")  # A file without motion keeps these units.
    if kind in MAIN:
        unit = attributes.get("UNIT", "")
        units = mintpy_stack.units_of(path, declared, unit, of_series=kind == "timeseries")
    return Part(grid, dates, {field: Layer(path, name) for field, name in present.items()}, attributes, units)


def _period(path: Path, attributes: dict[str, str]) -> tuple[date, ...]:
    """Return the first and last day of the data behind a velocity; empty if not stated. Raises InputError."""
    stated = [attributes[name] for name in ("START_DATE", "END_DATE") if name in attributes]
    with refusing(path, "START_DATE or END_DATE is not a date ({})", REMEDY, ValueError):
        period = tuple(hdf5.day_of(day) for day in stated)
    if len(period) < 2:
        return ()
    if period[1] <= period[0]:
        raise InputError(path, f"START_DATE {stated[0]} is not before END_DATE {stated[1]}", REMEDY)
    return period
