"""Who hears of what: news and updates of alerts become mails that wait, each once."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from detection.alerts import life
from detection.alerts.services import alert_transition
from detection.models import Alert, AlertRelation, AlertTransition, AlertUpdate
from detection.rules.lifecycle import State
from detection.rules.updates import Cause, Change
from monitor import tasks
from monitor.maps.map.plans import MAX_BYTES, card_png
from monitor.models.messages import Announcement, Notification, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications import announcements, digests, rounds
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.wording.updates import change_sentences
from tests.service.monitor.notifications.sending import mails_sent
from tests.waiting import reread

pytestmark = pytest.mark.django_db


def test_a_resident_hears_of_a_place_in_the_region_and_a_resident_elsewhere_does_not(make_alert, make_subscription):
    make_subscription("resident@example.org")
    make_subscription("elsewhere@example.org", longitude=-13.0)
    alert = make_alert()
    (letter,) = mails_sent()
    assert letter.to == ["resident@example.org"]
    assert letter.subject.startswith("Sinking ground, cause unknown: ")
    assert "The ground here sank by about 14" in letter.body
    assert f"/alerts/{alert.code}/" in letter.body
    assert "simulated" not in (letter.subject + letter.body + letter.alternatives[0].content).lower()
    make_alert(longitude=-12.001, simulated=True)
    (letter,) = mails_sent()
    assert letter.subject.startswith("[Simulated] ")
    assert letter.body.startswith("SIMULATED DATA")
    assert "Simulated data." in letter.alternatives[0].content


def test_several_regions_of_one_person_make_one_mail_that_names_them(make_alert, make_subscription):
    """The same news is sent once, however often it is announced."""
    make_subscription(label="the street")
    make_subscription(label="the town")
    make_alert()
    (letter,) = mails_sent()
    assert "the street and the town" in letter.body
    transition = AlertTransition.objects.get()
    assert announcements.transition_announce(transition_id=transition.pk) is None
    assert mails_sent() == []
    Announcement.objects.all().delete()
    assert mails_sent() == []
    assert Notification.objects.filter(message__state="sent").count() == Notification.objects.count() == 2


def test_nobody_hears_of_what_they_did_not_choose(make_alert, make_subscription):
    now = timezone.now()
    for wish in (
        {"kinds": ["uplift"]},
        {"lowest_severity": "strong"},
        {"unreviewed": False},
        {"confirmed_at": None},
        {"paused_at": now},
        {"ended_at": now},
        {"confirmed_at": now + timedelta(hours=1)},
    ):
        make_subscription(**wish)
    make_alert(kind="subsidence", severity="moderate")
    assert mails_sent() == []


def test_who_wants_reviewed_places_only_hears_when_a_person_has_confirmed_one(make_alert, make_subscription):
    make_subscription(unreviewed=False)
    unreviewed, alert = make_alert(), make_alert()
    assert mails_sent() == []
    alert_transition(alert=alert, to=State.CONFIRMED, reason="seen in the field", actor="operator")
    (letter,) = mails_sent()
    assert "A specialist has looked at this place and confirmed it" in letter.body
    for one in (unreviewed, alert):
        life.report(one, State.FINISHED, "at rest", "automatic")
    (letter,) = mails_sent()
    assert "The ground here has come to rest." in letter.body


@pytest.mark.parametrize("rejection_is_announced", [False, True])
def test_rejected_alert_sends_no_mail(alert, subscription, rejection_is_announced):
    tasks.announce_transitions()
    alert_transition(alert=alert, to=State.REJECTED, reason="a known dump", actor="operator")
    if rejection_is_announced:
        tasks.announce_transitions()
        assert Notification.objects.get().withdrawn_at is not None
    rounds.messages_send()
    assert mails_sent() == mail.outbox == []
    assert set(OutgoingMessage.objects.values_list("state", flat=True)) == {"withdrawn"}


def test_only_who_had_been_notified_gets_a_correction(make_alert, make_subscription):
    make_subscription("notified@example.org")
    make_subscription("reviewed@example.org", unreviewed=False)
    alert = make_alert()
    assert [letter.to for letter in mails_sent()] == [["notified@example.org"]]
    alert_transition(alert=alert, to=State.REJECTED, reason="a known dump", actor="operator")
    (letter,) = mails_sent()
    assert letter.to == ["notified@example.org"]
    assert letter.subject.startswith("Correction: not ground motion")
    assert "not ground motion" in letter.body
    assert "sank" not in letter.body


def test_news_that_is_overtaken_before_it_is_sent_is_not_sent(alert, subscription):
    alert_transition(alert=alert, to=State.PROVISIONAL, reason="seen again")
    (letter,) = mails_sent()
    assert "seen twice" in letter.subject


def test_a_daily_digest_groups_by_region_counts_and_shows_a_small_picture_of_each_alert(make_alert, make_subscription):
    make_subscription(frequency="daily", label="the harbour")
    make_subscription(frequency="daily", label="the airfield", longitude=-13.0)
    make_alert()
    make_alert(longitude=-12.01, kind="uplift", rate_mm_yr=9.0, peak_rate_mm_yr=9.5)
    make_alert(longitude=-13.0)
    assert mails_sent() == []
    assert digests.digests_queue() == 1
    (letter,) = mails_sent()
    assert letter.subject.startswith("3 places with news: ")
    assert "=== The harbour: 2 places ===" in letter.body
    assert "=== The airfield: 1 place ===" in letter.body
    assert "Rising ground" in letter.body
    shown = re.findall(r'src="cid:([^"]+)" width="160"', letter.alternatives[0].content)
    assert len(set(shown)) == 3
    assert [picture["Content-ID"].strip("<>") for picture in letter.attachments] == shown
    pictures = [picture.get_payload(decode=True) for picture in letter.attachments]
    assert sorted(pictures) == sorted(card_png(alert) for alert in Alert.objects.all())
    assert max(map(len, pictures)) <= MAX_BYTES
    assert digests.digests_queue() == 0
    assert mails_sent() == []


def test_a_digest_comes_once_a_period_the_rest_waits_and_nothing_new_is_no_mail(make_alert, make_subscription):
    subscription = make_subscription(frequency="daily")
    assert digests.digests_queue(now=timezone.now() - timedelta(days=1)) == 0
    assert reread(subscription).last_digest_at is not None
    make_alert()
    mails_sent()
    assert digests.digests_queue() == 1
    assert len(mails_sent()) == 1
    make_alert(longitude=-12.01)
    mails_sent()
    assert digests.digests_queue() == 0
    assert digests.digests_queue(now=timezone.now() + timedelta(days=1)) == 1


def test_a_digest_leaves_out_what_was_rejected_meanwhile_and_corrects_what_was_sent(make_alert, make_subscription):
    make_subscription(frequency="daily")
    sent, unsent = make_alert(), None
    mails_sent()
    digests.digests_queue()
    assert len(mails_sent()) == 1
    unsent = make_alert(longitude=-12.01)
    mails_sent()
    for alert in (sent, unsent):
        alert_transition(alert=alert, to=State.REJECTED, reason="a known dump", actor="operator")
    mails_sent()
    digests.digests_queue(now=timezone.now() + timedelta(days=1))
    OutgoingMessage.objects.filter(state="queued").update(next_try_at=timezone.now())
    (letter,) = mails_sent()
    assert sent.code in letter.body
    assert unsent.code not in letter.body
    assert "Correction: Sinking ground" in letter.body
    assert "The ground here sank" not in letter.body
    assert letter.attachments == []


def digests_at(*moments: str) -> list[int]:
    """How many digests are queued when the clock shows these moments (UTC), one after the other."""
    return [digests.digests_queue(now=datetime.fromisoformat(f"{one}:30+00:00")) for one in moments]


def test_a_clock_that_jumps_makes_no_digest_twice(make_alert, make_subscription):
    make_subscription(frequency="daily", confirmed_at=datetime(2026, 2, 27, 6, 30, tzinfo=UTC))
    make_alert()
    tasks.announce_transitions()
    hours = ["03-02 06", "03-02 05", "03-02 07", "02-28 06", "03-02 08"]
    assert digests_at(*(f"2026-{hour}" for hour in hours)) == [1, 0, 0, 0, 0]
    make_alert(longitude=-12.01)
    tasks.announce_transitions()
    assert digests_at("2026-03-03 06") == [1]
    assert Notification.objects.exclude(message=None).count() == 2


@pytest.mark.parametrize(("day", "six"), [("2026-03-29", 4), ("2026-10-25", 5)])
def test_one_digest_comes_when_clocks_change(day, six, make_alert, make_subscription):
    """At six by the reader's clock, which is another hour of UTC from this night on. six: that hour."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(days=9)
    since = {"confirmed_at": start, "last_digest_at": start + timedelta(8, 6 * 3600)}
    make_subscription(frequency="daily", time_zone="Europe/Oslo", **since)
    make_alert()
    tasks.announce_transitions()
    assert digests_at(*(f"{day} {hour:02}" for hour in range(24))) == [int(hour == six) for hour in range(24)]


