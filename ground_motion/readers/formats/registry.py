"""Registry of formats, one module each; `recognise` finds the format of a file by content. Does not use Django.

A reader is a module with the members of `VelocityReader`, `SceneReader` or `StationReader`, which an entry point of the
group `ground_motion.readers` names (`ground_motion.core.plugins`). A new format: see CONTRIBUTING.md.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from ground_motion.core import plugins
from ground_motion.core.errors import InputError
from ground_motion.readers import archives, gate
from ground_motion.readers.formats.unknown import is_zarr, refuse_evident, unknown
from ground_motion.readers.images import geotiff as image_geotiff
from ground_motion.readers.images.scenes import ParsedName, SceneFile
from ground_motion.readers.images.sentinel1 import grd as sentinel1_grd
from ground_motion.readers.records import Declaration, VelocityField
from ground_motion.readers.stations.records import GaugeSeries, StationSeries
from ground_motion.readers.tables import generic, text_table
from ground_motion.readers.tables.mapping import mapping_beside
from ground_motion.readers.vectors import layers
from ground_motion.readers.velocity import geotiff

T = TypeVar("T")
MIN_GENERAL_ORDER = 900


class Reader(Protocol):
    """Interface that readers of velocities and of images have in common.

    NAME: the format's name in --format, in the database and as an entry point. TITLE: its name on pages. ORDER: readers
    are asked from the lowest to the highest; those from MIN_GENERAL_ORDER on also read files of particular formats.
    SUFFIXES: of its files, in lower case with the dot; empty if a product is always a folder.

    `other_layer` (path -> what it holds instead of velocities, or empty) tells apart formats with one file per layer.
    """

    NAME: str
    TITLE: str
    ORDER: int
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


def _readers() -> dict[str, VelocityReader | SceneReader | StationReader]:
    """Return all readers by name, in their order. ValueError if one is registered under another name than its own."""
    readers = {name: point.load() for name, point in plugins.entry_points_of(plugins.READERS).items()}
    if wrong := [name for name, reader in readers.items() if name != reader.NAME]:
        raise ValueError(f"readers are registered under names that are not their NAME: {', '.join(wrong)}")
    return dict(sorted(readers.items(), key=lambda item: int(item[1].ORDER)))


READERS = _readers()
GENERAL = frozenset(name for name, reader in READERS.items() if reader.ORDER >= MIN_GENERAL_ORDER)
SCENE_READERS = {name: reader for name, reader in READERS.items() if isinstance(reader, SceneReader)}
STATION_READERS = {name: reader for name, reader in READERS.items() if isinstance(reader, StationReader)}
VELOCITY_READERS = {
    name: reader for name, reader in READERS.items() if not isinstance(reader, SceneReader | StationReader)
}
FORMATS = tuple(READERS)
TITLES = {name: reader.TITLE for name, reader in READERS.items()}
SUFFIXES = archives.SUFFIXES.union(*(reader.SUFFIXES for reader in READERS.values()))
SUFFIXES_OF_ONE_FILE = SUFFIXES - {layers.SHAPEFILE}  # A shapefile has several files, so it is sent as a zip.


def recognise(path: Path, declared: Declaration | None = None) -> str:
    """Return the name of the reader for a file or folder, by its content and declarations. Raises InputError."""
    with _open_archive(path) as (inner, _):
        return _recognise(inner, declared)


def _recognise(path: Path, declared: Declaration | None) -> str:
    mapping = (declared.mapping if declared else None) or mapping_beside(path)
    name = next((reader.NAME for reader in READERS.values() if reader.recognises(path)), None)
    if mapping and name in {None, *GENERAL} and path.suffix.lower() in generic.SUFFIXES:
        return generic.NAME
    if name is None:
        raise unknown(path)
    return image_geotiff.NAME if name == geotiff.NAME and declared and declared.scale else name


@contextmanager
def _open_archive(path: Path) -> Iterator[tuple[Path, archives.Unpacked | None]]:
    """Yield the product in an archive and what keeps it on the disk, or the path itself. Errors name the archive."""
    refuse_evident(path)
    if not path.is_file() or path.suffix.lower() not in archives.SUFFIXES:
        yield path, None
        return
    try:
        if path.suffix.lower() == ".zip" and (text_table.is_one_table(path) or sentinel1_grd.recognises(path)):
            yield path, None
            return
        unpacked = archives.Unpacked(path)
        yield _only_product(path, unpacked.folder), unpacked
    except InputError as fault:
        raise fault.rename(path) from fault.__cause__


def _only_product(path: Path, folder: Path) -> Path:
    """Return the one product in an unpacked folder: the folder, or a file or folder in it. Raises InputError."""
    while not _is_known(folder) and len(inside := archives.products_in(folder)) == 1:
        if (folder := inside[0]).is_file():
            break
    if not _is_known(folder) and folder.suffix.lower() in archives.SUFFIXES and folder.is_file():
        raise InputError(path, f"it holds another archive, {folder.name:.80}", "Unpack it, and give that one")
    if folder.is_file() or _is_known(folder):
        return folder
    inside = archives.products_in(folder)
    found = [file for file in inside if _is_known(file)]
    if len(found) != 1:
        if is_zarr(folder):
            raise unknown(folder)
        if not inside:
            raise InputError(path, "it holds no file", "Pack the files again")
        listed = ", ".join(file.name for file in (found or inside)[:4])
        what = f"{len(found)} products" if found else "no product at its top"
        raise InputError(path, f"it holds {what}: {listed:.120}", "Unpack it, and give what it holds")
    return found[0]


def _is_known(path: Path) -> bool:
    return any(reader.recognises(path) for reader in READERS.values())


def _reader_of(
    path: Path, inner: Path, source_format: str, declared: Declaration | None, readers: dict[str, T], wanted: str
) -> T:
    """Return the reader of what lies in an archive, or of the path itself. InputError if it is not of `readers`."""
    name = _choose_reader(inner, source_format, declared)
    if name in readers:
        return readers[name]
    of_the_rest = "a file of stations" if name in STATION_READERS else "a velocity field"
    actual = "an image" if name in SCENE_READERS else of_the_rest
    raise InputError(path, f"this is {actual} ({TITLES[name]}), not {wanted}", f"Give {wanted}")


def open_velocity_fields(
    path: Path, source_format: str = "auto", declared: Declaration | None = None
) -> tuple[VelocityField, ...]:
    """Read the headers of a file's components; return fields whose points are read on demand. Raises InputError."""
    with _open_archive(path) as (inner, unpacked):
        reader = _reader_of(path, inner, source_format, declared, VELOCITY_READERS, "a velocity field")
        fields = reader.read(inner, declared or Declaration())
    if unpacked is not None:
        fields = tuple(_kept(path, unpacked, field) for field in fields)
    return tuple(gate.admit(path, field, declared) for field in fields)


