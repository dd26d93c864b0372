"""A killed loader and a crashed database leave no product in part; on servers of the test's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DROPPED = {"DATABASE_URL", "REDIS_URL", "POSTGRES_OPTIONS"}  # the last switches off what these tests are about


@pytest.fixture
def own_servers(tmp_path):
    """PostgreSQL and Redis that nobody else uses, and may be taken down."""
    environment = {name: value for name, value in os.environ.items() if name not in DROPPED}
    environment["GROUND_MOTION_VAR"] = str(tmp_path / "var")
    services = ROOT / "scripts" / "services"
    subprocess.run([services, "start"], env=environment, check=True)
    yield environment
    subprocess.run([services, "remove"], env=environment, check=True)


@pytest.mark.demo
def test_no_fault_leaves_a_product_in_part(own_servers, tmp_path):
    manage = [sys.executable, ROOT / "manage.py"]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], env=own_servers, check=True)
    out = tmp_path / "faults.json"
    subprocess.run([*manage, "bench", "faults", "--rounds", "3", "--json", out], env=own_servers, check=True)
    results = json.loads(out.read_text())["results"]
    assert [row["value"] for row in results] == [0, 0]
    assert [row["n"] for row in results] == [3, 3]


@pytest.mark.demo
def test_eight_processes_with_one_file_make_one_product(own_servers, make_egms):
    manage, path = [sys.executable, ROOT / "manage.py"], make_egms(n=3000)
    subprocess.run([*manage, "migrate", "--verbosity", "0"], env=own_servers, check=True)
    loaders = [subprocess.Popen([*manage, "ingest", path], env=own_servers) for _ in range(8)]
    assert sorted(loader.wait() for loader in loaders) == [0, *[2] * 7]
    count = "from ingest.models import *; print(Product.objects.count(), MeasurementPoint.objects.count())"
    counted = subprocess.run(
        [*manage, "shell", "--verbosity", "0", "-c", count], env=own_servers, check=True, capture_output=True, text=True
    )
    assert counted.stdout.split() == ["1", "3000"]
