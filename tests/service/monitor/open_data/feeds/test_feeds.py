"""Feeds of a subscription: what its rules match and nothing else, behind a secret that can be renewed."""

import json
from datetime import timedelta

import feedparser
import pytest
from django.utils import timezone
from icalendar import Calendar

from detection.alerts.services import alert_transition
from detection.models import AlertTransition
from detection.rules.lifecycle import State
from monitor.models.subscriptions import Subscription
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.subscribers.subscriptions import tokens
from monitor.subscribers.subscriptions.tokens import feeds_set
from monitor.tasks import issue_cap_messages

pytestmark = pytest.mark.django_db
RESIDENT = "resident@example.org"
ALL = ("alerts.atom", "cap.atom", "alerts.ics")


@pytest.fixture
def make_feeds(make_subscription):
    """Return a maker of subscriptions whose owners made links."""

    def make(email: str = RESIDENT, **values) -> Subscription:
        subscription = make_subscription(email, **values)
        feeds_set(subscription=subscription, opened=True)
        subscription.refresh_from_db()
        return subscription

    return make


def address(subscription: Subscription, name: str = "alerts.atom") -> str:
    return f"/feeds/{subscription.feed_key}/{name}"


def atom(client, subscription: Subscription, name: str = "alerts.atom"):
    feed = feedparser.parse(client.get(address(subscription, name)).content)
    assert not feed.bozo
    return feed


def events(client, subscription: Subscription) -> list:
    return Calendar.from_ical(client.get(address(subscription, "alerts.ics")).content).walk("VEVENT")


def codes(feed) -> list[str]:
    return [entry.link.split("/")[-2] for entry in feed.entries]


def test_feeds_pause_with_their_subscription_and_go_on_with_it(client, make_alert, make_feeds):
    before, subscription = make_alert(), make_feeds()
    stamp = atom(client, subscription).entries[0].updated
    subscriptions.subscription_pause(subscription=subscription)
    alert_transition(alert=before, to=State.CONFIRMED, reason="said anna", actor="anna")
    after = make_alert(longitude=-12.002)
    feed = atom(client, subscription)
    assert (codes(feed), feed.entries[0].updated) == ([before.code], stamp)
    assert len(events(client, subscription)) == 1
    subscriptions.change(email=RESIDENT, pk=str(subscription.pk), deed="resume")
    assert set(codes(atom(client, subscription))) == {before.code, after.code}
    mails_came_back = {"paused_at": timezone.now(), "pause_reason": "bounced"}
    Subscription.objects.update(**mails_came_back)
    make_alert(longitude=-12.004)
    assert len(codes(atom(client, subscription))) == 3  # a feed may then be the only way left


def test_feeds_hold_what_the_rules_match_and_nothing_else(client, make_alert, make_feeds):
    here, later = make_alert(), make_alert(longitude=-12.002, severity="strong")
    make_alert(longitude=40.0)
    make_alert(kind="uplift")
    make_alert(severity="minor")
    issue_cap_messages()
    subscription = make_feeds(kinds=["subsidence"], lowest_severity="moderate")
    assert codes(atom(client, subscription)) == [later.code, here.code]
    assert [event["url"].split("/")[-2] for event in events(client, subscription)] == [later.code, here.code]
    messages = [client.get(f"/cap/{code}.xml").content for code in (later.code, here.code)]
    feed = atom(client, subscription, "cap.atom")
    assert [client.get(entry.link.removeprefix("http://testserver")).content for entry in feed.entries] == messages
    assert {link.type for link in feed.entries[0].links if link.rel == "enclosure"} == {"application/cap+xml"}


def test_only_reviewed_ones_come_where_that_is_wanted(client, make_alert, make_feeds):
    subscription, alert = make_feeds(unreviewed=False), make_alert()
    assert codes(atom(client, subscription)) == []
    alert_transition(alert=alert, to=State.CONFIRMED, reason="seen in the field", actor="operator")
    assert codes(atom(client, subscription)) == [alert.code]


def test_what_was_in_the_feed_and_is_rejected_says_so(client, make_alert, make_feeds):
    subscription, alert, unknown = make_feeds(kinds=["subsidence"]), make_alert(), make_alert(kind="uplift")
    issue_cap_messages()
    before = atom(client, subscription).entries[0]
    for one in (alert, unknown):
        alert_transition(alert=one, to=State.REJECTED, reason="a field")
    issue_cap_messages()
    (entry,) = atom(client, subscription).entries
    assert entry.id == before.id
    assert entry.updated > before.updated or entry.updated_parsed >= before.updated_parsed
    assert "found that it is not ground motion" in entry.summary
    period, taken_back = sorted(events(client, subscription), key=lambda event: "sequence" not in event)
    assert (period["status"], int(period["sequence"])) == ("CANCELLED", 1)
    assert "not ground motion" in taken_back["description"]
    titles = [one.title.split(":")[0] for one in atom(client, subscription, "cap.atom").entries]
    assert titles == ["Cancel", "Alert"]


