"""An image is wanted once, fetched once, given to the jobs that load files, and makes way when others need its room."""

import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from django.utils import timezone
from shapely import box

from ground_motion.core.http.faults import NoRoom
from ground_motion.readers.records import Direction
from ingest.jobs import services as jobs
from ingest.models import IngestJob, Scene, SceneDownload
from ingest.sources import services
from ingest.sources.client import download
from ingest.sources.queue import downloads_retry
from tests.service.ingest.sources import recorded, replay
from tests.service.ingest.sources.wanted import DATA, State, fetched, scene, settle_job, wanted
from tests.waiting import HANG_SECONDS, Elsewhere, reread

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


@pytest.fixture
def given(monkeypatch):
    """What the jobs were given."""
    options, real = [], services.job_queue
    monkeypatch.setattr(services, "job_queue", lambda **one: options.append(one) or real(**one))
    return options


def test_images_are_fetched_the_newest_first_and_given_to_the_jobs(server, given):
    wanted(server)
    assert services.scenes_want(scenes=[scene(server)]) == []
    for day in (3, 9):
        wanted(server, f"S1A_{day}", acquired_at=datetime(2026, 11, day, tzinfo=UTC), polarisation="VV+VH")
    *later, row = fetched()
    assert [other.scene_id for other in later] == ["S1A_9", "S1A_3"]
    assert (row.state, row.error, row.bytes_done, row.attempts) == (State.FETCHED, "", len(DATA), 1)
    assert Path(row.stored_path).read_bytes() == DATA
    assert Path(row.stored_path).name == "S1A_one.zip"
    assert (row.job.source, row.job.state, row.job.stored_path) == ("fetched", "queued", row.stored_path)
    assert row.job.track == 131
    several, _, declared = (job["submission"].declared for job in given)
    assert (declared.polarisation, declared.platform, declared.direction) == ("VV", "S1A", Direction.DESCENDING)
    assert declared.acquired_at == row.acquired_at
    assert row.footprint.extent == (10, 63, 11, 64)
    assert several.polarisation is None


def fetch_and_load(row: SceneDownload) -> None:
    """Fetch what is wanted, and let a real reader load the file of this row."""
    fetched()
    jobs.job_execute(job_id=reread(row).job_id)
    services.downloads_settle()
    row.refresh_from_db()


def test_a_fetched_image_is_loaded_and_what_is_none_is_refused_and_the_row_says_why(server, transactional_db, make_rtc):
    other = wanted(server)
    fetch_and_load(other)
    assert other.state == State.FAILED
    assert other.error.startswith("S1A_one.zip: ")
    path = make_rtc()
    facts = {"file_name": path.name, "track": None, "direction": Direction.UNKNOWN}
    row = wanted(server, path.stem, data=path.read_bytes(), **facts)
    for error in ("", "Nothing to do: this very file is already loaded as scene"):
        fetch_and_load(row)
        assert row.error.startswith(error)
        assert (row.state, Scene.objects.ready().get().file_name) == (State.LOADED, path.name)
        SceneDownload.objects.filter(pk=row.pk).update(state=State.WANTED)  # by hand: it is fetched again


def test_what_was_loaded_by_hand_is_not_fetched(server, make_rtc, settings):
    from ingest.scenes.services import scenes_load

    path = make_rtc()
    scenes_load(path=path)
    recorded.cmr(server, [recorded.rtc(server.address, {path.name: b"x"}, path.stem)])
    search = services.scenes_search(source="asf", areas=[box(0, 0, 1, 1)], days=14)
    assert (search.new, search.known) == ([], 1)


@pytest.mark.parametrize(("code", "message"), [(403, "EARTHDATA_TOKEN"), (404, "removed")])
def test_a_refusal_is_final_and_says_what_to_set(server, code, message):
    wanted(server)
    server.always["/S1A_one.zip"] = replay.status(code)
    (row,) = fetched()
    assert row.state == State.FAILED
    assert message in row.error
    assert fetched() == []
    assert downloads_retry(downloads=SceneDownload.objects.all()) == 1
    server.always.clear()
    assert fetched()[0].state == State.FETCHED


def test_wrong_bytes_are_final_after_a_day(server):
    row = wanted(server)
    server.always["/S1A_one.zip"] = replay.wrong
    while row.state == State.WANTED:
        SceneDownload.objects.filter(pk=row.pk).update(next_try_at=None)
        (row,) = fetched()
    assert (row.state, row.damaged, row.bytes_done) == (State.FAILED, 24, 0)
    assert "24 times" in row.error
    assert row.job is None
    assert not [path for path in Path(services.settings.ACQUIRE_FOLDER).rglob("*") if path.is_file()]


