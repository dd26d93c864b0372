"""Locks: one holder, free when it dies, and no burden on the database while they are held."""

import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from ingest.foundation.locks import Held, Lock, try_lock
from tests.fixtures.servers import OWN_LOCKS
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
HOLD = """
import django
django.setup()
from ingest.foundation.locks import Lock, try_lock
with try_lock(Lock.STAGE, 7) as alone:
    print(alone, flush=True)
    input()
"""
OWN = f"{OWN_LOCKS} AS lock WHERE locktype = 'advisory' AND objid = 7"
HOLDERS = f"""
    SELECT state, backend_xid IS NULL AND backend_xmin IS NULL FROM pg_stat_activity
    WHERE pid IN (SELECT pid FROM {OWN})"""


def free() -> bool:
    with try_lock(Lock.STAGE, 7) as alone:
        return alone


def test_one_holder_at_a_time_who_keeps_no_row_from_being_vacuumed_and_notices_that_its_connection_is_ended():
    held = Held(Lock.STAGE, 7)
    assert held.take()
    assert held.take()
    assert not free()
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS)
        assert cursor.fetchall() == [("idle in transaction", True)]
    held.free()
    assert free()
    assert held.take()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) FROM {OWN}")
    with pytest.raises(Exception, match=r"terminat|closed|gone"):
        held.take()
    wait_until(held.take)
    held.free()


def test_the_lock_of_a_killed_process_is_free():
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    own = os.environ | {"DATABASE_URL": urlunsplit(database), "DJANGO_SETTINGS_MODULE": "monitor.settings"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD], env=own, **pipes) as holder:
        assert holder.stdout.readline() == "True\n"
        assert not free()
        holder.kill()
    wait_until(free)
