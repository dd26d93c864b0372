"""Reading of files into point clouds, one per track, for `python -m ml deformation`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.core.errors import InputError
from ground_motion.core.geometry import utm_zone_of
from ground_motion.methods.deformation.gridding.clusters import Indices, clusters, sphere_positions
from ground_motion.methods.deformation.gridding.points import Float32, project, usual
from ground_motion.methods.deformation.series.product import SeriesReader, half_wave_mm, has_cycles
from ground_motion.methods.deformation.wide.search import Track
from ground_motion.readers.formats import registry
from ground_motion.readers.gate import FAR
from ground_motion.readers.records import (
    Component,
    Declaration,
    Direction,
    Float64,
    PointBatch,
    Reference,
    VelocityField,
)
from ground_motion.runtime.progress import report_progress


class _Columns(NamedTuple):
    """Points of one file, (n,).

    Degrees, mm/yr, m; standard deviation of each rate, whether its series has no lost cycles left, and the name of its
    track.
    """

    longitude: Float64
    latitude: Float64
    velocity_mm_yr: Float32
    height_m: Float32
    sigma_mm_yr: Float32
    cycles_undone: np.ndarray
    track: np.ndarray

    def at(self, chosen: Indices | NDArray[np.bool_]) -> "_Columns":
        """Return some of the points."""
        return _Columns._make(column[chosen] for column in self)


class Read(NamedTuple):
    """What files hold: the tracks of each cluster, the one with most points first; their files; what was changed.

    A track has all points of one direction; without one its name is its file's, or empty if that is the only one.
    """

    clusters: list[list[Track]]
    files: list[Path]
    changes: list[str]


def read_clusters(paths: Sequence[Path], declared: Declaration) -> Read:
    """Read velocity products of any known format, and part them into clusters far apart.

    Points of one direction become one cloud, even from several files; each file that states none is a track of its own,
    because two tracks of the same ground must not be taken for one. All clouds of a cluster are in one projected
    system: the first product's own, or the UTM zone of their middle. Unit, sign and columns must be declared if a file
    does not state them. Raises InputError, also for files of different components.
    """
    fields = [open_velocity_field(path, declared=declared) for path in paths]
    header = fields[0].header
    for path, field in zip(paths, fields, strict=True):
        if field.header.component != header.component:
            fault = f"it measures {field.header.component}, {paths[0].name} measures {header.component}"
            raise InputError(path, fault, "Give products of one component; run the others on their own")
    refused: Counter[str] = Counter()
    alone = len(paths) == 1
    files = [
        _columns(path, field, refused, "" if alone else path.stem) for path, field in zip(paths, fields, strict=True)
    ]
    columns = _Columns._make(np.concatenate(column) for column in zip(*files, strict=True))
    posting_m = max((field.header.posting_m or 0.0 for field in fields), default=0.0) or None
    tied = all(field.header.reference is Reference.GNSS for field in fields)
    reference = Reference.GNSS if tied else Reference.LOCAL
    read = [file for path, field in zip(paths, fields, strict=True) for file in field.files or (path,)]
    groups = clusters(sphere_positions(columns.longitude, columns.latitude))
    parts = [_tracks(columns.at(group), header.grid_epsg, posting_m, reference) for group in groups]
    refused[FAR] += columns.track.size - sum(group.size for group in groups)
    left_out = [f"Left out ({count:,}): {reason}." for reason, count in refused.items() if count]
    return Read(parts, read, [*(change for field in fields for change in field.changes), *left_out])


def open_velocity_field(path: Path, declared: Declaration) -> VelocityField:
    """Open a file of one component, as the registry does; reading its points reports progress. Raises InputError."""
    field = registry.open_velocity_field(path, declared=declared)
    expected = field.expected_points
    if not expected:
        return field

    def batches() -> Iterator[PointBatch]:
        done = 0
        for batch in field.batches():
            done += batch.pid.size + len(batch.refused)
            report_progress(min(1.0, done / expected))
            yield batch

    return replace(field, batches=batches)


def _tracks(columns: _Columns, epsg: int | None, posting_m: float | None, reference: Reference) -> list[Track]:
    epsg, tracks = epsg or utm_zone_of(columns.longitude, columns.latitude), []
    for name in sorted(set(columns.track), reverse=True):  # descending, ascending, unknown
        longitude, latitude, velocity, height, sigma, undone, _ = columns.at(columns.track == name)
        points = project(longitude, latitude, velocity, height, epsg, posting_m)
        direction = str(name) if name in [*Direction] else Direction.UNKNOWN
        points = points._replace(sigma_mm_yr=usual(sigma), cycles_undone=bool(undone.all()), direction=direction)
        tracks.append(Track(points, reference, name=str(name)))
    return tracks


def _columns(path: Path, field: VelocityField, refused: Counter[str], otherwise: str) -> _Columns:
    """Read a file's points, its series summarised batch by batch: those of a whole file would not fit into memory.

    refused: reasons for which rows were left out, counted here; otherwise: name of its track if it states no direction.
    """
    header = field.header
    cycles = has_cycles(header.has_series, header.component, header.technique)
    reader = SeriesReader(header.dates, half_wave_mm(header.extras)) if cycles else None
    batches = []
    for batch in field.batches():
        refused.update(row.reason for row in batch.refused)
        if batch.pid.size:
            if reader:
                reader.add(batch.displacement_mm)
            columns = batch.longitude, batch.latitude, batch.velocity_mm_yr, batch.height_m, batch.velocity_std_mm_yr
            batches.append((*columns, batch.los_east))
    if not batches:
        raise InputError(path, "no row has a position and a velocity", "Export it again")
    longitude, latitude, velocity, height, sigma, los_east = (
        np.concatenate(column) for column in zip(*batches, strict=True)
    )
    if reader:
        summary = reader.summary(longitude, latitude)
        velocity, sigma = velocity - summary.step_mm_yr, summary.noise_mm_yr
    stated = str(header.direction) or otherwise
    seen = np.where(np.isfinite(los_east), np.where(los_east > 0, "descending", "ascending"), stated)
    if header.component != Component.LOS:
        seen[:] = ""
    undone = np.full(velocity.shape, reader is not None and reader.all_undone)
    return _Columns(longitude, latitude, velocity, height, sigma, undone, seen)
