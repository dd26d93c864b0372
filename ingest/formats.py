"""Registry of formats, one module each; `recognise` finds the format of a file by content. Does not use Django.

A reader is a module with the members of `VelocityReader`, `SceneReader` or `StationReader`; mypy checks this. A new
format needs its module, a line in REGISTERED, a maker in tests/makers and a test: see CONTRIBUTING.md.
"""

from pathlib import Path
from typing import Protocol, runtime_checkable

from ingest.arrivals.unknown import refuse_evident, unknown
from ingest.errors import InputError
from ingest.readers import gate
from ingest.readers.images import earth_engine, hyp3_rtc, opera_rtc
from ingest.readers.images import geotiff as image_geotiff
from ingest.readers.images.scenes import ParsedName, SceneFile
from ingest.readers.images.sentinel1 import grd as sentinel1_grd
from ingest.readers.records import Declaration, VelocityField
from ingest.readers.stations import gauges, pos, tenv3
from ingest.readers.stations import table as station_table
from ingest.readers.stations.records import GaugeSeries, StationSeries
from ingest.readers.tables import generic
from ingest.readers.velocity import (
    egms,
    geotiff,
    gmt,
    gunw,
    hyp3,
    insar_norway,
    its_live,
    kfts,
    licsar,
    licsbas,
    pyrate,
    vx_vy,
)
from ingest.readers.velocity.mintpy import he5 as mintpy_he5
from ingest.readers.velocity.mintpy import native as mintpy
from ingest.readers.velocity.opera_disp import frame as opera_disp
from ingest.vectors import shapefiles


class Reader(Protocol):
    """Interface that readers of velocities and of images have in common.

    NAME: the format's name in --format and in the database. TITLE: its name on pages. SUFFIXES: of its files, in lower
    case with the dot; empty if a product is always a folder.
    """

    NAME: str
    TITLE: str
    SUFFIXES: frozenset[str]

    def recognises(self, path: Path) -> bool:
        """Return whether the content is of this format, complete or not. Never raises."""


