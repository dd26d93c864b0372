"""OPERA DISP-S1: surface displacement of North America from Sentinel-1, one file per acquisition of a frame.

Source: NASA/JPL, OPERA DISP-S1 product specification, JPL D-108772, and the program that writes it (opera-adt/disp-s1).
`displacement` is m along the line of sight, positive toward the satellite, between the reference date of its ministack
and its own: `chain` adds the files up. The product has two corrections, of which it states
"subtract from displacement to apply". recommended_mask is 1 where a pixel is good; water_mask is 0 on water. Files of
versions 0.x hold `unwrapped_phase` or no mask; they were made to the description, no real file was at hand.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ground_motion.core.errors import InputError
from ground_motion.core.files import files_in
from ground_motion.readers import gate, hdf5, raster, records
from ground_motion.readers.hdf5_grids import Grid, evenly, mapped_epsg
from ground_motion.readers.slopes import slopes
from ground_motion.readers.velocity.opera_disp import chain as opera_chain
from ground_motion.readers.velocity.opera_disp.chain import CORRECTIONS, LAYERS, DispFile

NAME = "opera-disp"
TITLE = "OPERA DISP-S1"
ORDER = 110
SUFFIXES = hdf5.SUFFIXES
ATTRIBUTION = "Contains modified Copernicus Sentinel data, processed by NASA/JPL OPERA"
LICENCE = "NASA Earth Science data: free and open"
MM_PER_M = 1000.0
MIN_KNOWN = 0.5  # A pixel is a point if it is good in at least this part of the files.
BLOCK_PIXELS = 256  # Blocks have the size of the file's chunks, which are unpacked whole.
MASKS = ("recommended_mask", "connected_component_labels", "water_mask")
NO_COMPONENT = 65_535
SIGNS = {"displacement", "short_wavelength_displacement", "unwrapped_phase", "temporal_correlation"}
SIGNS |= {"temporal_coherence", "reference_time", "corrections", "identification", *MASKS[:2]}
MIN_SIGNS = 4


def recognises(path: Path) -> bool:
    """Return whether a file has the product's datasets, or a folder holds such a file."""
    return any(len(SIGNS & hdf5.names(file)) >= MIN_SIGNS for file in files_in(path, {".nc"}))


@dataclass(frozen=True)
class Frame:
    """Files of a frame in order of second date, dates and grid of their series, and corrections to be subtracted."""

    path: Path
    files: tuple[DispFile, ...]
    dates: tuple[date, ...]
    grid: Grid
    corrections: tuple[str, ...]


def read(path: Path, declared: records.Declaration) -> tuple[records.VelocityField, ...]:
    """Read the headers of one file or of a frame's files; points are read later, in batches. Raises InputError."""
    given = [opera_chain.describe(file) for file in files_in(path, {".nc"})[: opera_chain.MAX_FILES + 1]]
    frames = sorted({file.frame for file in given})
    if len(frames) > 1:
        problem = f"it holds files of the frames {', '.join(frames[:5])}"
        raise InputError(path, problem, "Give one folder for each frame")
    files, older = opera_chain.newest(path, given)
    dates = opera_chain.chain_dates(path, files)
    frame = Frame(path, tuple(files), dates, _common_grid(files), _corrections(files))
    used = tuple(file.path for file in files) if path.is_dir() else ()
    header = _header(frame, older, declared)
    pixels = frame.grid.rows * frame.grid.cols
    stated = records.Stated(crs=frame.grid.epsg, series_scale=MM_PER_M, velocity_is_slope=True)
    read = records.VelocityField(
        header=header, batches=lambda: _batches(frame), files=used, expected_points=pixels, stated=stated
    )
    return (read,)


def _header(frame: Frame, older: int, declared: records.Declaration) -> records.FieldHeader:
    newest = frame.files[-1]
    extras = {
        "frame": newest.frame,
        "versions": ", ".join(sorted({file.version for file in frame.files if file.version})),
        "corrections subtracted": ", ".join(frame.corrections) or "none: the files hold none",
        "mask": "recommended_mask is 1 (in early versions: a connected component) and water_mask is not 0",
        "velocity": "least-squares slope of the chained series",
        "temporal_coherence": "of the last file in which it is known",
    }
    if older:
        extras["left out"] = f"{older} files of an older processing of the same pair of dates"
    return records.FieldHeader(
        source_format=NAME,
        level=f"frame {newest.frame}",
        component=records.Component.LOS,
        dates=frame.dates,
        track=declared.track or newest.track,
        direction=newest.direction,
        polarisation=newest.polarisation,
        release=f"to {frame.dates[-1]}",
        posting_m=frame.grid.posting_m,
        grid_epsg=frame.grid.epsg,
        # a file alone is one step of a series, and no newer release of all of it
        tile=f"DISP-S1/F{newest.frame}" if frame.path.is_dir() else "",
        attribution=ATTRIBUTION,
        licence=LICENCE,
        extras=extras,
    )


def _common_grid(files: list[DispFile]) -> Grid:
    first = _grid(files[0].path, files[0].layer)
    for file in files[1:]:
        if not _grid(file.path, file.layer).fits(first):
            problem = f"its grid is not that of {files[0].path.name}"
            raise InputError(file.path, problem, "Give files of one frame and one product version")
    return first


