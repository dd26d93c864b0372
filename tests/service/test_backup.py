"""A drill: a service is backed up, everything of it is lost, and it comes back row by row; on servers of its own."""

import json
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from psycopg.errors import DiskFull

from ingest.foundation.storage import raster_entries, raster_put_back
from monitor.operations.backups import manifest as lists
from monitor.operations.backups import services
from monitor.operations.retention.services import Busy, prune
from monitor.start.process import command_run
from tests.fixtures.servers import ADDRESSES, python
from tests.fixtures.servers import services as servers
from tests.fixtures.storage import fill_up, small_file_system

ROOT = Path(__file__).resolve().parent.parent.parent
DROPPED = {*ADDRESSES, "SECRET_KEY"}


@pytest.fixture
def new_service(tmp_path, storage_environment) -> Iterator[Callable[..., dict[str, str]]]:
    """Private servers and a state folder of their own; returns their environment. Without a template the database is
    empty.
    """
    made = []

    def make(name: str, template: str = "") -> dict[str, str]:
        around = {key: value for key, value in os.environ.items() if key not in DROPPED}
        around |= {"GROUND_MOTION_VAR": str(tmp_path / name), **storage_environment(name)}
        made.append(around)
        servers("start", around | {"POSTGRES_TEMPLATE": template})
        return around

    yield make
    for around in made:
        servers("remove", around)


def state(around: dict[str, str], *arguments: object):
    return json.loads(python("-m", "tests.makers.service_state", *arguments, around=around).stdout)


@pytest.mark.demo
def test_a_service_comes_back_from_its_backup(new_service, migrated_cluster, make_egms, tmp_path, storage_kind):
    first, folder = new_service("first", migrated_cluster), tmp_path / "backup"
    made = state(first, "make", make_egms(), folder)
    before = made["content"]
    assert before["rows"]["detection_auditentry"][0] == 1
    assert before["rows"]["monitor_outgoingmessage"][0] == 1
    assert before["rows"]["ingest_measurementpoint"][0] == 12
    assert len(before["rasters"]) == 9
    assert "files" in made["said"]
    assert not (folder / "UNFINISHED").exists()
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert {name.removeprefix("rasters/") for name in files if "/" in name} == set(before["rasters"])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert (modes, stat.S_IMODE(folder.stat().st_mode)) == ({0o600}, 0o700)
    key = (tmp_path / "first" / "secret_key").read_text()
    assert (folder / "secret_key").read_text() == key
    folder = newest_of_a_series(first, folder, tmp_path / "backups")

    servers("stop", first)
    if storage_kind == "disk":
        shutil.rmtree(tmp_path / "first" / "rasters")
    second = new_service("second")
    restored = python("manage.py", "restore", folder, around=second, check=False)
    assert "restored as of" in restored.stdout, restored.stderr
    assert state(second, "restored", made["link"]) == {"content": before, "answers": [[404, 0], [200, 1]]}
    assert (tmp_path / "second" / "secret_key").read_text() == key


def newest_of_a_series(around: dict[str, str], old: Path, series: Path) -> Path:
    """Let the process that makes backups every day add one to two of the last week; then stop it."""
    for name in ("2026-11-01T030000Z", "2026-11-02T030000Z"):
        shutil.copytree(old, series / name)
    (series / ".2026-11-03T030000Z" / "rasters").mkdir(parents=True)  # it was killed
    dumps = {path: path.read_bytes() for path in series.glob("*-02T*/database-*")}
    daily = subprocess.Popen(
        [sys.executable, ROOT / "manage.py", "backup", series, "--keep", "2", "--daily"], env=around
    )
    while len(list(series.iterdir())) != 2 or (series / "2026-11-01T030000Z").exists():
        assert daily.poll() is None
        time.sleep(0.01)
    daily.send_signal(signal.SIGTERM)
    assert daily.wait() == 0
    before, newest = sorted(series.iterdir())
    assert before.name == "2026-11-02T030000Z"
    assert {path: path.read_bytes() for path in before.glob("database-*")} == dumps
    shared = [[path.stat().st_ino for path in sorted((one / "rasters").iterdir())] for one in (before, newest)]
    assert shared[0] == shared[1]  # The same rasters are not copied again.
    assert len(list(newest.glob("database-*"))) == 1
    return newest


def made_backup(folder: Path, *migrations: str) -> Path:
    """The files of a backup, without servers."""
    names = ("database-1.dump", lists.SECRET_KEY, f"{lists.RASTERS}/one.tif")
    files = {name: lists.written(folder / name, BytesIO(name.encode())) for name in names}
    lists.Manifest("2026-11-21T12:00:00+00:00", "1.0", [*migrations], names[0], files).write(folder)
    return folder


