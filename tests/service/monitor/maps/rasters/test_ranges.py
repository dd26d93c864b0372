"""Rasters by byte ranges (RFC 9110, section 14), on a disk and in an object store."""

import pytest
from django.core.files.base import ContentFile
from rasterio.io import MemoryFile

from ingest.foundation.storage import raster_put_back
from ml.models import Prediction

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("storage_kind", ["disk", "s3"])]


@pytest.fixture
def raster(storage_kind, pair_predictions, request) -> tuple[str, bytes]:
    """The address of a raster, and its bytes."""
    row = Prediction.objects.order_by("pk").first()
    with row.raster.open("rb") as file:
        return f"/rasters/{row.pk}.tif", file.read()


def body(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_a_range_is_answered_by_these_bytes_alone(client, raster):
    address, whole = raster
    size = len(whole)
    spans = {"0-0": (0, 1), "10-99": (10, 100), f"{size - 5}-": (size - 5, size), "-7": (size - 7, size)}
    spans |= {f"5-{size + 9}": (5, size), f"-{size + 9}": (0, size), f"3-{'9' * 30}": (3, size)}
    for asked, (first, end) in spans.items():
        answer = client.get(address, headers={"Range": f"bytes={asked}"})
        assert answer.status_code == 206, asked
        assert body(answer) == whole[first:end]
        assert answer["Content-Range"] == f"bytes {first}-{end - 1}/{size}"
        assert answer["Content-Length"] == str(end - first)


def test_without_a_range_the_file_is_whole_and_says_that_ranges_may_be_asked(client, raster):
    address, whole = raster
    answer = client.get(address)
    assert (answer.status_code, answer["Accept-Ranges"], answer["Content-Type"]) == (200, "bytes", "image/tiff")
    assert body(answer) == whole
    head = client.head(address, headers={"Range": "bytes=0-9"})
    assert (head.status_code, head["Content-Length"], head["Accept-Ranges"]) == (200, str(len(whole)), "bytes")
    assert head["ETag"] == answer["ETag"]
    assert "Content-Range" in head["Access-Control-Expose-Headers"]
    assert body(client.get(address, headers={"Range": "lines=1-2"})) == whole


def test_a_range_that_cannot_be_answered_is_refused_with_the_size(client, raster):
    address, whole = raster
    for wrong in (f"{len(whole)}-", "9-3", "-0", "-", "x-y", "0-1,5-6", "1-2-3", "", f"{'9' * 5000}-", "-1-"):
        answer = client.get(address, headers={"Range": f"bytes={wrong}"})
        assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{len(whole)}"), wrong


def test_a_range_of_a_file_that_has_changed_is_not_mixed_with_the_old_one(client, raster):
    address, whole = raster
    etag = client.head(address)["ETag"]
    part = {"Range": "bytes=0-9"}
    assert body(client.get(address, headers=part | {"If-Range": etag})) == whole[:10]
    for other in ('"another"', f"W/{etag}", "Thu, 01 Jan 2026 00:00:00 GMT"):
        answer = client.get(address, headers=part | {"If-Range": other})
        assert (answer.status_code, body(answer)) == (200, whole)
    assert client.get(address, headers=part | {"If-None-Match": etag}).status_code == 304
    assert client.get(address, headers=part | {"If-Match": '"another"'}).status_code == 412


def test_what_is_served_is_cloud_optimised_and_what_was_cut_short_or_is_gone_is_refused(client, raster, caplog):
    address, whole = raster
    with MemoryFile(whole) as file, file.open() as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    stored, etag = Prediction.objects.order_by("pk").first().raster, client.head(address)["ETag"]
    part = {"Range": "bytes=0-9"}
    stored.storage.delete(stored.name)
    raster_put_back(stored.name, ContentFile(whole[: len(whole) // 2]))
    # Rasters were stored before sizes were recorded: parts of both contents are not joined.
    answer = client.get(address, headers=part | {"If-Range": etag})
    assert (answer.status_code, answer["Content-Length"]) == (200, str(len(whole) // 2))
    assert answer["ETag"] != etag
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 200
    Prediction.objects.update(raster_bytes=len(whole))
    for headers in ({}, part, part | {"If-Range": etag}, {"If-None-Match": etag}, {"If-Match": etag}):
        answer = client.get(address, headers=headers)
        assert answer.status_code == 503, headers
        assert answer.get("ETag") != etag
    assert f"has {len(whole) // 2} bytes instead of {len(whole)}" in caplog.text
    Prediction.objects.update(raster="gone.tif")
    answer = client.get(address, headers=part)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