def test_changing_from_daily_to_at_once_loses_nothing(make_alert, make_subscription):
    subscription = make_subscription(frequency="daily")
    make_alert()
    mails_sent()
    subscriptions.change(email=subscription.email, pk=str(subscription.pk), deed="at-once")
    assert digests.digests_queue() == 0
    assert len(mails_sent()) == 1


FASTER = Change(Cause.RATE, -8.2, -14.1, "mm/yr", "up")


def update(alert, *changes) -> AlertUpdate:
    return life.report(alert, State(alert.state), "changed in a made field", "automatic", changes).update


def test_an_update_is_sent_once_unless_the_first_mail_still_waits_and_says_what_changed(alert, subscription):
    tasks.announce_transitions()
    update(alert, FASTER)
    (letter,) = mails_sent()
    assert "flagged for the first time" in letter.body  # It states the newest figures and needs no second mail.
    update(alert, FASTER)
    (letter,) = mails_sent()
    assert "sank by about 8.2 mm a year when this was last reported" in letter.body
    assert "Now it is about 14 mm a year." in letter.body
    assert "flagged for the first time" not in letter.body
    assert "Now it is about 14 mm a year." in letter.alternatives[0].content
    assert mails_sent() == []


def test_who_wants_new_alerts_only_hears_of_no_update_and_no_end(make_alert, make_subscription):
    make_subscription(updates=False)
    alert = make_alert()
    assert len(mails_sent()) == 1
    update(alert, FASTER)
    life.report(alert, State.FINISHED, "at rest", "automatic")
    assert mails_sent() == []


