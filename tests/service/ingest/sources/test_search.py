"""The two search services, queried through their own libraries, against a server of recorded answers."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from shapely import box

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import HostRefused, NotInstalled, SearchFailed
from ground_motion.core.http.transport import Credential
from ground_motion.readers.records import Direction
from ingest.sources.client import asf, stac
from ingest.sources.client.scene import Checksum
from tests.service.ingest.sources import recorded, replay
from tests.waiting import HANG_SECONDS

pytest.importorskip("asf_search")
pytest.importorskip("pystac_client")

AREA = box(-148.0, 64.9, -147.9, 65.0)
START, END = datetime(2023, 11, 20, tzinfo=UTC), datetime(2023, 12, 4, tzinfo=UTC)
FILES = {f"{recorded.RTC}_{layer}": layer.encode() * 50 for layer in ("VH.tif", "VV.tif", "mask.tif")}
FILES |= {f"{recorded.RTC}.h5": b"metadata"}


WITHIN = {"area": AREA, "start": START, "end": END, "polarisation": "VV"}


def ask_asf(server: replay.Replay, products=("RTC",), most=50, allowed=None):
    allowed = allowed or AllowList.parse([server.address])
    return list(asf.search(**WITHIN, products=products, most=most, allowed=allowed, host=server.address))


def ask_stac(url, server: replay.Replay, credentials=(), most=50):
    asked = {"collection": "sentinel-1-grd", "most": most, "credentials": credentials}
    return list(stac.search(**WITHIN, url=url, allowed=AllowList.parse([server.address]), **asked))


def orbit_of(image):
    return image.platform, image.track, image.direction, image.polarisation


def test_asf_is_asked_for_area_time_and_product_and_an_opera_image_is_found_with_all_that_is_known_of_it(server):
    recorded.cmr(server, [recorded.rtc("https://datapool.asf.alaska.edu", FILES)])
    (image,) = ask_asf(server)
    assert image.scene_id == f"{recorded.RTC}_VV"
    assert image.file_name == f"{recorded.RTC}_VV.tif"
    assert image.url == f"https://datapool.asf.alaska.edu/RTC/OPERA-S1/{recorded.RTC}_VV.tif"
    assert (image.size_bytes, image.checksum.algorithm) == (300, "md5")
    assert orbit_of(image) == ("S1A", 131, Direction.DESCENDING, "VV")
    assert image.acquired_at == datetime(2023, 12, 2, 16, 28, 56, tzinfo=UTC)
    assert image.footprint.bounds == (-149.0, 64.8, -147.1, 65.1)
    (request,) = server.requests
    parameters = recorded.cmr_parameters(request)
    assert ("shortName", "OPERA_L2_RTC-S1_V1") in parameters
    assert ("temporal", "2023-11-20T00:00:00Z,2023-12-04T00:00:00Z,") in parameters
    areas = [value for name, value in parameters if name in {"polygon[]", "polygon", "bounding_box"}]
    assert any(value.startswith("-148.0,64.9,-147.9") for value in areas)
    assert "Authorization" not in request.headers


def test_a_grd_is_found_as_its_zip_and_asf_is_asked_page_after_page_and_no_further_than_wanted(server):
    recorded.cmr(server, [recorded.grd("https://datapool.asf.alaska.edu", b"zip" * 99)])
    (image,) = ask_asf(server, products=("GRD",))
    assert (image.scene_id, image.file_name) == (recorded.GRD, f"{recorded.GRD}.zip")
    assert (image.size_bytes, image.checksum.algorithm) == (297, "md5")
    assert orbit_of(image) == ("S1B", 94, Direction.ASCENDING, "VV+VH")
    parameters = recorded.cmr_parameters(server.requests.pop())
    assert {value for name, value in parameters if name == "shortName"} >= {"SENTINEL-1A_DP_GRD_HIGH"}
    names = [recorded.RTC.replace("279916", f"{number:06d}") for number in range(300)]
    recorded.cmr(server, [recorded.rtc("https://h.org", {f"{name}_VV.tif": b"x"}, name) for name in names])
    assert len({image.scene_id for image in ask_asf(server, most=1000)}) == 300
    assert [request.headers.get("CMR-Search-After") for request in server.requests] == [None, "250"]
    server.requests.clear()
    assert len(ask_asf(server, most=10)) == 10
    assert len(server.requests) == 1


def test_asf_is_asked_through_our_session_only_also_where_a_search_is_sent_elsewhere(server, stranger):
    server.always["/search/granules.umm_json"] = replay.redirect(stranger.address, 307)
    for asked in (server, stranger):
        with pytest.raises(HostRefused):
            ask_asf(asked, allowed=AllowList.parse([server.address]))
    assert stranger.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        *(replay.status(500), replay.status(400), lambda handler, data: handler.send(200, b"<html>"), replay.cut(0)),
        *({"hits": 1, "items": [{"meta": {}, "umm": {}}]}, {"hits": 1}, [], {"hits": 1, "items": [None]}),
    ],
)
def test_a_search_that_fails_is_one_line_at_once_and_is_reported_to_nobody(server, answer, monkeypatch):
    """The library would wait, and post what we searched for to a host of its own."""
    monkeypatch.setattr(requests, "post", lambda *args, **options: pytest.fail("reported"))
    path = "/search/granules.umm_json"
    if callable(answer):
        server.files[path], server.always[path] = b"{}", answer
    else:
        server.answers[path] = lambda request: (answer, {})
    with pytest.raises(SearchFailed, match=r"^(ASF|127)") as failed:
        ask_asf(server)
    assert "\n" not in str(failed.value)


def test_a_stac_catalogue_is_asked_page_after_page_with_its_token(server):
    items = [
        recorded.item(f"S1A_{number}", {"Product": recorded.whole(f"https://h.org/Products({number})/$value", b"x")})
        for number in range(5)
    ]
    url = recorded.stac(server, items)
    token = Credential(AllowList.parse([server.address]), lambda refused: "Bearer topsecret")
    assert [image.scene_id for image in ask_stac(url, server, (token,))] == [f"S1A_{number}" for number in range(5)]
    searches = [json.loads(request.body) for request in server.requests if request.path == "/stac/search"]
    assert len(searches) == 3
    assert searches[0]["collections"] == ["sentinel-1-grd"]
    assert searches[0]["bbox"] == [-148.0, 64.9, -147.9, 65.0]
    assert searches[0]["datetime"] == "2023-11-20T00:00:00Z/2023-12-04T00:00:00Z"
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer topsecret"}
    assert all("topsecret" not in request.path for request in server.requests)


def test_a_whole_image_of_a_catalogue_is_found_with_its_multihash(server):
    data = b"safe" * 100
    scene = "S1A_IW_GRDH_1SDV_20230413T135642_20230413T135707_048078_05C78B_1234.SAFE"
    asset = recorded.whole("https://download.dataspace.copernicus.eu/odata/v1/Products(9c03)/$value", data)
    url = recorded.stac(server, [recorded.item(scene, {"vv": {"href": "s3://eodata/x.tif"}, "Product": asset})])
    (image,) = ask_stac(url, server)
    assert image.file_name == scene.replace(".SAFE", ".zip")
    assert (image.size_bytes, image.checksum) == (400, Checksum("md5", asset["file:checksum"][6:]))
    assert orbit_of(image) == ("S1A", 131, Direction.DESCENDING, "VV+VH")
    assert image.acquired_at == datetime(2023, 4, 13, 13, 56, 42, 123456, tzinfo=UTC)


def test_of_a_catalogue_of_rasters_the_wanted_polarisation_is_taken_by_http(server):
    elsewhere = {"https": {"href": "https://h.org/vv.tif"}}
    raster = {"href": "s3://eodata/vv.tif", "type": "image/tiff", "alternate": elsewhere}
    url = recorded.stac(server, [recorded.item("S1A_X", {"vh": {"href": "./vh.tif"}, "vv": raster})])
    (image,) = ask_stac(url, server)
    assert (image.scene_id, image.polarisation, image.url) == ("S1A_X_VV", "VV", "https://h.org/vv.tif")
    assert image.checksum is None


@pytest.mark.parametrize("way", ["search", "next", "root", "file"])
def test_a_catalogue_that_points_elsewhere_is_refused_and_nobody_else_is_contacted(server, stranger, tmp_path, way):
    items = [recorded.item(f"S1A_{n}", {"Product": recorded.whole("https://h.org/$value", b"x")}) for n in range(3)]
    url = recorded.stac(server, items)
    (tmp_path / "secret.json").write_text("{}")
    elsewhere = str(tmp_path / "secret.json") if way == "file" else f"{stranger.address}/search"
    if way == "root":
        server.answers.pop("/stac")
        server.always["/stac"] = replay.redirect(f"{stranger.address}/stac")
    elif way == "search":
        catalog, _ = server.answers["/stac"](None)
        catalog["links"][-1]["href"] = elsewhere
    else:
        honest = server.answers["/stac/search"]

        def points_elsewhere(request):
            page, headers = honest(request)
            return {**page, "links": [{"rel": "next", "href": elsewhere}]}, headers

        server.answers["/stac/search"] = points_elsewhere
    with pytest.raises((HostRefused, SearchFailed) if way == "file" else HostRefused):
        ask_stac(url, server)
    assert stranger.connections == 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [(answer, "searched") for answer in (replay.status(401), replay.status(500), replay.cut(0))]
    + [(item, "understood") for item in ({"assets": None}, {"properties": []}, {"geometry": {"type": "Polygon"}})],
)
def test_a_catalogue_that_fails_or_cannot_be_understood_is_one_line(server, answer, message):
    if callable(answer):
        server.files["/stac"], server.always["/stac"] = b"{}", answer
    else:
        good = recorded.item("S1A_0", {"Product": recorded.whole("https://h.org/x.zip", b"x")})
        recorded.stac(server, [{**good, **answer}])
    with pytest.raises(SearchFailed, match=rf"^The catalogue at 127\.0\.0\.1 .*cannot be {message}"):
        ask_stac(f"{server.address}/stac", server)


def test_without_the_extra_one_line_says_what_to_install(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "asf_search", None)
    monkeypatch.setitem(sys.modules, "pystac_client", None)
    for ask in (lambda: ask_asf(server), lambda: ask_stac(f"{server.address}/stac", server)):
        with pytest.raises(NotInstalled, match=r"pip install '\.\[acquire\]'"):
            ask()


def test_neither_web_nor_worker_imports_the_libraries_at_its_start():
    root = Path(__file__).resolve().parent.parent.parent.parent.parent
    code = (
        "import sys, monitor.wsgi, monitor.urls, monitor.celery, ingest.tasks, monitor.tasks;"
        "sys.exit(bool({'asf_search', 'pystac_client'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False, timeout=HANG_SECONDS).returncode == 0
