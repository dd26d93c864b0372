"""What no member of a zip may be, whichever format is in it."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from ingest.errors import InputError


def member_name(path: Path, info: zipfile.ZipInfo) -> PurePosixPath:
    """The name of a member inside its zip. InputError for a name outside it, a link, and what is encrypted.

    path: of the zip, for the message.
    """
    name = PurePosixPath(info.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        raise InputError(path, f"it names a file outside itself ({info.filename[:80]})", "Do not use it")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise InputError(path, f"it holds a link ({info.filename[:80]})", "Give the files themselves")
    if info.flag_bits & 0x1:
        raise InputError(path, f"{info.filename[:80]} is encrypted", "Give the zip as it was downloaded")
    return name
