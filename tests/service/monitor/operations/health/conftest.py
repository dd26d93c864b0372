"""A service that is well, until a test breaks something of it."""

from functools import partial
from itertools import pairwise

import pytest
from django.core.management import call_command
from django_celery_beat.schedulers import ModelEntry

from monitor.celery import app
from monitor.operations.health.conditions import CONDITIONS
from monitor.operations.health.selectors import BEAT, queue_sign, sign_give
from monitor.schedule import BEAT_SCHEDULE, QUEUES


@pytest.fixture
def healthy(db, monkeypatch, site):
    """Beat, every worker and the site answer or gave a sign of life; the schedule is as planned.

    Tests have a database role of their own, and an installation of today.
    """
    for name in (BEAT, *map(queue_sign, QUEUES)):
        sign_give(name=name)
    monkeypatch.setattr("monitor.operations.health.work_checks.installed_seconds", lambda: 3600.0)
    for name, entry in BEAT_SCHEDULE.items():
        ModelEntry.from_entry(name, app=app, **entry)
    answers = {"worker@here": [{"name": queue} for queue in QUEUES]}
    monkeypatch.setattr(type(app.control.inspect()), "active_queues", lambda self: answers)
    kept = tuple(one for one in CONDITIONS if one.name != "database role")
    monkeypatch.setattr("monitor.operations.management.commands.doctor.CONDITIONS", kept)


def doctor_asked(capsys, *options: str) -> dict[str, str]:
    """Ask the doctor: name of what is wrong -> sentence and remedy. Its exit code is 1 exactly where something is."""
    try:
        call_command("doctor", *options)
        code = 0
    except SystemExit as end:
        code = end.code
    printed = capsys.readouterr()
    assert "s3cret" not in printed.out + printed.err  # of the settings in test_settings.py
    lines = printed.out.splitlines()
    reported = {
        line.split(": ", 1)[0].split(maxsplit=1)[1]: f"{line.split(': ', 1)[1]} {remedy.strip()}"
        for line, remedy in pairwise(lines)
        if line.startswith("WRONG")
    }
    assert code == (1 if reported else 0)
    return reported


@pytest.fixture
def doctor(healthy, capsys):
    """Return a function that asks the doctor of a healthy service."""
    return partial(doctor_asked, capsys)
