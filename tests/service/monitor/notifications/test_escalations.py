"""Who has it: contacts are asked one after the other until one takes an alert up, and the public reads since when."""

import random
import re
import smtplib
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from urllib.parse import urlsplit

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
from monitor.notifications.mail import channel as mail_channel
from monitor.notifications.outbox import message_return
from monitor.notifications.webhook.channel import secret_new
from monitor.subscribers.organisations import contacts
from monitor.subscribers.organisations.escalations import alert_return, alert_take, alert_take_over, alerts_taken
from monitor.subscribers.organisations.services import member_leave, organisation_dissolve, organisation_exported
from monitor.subscribers.subscriptions.members import manage_token_of
from monitor.web import outward
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


class Killed(BaseException):
    """Kills the worker's process at this point."""


DAYS, DRAIN_DAYS, TICK = 40, 8, timedelta(hours=12)
MAIL_AWAY, ALL_AWAY = (6, 9), (24, 26)  # Days on which the mail server, or every process, is away.
AWAY = {"hooks.example.org": (15, 19)}  # Days on which each is away.
GONE_AT = 27.0  # From this day on a server is gone for ever.
KILLED = 0.05  # The worker is killed in this share of the steps.
HOURS = 6
SLACK = timedelta(days=1)  # for what waits for its next try, beside the outages


class World:
    """Forty days in which mailboxes are gone, servers away, processes killed, and people answer or do not."""

    def __init__(self, clock: Clock, make_alert) -> None:
        self.clock, self.make_alert = clock, make_alert
        self.random = random.Random(2)
        self.dead = {"dead0@example.org", "dead1@example.org"}
        self.letters: list = []
        self.posted: Counter[str] = Counter()  # messages that arrived, by server
        self.n_killed = 0
        self.met: set[str] = set()  # kinds of events
        self.answers: list[tuple[datetime, int]] = []  # when somebody presses, of which escalation

    @property
    def day(self) -> float:
        return (self.clock.now - START).total_seconds() / 86400

    def is_away(self, days: tuple[int, int]) -> bool:
        return days[0] <= self.day < days[1]

    def maybe_kill(self, share: float) -> None:
        if self.random.random() < share:
            self.n_killed += 1
            raise Killed

    # The mail server.
    def open(self) -> None:
        if self.is_away(MAIL_AWAY):
            self.met.add("mail")
            raise ConnectionRefusedError("away")

    def close(self) -> None:
        """Nothing is open."""

    def send_messages(self, mails: list) -> None:
        (letter,) = mails
        if letter.to[0] in self.dead:
            raise smtplib.SMTPRecipientsRefused({letter.to[0]: (550, b"5.1.1 no such user")})
        if self.random.random() < 0.05:
            raise smtplib.SMTPDataError(451, b"4.7.1 greylisted")
        self.maybe_kill(KILLED)
        self.letters.append(letter)
        self.maybe_kill(KILLED)  # The mail has gone already, and goes again with the same Message-ID.

    # The servers of webhooks.
    def post(self, url: str, body: bytes, **request) -> SimpleNamespace:
        host = urlsplit(url).hostname
        if self.is_away(AWAY.get(host, (0, 0))):
            self.met.add(host)
            raise outward.Unreachable("away")
        if host == "gone.example.org" and self.day >= GONE_AT:
            self.met.add("gone")
            return SimpleNamespace(status=410, reason="Gone", retry_after=None)
        ok = self.random.random() < 0.7
        self.posted[host] += ok
        return SimpleNamespace(status=200 if ok else 503, reason="", retry_after=None)

    def morning(self) -> None:
        """New alerts, some that grow, and some that are over."""
        for alert in Alert.objects.filter(state=State.FIRST):
            lot = self.random.random()
            if lot < 0.02:
                Alert.objects.filter(pk=alert.pk).update(state=State.FINISHED if lot < 0.01 else State.REJECTED)
            elif lot < 0.12:
                Alert.objects.filter(pk=alert.pk).update(severity="strong")
        for _ in range(self.random.choice([1, 1, 2, 2])):
            severity = self.random.choice(["moderate", "strong", "strong"])
            self.make_alert(longitude=self.random.choice([-12.0, -12.5]), severity=severity)

    def press(self) -> None:
        """Some contacts who were asked answer hours later, and some give the alert back."""
        now = self.clock.now
        for message in OutgoingMessage.objects.filter(kind=ASK, sent_at=now, step__to_operators=False):
            if self.random.random() < 0.3:
                self.answers.append((now + timedelta(hours=self.random.choice([1, 4, 8])), message.step.escalation_id))
        due = [pk for at, pk in self.answers if at <= now]
        self.answers = [(at, pk) for at, pk in self.answers if at > now]
        for row in Escalation.objects.filter(pk__in=due, closed_at=None, alert__state=State.FIRST):
            alert_take(alert=row.alert, organisation=row.organisation)
            self.met.add("answered")
        for row in Escalation.objects.filter(taken_at__lt=now, closed_at=None):
            if self.random.random() < 0.01 and self.day < DAYS:
                alert_return(alert=row.alert, organisation=row.organisation)
                self.met.add("returned")

    def work(self) -> None:
        """What the worker does; it may be killed anywhere, and its leases have ended when it starts again."""
        OutgoingMessage.objects.filter(state="sending").update(lease_until=START - timedelta(days=1000))
        with suppress(Killed):
            tasks.ask_who_takes_up()
            rounds.messages_send()


