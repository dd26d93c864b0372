"""One good mail: what comes close together is one, much is a summary, and nobody hears of the same twice."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from detection.alerts.services import alert_transition
from detection.rules.lifecycle import State
from monitor import tasks
from monitor.models.messages import OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications import digests, rounds

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def start(settings):
    settings.GATHERING = {"mail": (5.0, 60.0)}
    return timezone.now()


def mails_at(now) -> list:
    """Return the mails that leave at this time."""
    before, known = len(mail.outbox), list(OutgoingMessage.objects.values_list("pk", flat=True))
    tasks.announce_transitions()
    digests.messages_gather(now=now)
    rounds.messages_send()
    OutgoingMessage.objects.exclude(pk__in=known).update(created_at=now)
    return mail.outbox[before:]


def test_nine_places_within_minutes_are_one_mail(make_alert, make_subscription, start):
    make_subscription()
    alerts = [make_alert(longitude=-12.0 + n / 1000) for n in range(9)]
    assert mails_at(start) == []
    (letter,) = mails_at(start + 6 * MINUTE)
    assert letter.subject.startswith("9 places with news")
    assert all(alert.code in letter.body for alert in alerts)
    assert mails_at(start + 90 * MINUTE) == []


def test_many_readers_take_no_more_queries_than_few(make_alert, make_subscription, start):
    """What each message takes for itself is its claim and its mark."""

    def statements(readers: range, now) -> tuple[int, int]:
        for n in readers:
            make_subscription(f"reader{n}@example.org")
        make_alert(longitude=-12.0 + readers.start / 1000)
        with CaptureQueriesContext(connection) as gathered:
            tasks.announce_transitions()
            digests.messages_gather(now=now)
        with CaptureQueriesContext(connection) as sent:
            assert rounds.messages_send() == len(readers)
        return len(gathered), sum(one["sql"].startswith("SELECT") for one in sent)

    statements(range(1), start + 6 * MINUTE)  # what is read once
    assert statements(range(1, 3), start + 12 * MINUTE) == statements(range(3, 9), start + 18 * MINUTE)


def test_the_first_news_waits_some_minutes_and_the_next_for_the_rest_of_the_hour(make_alert, make_subscription, start):
    make_subscription()
    make_alert()
    assert mails_at(start + 4 * MINUTE) == []
    (letter,) = mails_at(start + 6 * MINUTE)
    assert letter.subject.startswith("Sinking ground, cause unknown: ")
    later = [make_alert(longitude=-12.01), make_alert(longitude=-11.99)]
    assert mails_at(start + 60 * MINUTE) == []
    (letter,) = mails_at(start + 67 * MINUTE)
    assert all(alert.code in letter.body for alert in later)


def test_a_flood_is_one_summary_and_later_findings_wait(make_alert, make_subscription, start, client):
    make_subscription()
    alerts = [make_alert(longitude=-12.0 + n / 1000) for n in range(25)]
    (letter,) = mails_at(start + 6 * MINUTE)
    assert letter.subject.startswith("25 places with news")
    assert sum(alert.code in letter.body for alert in alerts) == 5
    link = next(word for word in letter.body.split() if "/news/" in word).removeprefix("http://localhost:8000")
    page = client.get(link).content.decode()
    assert all(alert.code in page for alert in alerts)
    make_alert(longitude=-12.001)
    alert_transition(alert=alerts[0], to=State.CONFIRMED, reason="seen in the field", actor="operator")
    (letter,) = mails_at(start + 120 * MINUTE)
    assert "A specialist has looked at this place and confirmed it" in letter.body
    assert mails_at(start + 600 * MINUTE) == []
    assert len(mails_at(start + timedelta(hours=26))) == 1


def test_a_place_in_two_regions_is_reported_once(make_alert, make_subscription, start, client):
    make_subscription(label="the street")
    make_subscription(label="the town")
    for n in range(2):
        make_alert(longitude=-12.0 + n / 1000)
    (letter,) = mails_at(start + 6 * MINUTE)
    assert "here: the street and the town." in letter.body
    assert letter.body.count("↓ 14 ± 2 mm a year") == 2
    assert letter.body.count("It also lies here: the town.") == 2
    client.post(letter.extra_headers["List-Unsubscribe"].strip("<>").removeprefix("http://localhost:8000"))
    assert not Subscription.objects.filter(ended_at=None).exists()


def test_what_came_at_once_does_not_come_again_in_the_digest_of_the_same_person(make_alert, make_subscription, start):
    make_subscription()
    make_subscription(frequency="daily", label="the town")
    make_subscription("neighbour@example.org", frequency="daily")
    make_alert()
    assert len(mails_at(start + 6 * MINUTE)) == 1
    digests.digests_queue(now=start + timedelta(days=1))
    OutgoingMessage.objects.filter(state="queued").update(next_try_at=timezone.now())
    (letter,) = mails_at(start + 7 * MINUTE)
    assert letter.to == ["neighbour@example.org"]


def test_a_channel_that_does_not_gather_gets_each_step_as_a_message(make_alert, make_subscription, start):
    make_subscription(channel="hook")
    for n in range(3):
        make_alert(longitude=-12.0 + n / 1000)
    tasks.announce_transitions()
    assert OutgoingMessage.objects.filter(channel="hook", kind="alert", state="queued").count() == 3
