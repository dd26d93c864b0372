"""Who has it: contacts are asked one after the other until one takes an alert up, and the public reads since when."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from detection.models import Alert, AlertExposure, AuditEntry
from detection.rules.lifecycle import State
from ingest.models import StepFailure
from monitor import tasks
from monitor.models.escalations import Escalation, EscalationStep
from monitor.models.messages import ChannelPause, Endpoint, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications import base, escalations, rounds
from monitor.notifications.outbox import message_return
from monitor.notifications.webhook.channel import secret_new
from monitor.subscribers.organisations import contacts
from monitor.subscribers.organisations.escalations import alert_return, alert_take, alert_take_over, alerts_taken
from monitor.subscribers.organisations.services import member_leave, organisation_dissolve, organisation_exported
from monitor.subscribers.subscriptions.members import manage_token_of
from monitor.web.guards import OPERATORS
from tests.makers.organisations import make_organisation, share
from tests.makers.people import account

pytestmark = pytest.mark.django_db
FAULT = "A fault in this program (RuntimeError: made to fail)."
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
ASK = OutgoingMessage.Kind.ASK


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self, monkeypatch) -> None:
        self.now = START
        monkeypatch.setattr(timezone, "now", lambda: self.now)

    def wait(self, **more: float) -> None:
        self.now += timedelta(**more)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def works(clock, make_subscription):
    """An organisation with three members, who are asked from high severity on and have six hours each."""
    make_subscription("owner@example.org", longitude=-13.0)
    owner, *others = make_organisation("owner@example.org", "anna@example.org", "ben@example.org")
    share(owner)
    for member in (owner, *others):
        contacts.contact_add(organisation=owner.organisation, who=f"member-{member.pk}", hours="6")
    contacts.asking_set(organisation=owner.organisation, severity="strong", public_name="Aldwick Waterworks")
    contacts.organisation_trust(organisation=owner.organisation, trusted=True, actor="anna", shown="Aldwick Waterworks")
    User.objects.filter(pk=account("olga", OPERATORS).pk).update(email="olga@example.org")
    owner.organisation.refresh_from_db()
    return owner.organisation


def ask_and_send() -> list[str]:
    """Ask and send what is due; the addresses that were asked."""
    tasks.ask_who_takes_up()
    before = len(mail.outbox)
    rounds.messages_send()
    return [letter.to[0] for letter in mail.outbox[before:] if "Who takes this up?" in letter.subject]


def link_in(letter) -> str:
    return re.search(r"/subscribe/take/[\w:-]+/", letter.body)[0]


def test_contacts_are_asked_in_their_order_and_the_operators_at_last(works, clock, make_alert):
    make_alert(severity="strong")
    asked = [ask_and_send()]
    for _ in range(5):
        clock.wait(hours=5)
        asked.append(ask_and_send())
        clock.wait(hours=1, minutes=1)
        asked.append(ask_and_send())
    assert asked[:7] == [
        ["owner@example.org"], [], ["anna@example.org"], [], ["ben@example.org"], [], ["olga@example.org"]
    ]  # fmt: skip
    assert asked[7:] == [[]] * 4
    assert "Nobody at Aldwick Waterworks" in mail.outbox[0].body


def test_one_press_takes_an_alert_up_and_a_look_does_not(works, clock, make_alert, client):
    alert = make_alert(severity="strong")
    ask_and_send()
    link = link_in(mail.outbox[-1])
    assert b"We take this up" in client.get(link).content
    assert not Escalation.objects.exclude(taken_at=None).exists()
    assert client.post(link, {"deed": "take"}, follow=True).status_code == 200
    clock.wait(hours=100)
    assert ask_and_send() == []
    said = "Taken up by Aldwick Waterworks on 1 March 2026."
    assert said in client.get(alert.get_absolute_url()).content.decode()
    assert said in client.get("/alerts.atom").content.decode()
    body = client.get(f"/api/v1/alerts/{alert.code}").json()
    assert body["taken_up"] == [{"by": "Aldwick Waterworks", "on": "2026-03-01", "sentence": said}]
    assert "owner@example.org" not in client.get(alert.get_absolute_url()).content.decode()
    actions = AuditEntry.objects.filter(subject=alert.code).values_list("actor", "action")
    assert (f"organisation {works.pk}", "alert taken up") in actions


def test_what_is_given_back_is_asked_at_once_and_what_grows_is_asked_again(works, clock, make_alert):
    alert = make_alert(severity="strong")
    assert ask_and_send() == ["owner@example.org"]
    alert_take(alert=alert, organisation=works)
    clock.wait(minutes=5)
    alert_return(alert=alert, organisation=works)
    clock.wait(minutes=1)
    assert ask_and_send() == ["anna@example.org"]
    other = make_alert(longitude=-12.01, severity="moderate")
    alert_take(alert=other, organisation=works)
    Alert.objects.filter(pk=other.pk).update(severity="strong")
    assert ask_and_send() == ["owner@example.org"]
    assert ask_and_send() == []


@pytest.mark.parametrize("state", [State.FINISHED, State.REJECTED])
def test_an_alert_that_is_over_asks_nobody_and_one_that_resumes_asks_again(works, clock, make_alert, state):
    alert = make_alert(severity="strong")
    ask_and_send()
    Alert.objects.filter(pk=alert.pk).update(state=state)
    clock.wait(hours=7)
    assert ask_and_send() == []
    Alert.objects.filter(pk=alert.pk).update(state=State.CONFIRMED)
    assert ask_and_send() == ["owner@example.org"]


def test_below_the_severity_or_elsewhere_nobody_is_asked(works, make_alert):
    make_alert(severity="moderate")
    make_alert(longitude=-14.0, severity="strong")
    assert ask_and_send() == []


def test_a_dead_channel_moves_on_at_once(works, clock, make_alert):
    make_alert(severity="strong")
    assert ask_and_send() == ["owner@example.org"]
    assert message_return(message_id=OutgoingMessage.objects.get(kind=ASK).pk, error="550 no such user")
    Subscription.objects.filter(email="anna@example.org").update(paused_at=clock.now, pause_reason="bounced")
    assert ask_and_send() == ["ben@example.org"]


def test_who_paused_everything_is_passed_over_and_what_is_below_the_severity_asks_nobody(works, clock, make_alert):
    Subscription.objects.filter(email="owner@example.org").update(paused_at=clock.now, pause_reason="owner")
    alert = make_alert(severity="strong")
    assert ask_and_send() == ["anna@example.org"]
    Alert.objects.filter(pk=alert.pk).update(state=State.REJECTED)
    moderate = make_alert(longitude=-12.01, severity="moderate")
    alert_take(alert=moderate, organisation=works)
    alert_return(alert=moderate, organisation=works)
    assert ask_and_send() == []


def test_a_paused_channel_moves_on_to_the_organisations_webhook(works, clock, make_alert):
    working = {"verified_at": clock.now, "keys": {"secret": secret_new()}}
    hook = Endpoint.objects.create(channel="webhook", organisation=works, url="https://hooks.example.org/x", **working)
    contacts.contact_add(organisation=works, who=f"endpoint-{hook.pk}", hours="6")
    ChannelPause.objects.create(channel="mail", reason="away", next_try_at=clock.now + timedelta(minutes=15))
    make_alert(severity="strong")
    tasks.ask_who_takes_up()
    asked = OutgoingMessage.objects.filter(kind=ASK)
    assert asked.filter(endpoint=hook).count() == 1
    assert not EscalationStep.objects.filter(to_operators=True).exists()
    request = base.channel_open(name="webhook").request(asked.get(endpoint=hook), hook)
    assert "alert.unclaimed" in request["body"].decode()
    assert "/subscribe/take/" in request["body"].decode()


def test_members_take_alerts_up_on_their_page_and_owners_choose_contacts(works, make_alert, client):
    alert = make_alert(severity="minor")
    token = manage_token_of(email="anna@example.org")
    page = reverse("organisation-alerts", args=[token, works.pk])
    assert alert.get_absolute_url() in client.get(page).content.decode()
    assert client.post(page, {"deed": "take", "about": alert.code}).status_code == 302
    assert Escalation.objects.get().taken_by.member.email == "anna@example.org"
    assert client.post(page, {"deed": "back", "about": alert.code}).status_code == 302
    assert Escalation.objects.get().taken_at is None
    assert client.get(reverse("organisation-contacts", args=[token, works.pk])).status_code == 403
    chosen = reverse("organisation-contacts", args=[manage_token_of(email="owner@example.org"), works.pk])
    last = works.contacts.last()
    assert client.post(chosen, {"deed": "first", "about": last.pk}).status_code == 302
    assert works.contacts.first() == last
    assert client.post(chosen, {"deed": "remove", "about": last.pk}).status_code == 302
    assert client.post(chosen, {"deed": "add", "who": f"member-{last.member_id}", "hours": "0"}).status_code == 422
    assert client.post(chosen, {"deed": "add", "who": f"member-{last.member_id}", "hours": "3"}).status_code == 302
    assert client.post(chosen, {"deed": "asking", "severity": "minor", "public_name": "x.com"}).status_code == 422
    assert [one["hours"] for one in organisation_exported(organisation=works)["contacts"]] == [6, 6, 3]


def test_who_leaves_is_no_contact_and_an_old_link_opens_nothing(works, make_alert, client):
    make_alert(severity="strong")
    anna = works.contacts.get(member__email="anna@example.org")
    contacts.contact_change(organisation=works, pk=anna.pk, deed="first")
    assert ask_and_send() == ["anna@example.org"]
    link = link_in(mail.outbox[-1])
    member_leave(membership=works.memberships.get(email="anna@example.org"))
    assert client.post(link, {"deed": "take"}).status_code == 410


def test_operators_see_what_nobody_has_and_take_it_up(works, clock, make_alert, operator, client):
    alert = make_alert(severity="strong")
    works.contacts.all().delete()
    assert set(ask_and_send()) == {"anna@example.org", "olga@example.org"}
    page = reverse("review-taken")
    assert "Nobody has taken up 1 alert of high importance." in operator.get(page).content.decode()
    assert operator.post(page, {"deed": "take", "about": alert.pk}).status_code == 302
    assert "Nobody has taken up 0 alerts" in operator.get(page).content.decode()
    assert "Taken up by Ground Motion Monitor" in client.get(alert.get_absolute_url()).content.decode()
    assert operator.post(page, {"deed": "no-trust", "about": works.pk}).status_code == 302
    works.refresh_from_db()
    assert works.trusted_at is None


def test_operators_find_every_alert_that_they_are_asked_about_and_only_they_give_it_back(
    works, make_alert, operator, client
):
    contacts.asking_set(organisation=works, severity="moderate", public_name="Aldwick Waterworks")
    works.contacts.all().delete()
    alert = make_alert(severity="moderate")
    page, own = reverse("review-taken"), [manage_token_of(email="anna@example.org"), works.pk]
    assert set(ask_and_send()) == {"anna@example.org", "olga@example.org"}
    shown = operator.get(page).content.decode()
    assert alert.code in shown
    assert "The operators are asked about 1 alert." in shown
    assert operator.post(page, {"deed": "take", "about": alert.pk}).status_code == 302
    members_page = reverse("organisation-alerts", args=own)
    for deed in ("back", "take", "back"):
        assert client.post(members_page, {"deed": deed, "about": alert.code}).status_code == 302
        assert "Only they can give it back." in client.get(members_page).content.decode()
    organisation_dissolve(organisation=works)
    assert "Taken up by Ground Motion Monitor" in client.get(alert.get_absolute_url()).content.decode()
    assert operator.post(page, {"deed": "back", "about": alert.pk}).status_code == 302
    assert "Taken up by" not in client.get(alert.get_absolute_url()).content.decode()


def test_operators_trust_only_the_name_that_they_have_read(works, operator):
    contacts.asking_set(organisation=works, severity="strong", public_name="The King")
    page, before = reverse("review-taken"), AuditEntry.objects.count()
    old = {"deed": "trust", "about": works.pk, "shown": "Aldwick Waterworks"}
    refused = operator.post(page, old)
    assert (refused.status_code, AuditEntry.objects.count()) == (422, before)
    assert "The organisation has changed its name in public. Read it again." in refused.content.decode()
    assert operator.post(page, old | {"shown": "The King"}).status_code == 302
    works.refresh_from_db()
    assert works.trusted_at


def test_nobody_is_asked_on_when_the_place_or_the_severity_does_not_want_it_any_more(works, clock, make_alert):
    place = works.subscriptions.get()
    alert = make_alert(severity="strong")
    bare = AlertExposure.objects.create(alert=alert, buildings=2, people=None)
    for change, back in (
        (lambda: Alert.objects.update(severity="moderate"), lambda: Alert.objects.update(severity="strong")),
        *(
            (lambda to=to: Subscription.objects.filter(pk=place.pk).update(**to), lambda: place.save())
            for to in ({"kinds": ["uplift"]}, {"least_exposure": 3}, {"ended_at": clock.now})
        ),
    ):
        assert ask_and_send() == ["owner@example.org"]
        change()
        clock.wait(hours=7)
        assert ask_and_send() == []
        assert not Escalation.objects.filter(closed_at=None).exists()
        back()
    Subscription.objects.filter(pk=place.pk).update(least_exposure=3)
    bare.delete()  # what no layer covers is wanted
    assert ask_and_send() == ["owner@example.org"]


def test_the_feed_has_another_etag_when_a_name_a_trust_or_a_question_changes(works, clock, make_alert, client):
    alert = make_alert(severity="strong")
    alert_take(alert=alert, organisation=works)
    tags = [client.get("/alerts.atom")["ETag"]]
    contacts.asking_set(organisation=works, severity="strong", public_name="The King")
    tags.append(client.get("/alerts.atom")["ETag"])
    clock.wait(hours=1)
    contacts.organisation_trust(organisation=works, trusted=True, actor="anna", shown="The King")
    tags.append(client.get("/alerts.atom")["ETag"])
    Escalation.objects.update(closed_at=clock.now)
    Escalation.objects.create(alert=alert, organisation=works, severity="strong")
    tags.append(client.get("/alerts.atom")["ETag"])
    contacts.organisation_trust(organisation=works, trusted=False, actor="anna")
    tags.append(client.get("/alerts.atom")["ETag"])
    assert len(set(tags)) == len(tags)


def test_more_alerts_at_the_places_take_no_more_queries(works, make_alert, client):
    page = reverse("organisation-alerts", args=[manage_token_of(email="anna@example.org"), works.pk])
    make_alert()
    client.get(page)
    with CaptureQueriesContext(connection) as of_one:
        client.get(page)
    for longitude in (-12.01, -12.02):
        make_alert(longitude=longitude)
    with CaptureQueriesContext(connection) as of_three:
        assert client.get(page).content.count(b"<article") == 3
    assert len(of_three) <= len(of_one)


def test_what_fails_for_one_organisation_is_recorded_and_tried_again_and_the_others_go_on(
    works, clock, make_subscription, make_alert, monkeypatch
):
    make_subscription("other@example.org", longitude=-13.0)
    (other,) = make_organisation("other@example.org", name="Other Works")
    share(other)
    contacts.contact_add(organisation=other.organisation, who=f"member-{other.pk}", hours="6")
    contacts.asking_set(organisation=other.organisation, severity="strong", public_name="")
    make_alert(severity="strong")
    audit, faulty = escalations.organisation_audit, []

    def fails(*, organisation, action, **more) -> None:
        if organisation.pk == works.pk and action in faulty:
            raise RuntimeError("made to fail")
        audit(organisation=organisation, action=action, **more)

    monkeypatch.setattr(escalations, "organisation_audit", fails)
    for action, step, about in (("alert unclaimed", "ask", works.pk), ("contact asked", "escalate", None)):
        faulty.append(action)
        assert "owner@example.org" not in ask_and_send()
        failure = StepFailure.objects.get()
        assert (failure.step, failure.error, failure.state) == (step, FAULT, "queued")
        assert failure.subject_id == (about or works.escalations.get().pk)
        faulty.clear()
        clock.wait(minutes=30)
    assert "other@example.org" in [one.address for one in OutgoingMessage.objects.filter(kind=ASK)]
    assert "owner@example.org" in ask_and_send()
    assert not StepFailure.objects.exists()


def test_what_fails_for_a_day_is_shown_and_still_tried_and_asks_when_it_works_again(
    works, clock, make_alert, monkeypatch
):
    make_alert(severity="strong")
    with monkeypatch.context() as patched:

        def fails(**_more) -> None:
            raise RuntimeError("made to fail")

        patched.setattr(escalations, "organisation_audit", fails)
        for _ in range(24):
            assert ask_and_send() == []
            clock.wait(hours=1)
        failure = StepFailure.objects.get()
        assert (failure.state, failure.error) == ("failed", FAULT)
        assert failure.next_try_at <= clock.now
    assert ask_and_send() == ["owner@example.org"]
    assert not StepFailure.objects.exists()
    with CaptureQueriesContext(connection) as queries:
        tasks.ask_who_takes_up()
    assert not any(query["sql"].startswith("DELETE") for query in queries)


def test_nobody_reads_that_operators_have_an_alert_that_got_graver(make_alert):
    alert = make_alert(severity="moderate")
    alert_take_over(alert=alert, actor="olga")
    assert alerts_taken(alerts=[alert])
    Alert.objects.filter(pk=alert.pk).update(severity="strong")
    escalations.escalations_follow()
    assert alerts_taken(alerts=[alert]) == {}
