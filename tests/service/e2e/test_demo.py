"""scripts/demo as a newcomer would run it: everything from nothing, in a state folder that these tests share."""

import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from lab.speed.servers import free_port
from tests.fixtures.servers import ADDRESSES
from tests.makers import geotiff
from tests.waiting import HANG_SECONDS

ROOT = Path(__file__).resolve().parent.parent.parent.parent
pytestmark = pytest.mark.demo
DROPPED = {*ADDRESSES, "GROUND_MOTION_DATABASE", "DJANGO_SETTINGS_MODULE", "POSTGRES_OPTIONS"}


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory, migrated_cluster) -> Iterator[dict[str, str]]:
    """The environment without anything that the tests themselves use. The database for files is migrated already; the
    demo makes that of the simulated country.
    """
    kept = {key: value for key, value in os.environ.items() if key not in DROPPED}
    own = kept | {"GROUND_MOTION_VAR": str(tmp_path_factory.mktemp("demo") / "var")}
    own["POSTGRES_TEMPLATE"] = migrated_cluster
    yield own
    services(own, "remove")


@pytest.fixture(scope="module")
def first_start(surroundings) -> subprocess.CompletedProcess:
    """The demo from nothing to its first alert, once for all that need it."""
    return demo(surroundings, "--check")


def demo(surroundings, *arguments) -> subprocess.CompletedProcess:
    command = [str(ROOT / "scripts" / "demo"), "--port", str(free_port()), *arguments]
    how = {"capture_output": True, "text": True, "timeout": 2 * HANG_SECONDS}
    return subprocess.run(command, env=surroundings, **how, check=False)


def services(surroundings, verb="status") -> str:
    command = [str(ROOT / "scripts" / "services"), verb]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False).stdout.strip()


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=HANG_SECONDS) as answer:
        return answer.read()


def test_without_files_the_simulated_region_becomes_alerts_and_everything_is_stopped(first_start, surroundings):
    assert first_start.returncode == 0, first_start.stderr
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/alerts/[0-9A-Z]{4}/", first_start.stdout.splitlines()[-1])
    assert services(surroundings) == "nothing runs"


def test_the_bulletin_names_every_simulated_change_of_trend_and_nothing_else(first_start):
    """The service promises at most one other place per 1,000 clusters; the ground of the demo is fixed and has none."""
    said = re.search(r"bulletin: (\d) of (\d) simulated .* other places: (\d+) for (\d+) clusters", first_start.stderr)
    assert said, first_start.stderr
    named, put_in, others, n_clusters = map(int, said.groups())
    assert (named, put_in, others) == (3, 3, 0)
    assert n_clusters > 50_000


def test_queue_and_lists_begin_with_what_matters_and_end_with_what_rests(first_start):
    """The check itself compares every list with the rule, and refuses a place at rest before a moving one."""
    said = re.search(
        r"order: the queue is (.+); the mine that speeds up under buildings is number (\d)", first_start.stderr
    )
    assert said, first_start.stderr
    assert len(said[1].split(", ")) > 8
    assert int(said[2]) <= 3


def test_a_bad_file_alone_ends_the_demo_with_its_one_line(surroundings, tmp_path):
    bad = tmp_path / "cut.zip"
    bad.write_bytes(b"PK\x03\x04")
    done = demo(surroundings, "--check", str(bad))
    assert done.returncode == 2
    assert f"{bad}: this is not a whole zip file" in done.stderr
    assert "Traceback" not in done.stderr
    assert services(surroundings) == "nothing runs"


def test_files_beside_a_bad_one_are_served_until_ctrl_c_stops_what_it_started_and_nothing_else(surroundings, tmp_path):
    """What is declared is used for the file that lacks it; the rest is listed. A server that was there before stays."""
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "LICENSE").write_text("free")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    geotiff.make(tmp_path / "deep" / "er", name="vel.tif")
    declared = ["--unit", "mm/yr", "--positive", "toward", "--period", "2019-01-01/2023-12-31"]
    services(surroundings, "start")
    # A shell's background jobs ignore SIGINT, and so would all that these tests start there: Ctrl-C must be heard.
    command = ["env", "--default-signal=INT", str(ROOT / "scripts" / "demo"), *declared, str(tmp_path)]
    address = f"http://127.0.0.1:{(port := free_port())}/"
    command += ["--port", str(port)]
    with subprocess.Popen(
        command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            said = "".join(takewhile(lambda line: f"is at {address} " not in line, process.stdout))
            assert "Loaded: 1\n" in said
            assert f"Refused: 1\n  {tmp_path}/cut.zip: this is not a whole zip file" in said
            assert f"Left alone: 1\n  {tmp_path}/: LICENSE" in said
            assert b"vel" in fetch(f"{address}products/")
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(timeout=HANG_SECONDS) == 130
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    with pytest.raises(OSError, match="refused"):
        fetch(address)
    assert "PostgreSQL runs" in services(surroundings)
    services(surroundings, "stop")
    assert services(surroundings) == "nothing runs"


def test_a_port_that_is_taken_is_named(surroundings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = demo(surroundings, "--check", "--port", str(taken.getsockname()[1]))  # the last port counts
    assert done.returncode == 1
    assert "taken" in done.stderr
    assert services(surroundings) == "nothing runs"