def _grid(path: Path, layer: str) -> Grid:
    with hdf5.open_file(path) as file:
        hdf5.require(path, file, (layer, "x", "y", "spatial_ref"), opera_chain.REMEDY)
        shape = hdf5.shape_of(path, file, layer)
        x, y = hdf5.coordinates(path, file, "x"), hdf5.coordinates(path, file, "y")
        if shape != (y.size, x.size):
            problem = f"{layer} is {shape} and its coordinates {(y.size, x.size)}"
            raise InputError(path, problem, opera_chain.REMEDY)
        others = (*MASKS, "temporal_coherence", *CORRECTIONS)
        hdf5.require_shape(path, file, others, shape, opera_chain.REMEDY)
        for name in (layer, *CORRECTIONS):
            if hdf5.is_dataset(path, file, name):
                unit, wanted = hdf5.attributes(path, file, name).get("units", ""), "radians" if "phase" in name else "m"
                if gate.unit_of(unit) != wanted:
                    problem = f"the unit of {name} is {unit[:40] or 'missing'} where {wanted} is expected"
                    raise InputError(path, problem, opera_chain.REMEDY)
        stated = hdf5.attributes(path, file, "spatial_ref")
        (x0, dx), (y0, dy) = evenly(path, "x", x), evenly(path, "y", y)
        epsg = mapped_epsg(path, stated)
        return Grid(x=x0, dx=dx, y=y0, dy=dy, rows=shape[0], cols=shape[1], epsg=epsg).checked(path)


def _corrections(files: list[DispFile]) -> tuple[str, ...]:
    """Return the corrections in all files. InputError if only some files have one: a series must not mix."""
    applied = []
    for name in CORRECTIONS:
        lacking = [file for file in files if name not in file.corrections]
        if lacking and len(lacking) < len(files):
            problem = f"it has no /{name}, which {len(files) - len(lacking)} other files of the frame have"
            raise InputError(lacking[0].path, problem, "Download this file again")
        if not lacking:
            applied.append(name)
    return tuple(applied)


def _batches(frame: Frame) -> Iterator[records.PointBatch]:
    """Yield the frame's points, block by block, with all dates. Files stay open throughout, to be read often."""
    n_points, grid = 0, frame.grid
    with ExitStack() as stack:
        opened = [stack.enter_context(hdf5.open_file(file.path)) for file in frame.files]
        for row, col in product(range(0, grid.rows, BLOCK_PIXELS), range(0, grid.cols, BLOCK_PIXELS)):
            rows = slice(row, min(row + BLOCK_PIXELS, grid.rows))
            batch = _block(frame, opened, rows, slice(col, min(col + BLOCK_PIXELS, grid.cols)))
            n_points += batch.pid.size
            if batch.pid.size:
                yield batch
    if not n_points:
        least = f"no pixel is good in at least {MIN_KNOWN:.0%} of the {len(frame.files)} files"
        raise InputError(frame.path, least, "Check whether they cover land, or give a longer series")


def _block(frame: Frame, opened: list[h5py.File], rows: slice, cols: slice) -> records.PointBatch:
    shape = (rows.stop - rows.start, cols.stop - cols.start)
    chain = np.full((len(frame.dates), *shape), np.nan, dtype=np.float32)  # (dates, rows, cols), m
    chain[0] = 0  # Start from the first reference.
    coherence, n_known = np.full(shape, np.nan, dtype=np.float32), np.zeros(shape, dtype=np.int32)
    for index, (file, content) in enumerate(zip(frame.files, opened, strict=True), start=1):
        good = _good(file.path, content, (rows, cols))
        if not good.any():
            continue
        before = chain[frame.dates.index(file.reference)]
        with np.errstate(over="ignore", invalid="ignore"):  # A damaged value may overflow; it is refused below.
            moved = hdf5.numbers(file.path, content, file.layer, (rows, cols)) * np.float32(LAYERS[file.layer]) + before
            for name in frame.corrections:
                moved -= hdf5.numbers(file.path, content, name, (rows, cols))
        # what is masked on the reference date stays unknown from there: how far it had moved is unknown
        chain[index] = np.where(good, moved, np.float32(np.nan))
        n_known += np.isfinite(chain[index])
        if hdf5.is_dataset(file.path, content, "temporal_coherence"):
            latest = hdf5.numbers(file.path, content, "temporal_coherence", (rows, cols))
            coherence = np.where(np.isfinite(latest), latest, coherence)
    row, col = np.nonzero(n_known >= max(1, MIN_KNOWN * len(frame.files)))
    # file: m, positive toward the satellite; ours: mm, the same sign
    displacement = hdf5.millimetres(np.ascontiguousarray(chain[:, row, col].T))  # (pixels, dates)
    motion = slopes(displacement, frame.dates)
    known = {"velocity_std_mm_yr": motion.velocity_std_mm_yr, "temporal_coherence": coherence[row, col]}
    known["displacement_mm"] = displacement  # The line of sight is in another product, DISP-S1-STATIC.
    row, col = row + rows.start, col + cols.start
    places = frame.grid.positions(row, col)
    return raster.batch(row, col, *places, motion.velocity_mm_yr, records.Component.LOS, **known)


def _good(path: Path, file: h5py.File, where: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Return which pixels are recommended and not water, (rows, cols). water_mask 255: made without a mask.

    Early versions have no recommended_mask: there a pixel is good that belongs to a connected component.
    """
    good = np.ones((where[0].stop - where[0].start, where[1].stop - where[1].start), dtype=bool)
    masks = [name for name in MASKS if hdf5.is_dataset(path, file, name)]
    if "recommended_mask" in masks:
        masks = [name for name in masks if name != "connected_component_labels"]
    for name in masks:
        values = hdf5.numbers(path, file, name, where)
        good &= values == 1 if name == "recommended_mask" else (values != 0) & (values < NO_COMPONENT)
    return good
