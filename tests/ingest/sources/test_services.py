"""An image is wanted once, fetched once, given to the jobs that load files, and makes way when others need its room."""

import hashlib
import random
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from shapely import box

from ingest import jobs, tasks
from ingest.job_environment import job_environment
from ingest.models import IngestJob, Scene, SceneDownload
from ingest.readers.records import Direction
from ingest.sources import services
from ingest.sources.checksums import Checksum
from ingest.sources.faults import NoRoom
from ingest.sources.found import FoundScene
from monitor import tasks as monitor_tasks
from monitor.schedule import BEAT_SCHEDULE
from monitor.watched_areas import area_of, watched_areas
from tests.ingest.sources import recorded, replay

State = SceneDownload.State
DATA = random.Random(11).randbytes(300_000)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def configured(settings, tmp_path, server, monkeypatch):
    """A folder of its own, one listed server, and a broker that hears nothing."""
    settings.ACQUIRE_FOLDER = str(tmp_path / "downloads")
    settings.OUTBOUND_HOSTS = [server.address]
    settings.ACQUIRE_SOURCE, settings.ACQUIRE_ASF_HOST = "asf", server.address
    settings.ACQUIRE_STAC_URL = f"{server.address}/stac"
    settings.ACQUIRE_SPARE_BYTES, settings.ACQUIRE_QUOTA_BYTES = 0, 10**9
    settings.ACQUIRE_READ_SECONDS = 20.0
    settings.EARTHDATA_TOKEN = settings.EARTHDATA_USER = settings.EARTHDATA_PASSWORD = settings.STAC_TOKEN = ""
    settings.ACQUIRE_AREA = "-148.2,64.9,-147.9,65.0"
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)


def scene(server: replay.Replay, name="S1A_one", data=DATA, **other) -> FoundScene:
    server.files[f"/{name}.zip"] = data
    values = {
        "source": "asf", "scene_id": name, "url": f"{server.address}/{name}.zip", "file_name": f"{name}.zip",
        "size_bytes": len(data), "checksum": Checksum("md5", hashlib.md5(data).hexdigest()), "platform": "S1A",
        "track": 131, "direction": Direction.DESCENDING, "polarisation": "VV",
        "acquired_at": datetime(2026, 11, 1, tzinfo=UTC), "footprint": box(10, 63, 11, 64),
    }  # fmt: skip
    return FoundScene(**{**values, **other})


def wanted(server, name="S1A_one", **other) -> SceneDownload:
    (row,) = services.scenes_want(found=[scene(server, name, **other)])
    return row


def fetched(**options) -> list[SceneDownload]:
    return services.downloads_fetch(sleep=lambda seconds: None, **options)


def settle_job(row: SceneDownload, state=IngestJob.State.LOADED, error="", days_ago=0) -> None:
    row.refresh_from_db()
    IngestJob.objects.filter(pk=row.job_id).update(state=state, error=error)
    services.downloads_settle()
    SceneDownload.objects.filter(pk=row.pk).update(finished_at=timezone.now() - timedelta(days=days_ago))


def test_an_image_is_fetched_and_given_to_the_jobs(server, monkeypatch):
    given = []
    real = services.job_queue
    monkeypatch.setattr(services, "job_queue", lambda **options: given.append(options) or real(**options))
    wanted(server)
    (row,) = fetched()
    assert (row.state, row.error, row.bytes_done, row.attempts) == (State.FETCHED, "", len(DATA), 1)
    assert Path(row.stored_path).read_bytes() == DATA
    assert Path(row.stored_path).name == "S1A_one.zip"
    assert (row.job.source, row.job.state, row.job.stored_path) == ("fetched", "queued", row.stored_path)
    assert row.job.track == 131
    declared = given[0]["given"].declared
    assert (declared.polarisation, declared.platform, declared.direction) == ("VV", "S1A", Direction.DESCENDING)
    assert declared.acquired_at == row.acquired_at
    assert row.footprint.extent == (10, 63, 11, 64)


