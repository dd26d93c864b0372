"""A killed loader, a crashed database and a killed migration leave nothing half done; on servers of the test's own."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.fixtures.servers import owner_address, python
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.demo
def test_whoever_is_killed_leaves_nothing_in_part_nothing_lost_and_nothing_done_twice(own_servers, tmp_path):
    """Loaders, PostgreSQL in COPY, children of a worker's pool, whole workers, senders of each channel."""
    manage = [sys.executable, ROOT / "manage.py"]
    out = tmp_path / "faults.json"
    subprocess.run(
        [*manage, "bench", "faults", "--rounds", "1", "--json", out],
        env=own_servers | {"CELERY_SKIP_CHECKS": "1"},
        check=True,
    )
    rows = json.loads(out.read_text())["results"]
    none = [row for row in rows if "sent twice" not in row["what"]]  # of these the benchmark itself knows the bound
    assert [row["value"] for row in none] == [0] * 6
    assert [row["n"] for row in rows] == [1] * 8
    assert "PostgreSQL restarted 1 times (1 in mid-load)" in none[1]["what"]


LOADERS = """
import multiprocessing, sys, django
django.setup()
from django.core.management import call_command
from ingest.models import MeasurementPoint, Product
fork = multiprocessing.get_context("fork")
loaders = [fork.Process(target=call_command, args=("ingest", sys.argv[1])) for _ in range(8)]
for loader in loaders:
    loader.start()
for loader in loaders:
    loader.join()
print(sorted(loader.exitcode for loader in loaders), Product.objects.count(), MeasurementPoint.objects.count())
"""


@pytest.mark.demo
def test_eight_processes_with_one_file_make_one_product(own_servers, make_egms):
    """What they import is imported once, before they part."""
    loaded = python("-c", LOADERS, make_egms(n=3000), around=own_servers)
    assert loaded.stdout.splitlines()[-1] == "[0, 2, 2, 2, 2, 2, 2, 2] 1 3000"


def owner_of(environment: dict[str, str]) -> psycopg.Connection:
    return psycopg.connect(owner_address(environment), autocommit=True)


SCHEMA = """
    SELECT table_name, column_name, udt_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'
    UNION SELECT tablename::text, indexname::text, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
    UNION SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), '' FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace"""


WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
ALONE = "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"


@pytest.mark.demo
def test_a_migration_that_is_killed_is_undone_and_the_next_one_comes_to_the_same_tables(own_servers):
    """Killed in the middle of its work, and between its work and the row that says it is done."""
    migrate = [sys.executable, ROOT / "manage.py", "migrate", "--verbosity", "0", "--skip-checks"]
    with owner_of(own_servers) as owner:
        whole = set(owner.execute(SCHEMA).fetchall())
        subprocess.run([*migrate, "monitor", "0004"], env=own_servers, check=True)
        for statement, lock in (
            ("ALTER TABLE", "detection_alert IN ROW EXCLUSIVE MODE"),  # foreign keys come last
            ("INSERT INTO", "django_migrations IN SHARE MODE"),
        ):
            before = set(owner.execute(SCHEMA).fetchall())
            with owner_of(own_servers) as holder, holder.transaction():
                holder.execute(f"LOCK TABLE {lock}")
                kill_where_it_waits(subprocess.Popen([*migrate, "monitor", "0005"], env=own_servers), owner, statement)
            wait_until(lambda: owner.execute(ALONE).fetchone()[0])
            assert set(owner.execute(SCHEMA).fetchall()) == before
        subprocess.run(migrate, env=own_servers, check=True)
        assert set(owner.execute(SCHEMA).fetchall()) == whole


def kill_where_it_waits(process: subprocess.Popen, owner: psycopg.Connection, statement: str) -> None:
    """Kill a process whose statement waits for a lock; the server must not go on with it either."""

    def waits() -> bool:
        return owner.execute(WAITING, [f"{statement}%"]).fetchone() is not None

    wait_until(lambda: waits() or process.poll() is not None)
    assert waits()
    process.kill()
    process.wait()
    owner.execute(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) AS killed", [f"{statement}%"])
