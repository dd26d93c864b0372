"""Several workers on one run: where its pieces are stored, and which worker has claimed which (docs/decisions/0014)."""

import io
import logging
import os
import secrets
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from ground_motion.rasters.pieces import DIGEST_BYTES, Arrays, Checked, Folder, Store, pack
from ml.models import PieceClaim, Run
from ml.runs.queue import LEASE

if TYPE_CHECKING:
    from ingest.foundation.storage.objects import ObjectStorage  # The libraries of object stores are an optional extra.

logger = logging.getLogger(__name__)
MIN_SHARED = 4  # A stage with fewer missing pieces is finished before another worker has read its input.
TAKE = """
INSERT INTO ml_piececlaim (run_id, piece, worker, until) VALUES (%s, %s, %s, clock_timestamp() + %s)
ON CONFLICT (run_id, piece) DO UPDATE SET worker = EXCLUDED.worker, until = EXCLUDED.until
WHERE ml_piececlaim.until < clock_timestamp() OR ml_piececlaim.worker = EXCLUDED.worker
"""


class Objects(Checked):
    """Pieces in an object store; an object is a checksum and a piece's arrays. folder: of the run and key, in names."""

    def __init__(self, storage: "ObjectStorage", folder: str) -> None:
        self._storage, self._folder = storage, folder

    def names(self, stage: str = "") -> set[str]:
        """Return the names of the pieces of a stage, or of all."""
        start = f"{self._folder}/{stage}{'@' if stage else ''}"
        return {entry.name.rpartition("/")[2] for entry in self._storage.entries(start)}

    def put(self, name: str, arrays: Arrays) -> None:
        """Store a piece as an object."""
        content = b"".join(pack(arrays))
        self._storage._save(self._path_of(name), File(io.BytesIO(content), name=name))

    def drop(self, names: Iterable[str]) -> None:
        """Delete these pieces."""
        self._storage.delete_all(map(self._path_of, names))

    def _read(self, name: str) -> tuple[bytes, bytes]:
        with self._storage.open(self._path_of(name)) as file:
            return file.read(DIGEST_BYTES), file.read()

    def _path_of(self, name: str) -> str:
        return f"{self._folder}/{name}"


class Claims:
    """The team of one run. Claims are rows of the database; while that is unreachable, any worker may take any piece.

    joined: this worker helps another one, which holds the run.
    """

    def __init__(self, run: Run, key: str, device: str, joined: bool = False) -> None:
        self._run, self._key, self._device, self._shared = run, key, device, joined
        self._worker = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._piece = ""

    def share(self, missing: int) -> bool:
        """Open the run to other workers if enough pieces are missing; return whether it is open."""
        if not self._shared and missing >= MIN_SHARED and settings.RUN_WORKERS > 1:
            try:
                self._shared = LEASE.held_row(self._run).update(shared_key=self._key, device=self._device) == 1
            except DatabaseError:
                _warn_of_database("not shared")
        return self._shared

    def take(self, name: str) -> bool:
        """Claim a piece; return False if another worker has it."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(TAKE, [self._run.pk, name, self._worker, str(LEASE.duration)])
                taken = bool(cursor.rowcount == 1)
        except DatabaseError:
            _warn_of_database("worked on without claims")
            return True
        if taken:
            self._piece = name
        return taken

    def prolong(self) -> None:
        """Prolong the claim on the current piece. Called in the heartbeat's thread. Raises DatabaseError."""
        if self._piece:
            own = PieceClaim.objects.filter(run=self._run, piece=self._piece, worker=self._worker)
            own.update(until=Now() + LEASE.duration)

    def end(self) -> None:
        """Close the run to other workers, because every stage is complete."""
        if self._shared:
            LEASE.held_row(self._run).filter(shared_key=self._key).update(shared_key="")

    def leave(self) -> None:
        """Delete this worker's claims, so that others can take the pieces at once."""
        if self._shared:
            try:
                PieceClaim.objects.filter(run=self._run, worker=self._worker).delete()
            except DatabaseError:
                _warn_of_database("left; its claims expire")


def _warn_of_database(what: str) -> None:
    logger.warning("the database does not answer: the run is %s", what, exc_info=True)
    connection.close()


def store_of(run_id: int, key: str, joined: bool = False) -> Store:
    """Return the store of pieces of a run: in the object store if one is configured for pieces, else a local folder."""
    if (objects := _objects()) is None:
        return Folder(_folder_of(run_id), key, joined)
    if not joined:
        there = [entry.name for entry in objects.entries(f"{run_id}/")]
        objects.delete_all(path for path in there if path.split("/")[1] != key)
    return Objects(objects, f"{run_id}/{key}")


def pieces_delete(run_id: int) -> None:
    """Delete the pieces and claims of a run that has ended."""
    PieceClaim.objects.filter(run=run_id).delete()
    shutil.rmtree(_folder_of(run_id), ignore_errors=True)
    if (objects := _objects()) is not None:
        objects.delete_all(entry.name for entry in objects.entries(f"{run_id}/"))


def pieces_prune() -> None:
    """Delete the remaining pieces of all runs that have ended."""
    objects, names = _objects(), {path.name for path in Path(settings.WORK_DIR).glob("*")}
    names |= set(objects.listdir("")[0]) if objects else set()
    numbers = {int(name) for name in names if name.isdigit()}
    unsettled = Run.objects.filter(pk__in=numbers, state__in=Run.UNSETTLED).values_list("pk", flat=True)
    for number in numbers - set(unsettled):
        pieces_delete(number)


def _folder_of(run_id: int) -> Path:
    return Path(settings.WORK_DIR) / str(run_id)


def _objects() -> "ObjectStorage | None":
    return cast("ObjectStorage", storages["pieces"]) if "pieces" in storages.backends else None
