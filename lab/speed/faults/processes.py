"""Forked processes to be killed, and leases shortened so that they expire soon after a process is killed."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, connections

from ingest.foundation.leases import Lease


class Forked:
    """A function that runs in a forked process. All processes that it starts are in its process group."""

    def __init__(self, work: Callable[[], object]) -> None:
        connections.close_all()  # Processes must not share a connection.
        sys.stdout.flush()
        self.pid = os.fork()
        self._code: int | None = None
        os.setpgid(self.pid, 0)  # Both processes call this, so that the group exists whichever runs first.
        if self.pid == 0:
            code = 1
            try:
                work()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        """Return the exit code, or minus the signal if it was killed; None while it runs."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self) -> int:
        """Wait for the end of the process and return the exit code."""
        while (code := self.poll()) is None:
            time.sleep(0.01)
        return code

    def send(self, number: int) -> None:
        """Send a signal to the process alone, not to its group."""
        os.kill(self.pid, number)

    def kill(self) -> int:
        """Send SIGKILL to the whole group and return the exit code."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        return self.wait()


def wait_until_alone() -> None:
    """Wait until PostgreSQL has no other clients: it has then rolled back the transactions of the killed ones."""
    connection.close()
    while _others():
        time.sleep(0.05)


def _others() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'")
        return int(cursor.fetchone()[0])


@contextmanager
def lasting(lease: Lease[Any], duration: timedelta) -> Iterator[None]:
    """Shorten a lease in this process and in those forked within the block."""
    before = lease.duration
    object.__setattr__(lease, "duration", duration)
    try:
        yield
    finally:
        object.__setattr__(lease, "duration", before)