def test_of_a_file_with_two_polarisations_none_is_declared(server, monkeypatch):
    given = []
    real = services.job_queue
    monkeypatch.setattr(services, "job_queue", lambda **options: given.append(options) or real(**options))
    wanted(server, polarisation="VV+VH")
    fetched()
    assert given[0]["given"].declared.polarisation is None


def test_an_image_is_wanted_once(server):
    assert len(services.scenes_want(found=[scene(server), scene(server)])) == 1
    assert services.scenes_want(found=[scene(server)]) == []
    assert SceneDownload.objects.count() == 1


def test_the_newest_image_is_fetched_first(server):
    for day in (3, 9, 6):
        wanted(server, f"S1A_{day}", acquired_at=datetime(2026, 11, day, tzinfo=UTC))
    assert [row.scene_id for row in fetched()] == ["S1A_9", "S1A_6", "S1A_3"]


def test_a_refused_file_says_so_in_its_row_in_the_words_of_its_job(server):
    row = wanted(server)
    fetched()
    settle_job(row, IngestJob.State.REJECTED, "S1A_one.zip: no measurement. Fetch it again.")
    row.refresh_from_db()
    assert (row.state, row.error) == (State.FAILED, "S1A_one.zip: no measurement. Fetch it again.")


def test_a_real_reader_refuses_what_is_no_image_and_the_row_tells_why(server, transactional_db):
    row = wanted(server)
    fetched()
    row.refresh_from_db()
    jobs.job_execute(job_id=row.job_id)
    services.downloads_settle()
    row.refresh_from_db()
    assert row.state == State.FAILED
    assert row.error.startswith("S1A_one.zip: ")


def test_a_fetched_image_is_loaded(server, transactional_db, make_rtc, settings, tmp_path, monkeypatch):
    monkeypatch.setenv("RASTER_DIR", str(tmp_path / "rasters"))
    path = make_rtc()
    row = wanted(
        server, path.stem, data=path.read_bytes(), file_name=path.name, track=None, direction=Direction.UNKNOWN
    )
    fetched()
    row.refresh_from_db()
    jobs.job_execute(job_id=row.job_id)
    services.downloads_settle()
    row.refresh_from_db()
    assert (row.state, row.error) == (State.LOADED, "")
    assert Scene.objects.get().file_name == path.name


def test_what_was_loaded_by_hand_is_not_fetched(server, make_rtc, settings):
    from ingest.scene_services import scenes_load

    path = make_rtc()
    scenes_load(path=path)
    recorded.cmr(server, [recorded.rtc(server.address, {path.name: b"x"}, path.stem)])
    found = services.scenes_search(source="asf", areas=[box(0, 0, 1, 1)], days=14)
    assert (found.new, found.known) == ([], 1)


@pytest.mark.parametrize(("code", "said"), [(401, "EARTHDATA_TOKEN"), (404, "removed")])
def test_a_refusal_is_final_and_says_what_to_set(server, code, said):
    wanted(server)
    server.always["/S1A_one.zip"] = replay.status(code)
    (row,) = fetched()
    assert row.state == State.FAILED
    assert said in row.error
    assert fetched() == []
    assert services.downloads_retry() == 1
    server.always.clear()
    assert fetched()[0].state == State.FETCHED


def test_wrong_bytes_three_times_are_final(server):
    wanted(server)
    server.always["/S1A_one.zip"] = replay.wrong
    (row,) = fetched()
    assert (row.state, row.damaged, row.bytes_done) == (State.FAILED, 3, 0)
    assert "3 times" in row.error
    assert row.job is None
    assert not [path for path in Path(services.settings.ACQUIRE_FOLDER).rglob("*") if path.is_file()]


def test_a_server_that_is_down_is_tried_in_rounds_and_the_part_stays(server, monkeypatch):
    row = wanted(server)
    server.faults["/S1A_one.zip"] = [replay.cut(1000)]
    server.always["/S1A_one.zip"] = replay.status(503)
    waits = []
    for _ in range(6):
        SceneDownload.objects.filter(pk=row.pk).update(next_try_at=None)
        before = timezone.now()
        (row,) = fetched()
        waits.append(row.next_try_at and round((row.next_try_at - before).total_seconds() / 60))
    assert waits == [1, 10, 60, 360, 1440, None]
    assert row.state == State.FAILED
    assert "last of 6 rounds" in row.error


