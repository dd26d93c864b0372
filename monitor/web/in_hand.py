"""Costly requests in progress, in memory that outlives their web process, so that its parent can charge for them.

The parent makes one table for each web process before the fork. A row holds what is not charged yet of one request: the
seconds of its finished stretches of computing, when the running stretch began, and the account that is charged.
"""

import mmap
import os
import struct
import sys
import time
from typing import NamedTuple

from monitor.web import THREADS

_ROW = struct.Struct("dd64s")
_EMPTY = bytes(_ROW.size)
Table = bytearray | mmap.mmap


class Left(NamedTuple):
    """Request that ended with its process. account: as in `request_limits.account_of`; seconds: not charged yet."""

    account: str
    seconds: float


def table_make() -> mmap.mmap:
    """Return an empty table that a process shares with the processes that it forks."""
    return mmap.mmap(-1, _ROW.size * THREADS)


_table: Table = bytearray(_ROW.size * THREADS)  # of a process without such a parent, as in tests
_free = list(range(THREADS))


def table_use(table: Table) -> None:
    """Write the requests of this process into a table from now on."""
    global _table
    _table = table


def row_take() -> int | None:
    """Take a free row; None if there is none, as in a server with more threads than gunicorn has."""
    try:
        return _free.pop()
    except IndexError:
        return None


def row_write(row: int, account: str, seconds: float, since: float | None) -> None:
    """Write a request into its row.

    Args:
        row: as `row_take` returned it
        account: that is charged
        seconds: of finished stretches, not charged yet
        since: when the running stretch began, monotonic clock; None if the request does not compute
    """
    _ROW.pack_into(_table, row * _ROW.size, seconds, since or 0.0, account.encode())


def row_give_back(row: int) -> None:
    """Empty a row for another request."""
    _table[row * _ROW.size : (row + 1) * _ROW.size] = _EMPTY
    _free.append(row)


def requests_left(table: Table) -> list[Left]:
    """Return the computing time until now that is not charged yet, for each request in a table."""
    now = time.monotonic()  # All processes of a machine share this clock.
    rows = (_ROW.unpack_from(table, row * _ROW.size) for row in range(THREADS))
    return [
        Left(account.rstrip(b"\0").decode(), seconds + (now - since if since else 0.0))
        for seconds, since, account in rows
        if account.strip(b"\0")
    ]


def process_report(reason: str, left: list[Left]) -> None:
    """Have a new process record why a web process was ended, unless `reason` is empty, and charge its requests.

    The parent of the web processes cannot do so itself: it must not wait, and has not loaded Django.
    """
    if (not reason and not left) or "DATABASE_URL" not in os.environ:
        return
    charges = [f"{one.account}={one.seconds:.3f}" for one in left]
    os.posix_spawn(sys.executable, [sys.executable, "-m", "monitor.web.ended", reason, *charges], os.environ)
