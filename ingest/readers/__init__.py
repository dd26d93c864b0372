"""One module per format; `recognise` finds the right one by content. No Django in here.

A module of a velocity format has TITLE, `recognises(path)` (never raises, looks inside) and `read(path, declared)`,
which gives one VelocityField, or several where a file holds several components. One of a format of images gives one
SceneFile, or one per polarisation, and has `about(path)`: what the name tells of an image that cannot be used. A new
format is its module, a line here, and its maker and damaged variants in tests/ingest.
"""

import zipfile
from pathlib import Path
from types import ModuleType

from ingest.errors import InputError
from ingest.readers import hdf5, raster
from ingest.readers.images import earth_engine, hyp3_rtc, opera_rtc
from ingest.readers.images import geotiff as image_geotiff
from ingest.readers.images.scenes import SceneAbout, SceneFile
from ingest.readers.images.sentinel1 import grd as sentinel1_grd
from ingest.readers.records import Declared, VelocityField
from ingest.readers.tables import csv as tables
from ingest.readers.tables import generic
from ingest.readers.velocity import egms, hyp3, insar_norway, its_live, licsar, licsbas, pyrate, vx_vy
from ingest.readers.velocity.mintpy import he5 as mintpy_he5
from ingest.readers.velocity.mintpy import velocity as mintpy
from ingest.readers.velocity.opera_disp import stack as opera_disp

# in the order in which they are asked: the particular before the general
READERS: dict[str, ModuleType] = {
    "egms": egms,
    "insar-norway": insar_norway,
    "licsbas": licsbas,
    "mintpy": mintpy,
    "hdfeos5": mintpy_he5,
    "opera-disp": opera_disp,
    "licsar": licsar,
    "pyrate": pyrate,
    "hyp3": hyp3,
    "its-live": its_live,
    "vx-vy": vx_vy,
}
SCENE_READERS: dict[str, ModuleType] = {
    "sentinel1-grd": sentinel1_grd,
    "opera-rtc": opera_rtc,
    "hyp3-rtc": hyp3_rtc,
    "earth-engine": earth_engine,
    "geotiff-image": image_geotiff,
}
LAST_READERS: dict[str, ModuleType] = {"geotiff": raster, "generic": generic}  # whatever nobody else claims
# a SAFE product is asked for first: its folder or zip holds files that others might claim
ALL_READERS = {"sentinel1-grd": sentinel1_grd} | READERS | SCENE_READERS | LAST_READERS
FORMATS = tuple(ALL_READERS)
TITLES = {name: str(module.TITLE) for name, module in ALL_READERS.items()}
SUFFIXES = generic.SUFFIXES | hdf5.SUFFIXES | {".tif", ".tiff"}
KNOWN = (
    "velocities (EGMS, InSAR Norway, LiCSBAS, LiCSAR, MintPy, OPERA DISP-S1, HyP3, ITS_LIVE, a table of points with "
    "--mapping, a GeoTIFF with --unit) or images (Sentinel-1 GRD, OPERA RTC-S1, HyP3 RTC, Earth Engine, a GeoTIFF "
    "with --scale), under the names that they came with"
)


def recognise(path: Path, declared: Declared | None = None) -> str:
    """Name the reader for a file or folder by its content. Raises InputError.

    What is declared decides where content cannot: a mapping makes any table generic, a scale any GeoTIFF an image.
    """
    if not path.exists():
        raise InputError(path, "there is no such file", "Check the path")
    if path.is_file() and not path.stat().st_size:
        raise InputError(path, "the file is empty", "Download or export it again")
    if path.suffix.lower() == ".zip":
        _refuse_odd_zip(path)
    if declared and declared.mapping and path.suffix.lower() in generic.SUFFIXES:
        return "generic"
    for name, module in ALL_READERS.items():
        if module.recognises(path):
            return "geotiff-image" if name == "geotiff" and declared and declared.scale else name
    raise InputError(path, _found_in(path), f"Give {KNOWN}")


