"""The documents become a site without a warning, with a reference of all that the library offers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ground_motion

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_reference_names_all_that_others_may_import(site):
    page = (site / "library.html").read_text()
    assert [name for name in ground_motion.__all__ if f'id="ground_motion.{name}"' not in page] == []


def test_pages_load_nothing_from_another_host(site):
    loaded = re.compile(r'<(?:script|link|img|iframe)\b[^>]*(?:src|href)="(?:https?:)?//([^/"]+)')
    assert {host for path in site.rglob("*.html") for host in loaded.findall(path.read_text())} == set()