def test_a_digest_reports_an_update_beside_the_new_state(make_alert, make_subscription):
    make_subscription(frequency="weekly")
    alert = make_alert()
    tasks.announce_transitions()
    Notification.objects.update(withdrawn_at=timezone.now())  # the first mail was sent long ago
    update(alert, FASTER)
    tasks.announce_transitions()
    alert_transition(alert=alert, to=State.CONFIRMED, reason="plausible motion", actor="a specialist")
    tasks.announce_transitions()
    Subscription.objects.update(confirmed_at=timezone.now() - timedelta(days=30))
    assert digests.digests_queue() == 1
    (letter,) = mails_sent()
    assert "uncertainty of both. A specialist has looked at this place and confirmed it." in letter.body


def test_who_had_news_of_a_large_motion_hears_that_it_is_smaller(make_alert, make_subscription):
    make_subscription(lowest_severity="strong")
    alert = make_alert(severity="strong")
    mails_sent()
    alert.severity = "moderate"
    alert.save()
    update(alert, Change(Cause.SEVERITY, "strong", "moderate"))
    (letter,) = mails_sent()
    assert "Its importance is medium now. It was high before" in letter.body


def test_a_place_that_moves_again_is_reported_as_that(make_alert, subscription):
    alert = make_alert(state="finished")
    mails_sent()
    life.report(alert, State.FIRST, "moves again", "automatic", [Change(Cause.WOKEN, None, None), FASTER])
    (letter,) = mails_sent()
    assert "The ground here had come to rest. It moves again." in letter.body
    assert "Now it is about 14 mm a year." in letter.body


def test_page_feed_and_interface_report_an_update_and_pages_of_one_place_name_each_other(alert, make_alert, client):
    update(alert, FASTER)
    part = make_alert(longitude=-12.1)
    AlertRelation.objects.create(alert=part, other=alert, relation="split-from")
    sentence = "Now it is about 14 mm a year."
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "New figures" in page
    assert sentence in page
    assert f"/alerts/{part.code}/" in page
    assert f"/alerts/{alert.code}/" in client.get(part.get_absolute_url()).content.decode()
    assert sentence in client.get("/alerts.atom").content.decode()
    first, last = client.get(f"/api/v1/alerts/{alert.code}").json()["history"]
    assert (first["to_state"], first["changes"]) == ("first", [])
    assert (last["from_state"], last["to_state"], last["changes"][0]["after"]) == ("first", "first", -14.1)


def test_changes_that_the_table_of_sentences_lacks_have_words():
    for kind, change, sentence in (
        ("uplift", Change(Cause.RATE, 4.0, -6.0, "mm/yr", "up"), "Now it sinks by about 6.0 mm a year."),
        ("moving-ground", Change(Cause.RATE, 0.5, 1.2, "m/day"), "and now by about 1.2 metres a day."),
        ("subsidence", Change(Cause.FINISHED, -8.0, "2024-03-02", "mm/yr"), "Data after 2 March 2024 show no motion."),
    ):
        (words,) = change_sentences(kind, [change._asdict()], date(2025, 11, 3))
        assert sentence in words
