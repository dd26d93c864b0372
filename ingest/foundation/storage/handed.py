"""Raster storage for the confined process that reads a file: its worker accesses the storage, so it needs no keys.

Each request is a line of JSON over a socket; the files are in a folder shared by both. The worker trusts no request: it
stores files of that folder only, hands out elevation only, and deletes only rasters that it stored for this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.core.files import File
from rasterio.io import DatasetReader

from ground_motion.core.errors import StorageFailed, one_line
from ground_motion.core.rasters import open_tiff
from ingest.foundation.storage import RasterStorage, raster_storage

MAX_REQUEST_LENGTH = 4096  # bytes
GIVEN = "elevation_"  # Elevation that is used to project images has this prefix.


class HandedStorage(RasterStorage):
    """Storage that passes each request to the worker, which alone has the keys of the store.

    Raises FileNotFoundError if there is no such raster, and StorageFailed if the worker cannot carry out a request.
    """

    def __init__(self, descriptor: int) -> None:
        self._stream = socket.socket(fileno=descriptor).makefile("rw", encoding="utf-8")

    def _save(self, name: str, content: File[Any]) -> str:
        return str(self._ask("put", name=name, path=content.file.name))  # type: ignore[union-attr]  # An open file.

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name unchanged, because the worker chooses a free one."""
        return name

    def delete(self, name: str) -> None:
        """Ask the worker to delete a raster."""
        self._ask("delete", name=name)

    @contextmanager
    def tiff(self, name: str) -> Iterator[DatasetReader]:
        """Open a raster, of which the worker makes a copy."""
        path = Path(str(self._ask("get", name=name)))
        try:
            with open_tiff(path) as raster:
                yield raster
        finally:
            path.unlink()

    def _ask(self, what: str, **values: str) -> object:
        self._stream.write(json.dumps({"what": what, **values}) + "\n")
        self._stream.flush()
        answer = json.loads(self._stream.readline() or '{"fault": "The worker that stores for this process is gone."}')
        if "gone" in answer:
            raise FileNotFoundError(answer["gone"])
        if "fault" in answer:
            raise StorageFailed(answer["fault"])
        return answer["done"]


class Handed(NamedTuple):
    """Access to the storage to be given to a confined process: environment variables, and descriptors to inherit."""

    environment: dict[str, str]
    descriptors: tuple[int, ...]


@contextmanager
def storage_handed(folder: Path) -> Iterator[Handed]:
    """Serve the storage requests of a process that is started in the block. folder: shared, for the files."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=_serve, args=(ours, folder.resolve()), name="storing", daemon=True)
    thread.start()
    try:
        with theirs:
            descriptor = theirs.fileno()
            yield Handed({"RASTER_STORAGE_PARENT": f"fd:{descriptor}"}, (descriptor,))
    finally:
        with contextlib.suppress(OSError):  # The process may have ended by itself.
            ours.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(ours: socket.socket, folder: Path) -> None:
    stored: set[str] = set()
    with ours, ours.makefile("rw", encoding="utf-8", errors="replace") as stream:
        while request := stream.readline(MAX_REQUEST_LENGTH):
            try:
                answer = {"done": _done(json.loads(request), folder, stored)}
            except FileNotFoundError as fault:
                answer = {"gone": one_line(str(fault))}
            except Exception as fault:
                answer = {"fault": one_line(str(fault))}
            try:
                stream.write(json.dumps(answer) + "\n")
                stream.flush()
            except OSError:  # The process has ended.
                return


def _done(request: dict[str, Any], folder: Path, stored: set[str]) -> str:
    storage, what, name = raster_storage(), request["what"], str(request["name"])
    if what == "put":
        with _open_inside(str(request["path"]), folder) as file:
            stored.add(saved := storage.save(Path(name).name, File(file), max_length=200))
        return saved
    if what == "get" and name.startswith(GIVEN) and "/" not in name:
        storage.fetch(name, path := folder / name)  # type: ignore[attr-defined]
        return str(path)
    if what == "delete" and name in stored:
        storage.delete(name)
        return name
    raise ValueError("this is not given to a process that reads a file")


def _open_inside(path: str, folder: Path) -> Any:
    """Open a regular file that truly lies inside the folder. Raises ValueError for any other file."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    inside = Path(os.readlink(f"/proc/self/fd/{file.fileno()}")).is_relative_to(folder)
    if not inside or not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("this file is not the process's own")
    return file