@pytest.mark.long
def test_in_forty_days_of_faults_nothing_strong_is_left_and_nobody_is_asked_twice(
    clock, make_subscription, make_alert, monkeypatch
):
    for number, longitude in enumerate((-12.0, -12.5)):
        make_subscription(f"owner{number}@example.org", longitude=-13.0)
        people = (f"dead{number}@example.org", f"anna{number}@example.org", f"ben{number}@example.org")
        owner, *others = make_organisation(f"owner{number}@example.org", *people, name=f"Works {number}")
        share(owner, longitude)
        hook = {"channel": "webhook", "keys": {"secret": secret_new()}, "verified_at": clock.now, "language": "en"}
        url = f"https://office.example.org/{number}"
        office = Endpoint.objects.create(organisation=owner.organisation, url=url, **hook)
        for host, name in (("gone", "anna"), ("hooks", "ben")):
            url = f"https://{host}.example.org/{number}"
            Endpoint.objects.create(url=url, email=f"{name}{number}@example.org", **hook)
        chain = [f"member-{others[0].pk}", f"member-{owner.pk}", f"endpoint-{office.pk}", f"member-{others[1].pk}"]
        for who in (*chain, f"member-{others[2].pk}"):
            contacts.contact_add(organisation=owner.organisation, who=who, hours=str(HOURS))
        contacts.asking_set(organisation=owner.organisation, severity="strong", public_name="")
        contacts.organisation_trust(organisation=owner.organisation, trusted=True, actor="anna")
    User.objects.filter(pk=account("olga", OPERATORS).pk).update(email="olga@example.org")
    world = World(clock, make_alert)
    monkeypatch.setattr(mail_channel, "get_connection", lambda: world)
    monkeypatch.setattr(outward, "post", world.post)
    audit = escalations.organisation_audit

    def audit_or_die(**entry) -> None:
        audit(**entry)
        world.maybe_kill(KILLED)

    monkeypatch.setattr(escalations, "organisation_audit", audit_or_die)
    while world.day < DAYS + DRAIN_DAYS:
        if world.day < DAYS and clock.now.hour == START.hour:
            world.morning()
        if not world.is_away(ALL_AWAY):
            world.work()
            world.press()
        clock.now += TICK

    asked = OutgoingMessage.objects.filter(kind=ASK)
    twice = Counter(asked.values_list("step__escalation", "address", "endpoint"))
    assert set(twice.values()) == {1}
    assert max(Counter(letter.extra_headers["Message-ID"] for letter in world.letters).values()) <= 1 + world.n_killed
    of_mails = asked.filter(channel="mail", state="sent").count()
    assert len({letter.extra_headers["Message-ID"] for letter in world.letters}) >= of_mails > 100
    assert world.n_killed > 20
    assert world.met == {"mail", *AWAY, "gone", "answered", "returned"}
    assert min(world.posted[host] for host in ("office.example.org", *AWAY)) > 5, world.posted
    assert Escalation.objects.count() > 40

    strong = Alert.objects.filter(state=State.FIRST, severity="strong")
    rows = {row.alert_id: row for row in Escalation.objects.filter(closed_at=None, severity="strong")}
    assert set(strong.values_list("pk", flat=True)) - rows.keys() == set()
    left = [row for row in rows.values() if not row.taken_at and not row.steps.filter(to_operators=True).exists()]
    assert left == []  # all but the taken ones have come to the operators

    longest = 5 * (timedelta(hours=HOURS) + TICK) + SLACK
    longest += timedelta(days=sum(until - since for since, until in (MAIL_AWAY, ALL_AWAY)))
    assert not Escalation.objects.filter(steps=None, closed_at=None).exists()  # Others were over before the first step.
    asking = Escalation.objects.filter(returned_at=None).exclude(steps=None)
    for row in asking.prefetch_related("steps__messages"):
        steps = list(row.steps.all())
        assert steps[-1].created_at - row.created_at < longest
        for step, following in pairwise(steps):  # nobody's time was cut short
            sent = [one.sent_at for one in step.messages.all() if one.state == "sent"]
            reached = min((at for at in sent if at < following.created_at), default=None)  # by its first message
            assert reached is None or reached + timedelta(hours=HOURS) <= following.created_at


def test_nobody_reads_that_operators_have_an_alert_that_got_graver(make_alert):
    alert = make_alert(severity="moderate")
    alert_take_over(alert=alert, actor="olga")
    assert alerts_taken(alerts=[alert])
    Alert.objects.filter(pk=alert.pk).update(severity="strong")
    escalations.escalations_follow()
    assert alerts_taken(alerts=[alert]) == {}