def test_a_server_that_asks_for_an_hour_gets_an_hour(server):
    wanted(server)
    server.faults["/S1A_one.zip"] = [replay.status(429, Retry_After="3600")]
    (row,) = fetched()
    assert row.state == State.WANTED
    assert row.next_try_at > timezone.now() + timedelta(minutes=59)
    assert fetched() == []


def test_a_worker_that_died_leaves_a_row_that_another_finishes_from_its_part(server):
    row = wanted(server)
    claimed = services.download_claim(download_id=row.pk)
    server.faults["/S1A_one.zip"] = [replay.cut(1000)] + [replay.status(500)] * 5
    services.download_fetch(download=claimed, sleep=lambda seconds: None)
    SceneDownload.objects.filter(pk=row.pk).update(
        state=State.FETCHING, lease_until=timezone.now() - timedelta(seconds=1), next_try_at=None
    )
    server.asked.clear()
    (row,) = fetched()
    assert row.state == State.FETCHED
    assert server.ranges() == ["bytes=1000-"]


def test_an_attempt_that_lost_its_row_changes_nothing_more(server):
    row = wanted(server)
    claimed = services.download_claim(download_id=row.pk)
    SceneDownload.objects.filter(pk=row.pk).update(attempts=7)  # another worker took it over
    services.download_fetch(download=claimed, sleep=lambda seconds: None)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.job) == (State.FETCHING, 7, None)
    assert IngestJob.objects.count() == 0


def test_only_so_many_are_fetched_at_a_time(server, settings):
    first, second = wanted(server, "S1A_1"), wanted(server, "S1A_2")
    assert services.download_claim(download_id=first.pk)
    assert services.download_claim(download_id=first.pk) is None
    assert services.download_claim(download_id=second.pk) is None
    settings.ACQUIRE_AT_ONCE = 2
    assert services.download_claim(download_id=second.pk)


@pytest.mark.django_db(transaction=True)
def test_of_eight_workers_one_gets_the_row(server, settings):
    settings.ACQUIRE_AT_ONCE = 8
    row = wanted(server)
    got, start = [], threading.Barrier(8)

    def work():
        start.wait(10)
        got.append(services.download_claim(download_id=row.pk))
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert sum(claimed is not None for claimed in got) == 1


def test_a_round_that_is_over_goes_on_in_the_next_one_with_the_rest(server):
    wanted(server)
    over = iter([False, False, True])
    (row,) = fetched(until=lambda: next(over, True))
    assert row.state == State.WANTED
    part = Path(services.settings.ACQUIRE_FOLDER) / str(row.pk) / "S1A_one.zip.part"
    have = part.stat().st_size
    assert 0 < have < len(DATA)
    server.asked.clear()
    assert fetched()[0].state == State.FETCHED
    assert server.ranges() == [f"bytes={have}-"]


def three_loaded(server) -> list[SceneDownload]:
    rows = [wanted(server, f"S1A_{n}") for n in range(3)]
    fetched()
    for row, days in zip(rows, (5, 9, 1), strict=True):
        settle_job(row, days_ago=days)
    return rows


def test_the_oldest_loaded_files_make_way_for_a_new_one(server, settings):
    rows = three_loaded(server)
    settings.ACQUIRE_QUOTA_BYTES = 3 * len(DATA) + 1000
    wanted(server, "S1A_new")
    assert fetched()[0].state == State.FETCHED
    for row in rows:
        row.refresh_from_db()
    assert [row.state for row in rows] == [State.LOADED, State.DELETED, State.LOADED]
    assert rows[1].stored_path == ""
    assert IngestJob.objects.get(pk=rows[1].job_id).stored_path == ""
    assert sum(path.is_file() for path in Path(settings.ACQUIRE_FOLDER).rglob("*")) == 3
    assert services.scenes_want(found=[scene(server, "S1A_1")]) == []  # and is not fetched again


