"""What a failure is due to decides whether, and when, the work is tried again."""

import errno
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import torch
from django.db import DataError, OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError

from ground_motion.core.errors import InputError, UnusableData
from ingest.foundation.failures import MAX_FAULTS, Cause, cause_of, next_step, reason_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def of_database(fault: psycopg.Error) -> OperationalError:
    try:
        raise OperationalError(str(fault)) from fault
    except OperationalError as wrapped:
        return wrapped


def caused(fault: Exception, by: Exception) -> Exception:
    fault.__cause__ = by
    return fault


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), Cause.DISK),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), Cause.DISK),
        (OSError(errno.EIO, "Input/output error"), Cause.DISK),
        (OSError("a.tif: Free disk space available is 12 bytes, whereas 900 are needed"), Cause.DISK),
        (of_database(psycopg.errors.DiskFull("could not extend file")), Cause.DISK),
        (caused(InputError("a.zip", "it cannot be read", "Send it again"), OSError(errno.ENOSPC, "full")), Cause.DISK),
        (MemoryError(), Cause.MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), Cause.MEMORY),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), Cause.MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), Cause.MEMORY),
        (of_database(psycopg.errors.OutOfMemory("out of memory")), Cause.MEMORY),
        (of_database(psycopg.errors.AdminShutdown("terminating connection")), Cause.DATABASE),
        (of_database(psycopg.OperationalError("connection failed")), Cause.DATABASE),
        (of_database(psycopg.errors.DeadlockDetected("deadlock detected")), Cause.DATABASE),
        (BrokerError("Connection refused"), Cause.BROKER),
        (InputError("a.csv", "a column is missing", "Add it"), Cause.INPUT),
        (UnusableData("the images do not overlap"), Cause.INPUT),
        (of_database(psycopg.errors.QueryCanceled("statement timeout")), Cause.PROGRAM),
        (DataError("value out of range"), Cause.PROGRAM),
        (FileNotFoundError(errno.ENOENT, "No such file", "r1.tif"), Cause.PROGRAM),
        (ZeroDivisionError("division by zero"), Cause.PROGRAM),
    ],
)
def test_a_failure_is_due_to(fault, cause):
    assert cause_of(fault) is cause


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ended_is_a_failure_of_the_database():
    with connection.cursor() as cursor, pytest.raises(OperationalError) as ended:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert cause_of(ended.value) is Cause.DATABASE
    connection.close()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (OSError(errno.ENOSPC, "full"), "RASTER_DIR, or that of temporary files, is full: free space"),
        (of_database(psycopg.errors.DiskFull("full")), "The disk of the database is full: free space"),
        (OSError(errno.ENOSPC, "full", "/mnt/out"), "The disk of /mnt/out is full: free space"),
        (OSError(errno.EIO, "Input/output error"), "see whether it is mounted"),
        (MemoryError(), "--concurrency"),
        (of_database(psycopg.OperationalError("connection failed")), "see whether it runs"),
        (BrokerError("Connection refused"), "broker could not be used (Connection refused): see whether it runs"),
        (InputError("a.csv", "a column is missing", "Add it"), "a.csv: a column is missing. Add it."),
    ],
)
def test_a_reason_says_what_to_do(fault, words):
    assert words in reason_of(fault)


@pytest.mark.parametrize(("cause", "tries"), MAX_FAULTS.items())
def test_what_the_work_itself_may_cause_is_given_up_and_the_rest_is_tried_for_as_long_as_it_takes(cause, tries):
    faults, before, now, waits = 0, "", NOON, []
    for attempt in range(1, (tries or 100) + 1):
        step = next_step(cause, faults=faults, cause_before=before, now=now)
        assert (step.next_try_at is None) == (attempt == tries)
        faults, before = step.faults, str(cause)
        if step.next_try_at:
            waits.append((step.next_try_at - now) // timedelta(minutes=1))
            now = step.next_try_at
    if cause is Cause.DISK:
        assert waits[:6] == [1, 2, 4, 8, 16, 30]
        assert set(waits[6:]) == {30}


def test_an_hour_of_a_full_disk_leaves_a_fault_of_the_program_all_its_tries():
    assert next_step(Cause.PROGRAM, faults=9, cause_before="disk", now=NOON).faults == 1
    assert next_step(Cause.PROGRAM, faults=2, cause_before="lost", now=NOON).next_try_at is None
    assert set(MAX_FAULTS) == set(Cause)
    assert all(Cause.labels)