def test_what_is_not_as_it_was_written_is_refused(tmp_path, db):
    folder = made_backup(tmp_path / "backup")
    lists.check(folder, lists.read(folder))
    raster = folder / lists.RASTERS / "one.tif"
    raster.write_bytes(b"rasters/0ne.tif")
    with pytest.raises(lists.Unusable, match=r"one\.tif of this backup is not what was written"):
        lists.check(folder, lists.read(folder))
    raster.unlink()
    with pytest.raises(lists.Unusable, match=r"one\.tif of this backup cannot be read"):
        lists.check(folder, lists.read(folder))
    (folder / lists.NAME).write_text("{")
    with pytest.raises(lists.Unusable, match="damaged"):
        lists.read(folder)


@pytest.mark.django_db
def test_a_newer_backup_another_key_and_a_filled_database_are_refused_before_anything_is_changed(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    newer = made_backup(tmp_path / "newer", "ingest.0001_initial", "ingest.9999_of_the_future")
    with pytest.raises(CommandError, match=r"newer version .*9999_of_the_future"):
        call_command("restore", newer)
    with pytest.raises(CommandError, match="no finished backup"):
        call_command("restore", tmp_path)
    usual = made_backup(tmp_path / "usual", "ingest.0001_initial")
    with pytest.raises(lists.Unusable, match="the database is not empty"):
        services.backup_restore(folder=usual)
    monkeypatch.setenv("SECRET_KEY", "another one")
    with pytest.raises(lists.Unusable, match="SECRET_KEY is not that of the backup"):
        services.backup_restore(folder=usual)
    assert [*raster_entries()] == []


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path, db):
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(lists.Unusable, match="holds other things"):
        services.backup_make(folder=tmp_path)
    assert os.listdir(tmp_path) == ["letters.txt"]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_deleted_while_a_backup_is_made_and_the_other_way_round(tmp_path, monkeypatch):
    met: list[str] = []

    def meanwhile(*arguments):
        def other() -> None:
            try:
                prune()
            except Busy as busy:
                met.append(str(busy))
            finally:
                connection.close()

        thread = Thread(target=other)
        thread.start()
        thread.join()
        raise lists.Unusable("enough")

    monkeypatch.setattr(services, "_rasters_copy", meanwhile)
    with pytest.raises(lists.Unusable, match="enough"):
        services.backup_make(folder=tmp_path / "backup")
    assert met
    assert "a backup is being made" in met[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("DATABASE_POOLER" in os.environ, reason="pg_dump connects directly")
def test_a_backup_into_a_full_disk_names_the_file_and_the_next_step_and_leaves_the_last_one(
    tmp_path, settings, own_rasters, monkeypatch, capsys, caplog
):
    caplog.set_level(logging.WARNING, "environ")  # It says on standard error that there is no .env.
    settings.DATABASE_OWNER = settings.DATABASE_OWNER | {"NAME": connection.settings_dict["NAME"]}
    with small_file_system(tmp_path / "small", "size=8m") as disk:
        folder = disk / "backup"

        def refusal() -> str:
            fill_up(disk / "ballast")
            with pytest.raises(SystemExit, match="1"):
                command_run(["manage.py", "backup", str(folder)])
            (disk / "ballast").unlink()
            return capsys.readouterr().err

        def files() -> set[str]:
            return {path.name for path in folder.rglob("*") if path.is_file()} - {services.UNFINISHED}

        said = refusal()
        assert said.startswith(f"CommandError: no backup was made: {folder}/database-")
        assert said.endswith(": its disk is full. Free space there, then run the command again.\n")
        assert files() == set()
        assert command_run(["manage.py", "backup", str(folder)]) is None
        before = files()
        raster_put_back("one.tif", ContentFile(bytes(9_000)))
        monkeypatch.setattr(services, "rasters_named", lambda: ["one.tif"])
        assert ".tif: its disk" in refusal()
        assert files() == before
        lists.check(folder, lists.read(folder))


@pytest.mark.django_db
def test_a_command_that_meets_a_full_disk_ends_with_one_line(tmp_path, monkeypatch, capsys, caplog):
    caplog.set_level(logging.WARNING, "environ")
    with small_file_system(tmp_path / "small", "size=64k") as disk:
        fill_up(disk / "ballast")
        assert command_run(["manage.py", "labels", str(disk / "labels.parquet")]) == 1
        assert os.listdir(disk) == ["ballast"]
        line = f"{disk}/labels.parquet: its disk is full. Free space there, then run the command again.\n"
        assert capsys.readouterr().err == line

    def full() -> None:
        raise OperationalError("full") from DiskFull("full")

    monkeypatch.setattr(services, "_snapshot", full)
    assert command_run(["manage.py", "backup", str(tmp_path / "backup")]) == 1
    assert capsys.readouterr().err.startswith("The disk of the database is full: free space")
