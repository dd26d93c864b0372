"""Checksums as catalogues write them, names that others chose, sizes, times, areas, and who makes way for whom."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, box

from ground_motion.core.http.faults import NoRoom
from ground_motion.readers.records import Direction
from ingest.models import SceneDownload
from ingest.sources.client.scene import (
    MAX_NAME_LENGTH,
    Checksum,
    checksum,
    coarse,
    direction_of,
    exact_bytes,
    file_checksum,
    from_multihash,
    moment_of,
    name_of,
    platform_of,
    safe_name,
    track_of,
)
from ingest.sources.queue import folder_bytes, make_way

DAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("prefix", "algorithm"),
    {"d50110": "md5", "1114": "sha1", "1220": "sha256", "2030": "sha384", "1340": "sha512", "93201c": "sha224"}.items(),
)
def test_a_multihash_names_its_hash(tmp_path, prefix, algorithm):
    digest = hashlib.new(algorithm, b"image").hexdigest()
    assert from_multihash((prefix + digest).upper()) == checksum(algorithm, digest) == Checksum(algorithm, digest)
    (tmp_path / "x").write_bytes(b"image")
    assert file_checksum(tmp_path / "x", algorithm).hexadecimal == digest
    assert checksum("SHA-256", "ab" * 32) == Checksum("sha256", "ab" * 32)
    assert checksum("MD5", "ab" * 32) is checksum("CRC32", "abcd1234") is None


@pytest.mark.parametrize(
    "text", ["", "zz", "1220abcd", "ff20" + "00" * 32, "d501", "80808080808001", "1220" + "00" * 33]
)
def test_what_is_no_multihash_is_no_checksum(text):
    assert from_multihash(text) is None


@given(st.text())
def test_no_text_makes_a_checksum_fail(text):
    assert from_multihash(text) is None or from_multihash(text).algorithm
    assert checksum("MD5", text) is None or len(text.strip()) >= 32


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("OPERA_L2_RTC-S1_T137-292320-IW2_v1.0_VV.tif", "OPERA_L2_RTC-S1_T137-292320-IW2_v1.0_VV.tif"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".bashrc", "bashrc"),
        ("..", "image"),
        ("", "image"),
        ("a\x00b\n.tif", "a_b_.tif"),
        ("räume; rm -rf.zip", "r_ume_rm_-rf.zip"),
    ],
)
def test_a_name_becomes_a_plain_base_name(text, name):
    assert safe_name(text) == name


@given(st.text(max_size=600))
def test_no_name_leaves_the_folder_or_is_too_long(text):
    name = safe_name(text, text)
    assert name
    assert name[0] not in ".-"
    assert "/" not in name
    assert name.isascii()
    assert len(name) <= MAX_NAME_LENGTH
    one, two = safe_name("a" * 400 + ".tif"), safe_name("a" * 401 + ".tif")
    assert one.endswith(".tif")
    assert one != two


def test_a_file_is_called_by_its_address_or_by_its_id():
    assert name_of("https://h.org/RTC/X_VV.tif?sig=1", "scene") == "X_VV.tif"
    assert name_of("https://h.org/odata/v1/Products(9c03)/$value", "S1A_IW.SAFE", "application/zip") == "S1A_IW.zip"
    assert name_of("https://h.org/get?id=7", "S1A_VV", "image/tiff; application=geotiff") == "S1A_VV.tif"
    assert name_of("https://h.org/%2e%2e%2f%2e%2e%2fx.tif", "s") == "x.tif"


@pytest.mark.parametrize(
    ("read", "known"),
    [
        (
            platform_of,
            {"Sentinel-1A": "S1A", "SENTINEL-1C": "S1C", "sentinel-1b": "S1B", "S1D": "S1D", "ALOS": "", None: ""}
            | {"NISAR": "NISAR", "nisar": "NISAR"},
        ),
        (track_of, {131: 131, "94": 94, "0": None, 176: None, None: None, "x": None}),
        (direction_of, {"ASCENDING": Direction.ASCENDING, "descending": Direction.DESCENDING, "NA": Direction.UNKNOWN}),
        (
            exact_bytes,
            {885840896.0: 885840896, 12: 12, 844.8: None, -1: None, 0: None, None: None, True: None, "12": None},
        ),
        (moment_of, {"2023-12-02T16:28:56Z": datetime(2023, 12, 2, 16, 28, 56, tzinfo=UTC), "yesterday": None}),
        (moment_of, {"2021-11-10T03:20:39.000": datetime(2021, 11, 10, 3, 20, 39, tzinfo=UTC)}),
    ],
)
def test_values_of_catalogues_become_ours_or_are_not_said(read, known):
    assert {value: read(value) for value in known} == known


def test_a_home_is_not_to_be_found_in_what_a_search_service_sees():
    home = Point(10.3931, 63.4305).buffer(0.002)
    (area,) = coarse([home])
    assert area.bounds == (10.3, 63.4, 10.4, 63.5)
    assert coarse([Point(10.3399, 63.4999).buffer(0.00001)])[0].equals(area)  # another home, the same box
    assert coarse([]) == []


def test_links_do_not_count_into_a_folder(tmp_path):
    (tmp_path / "x").write_bytes(bytes(100))
    (tmp_path / "far").symlink_to("/usr")
    assert 100 <= folder_bytes(tmp_path) < 200


@given(st.lists(st.tuples(st.floats(-179.9, 179.8), st.floats(-89.9, 89.8)), min_size=1, max_size=40))
def test_the_boxes_hold_every_area_and_are_never_many(places):
    areas = [box(x, y, x + 0.05, y + 0.05) for x, y in places]
    boxes = coarse(areas)
    assert 1 <= len(boxes) <= 20
    for area in areas:
        assert any(each.buffer(1e-9).covers(area) for each in boxes)


def file(key, days, size=10, loaded=True):
    state = SceneDownload.State.LOADED if loaded else SceneDownload.State.FAILED
    return SceneDownload(pk=key, bytes_done=size, finished_at=DAY - timedelta(days=days), state=state)


@pytest.mark.parametrize(("needed", "going"), [(15, [3, 4]), (31, [3, 4, 1, 2]), (0, []), (41, None)])
def test_the_oldest_loaded_files_make_way_first_and_refused_ones_last_and_none_where_all_are_too_few(needed, going):
    files = [file(1, 1), file(2, 9, loaded=False), file(3, 5), file(4, 3)]
    if going is None:
        with pytest.raises(NoRoom, match="Raise ACQUIRE_QUOTA_BYTES"):
            make_way(must_free_bytes=needed, processed=files)
    else:
        assert [f.pk for f in make_way(must_free_bytes=needed, processed=files)] == going
