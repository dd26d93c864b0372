"""Notices of new breaks: every member who wants mails hears once of each, with its kilometre, and nobody twice."""

import json

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ground_motion.methods.deformation.motion.series import WITHIN_90
from monitor import tasks
from monitor.models.lines import Line, LineBreak
from monitor.models.messages import OutgoingMessage
from monitor.notifications import rounds
from monitor.notifications.webhook.channel import payload
from monitor.subscribers.organisations import lines, services
from monitor.wording.cards.cards import KeptCards
from monitor.wording.cards.lines import notice_sentence
from tests.makers.lines import STEP_M, WISH, load_points, make_line, read
from tests.service.monitor.notifications.sending import endpoint_made

pytestmark = pytest.mark.django_db


@pytest.fixture
def line(three, tmp_path) -> Line:
    """The line of an organisation of three, read, with one break."""
    load_points(tmp_path)
    line = make_line(three[0])
    read(line)
    return line


def break_made(line, station_m: float, **where) -> None:
    figures = {"height_mm_yr": 20.0, "sigma_mm_yr": 2.0, "width_m": 15.0, "mm_m_yr": 1.3, "mm_m_yr_sigma": 0.1}
    reading = line.readings.first()
    LineBreak.objects.create(line=line, reading=reading, station_m=station_m, is_beyond=True, **figures, **where)


def to_webhook(line) -> OutgoingMessage:
    """Announce the breaks; return the message to the webhook."""
    endpoint_made("webhook", "https://hooks.example.org/in", email="", organisation=line.organisation, keys={})
    tasks.announce_breaks()
    return OutgoingMessage.objects.select_related("notice__line").get(channel="webhook")


def mailed_to() -> list[str]:
    tasks.announce_breaks()
    mail.outbox.clear()
    rounds.messages_send()
    return sorted(letter.to[0] for letter in mail.outbox)


def test_members_who_want_mails_hear_once_with_kilometre_figures_period_and_link(line, three, client):
    services.mails_set(membership=three[1], wanted=False)
    assert mailed_to() == ["ben@example.org", "owner@example.org"]
    letter = mail.outbox[0]
    assert letter.subject.startswith("Uneven settlement of Coal line: km 12.4")
    for words in ("limit of 0.5 mm per metre in a year", "mm a year over about", "±", "between 2020 and 2025"):
        assert words in letter.body
    link = next(word for word in letter.body.split() if "/lines/" in word)
    assert client.get(link.removeprefix("http://localhost:8000")).status_code == 200
    assert mailed_to() == []


def test_the_same_break_in_another_reading_is_no_news_and_another_one_is(line, three, tmp_path):
    assert len(mailed_to()) == 3
    lines.line_change(line=line, **WISH | {"limit_mm_m_yr": 0.6})
    read(line)
    assert mailed_to() == []
    load_points(tmp_path, step_mm_yr=-33.0, track=65)  # another data set
    read(line)
    assert line.breaks.filter(is_beyond=True).count() == 2
    assert mailed_to() == []
    break_made(line, STEP_M - 1000, from_m=400, to_m=500)
    assert len(mailed_to()) == 3
    assert "km 11.40–11.50" in mail.outbox[0].body


def test_a_limit_that_was_changed_waits_for_its_reading_and_what_was_reported_and_is_lost_is_no_news_again(line, three):
    lines.line_change(line=line, **WISH | {"limit_mm_m_yr": 20.0})
    assert mailed_to() == []
    read(line)
    assert mailed_to() == []
    lines.line_change(line=line, **WISH)
    read(line)
    assert len(mailed_to()) == 3
    lines.line_change(line=line, **WISH | {"limit_mm_m_yr": 40.0})
    read(line)
    assert not line.breaks.filter(is_beyond=True).exclude(reading=None).exists()
    lines.line_change(line=line, **WISH)
    read(line)
    assert line.breaks.filter(is_beyond=True).exclude(reading=None).exists()
    assert mailed_to() == []


def test_who_left_before_the_mail_went_hears_nothing(line, three):
    tasks.announce_breaks()
    services.member_leave(membership=three[2])
    assert mailed_to() == ["anna@example.org", "owner@example.org"]


def test_webhooks_hear_of_it_too(line, three):
    message = to_webhook(line)
    (found,) = json.loads(json.dumps(payload(message, KeptCards())))["data"]["breaks"]
    assert found["station_m"] == pytest.approx(12_500, abs=50)


def test_a_break_that_wavers_about_the_limit_is_reported_once(line, three):
    assert len(mailed_to()) == 3
    found = line.breaks.get()
    ratio = found.mm_m_yr - WITHIN_90 * found.mm_m_yr_sigma
    for limit in (1.05 * ratio, 0.95 * ratio, 1.05 * ratio, 0.95 * ratio):
        lines.line_change(line=line, **WISH | {"limit_mm_m_yr": limit})
        read(line)
        assert line.breaks.get().is_beyond == (limit < ratio)
        assert mailed_to() == []


def test_a_mail_about_a_break_that_is_beyond_no_more_is_not_sent(line):
    tasks.announce_breaks()
    line.breaks.update(is_beyond=False)
    rounds.messages_send()
    assert mail.outbox == []
    assert not OutgoingMessage.objects.exclude(state="withdrawn").exists()


def test_many_breaks_take_no_more_queries_and_those_that_are_not_named_are_counted(line, three):
    for at in range(0, 1200, 110):
        break_made(line, at, from_m=at, to_m=at + 20)
    message = to_webhook(line)
    with CaptureQueriesContext(connection) as queries:
        assert len(payload(message, KeptCards())["data"]["breaks"]) == 12
    assert len(queries) == 1
    assert " and 2 more." in notice_sentence(line, message.notice.places())