def _refuse_odd_zip(path: Path) -> None:
    """Before every reader looks into it: its list of members alone may be endless."""
    if not zipfile.is_zipfile(path):
        raise InputError(path, "this is not a whole zip file", "Download it again: it may have been cut off")
    try:
        with zipfile.ZipFile(path) as archive:
            members = len(archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeError) as fault:
        raise InputError(path, f"its list of files cannot be read ({fault})", "Download it again") from fault
    if members > tables.MAX_MEMBERS:
        raise InputError(path, f"the zip holds {members:,} files", "Give one product per zip")


def _found_in(path: Path) -> str:
    """What an unknown file is, as far as can be told; a damaged one raises its own InputError."""
    suffix = path.suffix.lower()
    if suffix in {".tif", ".tiff"}:
        raise InputError(path, "it cannot be read as GeoTIFF: it is something else by that name", "Make it again")
    if suffix in generic.SUFFIXES - tables.SUFFIXES:
        return f"it is no {suffix.removeprefix('.')}: it is something else by that name"
    if suffix in tables.SUFFIXES:
        return f"its columns {', '.join(tables.table_of(path).names[:8])} … fit none of the known formats"
    if suffix in hdf5.SUFFIXES:
        with hdf5.opened(path) as file:
            return f"its datasets {', '.join(list(file)[:8])} … fit none of the known formats"
    return f"content and extension {path.suffix or '(none)'!r} fit none of the known formats"


def open_velocity_fields(
    path: Path, source_format: str = "auto", declared: Declared | None = None
) -> tuple[VelocityField, ...]:
    """Read the headers of a file's components and prepare their batches. Raises InputError for what cannot be used."""
    recognised = _expect(path, source_format, declared)
    if recognised in SCENE_READERS:
        raise InputError(path, "this is an image, not a velocity field", f"Give {KNOWN}")
    fields = ALL_READERS[recognised].read(path, declared or Declared())
    return fields if isinstance(fields, tuple) else (fields,)


def open_velocity_field(path: Path, source_format: str = "auto", declared: Declared | None = None) -> VelocityField:
    """Read the header of a file of one component. Raises InputError, also where there are several."""
    fields = open_velocity_fields(path, source_format, declared)
    if len(fields) > 1:
        found = f"it holds {len(fields)} components: {', '.join(field.header.component for field in fields)}"
        raise InputError(path, found, "Give a file of one component")
    return fields[0]


def open_scenes(path: Path, source_format: str = "auto", declared: Declared | None = None) -> tuple[SceneFile, ...]:
    """Read the headers of a file's images (one per polarisation) and prepare to read them. Raises InputError."""
    recognised = _expect(path, source_format, declared)
    if recognised not in SCENE_READERS:
        raise InputError(path, "this is a velocity field, not an image", "Give a radar image")
    found = SCENE_READERS[recognised].read(path, declared or Declared())
    return found if isinstance(found, tuple) else (found,)


def scene_about(path: Path, declared: Declared | None = None) -> tuple[str, SceneAbout] | None:
    """Format and what the name tells of an image, usable or not; None for what is no image. Never raises InputError.

    What cannot even be recognised (an empty file, half a zip) is an image if it has the name of one.
    """
    try:
        recognised = recognise(path, declared)
    except InputError:
        named = ((name, module.about(path)) for name, module in SCENE_READERS.items())
        return next(((name, about) for name, about in named if about.platform), None)
    return (recognised, SCENE_READERS[recognised].about(path)) if recognised in SCENE_READERS else None


def _expect(path: Path, source_format: str, declared: Declared | None = None) -> str:
    recognised = recognise(path, declared)
    if source_format in {"auto", recognised}:
        return recognised
    if recognised in LAST_READERS or source_format in LAST_READERS:  # the general one takes what the particular can
        return source_format
    raise InputError(path, f"this is not a file of format {source_format!r} but {recognised!r}", "Leave --format out")
