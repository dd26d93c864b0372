"""Rasters in a real S3 server: whole or not at all, and read by ranges; the server refuses, breaks, is slow or busy."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from affine import Affine
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from ground_motion.core.errors import StorageFailed
from ground_motion.core.rasters import write_cog
from ingest.foundation.failures import Cause, cause_of, reason_of
from ingest.foundation.storage import objects, raster_entries, raster_put, raster_storage
from ingest.models import IngestJob, Scene
from ingest.scenes.services import scenes_load
from monitor.operations.health import site_checks
from monitor.operations.health.condition import Wrong
from monitor.operations.retention.services import KINDS
from tests.makers.wire import FAULTS, be_busy, with_the_rest

MB = 10**6


def written(path, pixels):
    values = np.random.default_rng(1).normal(size=(pixels, pixels)).astype(np.float32)
    write_cog(path, {"a": values}, Affine(30, 0, 4e5, 0, -30, 5e6), 32633, ["mm"], {})
    return path, values


@pytest.fixture
def cog(tmp_path):
    return written(tmp_path / "one.tif", 64)[0]


@pytest.mark.parametrize("storage_kind", ["disk", "s3"])
def test_a_raster_is_put_read_listed_and_deleted(tmp_path):
    cog, values = written(tmp_path / "one.tif", 64)
    storage = raster_storage()
    with raster_put(cog) as name:
        pass
    assert [entry.name for entry in raster_entries()] == [name]
    assert storage.size(name) == cog.stat().st_size
    with storage.open(name) as stream:
        assert stream.read() == cog.read_bytes()
    with storage.tiff(name) as raster:
        assert np.array_equal(raster.read(1), values)
    with raster_put(cog) as other:
        assert other != name
    storage.delete(other)
    with pytest.raises((FileNotFoundError, RasterioIOError)), storage.tiff(other):
        pass
    with pytest.raises(FileNotFoundError):
        storage.open(other)
    with pytest.raises(ZeroDivisionError), raster_put(cog):
        raise ZeroDivisionError
    assert [entry.name for entry in raster_entries()] == [name]


@pytest.mark.parametrize("storage_kind", ["disk", "s3"])
def test_the_doctor_writes_and_compares_the_clocks(storage_kind, monkeypatch):
    assert site_checks.storage().startswith("writable")
    assert [*raster_entries()] == []
    if storage_kind == "s3":
        monkeypatch.setattr(objects, "now", lambda: timezone.now() + timedelta(minutes=10))
        with pytest.raises(Wrong, match=r"clock of this machine is 6\d\d s ahead"):
            site_checks.storage()


def test_a_tile_of_a_large_raster_moves_little_and_a_second_one_less(wire, tmp_path):
    path, values = written(tmp_path / "large.tif", 2000)
    assert path.stat().st_size > 14 * MB
    with raster_put(path) as name:
        pass
    wire.mend()
    found = []

    def read():  # in a thread of its own, as the web process does
        with raster_storage().tiff(name) as raster:
            found.append(raster.read(1, window=Window(1024, 1024, 256, 256)))

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert np.array_equal(found[0], values[1024:1280, 1024:1280])
    cold = wire.received
    assert 100_000 < cold < 2 * MB
    read()
    assert wire.received == cold


@pytest.mark.parametrize("begin", FAULTS)
def test_nothing_is_half_stored_or_read_and_the_error_is_clear_and_later_all_is_well(wire, tmp_path, begin):
    path, values = written(tmp_path / "one.tif", 1200)
    begin(wire)
    message = r"The object store s3://.* could not be used .*see whether it runs"
    with pytest.raises(StorageFailed, match=message) as error, raster_put(path):
        pytest.fail("nothing was stored")
    assert cause_of(error.value) == Cause.DISK  # tried again for as long as it takes
    assert reason_of(error.value) == str(error.value)
    assert "made up" not in str(error.value)
    wire.mend()
    assert [*raster_entries()] == []
    with raster_put(path) as name:
        pass
    assert [entry.name for entry in raster_entries()] == [name]
    begin(wire)
    wire.breaks_after = wire.breaks_after and 1
    with pytest.raises(StorageFailed), raster_storage().tiff(name) as raster:
        raster.read(1)
    wire.mend()
    with raster_storage().tiff(name) as raster:
        assert np.array_equal(raster.read(1), values)


@with_the_rest
@pytest.mark.django_db
def test_an_image_whose_upload_fails_leaves_no_row_and_no_object_and_is_loaded_later(wire, make_rtc):
    path = make_rtc()
    be_busy(wire)
    with pytest.raises(StorageFailed):
        scenes_load(path=path)
    wire.mend()
    assert not Scene.objects.exists()
    assert [*raster_entries()] == []
    (scene,) = scenes_load(path=path)
    assert raster_storage().exists(scene.raster.name)


@pytest.mark.django_db
@pytest.mark.parametrize("storage_kind", ["s3"])
def test_objects_without_a_row_and_uploads_without_an_end_are_swept_up(cog, monkeypatch):
    storage = raster_storage()
    with raster_put(cog):
        pass
    given = [storages["inputs"]._save(key, ContentFile(b"x")) for key in ("uploads/a/a.csv", "watched/b/b/part.csv")]
    IngestJob.objects.create(source="watch", original_name="b", stored_path="watched/b/b")
    lost, client = KINDS[-1], storage.connection.meta.client
    assert [*lost.due()] == []
    client.create_multipart_upload(Bucket=storage.bucket_name, Key=storage.key("never.tif"))
    monkeypatch.setattr("monitor.operations.retention.services.ORPHAN_AFTER", timedelta(seconds=-60))
    for over in lost.due():
        over.delete()
    assert [*raster_entries()] == []
    assert [entry.name for entry in storages["inputs"].entries()] == given[1:]
    uploads = client.list_multipart_uploads(Bucket=storage.bucket_name).get("Uploads", [])
    assert not [upload for upload in uploads if upload["Key"].startswith(storage.location)]