def test_what_is_not_processed_yet_is_never_deleted(server, settings):
    waiting = wanted(server, "S1A_waiting")
    fetched()
    settings.ACQUIRE_QUOTA_BYTES = len(DATA) + 1000
    wanted(server, "S1A_new")
    (row,) = fetched()
    assert row.state == State.WANTED
    assert row.error.startswith("There is no room for the file")
    assert "ACQUIRE_QUOTA_BYTES" in row.error
    waiting.refresh_from_db()
    assert Path(waiting.stored_path).read_bytes() == DATA


def test_a_full_disk_is_like_a_full_quota(server, settings):
    settings.ACQUIRE_SPARE_BYTES = 10**18
    wanted(server)
    (row,) = fetched()
    assert row.state == State.WANTED
    assert "no room" in row.error


def test_what_other_workers_still_fetch_counts(server, settings):
    settings.ACQUIRE_AT_ONCE = 2
    other = wanted(server, "S1A_other")
    services.download_claim(download_id=other.pk)
    settings.ACQUIRE_QUOTA_BYTES = 2 * len(DATA) - 1
    with pytest.raises(NoRoom):
        services.room_make(needed_bytes=len(DATA))
    settings.ACQUIRE_QUOTA_BYTES = 2 * len(DATA) + 10_000
    assert services.room_make(needed_bytes=len(DATA)) == []


def test_nothing_outside_the_folder_is_deleted(server, settings, tmp_path):
    row = three_loaded(server)[1]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kept").write_bytes(b"x")
    SceneDownload.objects.filter(pk=row.pk).update(stored_path=str(tmp_path / "mine" / "kept"))
    settings.ACQUIRE_QUOTA_BYTES = 0
    with pytest.raises(NoRoom):
        services.room_make(needed_bytes=10**6)
    settings.ACQUIRE_QUOTA_BYTES = 3 * len(DATA)
    services.room_make(needed_bytes=len(DATA))
    assert (tmp_path / "mine" / "kept").exists()


def found_by_asf(server, count=2) -> list[str]:
    names = [recorded.RTC.replace("279916", f"{number:06d}") for number in range(count)]
    granules = []
    for name in names:
        server.files[f"/RTC/OPERA-S1/{name}_VV.tif"] = DATA
        granules.append(recorded.rtc(server.address, {f"{name}_VV.tif": DATA}, name))
    recorded.cmr(server, granules)
    return names


def test_a_dry_run_lists_and_sums_and_fetches_nothing(server, capsys):
    names = found_by_asf(server)
    call_command("acquire", "--dry-run")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{names[0]}_VV  2023-12-02 16:28  0.3 MB"
    assert said[-1] == "2 new images, 0.6 MB; 0 known already; 0 refused"
    assert SceneDownload.objects.count() == 0
    assert {asked.method for asked in server.asked} == {"POST"}


def test_the_command_fetches_what_is_new_and_only_that(server, capsys):
    found_by_asf(server)
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
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{name}_VV  refused: 127.0.0.1:{stranger.server_port} is not among the hosts")
    assert SceneDownload.objects.count() == 0
    assert stranger.connections == 0


def test_a_file_that_redirects_elsewhere_fails_with_the_line(server, stranger):
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


@pytest.mark.parametrize("area", ["1,2,3", "4,3,2,1", "POINT", "0,0,400,10", "POLYGON EMPTY"])
def test_an_area_that_is_none_is_refused(area):
    with pytest.raises(CommandError, match="is no area"):
        call_command("acquire", "--area", area)


def test_without_source_area_or_extra_one_line_says_what_is_missing(settings, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "asf_search", None)
    with pytest.raises(CommandError, match=r"^Searching ASF needs the extra: pip install"):
        call_command("acquire")
    settings.ACQUIRE_AREA = ""
    with pytest.raises(CommandError, match="Nothing is watched"):
        call_command("acquire")
    settings.ACQUIRE_SOURCE = ""
    with pytest.raises(CommandError, match="no source"):
        call_command("acquire")


