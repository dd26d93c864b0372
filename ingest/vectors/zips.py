"""Checks of a zip's members, whichever format is in it."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from ingest.errors import InputError, gettext_noop


def member_name(path: Path, info: zipfile.ZipInfo) -> PurePosixPath:
    """Return the name of a member inside its zip. InputError for a name outside it, a link, and what is encrypted.

    path: of the zip, for the message.
    """
    name = PurePosixPath(info.filename.replace("\\", "/"))
    named = {"name": info.filename[:80]}
    if name.is_absolute() or ".." in name.parts:
        raise InputError(
            path, gettext_noop("it names a file outside itself (%(name)s)"), gettext_noop("Do not use it"), **named
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise InputError(
            path, gettext_noop("it holds a link (%(name)s)"), gettext_noop("Give the files themselves"), **named
        )
    if info.flag_bits & 0x1:
        raise InputError(
            path, gettext_noop("%(name)s is encrypted"), gettext_noop("Give the zip as it was downloaded"), **named
        )
    return name
