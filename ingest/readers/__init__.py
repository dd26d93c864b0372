"""One module per format; `recognise` finds the right one by content. No Django in here."""

import zipfile
from pathlib import Path

from ingest.errors import InputError
from ingest.readers import egms, licsbas, opera_rtc
from ingest.readers.records import VelocityField
from ingest.readers.scenes import SceneFile

READERS = {"egms": egms.read, "licsbas": licsbas.read}
SCENE_READERS = {"opera-rtc": opera_rtc.read}
FORMATS = (*READERS, *SCENE_READERS)
TITLES = {"egms": "EGMS", "licsbas": "LiCSBAS", "opera-rtc": "OPERA RTC-S1"}
SUFFIXES = {".zip", ".csv", ".h5", ".hdf5", ".tif", ".tiff"}
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK"
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def recognise(path: Path) -> str:
    """Name the reader for a file by its first bytes and its extension, which must agree."""
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path")
    with path.open("rb") as stream:
        magic = stream.read(8)
    if not magic:
        raise InputError(path, "the file is empty", "Download or export it again")
    suffix = path.suffix.lower()
    if magic == _HDF5_MAGIC and suffix in {".h5", ".hdf5"}:
        return "licsbas"
    if suffix == ".zip" and (magic.startswith(_ZIP_MAGIC) and zipfile.is_zipfile(path)):
        return "egms"
    if suffix == ".zip":
        raise InputError(path, "this is not a whole zip file", "Download it again: it may have been cut off")
    if suffix == ".csv" and b"\0" not in magic and not magic.startswith(_ZIP_MAGIC):
        return "egms"
    if suffix in {".tif", ".tiff"} and magic.startswith(_TIFF_MAGIC) and path.name.startswith("OPERA_L2_RTC-S1_"):
        return "opera-rtc"
    raise InputError(
        path,
        f"content and extension {suffix or '(none)'!r} fit none of the known formats",
        "Give an EGMS .zip or .csv, a LiCSBAS .h5, or an OPERA RTC-S1 .tif with its own name",
    )


def open_velocity_field(path: Path, source_format: str = "auto") -> VelocityField:
    """Read a product's header and prepare its batches. Raises InputError for anything that cannot be used."""
    recognised = _expect(path, source_format)
    if recognised not in READERS:
        raise InputError(path, "this is an image, not a velocity field", "Give an EGMS or LiCSBAS file")
    return READERS[recognised](path)


def open_scene(path: Path, source_format: str = "auto") -> SceneFile:
    """Read an image's header and prepare to read it. Raises InputError for anything that cannot be used."""
    recognised = _expect(path, source_format)
    if recognised not in SCENE_READERS:
        raise InputError(path, "this is a velocity field, not an image", "Give an OPERA RTC-S1 GeoTIFF")
    return SCENE_READERS[recognised](path)


def _expect(path: Path, source_format: str) -> str:
    recognised = recognise(path)
    if source_format not in {"auto", recognised}:
        raise InputError(
            path, f"this is not a file of format {source_format!r} but {recognised!r}", "Leave --format out"
        )
    return recognised
