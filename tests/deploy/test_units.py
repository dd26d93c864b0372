"""The units of docker/systemd, by systemd's own checkers; running them takes a machine that systemd started."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = "/opt/ground-motion-monitor"
UNITS = sorted(path.name for path in (ROOT / "docker" / "systemd").glob("*.service"))
MOST_EXPOSED = 20  # tenths of what systemd calls exposure: 100 is a unit without any restriction

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def installed(tmp_path) -> Path:
    """The units as they would be installed, for programs of this checkout."""
    folder = tmp_path / "units"
    shutil.copytree(ROOT / "docker" / "systemd", folder)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace(INSTALLED, str(ROOT)))
    return folder


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}
    return subprocess.run(["systemd-analyze", *arguments], env=environment, capture_output=True, text=True, check=False)


@needs_systemd
def test_systemd_finds_no_fault_in_the_units(installed):
    checked = analyze(installed, "verify", *map(str, [*installed.glob("*.service"), *installed.glob("*.t*")]))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_a_process_may_do_little_besides_its_work(installed, unit):
    options = ("--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}")
    checked = analyze(installed, "security", *options, str(installed / unit))
    assert checked.returncode == 0, checked.stdout


def test_every_process_of_the_procfile_has_a_unit_and_a_word_of_the_image_for_the_same_queues():
    entrypoint = (ROOT / "docker" / "entrypoint.sh").read_text()
    for line in (ROOT / "Procfile").read_text().splitlines():
        name, command = line.split(":", 1)
        unit = (ROOT / "docker" / "systemd" / f"ground-motion-{name}.service").read_text()
        wanted = queues(command) - {"gpu"}  # there, a worker of its own
        assert queues(unit) == wanted
        assert queues(re.search(rf"^  {name}\)(.*?);;", entrypoint, re.MULTILINE | re.DOTALL)[1]) == wanted


def queues(command: str) -> set[str]:
    match = re.search(r"--queues (\S+)", command)
    return set(match[1].split(",")) if match else set()
