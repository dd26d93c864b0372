"""The commands of the guide for systemd, as text; scripts/guide follows them in an empty Debian, in some minutes."""

import re
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = runpy.run_path(str(ROOT / "scripts" / "guide"))["blocks"]((ROOT / "docs" / "administrators.md").read_text())


@pytest.mark.parametrize("block", BLOCKS)
def test_the_commands_are_commands(block):
    read = subprocess.run(["bash", "-n"], input=block, check=False, capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")


def test_every_setting_of_the_guide_is_described():
    described = set(re.findall(r"^# (\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    settings = {name for block in BLOCKS for name in re.findall(r"^([A-Z_]{5,})=", block, re.MULTILINE)}
    assert "DATABASE_URL" in settings
    assert settings - {"REPOSITORY"} <= described


def test_every_unit_of_the_guide_exists():
    units = {name for block in BLOCKS for name in re.findall(r"ground-motion[\w-]*\.(?:target|timer)", block)}
    assert units
    assert [name for name in units if not (ROOT / "docker" / "systemd" / name).exists()] == []
