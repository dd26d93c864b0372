"""The command that searches for new images, its place in the schedule, and what leaves this machine."""

import sys

import pytest
from django.contrib.gis.geos import MultiPolygon, Point
from django.core.management import CommandError, call_command
from django.utils import timezone

from ingest import tasks
from ingest.models import SceneDownload
from monitor import tasks as monitor_tasks
from monitor.models.subscriptions import Subscription
from monitor.schedule import BEAT_SCHEDULE
from monitor.subscribers.subscriptions.watched_areas import area_of, watched_areas
from tests.service.ingest.sources import recorded, replay
from tests.service.ingest.sources.wanted import DATA, State, fetched, wanted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


def list_at_asf(server, count=2) -> list[str]:
    names = [recorded.RTC.replace("279916", f"{number:06d}") for number in range(count)]
    granules = []
    for name in names:
        server.files[f"/RTC/OPERA-S1/{name}_VV.tif"] = DATA
        granules.append(recorded.rtc(server.address, {f"{name}_VV.tif": DATA}, name))
    recorded.cmr(server, granules)
    return names


def test_a_dry_run_lists_and_sums_and_the_command_fetches_what_is_new_and_only_that(server, capsys):
    names = list_at_asf(server)
    call_command("acquire", "--dry-run")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{names[0]}_VV  2023-12-02 16:28  0.3 MB"
    assert lines[-1] == "2 new images, 0.6 MB; 0 known already; 0 refused"
    assert SceneDownload.objects.count() == 0
    assert {request.method for request in server.requests} == {"POST"}
    call_command("acquire", "--limit", "1")
    assert SceneDownload.objects.count() == 1
    call_command("acquire")
    assert SceneDownload.objects.filter(state=State.FETCHED).count() == 2
    call_command("acquire")
    assert "0 new images, 0.0 MB; 2 known already; 0 refused" in capsys.readouterr().out


def test_an_address_elsewhere_is_refused_in_one_line_and_never_contacted(server, stranger, capsys):
    name = recorded.RTC
    recorded.cmr(server, [recorded.rtc(stranger.address, {f"{name}_VV.tif": DATA})])
    call_command("acquire")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{name}_VV  refused: 127.0.0.1:{stranger.server_port} is not among the hosts")
    assert SceneDownload.objects.count() == 0
    wanted(server)
    server.always["/S1A_one.zip"] = replay.redirect(f"{stranger.address}/x?signature=secret")
    (row,) = fetched()
    assert row.state == State.FAILED
    assert "OUTBOUND_HOSTS" in row.error
    assert "secret" not in row.error
    assert stranger.connections == 0


def test_a_stac_catalogue_is_searched_by_the_command(server, capsys):
    server.files["/safe"] = DATA
    recorded.stac(server, [recorded.item("S1A_X.SAFE", {"Product": recorded.whole(f"{server.address}/safe", DATA)})])
    call_command("acquire", "--source", "stac", "--area", "POLYGON ((10 63, 11 63, 11 64, 10 63))", "--days", "30")
    row = SceneDownload.objects.get()
    assert (row.state, row.file_name, row.source) == (State.FETCHED, "S1A_X.zip", "stac")


@pytest.mark.parametrize(
    ("changes", "area", "message"),
    [
        *(({}, area, "is no area") for area in ("1,2,3", "4,3,2,1", "POINT", "0,0,400,10", "POLYGON EMPTY")),
        ({}, "", r"^Searching ASF needs the extra: pip install"),
        ({"ACQUIRE_AREA": ""}, "", "Nothing is watched"),
        ({"ACQUIRE_AREA": "", "ACQUIRE_SOURCE": ""}, "", "no source"),
    ],
)
def test_without_source_area_or_extra_one_line_says_what_is_missing(settings, monkeypatch, changes, area, message):
    monkeypatch.setitem(sys.modules, "asf_search", None)
    for name, value in changes.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match=message):
        call_command("acquire", *(["--area", area] if area else []))


def test_only_coarse_boxes_of_confirmed_subscriptions_go_out(settings):
    settings.ACQUIRE_AREA = ""
    assert watched_areas() == []
    for longitude, latitude, confirmed_at in ((10.3931, 63.4305, timezone.now()), (20.05, 50.05, None)):
        Subscription.objects.create(
            email=f"{longitude}@example.org",
            region=MultiPolygon(Point(longitude, latitude, srid=4326).buffer(0.003)),
            kinds=["sinking"],
            lowest_severity="low",
            unreviewed=True,
            frequency="at-once",
            confirmed_at=confirmed_at,
        )
    assert [area.bounds for area in watched_areas()] == [(10.3, 63.4, 10.4, 63.5)]
    assert area_of("10,63,11,64").bounds == (10, 63, 11, 64)
    assert area_of("POLYGON ((10 63, 11 63, 11 64, 10 63))").area == 0.5


def test_the_schedule_searches_and_fetches_only_where_a_source_is_set(server, settings, caplog):
    scheduled = {row["task"] for row in BEAT_SCHEDULE.values()}
    assert {"monitor.tasks.search_images", "ingest.tasks.fetch_images"} <= scheduled
    server.files["/search/granules.umm_json"] = b"{}"
    server.always["/search/granules.umm_json"] = replay.status(503)
    settings.ACQUIRE_SOURCE = ""
    monitor_tasks.search_images()
    tasks.fetch_images()
    assert server.connections == 0
    settings.ACQUIRE_SOURCE = "asf"
    monitor_tasks.search_images()
    assert "no images can be searched for: 127.0.0.1 refuses the search (503)." in caplog.text
    list_at_asf(server)
    monitor_tasks.search_images()
    assert SceneDownload.objects.filter(state=State.WANTED).count() == 2
    tasks.fetch_images()
    assert SceneDownload.objects.filter(state=State.FETCHED).count() == 2


def test_credentials_are_for_their_own_hosts_and_stand_in_no_log_row_or_address(server, stranger, settings, caplog):
    settings.EARTHDATA_TOKEN = "topsecret"
    settings.EARTHDATA_TOKEN_HOSTS = [server.address]
    settings.OUTBOUND_HOSTS = [server.address, stranger.address]
    wanted(server)
    stranger.files["/signed"] = DATA
    server.always["/S1A_one.zip"] = replay.redirect(f"{stranger.address}/signed")
    with caplog.at_level("DEBUG"):
        (row,) = fetched()
    assert row.state == State.FETCHED
    assert server.requests[0].headers["Authorization"] == "Bearer topsecret"
    assert "Authorization" not in stranger.requests[0].headers
    assert "topsecret" not in caplog.text
    assert all("topsecret" not in str(value) for value in vars(row).values())