def waits_minutes(row: SceneDownload, rounds: int) -> list[int]:
    """Let one round follow the other, each as soon as it is due; return for how long the row then waits."""
    waits = []
    for _ in range(rounds):
        SceneDownload.objects.filter(pk=row.pk).update(next_try_at=None)
        before = timezone.now()
        (row,) = fetched()
        assert row.state == State.WANTED
        waits.append(round((row.next_try_at - before).total_seconds() / 60))
    return waits


def test_a_server_that_is_down_is_tried_for_as_long_as_it_takes_and_the_part_stays(server):
    row = wanted(server)
    server.faults["/S1A_one.zip"] = [replay.status(429, Retry_After="3600")]
    assert waits_minutes(row, 1) == [60]
    for done in (1000, 2000):  # A round in which bytes arrived is no fault.
        server.faults["/S1A_one.zip"] = [replay.cut(1000)] + [replay.status(503)] * 5
        assert waits_minutes(row, 1) == [1]
        assert SceneDownload.objects.get().bytes_done == done
    server.always["/S1A_one.zip"] = replay.status(503)
    assert waits_minutes(row, 8) == [2, 4, 8, 16, 30, 30, 30, 30]
    server.always.clear()
    server.requests.clear()
    SceneDownload.objects.update(next_try_at=None)
    (row,) = fetched()
    assert (row.state, row.faults, row.cause, row.error) == (State.FETCHED, 0, "", "")
    assert server.ranges() == ["bytes=2000-"]


def test_a_server_that_sends_hardly_anything_is_left_and_tried_again_however_often(server, monkeypatch):
    row = wanted(server)
    monkeypatch.setattr(services, "STALLED_AFTER", timedelta(seconds=-1))
    monkeypatch.setattr(download, "PIECE_BYTES", 10_000)  # else two pieces may be the whole file
    assert len(waits_minutes(row, 5)) == 5
    assert "It made no progress" in SceneDownload.objects.get().error


def test_while_an_archive_is_away_one_file_asks_for_all_and_then_all_are_fetched_but_one_that_is_cut(server):
    for number in range(3):
        wanted(server, f"S1A_{number}")
        server.always[f"/S1A_{number}.zip"] = replay.status(503)
    (row,) = fetched()
    assert (row.state, row.cause) == (State.WANTED, "archive")
    assert fetched() == []
    SceneDownload.objects.filter(pk=row.pk).update(next_try_at=timezone.now())
    (other,) = fetched()
    assert (other.pk != row.pk, other.faults) == (True, 2)  # the pauses of an archive grow, whichever file asks
    server.always.clear()
    wanted(server, "S1A_bad", acquired_at=timezone.now())
    server.always["/S1A_bad.zip"] = replay.ignore_range_and_cut(1000)
    SceneDownload.objects.filter(pk=other.pk).update(next_try_at=timezone.now())
    assert sorted(row.state for row in fetched()) == [State.FETCHED] * 3 + [State.WANTED]


def test_a_refused_sign_in_keeps_everything_waiting_until_it_is_corrected(server):
    """Nobody has to find and repeat the downloads that failed meanwhile."""
    for number in range(3):
        wanted(server, f"S1A_{number}")
        server.always[f"/S1A_{number}.zip"] = replay.status(401)
    for minutes in (5, 10, 20, 30):
        (row,) = fetched()
        assert (row.state, row.cause) == (State.WANTED, "sign-in")
        assert "does not accept our sign-in (401). Set EARTHDATA_TOKEN" in row.error
        assert round((row.next_try_at - timezone.now()).total_seconds() / 60) == minutes
        assert fetched() == []
        SceneDownload.objects.filter(pk=row.pk).update(next_try_at=timezone.now())
    assert len(server.requests) == 4
    server.always.clear()
    assert {row.state for row in fetched()} == {State.FETCHED}


@pytest.mark.django_db(transaction=True)
def test_of_eight_workers_as_many_as_may_get_a_row_each(server, settings):
    settings.ACQUIRE_AT_ONCE = 2
    rows = [wanted(server, f"S1A_{number}") for number in range(3)]
    start = threading.Barrier(8)

    def work(row: SceneDownload) -> SceneDownload | None:
        start.wait(HANG_SECONDS)
        return services.download_claim(download_id=row.pk)

    workers = [Elsewhere(partial(work, rows[number % 3])) for number in range(8)]
    claimed = [worker.returned() for worker in workers]
    assert len([row for row in claimed if row]) == len({row.pk for row in claimed if row}) == 2


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_round_that_is_over_or_was_killed_goes_on_in_the_next_one_with_the_rest(server, is_killed):
    wanted(server)
    over = iter([False, False, True])
    (row,) = fetched(until=lambda: next(over, True))
    assert row.state == State.WANTED
    if is_killed:
        expired = {"state": State.FETCHING, "lease_until": timezone.now() - timedelta(seconds=1)}
        SceneDownload.objects.filter(pk=row.pk).update(**expired)
    part = Path(services.settings.ACQUIRE_FOLDER) / str(row.pk) / "S1A_one.zip.part"
    have = part.stat().st_size
    assert 0 < have < len(DATA)
    server.requests.clear()
    assert fetched()[0].state == State.FETCHED
    assert server.ranges() == [f"bytes={have}-"]


