"""What is put into the watched folder is loaded once, and lies in done/ or rejected/ afterwards; nothing is lost."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ingest.foundation.locks import Lock, short_text_key, try_lock
from ingest.foundation.storage.inputs import input_exists
from ingest.jobs import services as jobs
from ingest.jobs import watching
from ingest.models import IngestJob, Product
from tests.waiting import HANG_SECONDS, Elsewhere

State = IngestJob.State
pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def inbox(tmp_path, settings) -> Path:
    settings.WATCH_STABLE_SECONDS = 0
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def give(inbox, make_egms):
    """Put a good file there under a name."""
    return lambda name="EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip", **options: make_egms(**options).rename(inbox / name)


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """Jobs are carried out in the test's own transaction; test_jobs.py has the confined process."""
    from ingest.jobs.child import job_carry_out

    # The row of a test is not committed, so that no other connection can write its progress.
    monkeypatch.setattr("ingest.jobs.child.points_counter", lambda job: nullcontext(lambda points: None))

    def execute(*, job_id):
        job = jobs.job_claim(job_id=job_id)
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            jobs._fetch(job, Path(folder))
            job_carry_out(job_id=job_id, attempt=job.attempts, folder=Path(folder))
        return IngestJob.objects.get(pk=job_id)

    monkeypatch.setattr(jobs, "job_execute", execute)


def rounds(inbox: Path) -> None:
    """As the schedule does: state, load, settle."""
    watching.round_make(folder=inbox)
    for job in IngestJob.objects.filter(state=State.QUEUED):
        jobs.job_execute(job_id=job.pk)
    watching.round_make(folder=inbox)


def lying(inbox: Path) -> list[str]:
    return sorted(str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file() and path.name[0] != ".")


def test_a_file_is_loaded_and_lies_in_done_and_a_bad_one_in_rejected_with_its_one_line_and_the_time(inbox, give):
    path = give(n=30)
    before = path.read_bytes()
    (inbox / "notes.csv").write_text("name,colour\nanna,red\n")
    rounds(inbox)
    assert Product.objects.get().n_points == 30
    assert lying(inbox) == [f"done/{path.name}", "rejected/notes.csv", "rejected/notes.csv.reason.txt"]
    assert (inbox / "done" / path.name).read_bytes() == before
    assert list((inbox / ".working").iterdir()) == []
    job = IngestJob.objects.get(state=State.LOADED)
    assert (job.stored_path, job.size_bytes) == ("", len(before))
    reason = (inbox / "rejected" / "notes.csv.reason.txt").read_text()
    assert reason.count("\n") == 1
    assert reason[:4].isdigit()
    assert "notes.csv: this is a table with no columns of positions that is known: name, colour" in reason
    assert str(inbox) not in reason


def test_a_file_that_still_grows_is_left_alone_until_it_has_not_changed_for_a_while(inbox, give, settings, monkeypatch):
    settings.WATCH_STABLE_SECONDS = 10
    clock = [1000.0]
    monkeypatch.setattr(watching, "clock", lambda: clock[0])
    path = give()
    whole = path.read_bytes()
    for size in (100, 200, len(whole)):
        path.write_bytes(whole[:size])
        os.utime(path, (size, size))
        assert watching.round_make(folder=inbox) == 0
        clock[0] += 9
    assert watching.round_make(folder=inbox) == 0
    clock[0] = 100.0  # a clock that was set back makes a file wait, and no more
    assert watching.round_make(folder=inbox) == 0
    clock[0] = 111.0
    with try_lock(Lock.WATCHED_FOLDER, short_text_key(str(inbox.resolve()))):  # Another watcher is at work.
        assert watching.round_make(folder=inbox) == 0
    assert watching.round_make(folder=inbox) == 1


def test_what_is_not_whole_is_left_where_it_lies(inbox):
    (inbox / "empty folder").mkdir()
    names = [".hidden.zip", "a.TMP", "a.zip.crdownload", "a.zip.part", "empty folder"]
    for name in names[:-1]:
        (inbox / name).write_text("half")
    rounds(inbox)
    own = {".seen.json", ".working", "done", "rejected"}
    assert sorted(path.name for path in inbox.iterdir() if path.name not in own) == names
    assert not IngestJob.objects.exists()


def test_nothing_is_overwritten_in_done_and_a_file_that_is_loaded_already_has_a_note(inbox, give):
    path = give(n=12)
    rounds(inbox)
    give(path.name, n=13)
    (inbox / "done" / path.with_stem(f"{path.stem}-2").name).write_text("somebody's own")
    rounds(inbox)
    shutil.copy(inbox / "done" / path.name, inbox / "again.zip")
    rounds(inbox)
    names = [f"{path.stem}-2.zip", f"{path.stem}-3.zip", f"{path.stem}.zip", "again.zip", "again.zip.note.txt"]
    assert lying(inbox) == [f"done/{name}" for name in names]
    product = Product.objects.earliest("pk")
    assert f"already loaded as product {product.pk}" in (inbox / "done" / "again.zip.note.txt").read_text()
    assert Product.objects.count() == 2