class VelocityReader(Reader, Protocol):
    """A reader of one format of velocity fields."""

    def read(self, path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
        """Read the header of each component; points are read later, in mm/yr and our sign. Raises InputError."""


@runtime_checkable
class SceneReader(Reader, Protocol):
    """A reader of one format of radar images."""

    def read(self, path: Path, declared: Declaration) -> tuple[SceneFile, ...]:
        """Read the header of each polarisation; images are read later, as blocks of linear power. Raises InputError."""

    def parse_name(self, path: Path) -> ParsedName:
        """Return what the name states about an image that cannot be read. Never raises."""


@runtime_checkable
class StationReader(Reader, Protocol):
    """A reader of one format of series of GNSS stations, levelling benchmarks or gauges."""

    def read_stations(self, path: Path, declared: Declaration) -> tuple[StationSeries | GaugeSeries, ...]:
        """Read the whole series of every station or gauge in a file. Raises InputError."""


# Readers are tried in this order: specific ones before general ones.
REGISTERED: tuple[VelocityReader | SceneReader | StationReader, ...] = (
    sentinel1_grd,  # first, because its folder or zip holds files that other readers would recognise
    tenv3,
    pos,
    station_table,
    gauges,
    egms,
    insar_norway,
    licsbas,
    mintpy,
    mintpy_he5,
    opera_disp,
    gunw,
    licsar,
    pyrate,
    hyp3,
    its_live,
    vx_vy,
    kfts,
    gmt,
    opera_rtc,
    hyp3_rtc,
    earth_engine,
    image_geotiff,
    geotiff,
    generic,
)
GENERAL = frozenset({geotiff.NAME, generic.NAME})  # these also read files that a specific reader recognises
READERS = {reader.NAME: reader for reader in REGISTERED}
SCENE_READERS = {reader.NAME: reader for reader in REGISTERED if isinstance(reader, SceneReader)}
STATION_READERS = {reader.NAME: reader for reader in REGISTERED if isinstance(reader, StationReader)}
VELOCITY_READERS = {reader.NAME: reader for reader in REGISTERED if not isinstance(reader, SceneReader | StationReader)}
FORMATS = tuple(READERS)
TITLES = {reader.NAME: reader.TITLE for reader in REGISTERED}
SUFFIXES = frozenset[str]().union(*(reader.SUFFIXES for reader in REGISTERED))
SUFFIXES_OF_ONE_FILE = SUFFIXES - {shapefiles.SUFFIX}  # a shapefile is several files; it is sent as a zip


def recognise(path: Path, declared: Declaration | None = None) -> str:
    """Return the name of the reader for a file or folder, by its content and declarations. Raises InputError."""
    refuse_evident(path)
    name = next((reader.NAME for reader in REGISTERED if reader.recognises(path)), None)
    if declared and declared.mapping and name in {None, *GENERAL} and path.suffix.lower() in generic.SUFFIXES:
        return generic.NAME
    if name is None:
        raise unknown(path)
    return image_geotiff.NAME if name == geotiff.NAME and declared and declared.scale else name


def _of_another_kind(path: Path, name: str, wanted: str, other_way: str) -> InputError:
    """Return the error for a file whose format, `name`, holds something else than what is wanted."""
    of_the_rest = "a file of stations" if name in STATION_READERS else "a velocity field"
    actual = "an image" if name in SCENE_READERS else of_the_rest
    return InputError(path, f"this is {actual} ({TITLES[name]}), not {wanted}", other_way)


def open_velocity_fields(
    path: Path, source_format: str = "auto", declared: Declaration | None = None
) -> tuple[VelocityField, ...]:
    """Read the headers of a file's components; return fields whose points are read on demand. Raises InputError."""
    name = _chosen(path, source_format, declared)
    reader = VELOCITY_READERS.get(name)
    if reader is None:
        raise _of_another_kind(path, name, "a velocity field", "Give velocities")
    return tuple(gate.admit(path, field) for field in reader.read(path, declared or Declaration()))


def open_velocity_field(path: Path, source_format: str = "auto", declared: Declaration | None = None) -> VelocityField:
    """Read the header of a file with one component. Raises InputError, also if it has several."""
    fields = open_velocity_fields(path, source_format, declared)
    if len(fields) > 1:
        problem = f"it holds {len(fields)} components: {', '.join(field.header.component for field in fields)}"
        raise InputError(path, problem, "Give a file of one component")
    return fields[0]


def open_scenes(path: Path, source_format: str = "auto", declared: Declaration | None = None) -> tuple[SceneFile, ...]:
    """Read the headers of a file's images (one per polarisation), to be read on demand. Raises InputError."""
    name = _chosen(path, source_format, declared)
    reader = SCENE_READERS.get(name)
    if reader is None:
        raise _of_another_kind(path, name, "an image", "Give an image")
    return reader.read(path, declared or Declaration())


def open_stations(
    path: Path, source_format: str = "auto", declared: Declaration | None = None
) -> tuple[StationSeries | GaugeSeries, ...]:
    """Read the series of a file's stations or gauges. Raises InputError."""
    name = _chosen(path, source_format, declared)
    reader = STATION_READERS.get(name)
    if reader is None:
        raise _of_another_kind(path, name, "a file of stations", "Give series of stations")
    return reader.read_stations(path, declared or Declaration())


def scene_by_name(path: Path, declared: Declaration | None = None) -> tuple[str, ParsedName] | None:
    """Return (format, facts in the name) of an image, even of a damaged file; None if it is no image. Never raises."""
    try:
        recognised = recognise(path, declared)
    except InputError:
        named = ((name, reader.parse_name(path)) for name, reader in SCENE_READERS.items())
        return next(((name, parsed) for name, parsed in named if parsed.platform), None)
    return (recognised, SCENE_READERS[recognised].parse_name(path)) if recognised in SCENE_READERS else None


def _chosen(path: Path, source_format: str, declared: Declaration | None = None) -> str:
    """Return the reader's name: the recognised or the requested one. Raises InputError if the two contradict."""
    recognised = recognise(path, declared)
    if source_format in {"auto", recognised}:
        return recognised
    if recognised in GENERAL or source_format in GENERAL:
        return source_format
    raise InputError(path, f"this is not a file of format {source_format!r} but {recognised!r}", "Leave --format out")
