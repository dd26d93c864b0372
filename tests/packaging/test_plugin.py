"""A package of an agency adds a reader, a method and a channel by its entry points, without a line of ours changed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ground_motion.core import plugins
from ground_motion.readers.records import Submission
from ground_motion.runtime.methods import methods
from ingest.jobs import services as jobs
from ingest.jobs.confine import ForkServer
from ingest.jobs.given import JOBS
from ingest.models import IngestJob
from ingest.products.services import product_delete
from monitor.models.messages import OutgoingMessage
from monitor.notifications.base import Delivered, channel_open
from tests.waiting import HANG_SECONDS

ROOT = Path(__file__).resolve().parents[2]
OURS = {plugins.READERS: "egms", plugins.METHODS: "offsets", plugins.CHANNELS: "mail"}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder into which pip has installed the package."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target", str(folder)]
    package = str(Path(__file__).with_name("plugin"))
    subprocess.run([sys.executable, "-m", "pip", "install", *options, package], check=True, timeout=HANG_SECONDS)
    return folder


@pytest.fixture
def file(tmp_path) -> Path:
    """Still ground in a format that we do not know, and a bowl in it that sinks by 2 cm a year."""
    row, col = np.mgrid[:30, :30] - 14.5
    down_cm_yr = 2 * np.exp(-(row**2 + col**2) / 25)
    table = np.stack([6 + 0.0014 * col, 50 - 0.0009 * row, down_cm_yr], axis=-1).reshape(-1, 3)
    path = tmp_path / "levels.survey"
    np.savetxt(path, table, "%.6f %.6f %.3f", header="SURVEY OF NOWHERE", comments="")
    return path


def command(site: Path, *arguments: object) -> str:
    environment = os.environ | {"PYTHONPATH": str(site)}
    given = [sys.executable, "-m", "ml", *map(str, arguments)]
    return subprocess.run(given, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


def test_the_command_line_reads_its_files_and_runs_its_method(site, file, tmp_path):
    assert "Survey of Nowhere" in command(site, "inspect", file)
    assert "survey-limit" in command(site, "deformation", "--help")
    out = tmp_path / "p.tif"
    command(site, "deformation", file, "--method", "survey-limit", "--out", out)
    with rasterio.open(out) as raster:
        assert raster.tags()["model_version"] == "survey-limit 1"
        assert 10 < (raster.read(1) > 0.5).sum() < 200


@pytest.mark.django_db(transaction=True)
def test_the_confined_process_reads_its_files(site, file, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setattr(jobs, "JOBS", ForkServer(JOBS.module, JOBS.environment))  # The other has started without it.
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    job = jobs.job_queue(source="watch", path=file, original_name=file.name, submission=Submission())
    job = jobs.job_execute(job_id=job.pk)
    jobs.JOBS.retire()
    assert (job.state, job.error) == (IngestJob.State.LOADED, "")
    product = job.products.get()
    assert (product.source_format, product.n_points, product.component) == ("survey", 900, "up")
    product_delete(product=product)


@pytest.fixture
def installed(site, monkeypatch):
    """The package, also in this process."""
    monkeypatch.syspath_prepend(site)
    for kept in (plugins.entry_points_of, methods):
        kept.cache_clear()
    yield
    for kept in (plugins.entry_points_of, methods):
        kept.cache_clear()


def test_what_we_register_stands_beside_it(installed, settings):
    for group, name in OURS.items():
        assert {name, "board" if group == plugins.CHANNELS else "survey"} <= {*plugins.entry_points_of(group)}
    row = methods("deformation")["survey-limit"]
    assert (row.parameters(), [*methods("deformation")][-1]) == ({"limit_mm_yr": 5.0}, row.name)
    settings.CHANNELS = plugins.entry_points_of(plugins.CHANNELS)
    assert channel_open(name="board").deliver(OutgoingMessage(address="the town hall")) == Delivered()


def test_a_name_of_ours_cannot_be_taken(monkeypatch):
    theirs = plugins.EntryPoint("egms", "survey_plugin.reader", plugins.READERS)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [theirs])
    plugins.entry_points_of.cache_clear()
    with pytest.raises(ValueError, match=r"egms is registered as ground_motion\.readers\.velocity\.egms and as survey"):
        plugins.entry_points_of(plugins.READERS)
    plugins.entry_points_of.cache_clear()


def test_a_method_without_a_label_is_refused():
    with pytest.raises(ValueError, match="'nameless' of offsets has no label"):
        type(next(iter(methods("offsets").values())))("nameless", "1", "", code="")
