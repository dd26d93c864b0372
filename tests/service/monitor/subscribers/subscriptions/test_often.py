"""How often: digests by the reader's clock, months, pauses that end, tests, and signs of life."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone

from monitor import tasks
from monitor.models.subscriptions import Subscription
from monitor.notifications import digests, rounds
from monitor.subscribers.subscriptions import selectors, services, tokens
from tests.makers.organisations import FORM
from tests.waiting import reread

pytestmark = pytest.mark.django_db


def test_a_monthly_digest_is_due_on_the_first():
    for day, hour, due in (((3, 31), 12, 3), ((3, 1), 5, 2), ((3, 1), 6, 3)):
        moment = digests.last_moment(frequency="monthly", now=datetime(2026, *day, hour, tzinfo=UTC))
        assert moment == datetime(2026, due, 1, 6, tzinfo=UTC)


def test_a_pause_ends_by_itself_in_the_morning_of_its_day(make_subscription, client):
    one = make_subscription(time_zone="Pacific/Auckland")
    day = timezone.now().date() + timedelta(days=9)
    path = f"/subscriptions/{tokens.manage_token(one.pk)}/"
    client.post(path, {"deed": "pause", "subscription": one.pk, "until": day.isoformat()})
    assert reread(one).paused_at
    ends = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Pacific/Auckland"))
    assert one.paused_until == ends
    assert "It goes on by itself on" in client.get(path).content.decode()
    assert selectors.subscriptions_resume_due(now=ends - timedelta(minutes=1)) == 0
    assert selectors.subscriptions_resume_due(now=ends) == 1
    assert (reread(one).paused_at, one.paused_until) == (None, None)


def test_a_day_that_is_none_pauses_without_an_end(make_subscription):
    for until in ("", "yesterday", "2020-01-01", date(9999, 1, 1).isoformat()):
        one = make_subscription()
        services.change(email=one.email, pk=str(one.pk), deed="pause", until=until)
        assert (reread(one).paused_at is not None, one.paused_until) == (True, None), until


def test_two_buttons_of_a_subscription_are_visible_and_the_rest_is_folded(make_subscription, client):
    token = tokens.manage_token(make_subscription().pk)
    page = client.get(f"/subscriptions/{token}/").content.decode()
    form = page[page.index('<article class="subscription">') : page.index("</article>")]
    visible, folded = form.split("<details>")
    assert re.findall(r'name="deed" value="([^"]+)"', visible) == ["pause", "stop"]
    assert {"daily", "test", "sign", "bulletins"} <= set(re.findall(r'name="deed" value="([^"]+)"', folded))


def test_a_test_shows_that_mails_arrive_three_times_a_day(make_subscription, client):
    one = make_subscription(label="the harbour")
    path = f"/subscriptions/{tokens.manage_token(one.pk)}/"
    pages = [client.post(path, {"deed": "test", "subscription": one.pk}, follow=True) for _ in range(4)]
    rounds.messages_send()
    assert len(mail.outbox) == 3
    assert "The harbour" in mail.outbox[0].body
    assert "List-Unsubscribe" in mail.outbox[0].extra_headers
    assert "A test is on its way" in pages[0].content.decode()
    assert "No test was sent" in pages[3].content.decode()


def test_a_sign_of_life_comes_each_quarter_that_brought_nothing(make_alert, make_subscription):
    long_ago = timezone.now() - timedelta(days=100)
    make_subscription(sign_of_life=True, confirmed_at=long_ago, label="the harbour")
    make_subscription("new@example.org", sign_of_life=True)
    make_subscription("no@example.org", confirmed_at=long_ago)
    heard = make_subscription("heard@example.org", sign_of_life=True, confirmed_at=long_ago, longitude=-13.0)
    make_alert(longitude=-13.0)
    tasks.announce_transitions()
    rounds.messages_send()
    assert [letter.to for letter in mail.outbox] == [[heard.email]]
    assert digests.signs_of_life_queue() == 1
    assert digests.signs_of_life_queue() == 0
    rounds.messages_send()
    assert mail.outbox[1].to == ["resident@example.org"]
    assert "The harbour" in mail.outbox[1].body
    assert digests.signs_of_life_queue(now=timezone.now() + timedelta(days=92)) == 3


def test_the_form_keeps_the_sign_and_the_page_changes_it(client):
    client.post("/subscribe/", FORM | {"frequency": "monthly", "email": "a@example.org", "sign_of_life": "on"})
    one = Subscription.objects.get()
    assert (one.frequency, one.sign_of_life) == ("monthly", True)
    services.subscription_confirm(subscription=one)
    path = f"/subscriptions/{tokens.manage_token(one.pk)}/"
    client.post(path, {"deed": "read", "language": "de", "time_zone": "Europe/Berlin"})
    client.post(path, {"deed": "no-sign", "subscription": one.pk})
    assert (reread(one).language, one.time_zone, one.sign_of_life) == ("de", "Europe/Berlin", False)
