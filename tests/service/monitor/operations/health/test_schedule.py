"""The schedule in the database against its plan: what is missing comes back, what is off, changed or late is said."""

import re
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from detection.models import AuditEntry
from monitor.models.operations import Alarm, SignOfLife
from monitor.operations.health import alarms
from monitor.operations.health.alarms import Watchman
from monitor.operations.health.schedule import Fault, missing_stages_restore, stage_faults
from monitor.operations.health.selectors import BEAT
from monitor.schedule import BEAT_SCHEDULE
from monitor.web.guards import ADMINISTRATORS
from tests.makers.people import account, signed_in

pytestmark = pytest.mark.django_db
SEARCH, PAIR = "4 turn finished predictions into alerts", "2 pair new images"


def stage(name: str = SEARCH):
    return PeriodicTask.objects.filter(name=name)


@pytest.fixture
def administrator(healthy):
    user = account("ada", ADMINISTRATORS)
    user.is_staff = True
    user.save()
    return signed_in(user)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda: stage().delete(), f"missing: {SEARCH}"),
        (lambda: stage().update(enabled=False), f"switched off: {SEARCH}"),
        (lambda: stage().update(interval=IntervalSchedule.objects.create(every=9, period="days")), "changed: "),
        (lambda: stage().update(one_off=True), f"changed: {SEARCH}"),
        (lambda: stage().update(start_time=timezone.now() + timedelta(days=1)), f"changed: {SEARCH}"),
        (lambda: stage().update(queue="nobody"), f"changed: {SEARCH}"),
        (lambda: stage().update(last_run_at=timezone.now() - timedelta(minutes=16)), f"late: {SEARCH}"),
        (lambda: PeriodicTask.objects.filter(interval__every=5).update(enabled=False), "more Switch on what is off"),
    ],
)
def test_the_doctor_does_not_say_ok_while_nothing_is_searched(doctor, harm, words):
    harm()
    reported = doctor()
    assert list(reported) == ["schedule"]
    assert words in reported["schedule"]


def test_what_is_usual_is_not_late(doctor):
    stage().update(last_run_at=timezone.now() - timedelta(minutes=14))
    stage("6 delete what is over").update(last_run_at=timezone.now() - timedelta(hours=24))
    assert doctor() == {}


def test_while_beat_is_dead_its_stages_are_compared_and_none_is_called_late(healthy):
    SignOfLife.objects.filter(name=BEAT).update(seen_at=timezone.now() - timedelta(hours=1))
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(days=9))
    stage().update(enabled=False)
    assert stage_faults() == {SEARCH: Fault.OFF}


def test_rows_that_went_with_their_interval_come_back_as_planned_and_the_audit_says_so(healthy, settings, caplog):
    settings.ALARM_AFTER_MINUTES = 0
    stage(PAIR).update(enabled=False)
    gone = sorted(PeriodicTask.objects.filter(interval__every=30).values_list("name", flat=True))
    assert len(gone) > 5
    IntervalSchedule.objects.filter(every=30).delete()
    assert {fault for name, fault in stage_faults().items() if name in gone} == {Fault.MISSING}
    Watchman(everything=False)._examine()
    assert stage_faults() == {PAIR: Fault.OFF}  # what an administrator has switched off stays off
    assert all(name in caplog.text for name in gone)
    entry = AuditEntry.objects.get(action="schedule.put-back")
    assert sorted(entry.detail.split("; ")) == gone
    assert Alarm.objects.get(condition="schedule").sentence == f"switched off: {PAIR}"
    assert missing_stages_restore() == []


def test_before_beat_has_ever_run_nothing_is_put_back(healthy):
    SignOfLife.objects.all().delete()
    PeriodicTask.objects.all().delete()
    assert missing_stages_restore() == []
    assert len(stage_faults()) == len(BEAT_SCHEDULE)


def test_the_admin_deletes_neither_an_interval_in_use_nor_a_stage_of_the_plan(administrator):
    used, free = IntervalSchedule.objects.get(every=30, period="seconds"), IntervalSchedule.objects.create(every=7)
    pages = "/admin/django_celery_beat"
    n_stages = PeriodicTask.objects.count()
    for page in (f"intervalschedule/{used.pk}", f"periodictask/{stage().get().pk}"):
        assert administrator.post(f"{pages}/{page}/delete/", {"post": "yes"}).status_code == 403
    marked = {"action": "delete_selected", "_selected_action": [used.pk], "post": "yes"}
    administrator.post(f"{pages}/intervalschedule/", marked)
    assert PeriodicTask.objects.count() == n_stages
    assert administrator.post(f"{pages}/intervalschedule/{used.pk}/change/", {"every": 9}).status_code == 403
    assert administrator.post(f"{pages}/intervalschedule/{free.pk}/delete/", {"post": "yes"}).status_code == 302
    assert list(IntervalSchedule.objects.filter(every__in=[7, 30]).values_list("every", flat=True)) == [30]


def test_a_stage_is_switched_off_with_a_reason_that_the_audit_keeps(administrator, doctor):
    page = f"/admin/django_celery_beat/periodictask/{stage().get().pk}/change/"
    form = administrator.get(page).context["adminform"].form
    values = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "")}
    values.pop("enabled")
    assert "Say why this stage is switched off." in administrator.post(page, values).content.decode()
    assert stage().get().enabled
    answer = administrator.post(page, values | {"description": "The disk is being exchanged."})
    assert answer.status_code == 302, re.findall("errorlist.*", answer.content.decode())
    assert not stage().get().enabled
    entry = AuditEntry.objects.get(action="schedule.off")
    assert (entry.actor, entry.detail) == ("ada", f"{SEARCH}: The disk is being exchanged.")
    assert f"switched off: {SEARCH}" in doctor()["schedule"]
    administrator.post(page, values | {"enabled": "on"})
    assert doctor() == {}


def test_where_stages_cannot_be_put_back_everything_is_examined_all_the_same(healthy, monkeypatch, settings):
    settings.ALARM_AFTER_MINUTES = 0.0
    stage().delete()
    monkeypatch.setattr(alarms, "missing_stages_restore", fails)
    Watchman(everything=False)._examine()
    assert f"missing: {SEARCH}" in Alarm.objects.get(condition="schedule").sentence


def fails() -> None:
    raise IntegrityError("nobody may write here")
