"""ground-motion: one command for the methods on files and for the service."""

import subprocess
import sys
from pathlib import Path

import pytest

from ground_motion.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import sys
from ground_motion.__main__ import main
sys.argv = ["ground-motion", {argument!r}]
code = main()
assert not {{"django", "torch", "xarray"}} & set(sys.modules), "slow: torch was imported, or the service"
sys.exit(code)
"""


def called(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def nowhere(tmp_path) -> dict[str, str]:
    """An environment without settings: no database, no broker, no state of its own."""
    return {"GROUND_MOTION_VAR": str(tmp_path), "PATH": "/usr/bin:/bin"}


def test_help_lists_both_kinds_of_commands_without_a_database(nowhere):
    done = called("-c", PROBE.format(argument="--help"), environment=nowhere)
    assert done.returncode == 0, done.stderr
    for name in ("deformation", "coherence", "offsets", "train", "ingest", "run", "detect", "prepare", "manage"):
        assert name in done.stdout


def test_version_names_the_code(nowhere):
    done = called("-c", PROBE.format(argument="--version"), environment=nowhere)
    assert done.returncode == 0, done.stderr
    assert "(code " in done.stdout


def test_a_method_gets_its_arguments(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ground-motion", "deformation", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "usage: ground-motion deformation" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["manage", "check"], ["check"]])
def test_other_names_are_commands_of_the_service(monkeypatch, arguments):
    given = []
    monkeypatch.setattr(sys, "argv", ["ground-motion", *arguments])
    monkeypatch.setattr("monitor.start.program.execute_from_command_line", given.append)
    assert not main()
    assert given[0][1:] == ["check"]


def test_missing_settings_are_one_line(nowhere):
    done = called("-m", "ground_motion", "migrate", environment=nowhere)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "DATABASE_URL" in done.stderr