def _kept(path: Path, unpacked: archives.Unpacked, field: VelocityField) -> VelocityField:
    """Return a field that keeps the unpacked archive on the disk for as long as it is read."""
    pairs = field.interferograms
    if pairs:
        own = pairs.parts
        pairs = replace(pairs, parts=lambda number: _while_kept(path, unpacked, partial(own, number)))
    batches = partial(_while_kept, path, unpacked, field.batches)
    return replace(field, files=(), batches=batches, interferograms=pairs)


def _while_kept(path: Path, unpacked: archives.Unpacked, read: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Yield what is read from an unpacked archive, which stays until then. Errors name the archive."""
    try:
        yield from read()
    except InputError as fault:
        raise fault.rename(path) from fault.__cause__
    del unpacked


def open_velocity_field(path: Path, source_format: str = "auto", declared: Declaration | None = None) -> VelocityField:
    """Read the header of a file with one component. Raises InputError, also if it has several."""
    fields = open_velocity_fields(path, source_format, declared)
    if len(fields) > 1:
        problem = f"it holds {len(fields)} components: {', '.join(field.header.component for field in fields)}"
        raise InputError(path, problem, "Give a file of one component")
    return fields[0]


def open_scenes(path: Path, source_format: str = "auto", declared: Declaration | None = None) -> tuple[SceneFile, ...]:
    """Read the headers of a file's images (one per polarisation), to be read on demand. Raises InputError."""
    with _open_archive(path) as (inner, unpacked):
        reader = _reader_of(path, inner, source_format, declared, SCENE_READERS, "an image")
        scenes = reader.read(inner, declared or Declaration())
    if unpacked is None:
        return scenes
    return tuple(
        replace(scene, files=(), blocks=partial(_while_kept, path, unpacked, scene.blocks)) for scene in scenes
    )


def open_stations(
    path: Path, source_format: str = "auto", declared: Declaration | None = None
) -> tuple[StationSeries | GaugeSeries, ...]:
    """Read the series of a file's stations or gauges. Raises InputError."""
    with _open_archive(path) as (inner, _):
        reader = _reader_of(path, inner, source_format, declared, STATION_READERS, "a file of stations")
        return reader.read_stations(inner, declared or Declaration())


def scene_by_name(path: Path, declared: Declaration | None = None) -> tuple[str, ParsedName] | None:
    """Return (format, facts in the name) of an image, even of a damaged file; None if it is no image. Never raises."""
    try:
        with _open_archive(path) as (inner, _):
            recognised = _choose_reader(inner, "auto", declared)
            if recognised not in SCENE_READERS:
                return None
            parsed = SCENE_READERS[recognised].parse_name(path)
            return recognised, parsed if parsed.platform else SCENE_READERS[recognised].parse_name(inner)
    except InputError:
        named = ((name, reader.parse_name(path)) for name, reader in SCENE_READERS.items())
        return next(((name, parsed) for name, parsed in named if parsed.platform), None)


def _choose_reader(path: Path, source_format: str, declared: Declaration | None = None) -> str:
    """Return the reader's name: the recognised or the requested one. Raises InputError if the two contradict."""
    recognised = _recognise(path, declared)
    if source_format in {"auto", recognised}:
        return recognised
    if recognised in GENERAL or source_format in GENERAL:
        return source_format
    raise InputError(path, f"this is not a file of format {source_format!r} but {recognised!r}", "Leave --format out")