def test_only_coarse_boxes_of_confirmed_subscriptions_go_out(settings, make_subscription):
    settings.ACQUIRE_AREA = ""
    assert watched_areas() == []
    make_subscription(10.3931, 63.4305)
    make_subscription(20.05, 50.05, confirmed=False)
    assert [area.bounds for area in watched_areas()] == [(10.3, 63.4, 10.4, 63.5)]


@pytest.fixture
def make_subscription():
    from django.contrib.gis.geos import MultiPolygon, Point

    from monitor.models import Subscription

    def make(longitude, latitude, *, confirmed=True):
        return Subscription.objects.create(
            email=f"{longitude}@example.org", region=MultiPolygon(Point(longitude, latitude, srid=4326).buffer(0.003)),
            label="home", kinds=["sinking"], lowest_severity="low", unreviewed=True, frequency="at-once",
            confirmed_at=timezone.now() if confirmed else None,
        )  # fmt: skip

    return make


def test_an_area_is_a_box_or_an_outline():
    assert area_of("10,63,11,64").bounds == (10, 63, 11, 64)
    assert area_of("POLYGON ((10 63, 11 63, 11 64, 10 63))").area == 0.5


def test_the_schedule_searches_and_fetches_only_where_a_source_is_set(server, settings):
    assert {"monitor.tasks.search_images", "ingest.tasks.fetch_images"} <= {
        row["task"] for row in BEAT_SCHEDULE.values()
    }
    found_by_asf(server)
    settings.ACQUIRE_SOURCE = ""
    monitor_tasks.search_images()
    tasks.fetch_images()
    assert server.connections == 0
    settings.ACQUIRE_SOURCE = "asf"
    monitor_tasks.search_images()
    assert SceneDownload.objects.filter(state=State.WANTED).count() == 2
    tasks.fetch_images()
    assert SceneDownload.objects.filter(state=State.FETCHED).count() == 2


def test_a_search_that_fails_is_a_line_in_the_log(server, caplog):
    server.always["/search/granules.umm_json"] = replay.status(503)
    server.files["/search/granules.umm_json"] = b"{}"
    monitor_tasks.search_images()
    assert "no images can be looked for: 127.0.0.1 refuses the search (503)." in caplog.text


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
    assert server.asked[0].headers["Authorization"] == "Bearer topsecret"
    assert "Authorization" not in stranger.asked[0].headers
    assert "topsecret" not in caplog.text
    assert all("topsecret" not in str(value) for value in vars(row).values())


def test_the_process_that_reads_a_strangers_file_has_no_credentials(monkeypatch):
    around = dict.fromkeys(("EARTHDATA_TOKEN", "EARTHDATA_PASSWORD", "STAC_TOKEN"), "secret")
    assert "secret" not in job_environment({**around, "DATABASE_URL": "postgis:///x"}).values()


def test_a_password_is_shown_to_the_login_page_only(server, stranger, settings):
    """NASA's way: the archive sends us to the login page, which sends us back with a code; a cookie then opens."""
    settings.EARTHDATA_USER, settings.EARTHDATA_PASSWORD = "anna", "word"
    settings.EARTHDATA_LOGIN_HOSTS = [stranger.address]
    settings.OUTBOUND_HOSTS = [server.address, stranger.address]
    wanted(server)

    def archive(handler, data):
        if "asf-urs=pass" in handler.headers.get("Cookie", ""):
            replay.give(handler, data)
        else:
            replay.redirect(f"{stranger.address}/oauth/authorize")(handler, data)

    server.always["/S1A_one.zip"] = archive
    back = f"{server.address}/login?code=1"
    stranger.always["/oauth/authorize"] = replay.redirect(back)
    server.always["/login"] = lambda handler, data: handler.send(
        302, b"", {"Location": f"{server.address}/S1A_one.zip", "Set-Cookie": "asf-urs=pass; Path=/"}
    )
    (row,) = fetched()
    assert (row.state, row.error) == (State.FETCHED, "")
    assert stranger.asked[0].headers["Authorization"].startswith("Basic ")
    assert all("Authorization" not in asked.headers for asked in server.asked)
