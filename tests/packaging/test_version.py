"""The version of the package is the one that CHANGELOG.md describes first.

While it is worked on its heading ends in "unreleased"; a release puts the day there, and the next work begins with a
new heading and the same number in both pyproject.toml.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+) - (unreleased|\d{4}-\d{2}-\d{2})")


def test_the_version_is_the_first_of_the_changelog():
    headings = [RELEASE.fullmatch(text) for text in HEADING.findall((ROOT / "CHANGELOG.md").read_text())]
    assert all(headings), 'write "## 1.2.3 - 2026-01-31", or "## 1.2.3 - unreleased" at the top'
    numbers = [tuple(int(part) for part in found.groups()[:3]) for found in headings]
    assert numbers == sorted(set(numbers), reverse=True)
    assert "unreleased" not in [found[4] for found in headings[1:]]
    version = ".".join(headings[0].groups()[:3])
    projects = [tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"] for folder in (".", "service")]
    assert [project["version"] for project in projects] == [version, version]
    assert f"ground-motion-monitor[tables]=={version}" in projects[1]["dependencies"]