def three_loaded(server) -> list[SceneDownload]:
    rows = [wanted(server, f"S1A_{n}") for n in range(3)]
    fetched()
    for row, days in zip(rows, (5, 9, 1), strict=True):
        settle_job(row, days_ago=days)
    return rows


def test_the_oldest_loaded_files_make_way_for_a_new_one_and_nothing_outside_the_folder(server, settings, tmp_path):
    rows = three_loaded(server)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kept").write_bytes(b"x")
    SceneDownload.objects.filter(pk=rows[0].pk).update(stored_path=str(tmp_path / "mine" / "kept"))
    settings.ACQUIRE_QUOTA_BYTES = 3 * len(DATA) + 1000
    wanted(server, "S1A_new")
    assert fetched()[0].state == State.FETCHED
    for row in rows:
        row.refresh_from_db()
    assert [row.state for row in rows] == [State.LOADED, State.DELETED, State.LOADED]
    assert rows[1].stored_path == ""
    assert IngestJob.objects.get(pk=rows[1].job_id).stored_path == ""
    assert sum(path.is_file() for path in Path(settings.ACQUIRE_FOLDER).rglob("*")) == 3
    assert services.scenes_want(scenes=[scene(server, "S1A_1")]) == []  # and is not fetched again
    settings.ACQUIRE_QUOTA_BYTES = 2 * len(DATA)
    services.room_make(needed_bytes=1)
    assert reread(rows[0]).state == State.DELETED
    assert (tmp_path / "mine" / "kept").exists()


def test_what_is_not_processed_yet_is_never_deleted_and_what_other_workers_still_fetch_counts(server, settings):
    waiting = wanted(server, "S1A_waiting")
    fetched()
    settings.ACQUIRE_QUOTA_BYTES = len(DATA) + 1000
    new = wanted(server, "S1A_new")
    (row,) = fetched()
    assert row.state == State.WANTED
    assert row.error.startswith("There is no room for the file")
    assert "ACQUIRE_QUOTA_BYTES" in row.error
    assert Path(reread(waiting).stored_path).read_bytes() == DATA
    settings.ACQUIRE_AT_ONCE = 2
    SceneDownload.objects.update(next_try_at=None)
    services.download_claim(download_id=new.pk)
    settings.ACQUIRE_QUOTA_BYTES = 3 * len(DATA) - 1
    with pytest.raises(NoRoom):
        services.room_make(needed_bytes=len(DATA))
    settings.ACQUIRE_QUOTA_BYTES = 3 * len(DATA) + 10_000
    assert services.room_make(needed_bytes=len(DATA)) == []


def test_on_a_full_disk_nothing_is_fetched_and_an_attempt_that_lost_its_row_changes_nothing_more(server, settings):
    settings.ACQUIRE_SPARE_BYTES = 10**18
    row = wanted(server)
    assert fetched() == []
    assert reread(row).state == State.WANTED
    settings.ACQUIRE_SPARE_BYTES = 0
    claimed = services.download_claim(download_id=row.pk)
    SceneDownload.objects.filter(pk=row.pk).update(attempts=7)  # another worker took it over
    services.download_fetch(download=claimed, sleep=lambda seconds: None)
    assert (reread(row).state, row.attempts, row.job) == (State.FETCHING, 7, None)
    assert IngestJob.objects.count() == 0


def test_an_archive_that_leads_to_its_sign_in_page_keeps_the_download_waiting(server, stranger, settings):
    """So does NASA's where a token has ended or the data's terms are not accepted yet."""
    settings.OUTBOUND_HOSTS = [server.address, stranger.address.replace("127.0.0.1", "localhost")]
    wanted(server)
    server.always["/S1A_one.zip"] = replay.redirect(f"{settings.OUTBOUND_HOSTS[1]}/login")
    stranger.always["/login"] = lambda handler, data: handler.send(200, b"<html>", {"Content-Type": "text/html"})
    (row,) = fetched()
    assert (row.state, row.cause) == (State.WANTED, "sign-in")
    assert "accept the data's terms with that account" in row.error
