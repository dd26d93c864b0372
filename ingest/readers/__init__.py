"""One module per format; `open_velocity_field` finds the right one by content. No Django in here."""

import zipfile
from pathlib import Path

from ingest.errors import InputError
from ingest.readers import egms, licsbas
from ingest.readers.records import VelocityField

READERS = {"egms": egms.read, "licsbas": licsbas.read}
TITLES = {"egms": "EGMS", "licsbas": "LiCSBAS"}
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK"


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
    raise InputError(
        path,
        f"content and extension {suffix or '(none)'!r} fit none of the known formats",
        "Give an EGMS .zip or .csv, or a LiCSBAS .h5",
    )


def open_velocity_field(path: Path, source_format: str = "auto") -> VelocityField:
    """Read a product's header and prepare its batches. Raises InputError for anything that cannot be used."""
    recognised = recognise(path)
    if source_format not in {"auto", recognised}:
        raise InputError(
            path, f"this is not a file of format {source_format!r} but {recognised!r}", "Leave --format out"
        )
    return READERS[recognised](path)
