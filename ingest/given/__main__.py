"""Program of the confined process of ingest.jobs.given: runs one reader on one file and writes its answer."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from ground_motion.core.errors import FULL_DISK_ERRNOS, InputError
from ground_motion.readers.given import boundaries, lines, pictures
from ingest.jobs.confine import hide_process

READERS: dict[str, Callable[..., bytes]] = {
    "boundary": boundaries.read,
    "line": lines.read,
    "picture": pictures.read,
}


def main(arguments: Sequence[str]) -> None:
    """Run a reader and write a line of JSON (its fault, if any), then its answer; see `read_given` for arguments."""
    hide_process()  # A process that reads another file must not read this one.
    reader, file, descriptor, options = arguments
    head: dict[str, object] = {}
    answer = b""
    try:
        answer = READERS[reader](Path(file), **json.loads(options))
    except InputError as fault:
        head = {"words": fault.words, "values": fault.values}
    except OSError as fault:
        if fault.errno not in FULL_DISK_ERRNOS:
            raise
        head = {"disk_full": True}
    with open(int(descriptor), "wb") as out:
        out.write(json.dumps(head).encode() + b"\n")
        out.write(answer)
