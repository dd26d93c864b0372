"""A file takes no more points, and no more of the disk, than it may; where it would, nothing of it stays."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from django.core.management import call_command
from django.db import connection, transaction

from ground_motion.core.errors import DiskFull, InputError
from ground_motion.readers.records import Declaration, Submission
from ingest.foundation import disk
from ingest.jobs import services as jobs
from ingest.jobs.child import job_carry_out
from ingest.models import IngestJob, Product
from ingest.products.services import product_delete, product_load
from tests.makers.hostile import plain_tiff
from tests.makers.sources import every
from tests.service.ingest.products.test_loading import tables

pytestmark = pytest.mark.django_db

PERIOD = (date(2019, 1, 1), date(2023, 12, 31))
UP = Submission(declared=Declaration(unit="mm/yr", positive="up", period=PERIOD))
SOURCES = {(source.format, source.series): source for source in every()}.values()


def refused(path: Path, message: str, submission: Submission = UP, fault: type[Exception] = InputError) -> None:
    before = tables()
    with pytest.raises(fault, match=message) as refusal:
        product_load(path=path, submission=submission)
    assert str(refusal.value).startswith(str(path) if fault is InputError else "The database has")
    assert "\n" not in str(refusal.value)
    assert (tables(), Product.objects.count()) == (before, 0)


def constant_tiff(folder: Path, side: int, dtype: str = "int16") -> Path:
    path = folder / "velocity.tif"
    plain_tiff(
        path, width=side, height=side, dtype=dtype, compress="deflate", tiled=True, blockxsize=512, blockysize=512
    )
    return path


def constant_parquet(folder: Path, rows: int) -> Path:
    """Every column one value, which packs to nothing; also the ids, so only the bytes show it before all is copied."""
    point = pa.array([shapely.to_wkb(shapely.Point(11, 47))], pa.binary())
    columns = {"id": pa.array(["P1"]), "velocity": pa.array([3.0]), "geometry": point}
    table = pa.table({name: pa.chunked_array([column.take(np.zeros(rows, int))]) for name, column in columns.items()})
    geometry = {"encoding": "WKB", "geometry_types": ["Point"]}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    path = folder / "points.parquet"
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path, compression="zstd")
    return path


@pytest.mark.parametrize(("make", "positive"), [(constant_tiff, "up"), (constant_parquet, "toward")])
def test_very_many_points_in_some_thousand_bytes_are_refused_before_they_are_all_copied(tmp_path, make, positive):
    path = make(tmp_path, 1024 if make is constant_tiff else 300_000)
    assert path.stat().st_size < 8000
    declared = Declaration(unit="mm/yr", positive=positive, period=PERIOD)
    message = "bytes cannot hold the .* points that were read so far. Check where this file comes from"
    if make is constant_parquet:
        message = "200,000 of its rows stand at 1 places"
    refused(path, message, Submission(declared=declared))
    assert product_load(path=constant_tiff(tmp_path, 128), submission=UP).n_points == 128**2


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.format}-{source.series}")
def test_the_limit_of_points_holds_for_every_format(tmp_path, settings, source):
    settings.INGEST_MOST_POINTS = 7
    declared = replace(source.declared or Declaration(), period=None if source.series else PERIOD)
    remedy = "Cut it into pieces of at most 7 points"
    refused(source.make(tmp_path), remedy, Submission(declared=declared))


def test_a_file_that_the_disk_or_a_database_elsewhere_has_no_room_for_is_refused_with_what_is_missing(
    make_egms, settings, capsys
):
    settings.DISK_SPARE_BYTES = 10**18
    refused(make_egms(), "make room on its disk; manage.py prune", fault=DiskFull)
    with pytest.raises(SystemExit) as end:
        call_command("ingest", str(make_egms()))
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    settings.DISK_SPARE_BYTES = 0
    settings.DATABASE_MOST_BYTES = 10**6  # less than an empty database has
    refused(make_egms(), "room for 0.00 GB besides", fault=DiskFull)


def test_a_disk_that_fills_up_during_a_load_ends_it_and_nothing_of_it_stays(tmp_path, monkeypatch):
    rooms = iter([10**12, 10**12, *[0] * 1000])
    monkeypatch.setattr("ingest.products.loading.database_room_bytes", lambda: next(rooms))
    monkeypatch.setattr("ingest.products.loading.CHECK_SECONDS", 0)
    monkeypatch.setattr("ingest.products.loading.BYTES_A_COPY", 1)
    monkeypatch.setattr("ground_motion.readers.raster.BLOCK_PIXELS", 1)
    copied = []
    before = tables()
    with pytest.raises(DiskFull, match="room for 0"), transaction.atomic():
        product_load(path=constant_tiff(tmp_path, 32), submission=UP, progress=copied.append)
    assert sum(copied) == 32  # its first row
    assert (tables(), Product.objects.count()) == (before, 0)


@pytest.mark.django_db(transaction=True)
def test_a_job_without_room_waits_and_loads_once_there_is_some(make_egms, settings, monkeypatch):
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    path = make_egms(n=12)
    job = jobs.job_queue(source=IngestJob.Source.WATCH, path=path, original_name=path.name)
    claimed = jobs.job_claim(job_id=job.pk)
    settings.DISK_SPARE_BYTES = 10**18
    job_carry_out(job_id=job.pk, attempt=claimed.attempts)
    job.refresh_from_db()
    assert (job.state, Product.objects.count()) == (IngestJob.State.QUEUED, 0)
    assert "make room on its disk" in job.error
    settings.DISK_SPARE_BYTES = 0
    IngestJob.objects.filter(pk=job.pk).update(next_try_at=None)
    job_carry_out(job_id=job.pk, attempt=jobs.job_claim(job_id=job.pk).attempts)
    product_delete(product=Product.objects.get())


def test_the_disk_of_a_private_server_is_known_and_that_of_a_stranger_is_not(settings, monkeypatch):
    assert Path(disk.database_disk()).name == "postgres"
    assert disk.database_room_bytes() > 0
    elsewhere = SimpleNamespace(info=SimpleNamespace(host="db.example.org"))
    monkeypatch.setattr(disk, "connection", SimpleNamespace(connection=elsewhere, cursor=connection.cursor))
    assert disk.database_disk() == ""
    assert disk.database_room_bytes() is None
    settings.DATABASE_DISK_PATH = "/"
    assert disk.database_room_bytes() > 0
