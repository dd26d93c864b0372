"""Database queries without a model, and named advisory locks for work that one process at a time may do.

The numbers are those of the first release, so that old and new processes exclude each other during an upgrade.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.db.models.deletion import Collector


class Lock(IntEnum):
    """Kinds of locks with their keys in the database."""

    WATCHED_FOLDER = 0x3A7C  # One round at a time reads a folder, which is the second key (`short_text_key`).
    ALERTS = 0x6A1E  # Detections become alerts one search at a time, so that no place gets two alerts.
    BEAT = 0x6A2E  # One process sends scheduled tasks.
    ANNOUNCING = 0x6A3D  # Messages of transitions are queued in their order.
    SENDING = 0x6A4E  # One worker sends what is in the outbox.
    WATCHING = 0x6A5A  # One worker checks the service and notifies administrators.
    DOWNLOADS = 0x5CE7E  # Downloads and the space that they need are counted one at a time.
    ORDERS = 0x5C0DE  # The credits of a month are counted and spent one order at a time.
    INGEST_JOBS = 0x1A6E57  # Jobs are counted by one process at a time.
    RETENTION = 0x6A5F  # Old data are never deleted while a backup is made.
    PARTS = 0x6A70  # Partitions of points are merged or dropped one at a time.
    STAGE = 0x57A6E  # One scheduled task of a kind runs at a time; the task is the second key (`short_text_key`).
    PUBLISHING = 0x6A7C  # A manifest is written by one process at a time, so that what was withdrawn stays out.
    RIGHTS = 0x6A6D  # Two migrations that grant rights at once would conflict in the catalogue.
    QUOTAS = 0x6A6B  # What visitors make the service keep is counted one visitor at a time.
    CONTEXT_LAYERS = 0x6374780000  # The number of a kind is added: one layer of a kind is loaded at a time.


def content_key(sha256: str) -> int:
    """Return the lock key of a file's content, 60 bits of its SHA-256 (hexadecimal)."""
    return int(sha256[:15], 16)


def short_text_key(text: str) -> int:
    """Return a signed 32-bit key of a text, for use as the second key of a lock with two keys."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big", signed=True)


def rows_of(statement: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def delete_whole(rows: Sequence[Model]) -> None:
    """Delete rows with all that refers to them, in the current transaction, while other processes go on writing.

    Django deletes the references that it finds: one that is committed later would make the commit fail. Therefore all
    rows are locked first; a process that adds a reference waits, and then finds that the row is gone.
    """
    locked: set[Model] = set()
    while True:
        collector = Collector(using=connection.alias)
        collector.collect(rows)
        found: set[Model] = set().union(*collector.data.values())
        if found <= locked:
            break
        # Children come first, as where one of the rows is deleted alone: otherwise each could wait for the other.
        for model, beside in reversed(collector.data.items()):
            known = model._base_manager.filter(pk__in=[one.pk for one in beside]).order_by("pk")
            list(known.select_for_update().values_list("pk"))
        locked |= found
    collector.delete()


def lock(key: int) -> None:
    """Wait for a lock and hold it until the end of the current transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


@contextmanager
def hold_lock(key: int) -> Iterator[None]:
    """Open a transaction, wait for a lock in it, and hold the lock until the block ends."""
    with transaction.atomic():
        lock(key)
        yield


class Held:
    """Lock that is held by an open transaction on a connection of its own, for as long as both live.

    A transaction keeps its connection to PostgreSQL even behind PgBouncer, and ends when the process dies. It reads and
    writes no row, so that it does not delay vacuuming. Not for use by several threads.
    """

    def __init__(self, key: Lock, part: int | None = None) -> None:
        self._keys = [int(key)] if part is None else [int(key), part]
        self._own: BaseDatabaseWrapper | None = None

    def take(self) -> bool:
        """Take the lock, or check that it is still held; return whether this object holds it. Raises DatabaseError."""
        try:
            if self._own is None:
                self._own = connection.copy()
                self._own.set_autocommit(False)
                wanted = f"SELECT pg_try_advisory_xact_lock({', '.join(['%s'] * len(self._keys))})"
            else:
                wanted = "SELECT true"  # This detects a lost connection.
            with self._own.cursor() as cursor:
                cursor.execute(wanted, self._keys if "%s" in wanted else None)
                (held,) = cursor.fetchone()
        except DatabaseError:
            self.free()
            raise
        if not held:
            self.free()
        return bool(held)

    def free(self) -> None:
        """Release the lock."""
        own, self._own = self._own, None
        if own is not None:
            with suppress(DatabaseError):
                own.rollback()
            own.close()


@contextmanager
def try_lock(key: Lock, part: int | None = None) -> Iterator[bool]:
    """Try to take a lock and hold it until the block ends; yield whether it was taken. part: a second key."""
    lock = Held(key, part)
    try:
        yield lock.take()
    finally:
        lock.free()
