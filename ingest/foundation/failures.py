"""Causes of failed work, when the work is tried again, and when it is given up.

A full disk, missing memory or an unavailable database can recover, so that such work is tried again, at most half an
hour apart. Work on an unusable file is not tried again. This module has no side effects.
"""

import errno
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import TextChoices
from kombu.exceptions import OperationalError as BrokerError

from ground_motion.core.errors import FULL_DISK_ERRNOS, DiskFull, StorageFailed, UnusableData, one_line
from ground_motion.core.http.faults import SignInRefused, SourceError

FIRST_DELAY, MAX_DELAY = timedelta(minutes=1), timedelta(minutes=30)
FIRST_DELAY_OF_A_FAULT = timedelta(minutes=5)  # Only a few attempts are made, so they are spread out.
_DISK_FAILING = frozenset({errno.EIO, errno.EROFS, errno.ESTALE})
_DISK_FULL_WORDS = ("no space left on device", "disk quota exceeded", "free disk space available")  # GDAL has no errno
_MEMORY_WORDS = ("can't allocate memory", "cannot allocate memory", "out of memory")  # The words of torch
_SQL_DISK_FULL, _SQL_OUT_OF_MEMORY, _SQL_CANCELLED = "53100", "53200", "57014"
_SQL_PASSING = ("08", "40", "53", "57", "58")  # connection, conflict, resources, operator, system


class Cause(TextChoices):
    """Cause of a failure."""

    DISK = "disk", "the disk"
    MEMORY = "memory", "memory"
    DATABASE = "database", "the database"
    BROKER = "broker", "the message broker"
    ARCHIVE = "archive", "the archive"  # An archive of images is unreachable or overloaded.
    SIGN_IN = "sign-in", "the sign-in at the archive"  # The archive refuses our credentials.
    LOST = "lost", "its worker ended"
    STALLED = "stalled", "no progress"
    INPUT = "input", "the data"
    PROGRAM = "program", "a fault of this program"


# Failures in a row after which work is given up, for each cause; None: never.
MAX_FAULTS: dict[str, int | None] = {
    Cause.DISK: None,
    Cause.DATABASE: None,
    Cause.BROKER: None,
    Cause.ARCHIVE: None,
    Cause.SIGN_IN: None,
    Cause.MEMORY: 20,  # The work may need more memory than the machine has.
    Cause.LOST: 10,  # The work itself may kill its workers.
    Cause.STALLED: 3,
    Cause.PROGRAM: 3,
    Cause.INPUT: 1,
}
# Longer waits between attempts: a wrong password that is repeated often, for example, locks an account.
SPREAD_OUT = (Cause.PROGRAM, Cause.STALLED, Cause.SIGN_IN)


class Step(NamedTuple):
    """Consequence of a failure. faults: failures in a row; next_try_at: None if the work is given up."""

    faults: int
    next_try_at: datetime | None


def next_step(cause: Cause, *, faults: int, cause_before: str, now: datetime) -> Step:
    """Return the fault count and when failed work is tried again. Only faults of the same sort in a row are counted."""
    most = MAX_FAULTS[cause]
    same_sort = cause_before in MAX_FAULTS and (MAX_FAULTS[cause_before] is None) == (most is None)
    faults = faults + 1 if same_sort else 1
    if most is not None and faults >= most:
        return Step(faults, None)
    return Step(faults, now + delay(cause, faults))


def delay(cause: Cause, faults: int) -> timedelta:
    """Return the wait before the next attempt: 1, 2, 4 … 30 minutes; 5, 10 … for SPREAD_OUT; 0 for lost leases."""
    doublings = faults - 1 - (cause is Cause.LOST)
    first = FIRST_DELAY_OF_A_FAULT if cause in SPREAD_OUT else FIRST_DELAY
    return timedelta(0) if doublings < 0 else min(MAX_DELAY, first * 2 ** min(doublings, 10))


