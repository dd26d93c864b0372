"""Updates of alerts are announced as other steps are: once, to those who want them, in words."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from detection.alerts import life
from detection.alerts.services import alert_transition
from detection.models import AlertRelation, AlertUpdate
from detection.rules.lifecycle import State
from detection.rules.updates import Cause, Change
from monitor import tasks
from monitor.models.messages import Notification
from monitor.models.subscriptions import Subscription
from monitor.notifications import digests
from monitor.wording.updates import change_sentences
from tests.monitor.notifications.test_outbox import announce_and_send

pytestmark = pytest.mark.django_db
FASTER = Change(Cause.RATE, -8.2, -14.1, "mm/yr", "up")


def update(alert, *changes) -> AlertUpdate:
    return life.report(alert, State(alert.state), "changed in a made field", "automatic", changes).update


def test_an_update_is_sent_once_and_says_what_changed(alert, subscription):
    announce_and_send()
    update(alert, FASTER)
    (letter,) = announce_and_send()
    assert "sank by about 8.2 mm a year when this was last reported" in letter.body
    assert "Now it is about 14 mm a year." in letter.body
    assert "flagged for the first time" not in letter.body
    assert "Now it is about 14 mm a year." in letter.alternatives[0].content
    assert announce_and_send() == []


def test_who_wants_new_alerts_only_hears_of_no_update_and_no_end(make_alert, make_subscription):
    make_subscription(updates=False)
    alert = make_alert()
    assert len(announce_and_send()) == 1
    update(alert, FASTER)
    life.report(alert, State.FINISHED, "at rest", "automatic")
    assert announce_and_send() == []


def test_a_mail_that_still_waits_states_the_newest_figures_and_needs_no_second(alert, subscription):
    tasks.announce_transitions()
    update(alert, FASTER)
    (letter,) = announce_and_send()
    assert "flagged for the first time" in letter.body


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
    (letter,) = announce_and_send()
    assert "uncertainty of both. A specialist has looked at this place and confirmed it." in letter.body


def test_who_had_news_of_a_large_motion_hears_that_it_is_smaller(make_alert, make_subscription):
    make_subscription(lowest_severity="strong")
    alert = make_alert(severity="strong")
    announce_and_send()
    alert.severity = "moderate"
    alert.save()
    update(alert, Change(Cause.SEVERITY, "strong", "moderate"))
    (letter,) = announce_and_send()
    assert "Its importance is medium now. It was high before" in letter.body


def test_the_end_of_an_unreviewed_alert_is_no_news_for_who_wants_reviewed_ones(make_alert, make_subscription):
    make_subscription(unreviewed=False)
    unreviewed, confirmed = make_alert(), make_alert(state="confirmed")
    assert len(announce_and_send()) == 1
    for alert in (unreviewed, confirmed):
        life.report(alert, State.FINISHED, "at rest", "automatic")
    (letter,) = announce_and_send()
    assert "The ground here has come to rest." in letter.body


def test_a_place_that_moves_again_is_reported_as_that(make_alert, subscription):
    alert = make_alert(state="finished")
    announce_and_send()
    life.report(alert, State.FIRST, "moves again", "automatic", [Change(Cause.WOKEN, None, None), FASTER])
    (letter,) = announce_and_send()
    assert "The ground here had come to rest. It moves again." in letter.body
    assert "Now it is about 14 mm a year." in letter.body


def test_the_page_the_feed_and_the_interface_report_an_update(alert, client):
    update(alert, FASTER)
    sentence = "Now it is about 14 mm a year."
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "New figures" in page
    assert sentence in page
    assert sentence in client.get("/alerts.atom").content.decode()
    first, last = client.get(f"/api/v1/alerts/{alert.code}").json()["history"]
    assert (first["to_state"], first["changes"]) == ("first", [])
    assert (last["from_state"], last["to_state"], last["changes"][0]["after"]) == ("first", "first", -14.1)


@pytest.mark.parametrize(
    ("kind", "change", "sentence"),
    [
        ("uplift", Change(Cause.RATE, 4.0, -6.0, "mm/yr", "up"), "Now it sinks by about 6.0 mm a year."),
        ("moving-ground", Change(Cause.RATE, 0.5, 1.2, "m/day"), "and now by about 1.2 metres a day."),
        ("subsidence", Change(Cause.FINISHED, -8.0, "2024-03-02", "mm/yr"), "Data after 2 March 2024 show no motion."),
    ],
)
def test_changes_that_the_table_of_sentences_lacks_have_words(kind, change, sentence):
    (words,) = change_sentences(kind, [change._asdict()], date(2025, 11, 3))
    assert sentence in words


def test_pages_of_two_alerts_of_one_place_name_each_other(make_alert, client):
    whole, part = make_alert(), make_alert(longitude=-12.1)
    AlertRelation.objects.create(alert=part, other=whole, relation="split-from")
    assert f"/alerts/{whole.code}/" in client.get(part.get_absolute_url()).content.decode()
    assert f"/alerts/{part.code}/" in client.get(whole.get_absolute_url()).content.decode()
