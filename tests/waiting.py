"""How tests wait: until something holds, another thread has worked, or another worker made what all of them use.

The one ceiling is there against hanging; no working machine is that slow.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from django.conf import settings
from django.db import connection, connections
from django.db.models import Model

HANG_SECONDS = 600.0
Row = TypeVar("Row", bound=Model)


def wait_until(holds: Callable[[], object]) -> None:
    """Return as soon as `holds()` is true."""
    ends = time.monotonic() + HANG_SECONDS
    while not holds():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)


def reread(row: Row) -> Row:
    """Return a row as the database has it now."""
    row.refresh_from_db()
    return row


class Elsewhere(threading.Thread):
    """Work in another thread, on a connection of its own."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.work, self.result = work, None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.work()
        except Exception as fault:
            self.result = fault
        finally:
            connections.close_all()

    def returned(self) -> object:
        """What the work returned; its exception is raised here."""
        self.join(HANG_SECONDS)
        assert not self.is_alive(), "waited in vain"
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def once_per_run(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], str]) -> str:
    """What `make` returned for the folder `name`, called by whichever worker comes first; the others wait for it.

    Nothing is kept of a call that returns nothing.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    done = folder.with_suffix(".made")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir(exist_ok=True)
            if not (made := make(folder)):
                return ""
            done.write_text(made)
    return done.read_text()


def make_template(folder: Path) -> str:
    """Migrate a database that nothing is written to; its name."""
    usual, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    suffixed, test["NAME"] = test["NAME"], f"template_{usual}"
    made = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()
    test["NAME"] = suffixed
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = usual
    return made