def cause_of(fault: BaseException) -> Cause:
    """Return the cause of an exception; DISK if any exception in its chain is a fault of the disk."""
    chain = list(_chain(fault))
    if any(_is_full(error) or (isinstance(error, OSError) and error.errno in _DISK_FAILING) for error in chain):
        return Cause.DISK
    return next((cause for error in chain if (cause := _own_cause(error))), Cause.PROGRAM)


def reason_of(fault: Exception) -> str:
    """Return why something failed and what to do about it, in one line for operators."""
    cause = cause_of(fault)
    if cause is Cause.DISK:
        return _disk_sentence(fault)
    if cause is Cause.MEMORY:
        return "There was not enough memory: let fewer workers run at a time (--concurrency), or give the machine more."
    if cause in (Cause.DATABASE, Cause.BROKER):
        name = cause.label.capitalize()
        return one_line(f"{name} could not be used ({first_line(fault)}): see whether it runs.")
    if isinstance(fault, SourceError):
        return str(fault)
    named = f"A fault in this program ({type(fault).__name__}: {fault})."
    return fault.sentence if isinstance(fault, UnusableData) else one_line(named)


def full_disk(fault: Exception) -> str:
    """Return what to say about a disk that is full or fails; an empty text for any other failure."""
    return reason_of(fault) if cause_of(fault) is Cause.DISK else ""


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)


def _own_cause(fault: BaseException) -> Cause | None:
    text, sqlstate = str(fault).lower(), _sqlstate(fault)
    if isinstance(fault, UnusableData):
        return Cause.INPUT
    if isinstance(fault, SourceError):
        return Cause.SIGN_IN if isinstance(fault, SignInRefused) else Cause.ARCHIVE
    if isinstance(fault, MemoryError) or sqlstate == _SQL_OUT_OF_MEMORY or getattr(fault, "errno", 0) == errno.ENOMEM:
        return Cause.MEMORY
    if isinstance(fault, RuntimeError) and any(words in text for words in _MEMORY_WORDS):
        return Cause.MEMORY
    if isinstance(fault, DatabaseError | InterfaceError):
        lost = not sqlstate and isinstance(fault, OperationalError | InterfaceError)
        passing = sqlstate.startswith(_SQL_PASSING) and sqlstate != _SQL_CANCELLED
        return Cause.DATABASE if lost or passing else Cause.PROGRAM
    return Cause.BROKER if isinstance(fault, BrokerError) else None


def _is_full(fault: BaseException) -> bool:
    if _sqlstate(fault) == _SQL_DISK_FULL or (isinstance(fault, OSError) and fault.errno in FULL_DISK_ERRNOS):
        return True
    return any(words in str(fault).lower() for words in _DISK_FULL_WORDS)


def _disk_sentence(fault: Exception) -> str:
    chain = list(_chain(fault))
    if stated := next((error for error in chain if isinstance(error, DiskFull | StorageFailed)), None):
        return str(stated)
    if not any(_is_full(error) for error in chain):
        return one_line(f"The disk could not be used ({first_line(fault)}): see whether it is mounted and healthy.")
    of_database = any(_sqlstate(error) == _SQL_DISK_FULL for error in chain)
    name = next((error.filename for error in chain if isinstance(error, OSError) and error.filename), None)
    file = f"The disk of {name}" if name else "The disk of RASTER_DIR, or that of temporary files,"
    disk = "The disk of the database" if of_database else file
    return f"{disk} is full: free space; manage.py prune --dry-run shows what may go."


def _sqlstate(fault: BaseException) -> str:
    """Return PostgreSQL's error code from psycopg's exception or Django's around it."""
    own = getattr(fault, "sqlstate", None) or getattr(fault.__cause__, "sqlstate", None)
    return str(own or "")


def first_line(fault: BaseException) -> str:
    """Return the first line of an exception's text, or its type where it has none."""
    return (str(fault).splitlines() or [type(fault).__name__])[0]
