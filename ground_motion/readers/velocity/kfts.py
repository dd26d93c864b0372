"""KFTS-InSAR: stacks of unwrapped interferograms in HDF5, with the place of each pixel in `lat.flt` and `lon.flt`.

Source: KFTS-InSAR (Dalaison and Jolivet 2020, doi 10.1029/2019JB019150) and its program prepare_input. `igram` or
`figram` (pairs, rows, cols) is mm, referenced already; `dates` are days since year 0 (date.toordinal); each row of
`Jmat` (pairs, dates) has 1 at the date from which the displacement at the date with -1 is subtracted. Which way is
positive depends on the processor before, and is declared. The stacks of a folder are one network.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.files import files_in, names_in
from ground_motion.readers import gate, hdf5, raster
from ground_motion.readers.records import Declaration, FieldHeader, PointBatch, Stated, VelocityField
from ground_motion.readers.slopes import slope_mm_yr
from ground_motion.readers.velocity.interferograms import invert
from ground_motion.readers.velocity.stacks import MAX_PAIRS

NAME = "kfts"
TITLE = "KFTS-InSAR"
ORDER = 180
SUFFIXES = hdf5.SUFFIXES
PHASES = ("igram", "figram")
PLACES = ("lon.flt", "lat.flt")
REMEDY = "Give the file as prepare_input wrote it"


class Stack(NamedTuple):
    """A file's interferograms: name and shape of its dataset, and the first and second day of each."""

    path: Path
    name: str
    shape: tuple[int, ...]
    pairs: list[tuple[date, date]]


def recognises(path: Path) -> bool:
    """Return whether a file has the datasets of a stack, or a folder holds such a file. Never raises."""
    return bool(_stacks_in(path))


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the headers of all stacks; series are inverted later, in batches. Raises InputError."""
    stacks = [_stack(file) for file in _stacks_in(path)]
    days = tuple(sorted({day for stack in stacks for pair in stack.pairs for day in pair}))
    n_pairs = sum(len(stack.pairs) for stack in stacks)
    shapes = {stack.shape[1:] for stack in stacks}
    if len(shapes) > 1 or n_pairs > MAX_PAIRS:
        problem = f"it holds {n_pairs:,} interferograms on {len(shapes)} grids"
        raise InputError(path, problem, f"Give at most {MAX_PAIRS:,} on one grid")
    ((rows, cols),) = shapes
    places = [(path if path.is_dir() else path.parent) / name for name in PLACES]
    if not {*PLACES} <= {*names_in(places[0].parent)}:
        held = f"it holds {n_pairs} interferograms of {len(days)} dates"
        problem = f"{held}, but not where its {rows} x {cols} pixels are"
        raise InputError(path, problem, "Put the lon.flt and lat.flt of the same preparation beside it")
    for file in places:
        if file.stat().st_size != rows * cols * 4:
            problem = f"it has {file.stat().st_size:,} bytes where {rows} x {cols} pixels need {rows * cols * 4:,}"
            raise InputError(file, problem, REMEDY)
    units = gate.units(path, declared, unit={"KFTS-InSAR": "mm"}, of_series=True)
    header = FieldHeader(
        source_format=NAME,
        level="interferograms",
        component=units.component,
        dates=days,
        track=declared.track,
        attribution="Interferograms; their source is not stated in the files",
        extras={"pairs": str(n_pairs), "positive": units.positive},
    )
    files = (*(stack.path for stack in stacks), *places)
    stated = Stated(series_scale=units.factor, velocity_scale=units.factor, velocity_is_slope=True)
    batches = partial(_batches, stacks, days, places, units)
    return (VelocityField(header=header, batches=batches, files=files, expected_points=rows * cols, stated=stated),)


def _stacks_in(path: Path) -> list[Path]:
    named = [(file, hdf5.names(file)) for file in files_in(path, SUFFIXES)]
    return [file for file, names in named if {"Jmat", "dates"} <= names and names & {*PHASES}]


def _stack(path: Path) -> Stack:
    with hdf5.open_file(path) as file:
        name = next(name for name in PHASES if name in file)
        shape, network = hdf5.shape_of(path, file, name), hdf5.shape_of(path, file, "Jmat")
        ordinals = hdf5.coordinates(path, file, "dates")
        if len(shape) != 3 or network != (shape[0], ordinals.size) or max(network) > MAX_PAIRS:
            problem = f"{name} {shape}, Jmat {network} and its {ordinals.size} dates do not fit"
            raise InputError(path, problem, REMEDY)
        links = hdf5.numbers(path, file, "Jmat")
    with refusing(path, "dates holds an invalid day ({})", REMEDY, ValueError, OverflowError):
        days = [date.fromordinal(int(ordinal)) for ordinal in ordinals]
    if not ((links == 1).sum(axis=1) == 1).all() or not ((links == -1).sum(axis=1) == 1).all():
        raise InputError(path, "a row of Jmat does not connect two dates by 1 and -1", REMEDY)
    ends = zip((links == 1).argmax(axis=1), (links == -1).argmax(axis=1), strict=True)
    return Stack(path, name, shape, [(days[first], days[second]) for first, second in ends])


def _batches(
    stacks: list[Stack], days: tuple[date, ...], places: list[Path], units: gate.Units
) -> Iterator[PointBatch]:
    index = {day: number for number, day in enumerate(days)}
    network = np.array([[index[day] for day in pair] for stack in stacks for pair in stack.pairs])
    rows, cols = stacks[0].shape[1:]
    longitude, latitude = (np.fromfile(place, "<f4").reshape(rows, cols).astype(np.float64) for place in places)
    with ExitStack() as opened:
        files = [opened.enter_context(hdf5.open_file(stack.path)) for stack in stacks]
        for block in hdf5.row_blocks(rows, cols, len(network)):
            parts = [
                hdf5.numbers(stack.path, file, stack.name, (slice(None), block))
                for stack, file in zip(stacks, files, strict=True)
            ]
            phase = np.concatenate(parts)  # (pairs, rows, cols)
            row, col = np.nonzero(np.isfinite(phase).any(axis=0))
            # file: mm, first date less second; ours: mm, from the first to the second, positive toward the satellite
            change = -phase[:, row, col].astype(np.float64) * units.factor
            # There is no coherence without a wavelength.
            solved = invert(change, network, len(days), radians_per_mm=1.0)
            row, series = row + block.start, solved.displacement_mm
            known = {"rmse_mm": solved.rmse_mm, "displacement_mm": series}
            velocity, at = slope_mm_yr(series, days), (row, col)
            velocity[2 * solved.connected < len(days)] = np.nan  # Interferograms connect too few of the dates.
            yield raster.batch(row, col, longitude[at], latitude[at], velocity, units.component, **known)