@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "link in a folder", "pipe"])
def test_what_is_no_file_is_refused_unread(inbox, tmp_path, kind):
    canary = tmp_path / "canary.csv"
    canary.write_text("secret")
    if kind == "pipe":
        os.mkfifo(inbox / "thing.csv")
    elif kind == "link in a folder":
        (inbox / "thing.csv").mkdir()
        (inbox / "thing.csv" / "inside.csv").symlink_to(canary)
    else:
        (inbox / "thing.csv").symlink_to(canary if "file" in kind else tmp_path)
    rounds(inbox)
    assert os.path.lexists(inbox / "rejected" / "thing.csv")
    assert "Put " in (inbox / "rejected" / "thing.csv.reason.txt").read_text()
    assert canary.read_text() == "secret"
    assert not IngestJob.objects.exists()


def test_names_that_are_no_text_or_very_long_hold_up_nobody(inbox, give):
    (inbox / os.fsdecode(b"\xff\xfe.csv")).write_text("a,b\n")
    (inbox / f"{'x' * 250}.csv").write_text("a,b\n1,2\n")
    (inbox / "two\nlines.csv").write_text("a,b\n1,2\n")
    path = give()
    rounds(inbox)
    assert (inbox / "done" / path.name).exists()
    assert len(list((inbox / "rejected").iterdir())) == 6


def test_a_folder_is_one_job(inbox):
    (inbox / "product").mkdir()
    (inbox / "product" / "one.dat").write_bytes(b"12")
    (inbox / "product" / "two.dat").write_bytes(b"345")
    watching.round_make(folder=inbox)
    job = IngestJob.objects.get()
    assert (job.original_name, job.size_bytes) == ("product", 5)
    jobs.job_execute(job_id=job.pk)
    watching.round_make(folder=inbox)
    assert lying(inbox) == ["rejected/product.reason.txt", "rejected/product/one.dat", "rejected/product/two.dat"]


def test_a_file_that_changes_while_it_is_taken_goes_back(inbox, give, monkeypatch):
    path = give()
    states = iter([watching.FileState(1, 1, 1), watching.FileState(1, 2, 2)])
    monkeypatch.setattr(watching, "_state_of", lambda path: next(states))
    assert watching.round_make(folder=inbox) == 0
    assert path.exists()
    assert not IngestJob.objects.exists()


@pytest.mark.parametrize("died", ["before the row", "before the move", "between line and move", "after the move"])
def test_after_a_crash_at_any_point_the_next_round_goes_on(inbox, give, died, monkeypatch):
    path, lies = inbox / "bad.csv", ["rejected/bad.csv", "rejected/bad.csv.reason.txt"]
    if died == "between line and move":
        path.write_text("a,b\n1,2\n")
    else:
        path = give()
        lies = [f"done/{path.name}"]

    class Died(BaseException):
        pass

    def dies(*args, **options):
        raise Died

    target, name = {
        "before the row": (watching, "job_queue"),
        "before the move": (watching, "_put"),
        "between line and move": (watching, "_move"),
        "after the move": (type(IngestJob.objects.all()), "update"),
    }[died]
    if died != "before the row":
        watching.round_make(folder=inbox)
        jobs.job_execute(job_id=IngestJob.objects.get().pk)
    with monkeypatch.context() as patch:
        patch.setattr(target, name, dies)
        with pytest.raises(Died):
            watching.round_make(folder=inbox)
    assert IngestJob.objects.count() == (died != "before the row")
    rounds(inbox)
    assert (lying(inbox), list((inbox / ".working").iterdir()), IngestJob.objects.count()) == (lies, [], 1)


@pytest.mark.django_db(transaction=True)
def test_several_watchers_at_once_take_every_file_once(inbox):
    for index in range(12):
        (inbox / f"{index}.csv").write_text(f"a,b\n{index},2\n")

    def watch():
        for _ in range(3):
            watching.round_make(folder=inbox)

    for watcher in [Elsewhere(watch) for _ in range(3)]:
        watcher.returned()
    assert sorted(int(job.original_name[:-4]) for job in IngestJob.objects.all()) == list(range(12))
    assert all(input_exists(job.stored_path) for job in IngestJob.objects.all())


def test_the_command_does_one_round_or_says_what_it_lacks(inbox, give, tmp_path, capsys):
    give()
    call_command("watch", str(inbox), "--once", "--work")
    assert Product.objects.count() == 1
    assert "loaded" in capsys.readouterr().out
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "done").symlink_to(tmp_path)
    for name, message in (("nowhere", "there is no folder"), ("other", "is a link")):
        with pytest.raises(CommandError, match=message):
            call_command("watch", str(tmp_path / name), "--once")


def test_the_loop_ends_cleanly_on_sigterm(inbox):
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    (inbox / "a.part").write_text("never taken")
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(inbox)], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    ) as loop:
        try:
            assert loop.stdout.readline() == b"round\n"
            loop.terminate()
            loop.communicate(timeout=HANG_SECONDS)
            assert loop.returncode == 0
        finally:
            loop.kill()  # nothing, where it has ended


PROGRAM = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "monitor.settings"
import django; django.setup()
from django.core.management import call_command
from ingest.jobs import watching
watching.round_make = lambda folder: print("round") or 0
call_command("watch", sys.argv[1], "--every", "60")
"""


def test_the_scheduled_round_looks_only_where_a_folder_is_set(inbox, give, settings, caplog):
    from ingest import tasks

    give()
    settings.WATCH_FOLDER = ""
    tasks.watch_folder()
    assert not IngestJob.objects.exists()
    settings.WATCH_FOLDER = str(inbox)
    tasks.watch_folder()
    assert IngestJob.objects.count() == 1
    settings.WATCH_FOLDER = str(inbox / "gone")
    tasks.watch_folder()
    assert "cannot be used" in caplog.text
