"""What is given on a page is read in a process of its own: its end, its memory and a full disk are not the site's."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from core.errors import InputError
from ingest.jobs.given import LIMITS, NotRead, read_given
from tests.makers.hostile_boundaries import geojson, random_star


def picture(width: int, height: int, form: str, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert(mode).save(out, form)
    return out.getvalue()


def test_a_reader_that_would_compute_for_minutes_is_ended():
    with pytest.raises(NotRead):
        read_given("boundary", geojson(random_star(480, seed=1)))


@pytest.mark.parametrize(
    ("size", "form", "mode", "kept"),
    [
        ((6000, 4000), "PNG", "RGBA", (6000, 4000)),
        ((6000, 4000), "JPEG", "RGB", (6000, 4000)),
        ((12_000, 8000), "JPEG", "RGB", (6000, 4000)),  # read at half its size
    ],
)
def test_the_largest_pictures_fit_into_the_limits(size, form, mode, kept):
    drawn = Image.open(io.BytesIO(read_given("picture", picture(*size, form, mode))))
    assert (drawn.size, drawn.format, drawn.mode) == (kept, form, mode)


@pytest.mark.parametrize(
    ("size", "form", "message"),
    [((7700, 7700), "PNG", "59 megapixels"), ((12_000, 9000), "JPEG", "108 megapixels")],
)
def test_larger_pictures_are_refused_before_they_are_unpacked(size, form, message):
    with pytest.raises(InputError, match=message):
        read_given("picture", picture(*size, form))


def test_the_reading_process_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    read_given("sites", b"lat,lon\n47,-12\n", radius_m=200)
    with pytest.raises(NotRead):
        read_given("boundary", geojson(random_star(480, seed=1)))
    assert not list(tmp_path.iterdir())


FULL = """
import os, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", sys.argv[1]], check=True)
import django
django.setup()
from core.errors import DiskFull
from ingest.jobs.given import read_given
try:
    read_given("boundary", b"{" + b" " * 100_000)
except OSError as fault:
    print(fault.errno)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")
def test_a_full_disk_is_an_error_of_the_disk(tmp_path):
    command = ["unshare", "--mount", sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(
        command,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "28", done.stderr
    assert LIMITS.memory_bytes == 512 * 2**20
