"""One mail when something has been wrong for long enough, one when it is over, one a day in between; never a flood."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import OperationalError
from django.utils import timezone

from monitor.models.messages import ChannelPause
from monitor.models.operations import Alarm, SignOfLife
from monitor.notifications.rounds import channel_pause
from monitor.operations.health import alarms
from monitor.operations.health.alarms import Watchman
from monitor.operations.health.selectors import BEAT, queue_sign, sign_give
from monitor.web.guards import ADMINISTRATORS, OPERATORS
from tests.makers.people import account

pytestmark = pytest.mark.django_db
ADDRESS = "night-shift@example.org"


@pytest.fixture
def clock(monkeypatch):
    """Minutes go by at will: for alarms, while the rows that a test makes stand still."""
    now = [timezone.now()]
    monkeypatch.setattr(alarms, "database_now", lambda: now[0])
    monkeypatch.setattr("django.utils.timezone.now", lambda: now[0])

    def forward(minutes: float) -> None:
        now[0] += timedelta(minutes=minutes)

    return forward


@pytest.fixture
def watchman(healthy, settings, monkeypatch):
    settings.ADMIN_EMAILS, settings.ALARM_AFTER_MINUTES = [ADDRESS], 15
    monkeypatch.setattr("monitor.operations.health.alarms.connection.close", lambda: None)  # the test's own
    return Watchman(everything=True)


def fall_silent(name: str) -> None:
    SignOfLife.objects.filter(name=name).update(seen_at=timezone.now() - timedelta(minutes=30))


def rounds(watchman: Watchman, clock, n: int = 2, minutes: float = 15) -> None:
    """Let the watchman go round, with some minutes after each round."""
    for _ in range(n):
        watchman.round()
        clock(minutes)


def subjects() -> list[str]:
    return [one.subject.removeprefix("Ground Motion Monitor ") for one in mail.outbox]


def test_a_stopped_beat_makes_one_mail_and_its_end_another(watchman, clock):
    fall_silent(BEAT)
    rounds(watchman, clock, minutes=14)
    assert subjects() == []  # what comes and goes is nobody's business
    clock(1)
    rounds(watchman, clock, n=5, minutes=4)
    assert subjects() == ["needs attention: beat"]
    assert mail.outbox[0].to == [ADDRESS]
    assert "Start beat, or look into its log." in mail.outbox[0].body
    sign_give(name=BEAT)
    rounds(watchman, clock, n=5, minutes=4)
    assert subjects() == ["needs attention: beat", "right again: beat"]


def break_disk(settings):
    settings.UPLOAD_SPARE_BYTES = 10**18
    return lambda: setattr(settings, "UPLOAD_SPARE_BYTES", 0)


def break_relay(settings):
    channel_pause(channel="mail", reason="554 relay access denied")
    return lambda: ChannelPause.objects.all().delete()


@pytest.mark.parametrize(("harm", "name"), [(break_disk, "disk"), (break_relay, "channels")])
def test_each_fault_makes_one_mail_and_its_end_another(harm, name, watchman, clock, settings):
    heal = harm(settings)
    rounds(watchman, clock, n=4, minutes=10)
    assert subjects() == [f"needs attention: {name}"]
    heal()
    rounds(watchman, clock, n=4, minutes=10)
    assert subjects() == [f"needs attention: {name}", f"right again: {name}"]


def test_what_lasts_is_reported_once_a_day(watchman, clock):
    fall_silent(BEAT)
    rounds(watchman, clock, n=3 * 8, minutes=180)
    assert subjects() == ["needs attention: beat"] * 3


def test_what_comes_and_goes_is_one_alarm(watchman, clock):
    for _ in range(8):
        fall_silent(BEAT)
        watchman.round()
        clock(16)
        watchman.round()
        sign_give(name=BEAT)
        watchman.round()
        clock(1)
    assert subjects() == ["needs attention: beat"]


def test_three_faults_at_once_make_one_mail(watchman, clock, settings):
    fall_silent(BEAT)
    fall_silent(queue_sign("mail"))
    break_disk(settings)
    rounds(watchman, clock)
    assert subjects() == ["needs attention: queue mail, beat, disk"]


def test_mail_that_cannot_be_sent_is_sent_later_and_shows_elsewhere(watchman, clock, monkeypatch, caplog):
    def refuse(self):
        raise OSError("connection refused")

    channel_pause(channel="mail", reason="connection refused")
    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.EmailMessage.send", refuse)
        watchman.round()
        clock(15)
        watchman.round()
    assert "alarms could not be reported to administrators" in caplog.text
    assert "alarm: channels: nothing gets through by mail" in caplog.text
    assert [one.condition for one in alarms.alarms_open()] == ["channels"]
    watchman.round()
    assert subjects() == ["needs attention: channels"]


def test_beat_reports_a_mail_worker_that_has_died(watchman, clock):
    beat = Watchman(everything=False)
    fall_silent(queue_sign("mail"))
    rounds(beat, clock)
    assert subjects() == ["needs attention: queue mail"]


def test_a_database_that_is_gone_is_reported_without_it(watchman, clock, monkeypatch):
    def gone(*args):
        raise OperationalError("gone")

    watchman.round()
    with monkeypatch.context() as broken:
        broken.setattr("monitor.operations.health.alarms.try_lock", gone)
        Watchman(everything=False).round()
        for _ in range(4):
            watchman.round()
            clock(10)
    assert subjects() == ["needs attention: database"]
    watchman.round()
    assert subjects() == ["needs attention: database", "right again: database"]
    assert Alarm.objects.get().ended_at


def test_mails_go_to_administrators_who_have_an_address(watchman, settings):
    settings.ADMIN_EMAILS = [ADDRESS]
    account("chief", ADMINISTRATORS), account("left", ADMINISTRATORS, is_active=False), account("anna", OPERATORS)
    User.objects.create_superuser("root")
    assert alarms.recipients() == [ADDRESS, "chief@example.org"]


def test_operators_read_on_the_page_jobs_what_is_wrong(watchman, clock, operator):
    assert "needs attention" not in operator.get("/jobs/").content.decode()
    fall_silent(BEAT)
    rounds(watchman, clock)
    page = operator.get("/jobs/").content.decode()
    assert "The service needs attention" in page
    assert "Start beat, or look into its log." in page


def test_alarms_end_although_the_clock_is_set_back(watchman, clock):
    fall_silent(BEAT)
    watchman.round()
    clock(-60)
    rounds(watchman, clock)
    assert subjects() == ["needs attention: beat"]
    sign_give(name=BEAT)
    watchman.round()
    clock(-60)
    rounds(watchman, clock)
    assert subjects() == ["needs attention: beat", "right again: beat"]
