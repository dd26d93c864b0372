"""Reading of uploaded files in a confined process, while visitors and operators wait for the answer."""

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from ingest.errors import DiskFull, InputError
from ingest.jobs.confine import Limits, run_confined
from ingest.jobs.environment import HARDENED

LIMITS = Limits(
    memory_bytes=512 * 2**20,
    cpu_seconds=4,  # an answer takes at most five seconds, start included, if a core is free
    file_bytes=64 * 2**20,
    wall_seconds=15.0,  # if all cores are busy
    niceness=0,
)
KEPT = ("LANG", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "PATH", "PYTHONPATH")  # environment variables; no secrets
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # every thread reserves address space


class NotRead(Exception):
    """A file exceeded the limits of the confined process, or made it crash."""


def read_given(reader: str, content: bytes, **options: float) -> bytes:
    """Return the answer of a reader of ingest.given about a file's content.

    reader: "boundary", "sites" or "picture"; options: arguments of the reader. Raises the reader's InputError, NotRead,
    and DiskFull if the temporary folder has no room.
    """
    with TemporaryDirectory(prefix="given-") as folder, open(os.memfd_create("answer"), "rb") as answer:
        given = Path(folder) / "given"
        given.write_bytes(content)
        descriptor = answer.fileno()
        run_confined(
            [sys.executable, "-m", "ingest.given", reader, str(given), str(descriptor), json.dumps(options)],
            environment=_environment(folder),
            folder=settings.BASE_DIR,
            limits=LIMITS,
            go_on=lambda computed_seconds: True,
            every_seconds=LIMITS.wall_seconds,
            descriptors=(descriptor,),
        )
        answer.seek(0)  # both processes share the position in the file
        head, _, body = answer.read().partition(b"\n")
    if not head:
        raise NotRead
    said = json.loads(head)
    if "disk_full" in said:
        raise DiskFull("The temporary folder is full")
    if "words" in said:
        raise InputError(given, *said["words"], **said["values"])
    return body


def _environment(folder: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | HARDENED | ONE_THREAD | {"TMPDIR": folder}
