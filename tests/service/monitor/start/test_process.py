"""Entry points prepare a process; the settings themselves change nothing on this machine."""

import gc
import os
import stat
from unittest.mock import patch

import pytest

from monitor.start.process import process_prepare
from tests.fixtures.servers import ROOT, python
from tests.service.deploy.test_settings import settings_with

ENTRIES = {
    "manage.py": (ROOT / "manage.py", "shell", "-c", "from django.conf import settings; print(settings.SECRET_KEY)"),
    "ground-motion": (
        *("-m", "ground_motion", "manage", "shell", "-c"),
        "from django.conf import settings; print(settings.SECRET_KEY)",
    ),
    "web process": (
        "-c",
        "import gc, monitor.wsgi; from django.conf import settings; print(settings.SECRET_KEY, gc.isenabled())",
    ),
    "Celery": ("-c", "from monitor.celery import app; print(app.conf.timezone)"),
}


def test_reading_the_settings_writes_no_file_and_leaves_the_garbage_collector_alone(tmp_path):
    settings_with(GROUND_MOTION_VAR=str(tmp_path / "var"), SECRET_KEY="")
    assert gc.isenabled()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_point_makes_the_secret_key_of_a_new_installation(tmp_path, entry):
    own = {"GROUND_MOTION_VAR": str(tmp_path / "var"), "SECRET_KEY": "", "DJANGO_ALLOW_ASYNC_UNSAFE": ""}
    said = python(*ENTRIES[entry], **own).stdout
    path = tmp_path / "var" / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text()) >= 50
    assert entry == "Celery" or path.read_text() in said
    if entry == "web process":
        assert said.split()[-1] == "True"  # It collects garbage.


@pytest.mark.parametrize(
    ("kept", "environment", "left"),
    [
        ("k" * 50, {"SECRET_KEY": ""}, "k" * 50),
        ("", {"SECRET_KEY": "a-key-that-is-set"}, ""),
        ("", {"SECRET_KEY": "", "GROUND_MOTION_CONFINED": "yes"}, ""),
    ],
    ids=["kept", "set", "no server is known"],
)
def test_a_key_is_kept_and_none_is_made_where_one_is_set_or_no_server_is_known(tmp_path, kept, environment, left):
    path = tmp_path / "secret_key"
    if kept:
        path.write_text(kept)
    with patch.dict(os.environ, environment | {"GROUND_MOTION_VAR": str(tmp_path)}):
        if "GROUND_MOTION_CONFINED" in environment:
            del os.environ["REDIS_URL"]
        process_prepare()
    assert (path.read_text() if path.exists() else "") == left