def test_a_calendar_has_the_period_of_an_alert_its_changes_and_its_end(client, make_alert, make_feeds):
    subscription, alert = make_feeds(time_zone="Pacific/Auckland"), make_alert()
    for state in (State.PROVISIONAL, State.CONFIRMED, State.FINISHED):
        alert.refresh_from_db()
        alert_transition(alert=alert, to=state, reason="made", actor="operator")
    begin = timezone.now() - timedelta(days=100)
    for n, step in enumerate(AlertTransition.objects.order_by("pk")):
        at = begin.replace(hour=20) + timedelta(days=30 * n)  # the next day in Auckland
        AlertTransition.objects.filter(pk=step.pk).update(created_at=at)
    period, *changes = events(client, subscription)
    first = (begin + timedelta(days=1)).date()
    assert period["dtstart"].dt == first
    assert period["dtend"].dt == first + timedelta(days=91)
    assert period["status"] == "CONFIRMED"
    assert [change["dtstart"].dt for change in changes] == [first + timedelta(days=30 * n) for n in (1, 2, 3)]
    assert "A specialist has looked at this place and confirmed it." in changes[1]["description"]
    assert len({event["uid"] for event in (period, *changes)}) == 4
    assert all(event["transp"] == "TRANSPARENT" and event["class"] == "PRIVATE" for event in changes)


def test_feeds_are_in_the_language_of_the_reader_and_hold_no_address(client, make_alert, make_feeds):
    subscription = make_feeds(language="de", name="Zu Hause, am Berg")
    make_alert()
    issue_cap_messages()
    answers = {name: client.get(address(subscription, name), headers={"Accept-Language": "fr"}) for name in ALL}
    for answer in answers.values():
        assert "Sinkender Boden" in answer.content.decode().replace("\r\n ", "")
        assert RESIDENT not in answer.content.decode()
        assert tokens.manage_token(subscription.pk)[:20] not in answer.content.decode()
        assert answer["Content-Language"] == "de"
        assert answer["X-Robots-Tag"] == "noindex"
        assert answer["Cache-Control"] == "private, max-age=300"
        assert "Access-Control-Allow-Origin" not in answer
    calendar = Calendar.from_ical(answers["alerts.ics"].content)
    assert calendar.errors == []
    assert b"Zu Hause\\, am Berg" in answers["alerts.ics"].content


def test_what_has_not_changed_is_not_sent_again(client, make_alert, make_feeds):
    subscription, alert = make_feeds(), make_alert()
    issue_cap_messages()
    feeds = {address(subscription, name): client.get(address(subscription, name)) for name in ALL}
    for feed, first in feeds.items():
        same = client.get(feed, headers={"If-None-Match": first["ETag"]})
        assert (same.status_code, same.content) == (304, b"")
        assert same["Cache-Control"] == first["Cache-Control"]
        assert client.get(feed, headers={"If-Modified-Since": first["Last-Modified"]}).status_code == 304
    alert_transition(alert=alert, to=State.PROVISIONAL, reason="seen again")
    issue_cap_messages()
    for feed, first in feeds.items():
        again = client.get(feed, headers={"If-None-Match": first["ETag"]})
        assert again.status_code == 200
        assert again["ETag"] != first["ETag"]


def test_links_are_made_renewed_and_taken_away_on_the_page(client, subscription):
    token = tokens.manage_token(subscription.pk)
    page = f"/subscriptions/{token}/{subscription.pk}/feeds/"
    assert page in client.get(f"/subscriptions/{token}/").content.decode()
    assert "/feeds/" not in client.get(page).content.decode().replace(page, "")
    keys = []
    for _ in range(2):
        assert client.post(page, {"deed": "open"}).status_code == 302
        subscription.refresh_from_db()
        keys.append(subscription.feed_key)
        assert f"/feeds/{keys[-1]}/alerts.ics" in client.get(page).content.decode()
    old, new = (f"/feeds/{key}/alerts.atom" for key in keys)
    assert (client.get(old).status_code, client.get(new).status_code) == (404, 200)
    client.post(page, {"deed": "close"})
    assert client.get(new).status_code == 404
    assert "Make secret links" in client.get(page).content.decode()


def test_nobody_reads_or_makes_the_links_of_another(client, make_feeds, make_subscription):
    theirs, stranger = make_feeds(), make_subscription("stranger@example.org")
    page = f"/subscriptions/{tokens.manage_token(stranger.pk)}/{theirs.pk}/feeds/"
    assert client.get(page).status_code == 410
    assert client.post(page, {"deed": "close"}).status_code == 410
    assert Subscription.objects.get(pk=theirs.pk).feed_key == theirs.feed_key
    for wrong in ("nonsense", "\0", tokens.manage_token(theirs.pk)):
        assert client.get(f"/feeds/{wrong}/alerts.atom").status_code == 404
    assert client.get(f"/subscriptions/{theirs.feed_key}/").status_code == 404
    assert client.post(address(theirs)).status_code == 405


def test_feeds_end_with_their_subscription_and_go_with_their_person(client, make_feeds):
    subscription = make_feeds()
    held = json.loads(json.dumps(subscriptions.person_export(email=RESIDENT), default=str))
    assert {link.rpartition("/")[2] for link in held["subscriptions"][0]["feeds"]} == set(ALL)
    subscriptions.subscriptions_end(ids=[subscription.pk])
    assert {client.get(address(subscription, name)).status_code for name in ALL} == {410}
    subscriptions.person_delete(email=RESIDENT)
    assert {client.get(address(subscription, name)).status_code for name in ALL} == {404}
