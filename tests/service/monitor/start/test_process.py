"""Entry points prepare a process; the settings themselves change nothing on this machine."""

import stat

import pytest

from tests.fixtures.servers import ROOT, python

SETTINGS = "import gc; from django.conf import settings; settings.DEBUG; print(gc.isenabled())"
WEB = "import gc, monitor.wsgi; print(gc.isenabled())"
ENTRIES = {
    "manage.py": (ROOT / "manage.py", "shell", "-c", "from django.conf import settings; print(settings.SECRET_KEY)"),
    "ground-motion": (
        *("-m", "ground_motion", "manage", "shell", "-c"),
        "from django.conf import settings; print(settings.SECRET_KEY)",
    ),
    "web process": ("-c", "import monitor.wsgi; from django.conf import settings; print(settings.SECRET_KEY)"),
    "Celery": ("-c", "from monitor.celery import app; print(app.conf.timezone)"),
}


def test_reading_the_settings_writes_no_file_and_leaves_the_garbage_collector_alone(tmp_path):
    read = python("-c", SETTINGS, GROUND_MOTION_VAR=str(tmp_path / "var"), SECRET_KEY="", PROMETHEUS_MULTIPROC_DIR="m")
    assert read.stdout.split() == ["True"]
    assert list(tmp_path.iterdir()) == []
    assert not (ROOT / "m").exists()


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_point_makes_the_secret_key_of_a_new_installation(tmp_path, entry):
    own = {"GROUND_MOTION_VAR": str(tmp_path / "var"), "SECRET_KEY": "", "DJANGO_ALLOW_ASYNC_UNSAFE": ""}
    said = python(*ENTRIES[entry], **own).stdout
    path = tmp_path / "var" / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text()) >= 50
    assert entry == "Celery" or path.read_text() in said


def test_a_key_that_was_made_is_kept(tmp_path):
    (tmp_path / "secret_key").write_text(key := "k" * 50)
    assert python(*ENTRIES["web process"], GROUND_MOTION_VAR=str(tmp_path), SECRET_KEY="").stdout.strip() == key
    assert (tmp_path / "secret_key").read_text() == key


def test_no_key_is_made_where_no_server_is_known(tmp_path):
    folder = tmp_path / "var"
    prepare = "import os; os.environ.pop('DATABASE_URL', None); import monitor.start.process as p; p.process_prepare()"
    python("-c", prepare, GROUND_MOTION_VAR=str(folder), GROUND_MOTION_CONFINED="yes", SECRET_KEY="")
    assert not folder.exists()


def test_a_web_process_collects_garbage_shares_its_counts_and_makes_no_key_where_one_is_set(tmp_path):
    counts, folder = tmp_path / "counts" / "of requests", tmp_path / "var"
    own = {"GROUND_MOTION_VAR": str(folder), "SECRET_KEY": "a-key-that-is-set"}
    assert python("-c", WEB, PROMETHEUS_MULTIPROC_DIR=str(counts), **own).stdout.split() == ["True"]
    assert counts.is_dir()
    assert not folder.exists()
