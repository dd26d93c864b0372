"""Only what an operator trusts counts: strangers empty no list, fill no operator's mailbox, wait behind the known.

A stranger has confirmed one mailbox, and founds, dissolves and founds again whatever that allows.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from detection.models import Alert
from monitor import tasks
from monitor.models.escalations import Escalation
from monitor.models.messages import RANKS, OutgoingMessage, Rank
from monitor.models.subscriptions import Membership, Organisation
from monitor.notifications import outbox, rounds
from monitor.operations.health.condition import Wrong
from monitor.operations.health.work_checks import unclaimed
from monitor.subscribers.organisations import contacts, services
from monitor.subscribers.organisations.escalations import alert_hand_back, alert_take, alert_take_over, alerts_unclaimed
from monitor.subscribers.quotas.known import is_known, network_of_organisation
from monitor.subscribers.quotas.services import mailbox_key
from monitor.subscribers.subscriptions import limits
from monitor.subscribers.subscriptions.services import person_delete
from monitor.web.guards import OPERATORS
from monitor.wording.refusals import Refusal
from tests.makers.organisations import make_organisation, share
from tests.makers.people import account
from tests.waiting import Elsewhere

pytestmark = pytest.mark.django_db
Kind = OutgoingMessage.Kind
STRANGER, IP = "stranger@example.org", "192.0.2.1"
HOUR = timedelta(hours=1)


@pytest.fixture
def operators() -> list[str]:
    for name in ("olga", "otto"):
        User.objects.filter(pk=account(name, OPERATORS).pk).update(email=f"{name}@example.org")
    return ["olga@example.org", "otto@example.org"]


@pytest.fixture
def seven(make_alert) -> list[Alert]:
    return [make_alert(longitude=-12.0 - n / 100, severity="strong") for n in range(7)]


@pytest.fixture
def found(make_subscription) -> Callable[[], Membership]:
    """Found an organisation that asks about all alerts and has no contact, as the stranger."""
    make_subscription(STRANGER, longitude=-13.0)

    def founded() -> Membership:
        owner = services.organisation_found(email=STRANGER, name="Aldwick Waterworks", ip=IP)
        share(owner)
        contacts.asking_set(organisation=owner.organisation, severity="minor", public_name="The King")
        owner.organisation.refresh_from_db()
        return owner

    return founded


def trust(organisation: Organisation) -> None:
    contacts.organisation_trust(organisation=organisation, trusted=True, actor="olga", shown=organisation.public_name)
    organisation.refresh_from_db()


def ask_and_send() -> list[str]:
    tasks.ask_who_takes_up()
    before = len(mail.outbox)
    rounds.messages_send()
    return sorted(letter.to[0] for letter in mail.outbox[before:] if letter.to[0].startswith("o"))


def doctor() -> str:
    try:
        return unclaimed()
    except Wrong as wrong:
        return str(wrong)


def effects(client: Client, operator: Client, alert: Alert, member: Membership) -> dict[str, Any]:
    """All that an organisation can change for the public, for operators and for other readers."""
    page = operator.get(reverse("review-taken"))
    return {
        "page of the alert": "The King" in client.get(alert.get_absolute_url()).content.decode(),
        "interface": client.get(f"/api/v1/alerts/{alert.code}").json()["taken_up"],
        "feed": "The King" in client.get("/alerts.atom").content.decode(),
        "list of operators": [one.pk for one in alerts_unclaimed()],
        "count of operators": (page.context["n_unclaimed"], page.context["n_asked"]),
        "doctor": doctor().startswith("nobody has taken up"),
        "mailboxes of operators": ask_and_send(),
        "share of quotas": network_of_organisation(organisation=member.organisation) == "",
        "share of codes": is_known(email=member.email),
        "limits of a day": limits.allowed_for_organisation(organisation=member.organisation, most=1, what="presses"),
        "order of questions": RANKS[Kind.ASK] in set(OutgoingMessage.objects.values_list("rank", flat=True)),
    }


def test_whatever_a_stranger_asks_or_takes_up_changes_nothing_until_it_is_trusted(
    found, seven, operators, operator, client, make_alert
):
    owner = found()
    for _ in range(2):
        limits.allowed_for_organisation(organisation=owner.organisation, most=1, what="presses")
    alert, before = seven[0], effects(client, operator, seven[0], owner)
    alert_take(alert=alert, organisation=owner.organisation)
    share(owner, longitude=-12.3)
    contacts.contact_add(organisation=owner.organisation, who=f"member-{owner.pk}", hours="1")
    ask_and_send()
    assert effects(client, operator, alert, owner) == before
    shown = operator.get(reverse("review-taken")).content.decode()
    assert shown.count("not trusted yet") == len(seven)
    assert "taken up on" in shown
    trust(owner.organisation)
    owner.organisation.contacts.all().delete()
    make_alert(longitude=-12.01, severity="strong")
    after = effects(client, operator, alert, owner)
    assert [name for name, value in after.items() if value == before[name]] == []


def test_only_the_selector_reads_who_is_trusted():
    readers = {path.as_posix() for path in Path("monitor").rglob("*.py") if "trusted_at" in path.read_text()}
    state = {"models/subscriptions.py", "migrations/0005_escalations.py", "migrations/0007_trust.py"}
    order = {"organisations/contacts.py", "organisations/services.py", "organisations/escalations.py"}
    assert {path for path in readers if path.removeprefix("monitor/") not in state} == {
        "monitor/subscribers/quotas/known.py",
        "monitor/subscribers/subscriptions/limits.py",
        "monitor/notifications/escalations.py",  # the rank of a question
        "monitor/open_data/feeds/alerts.py",  # what the ETag of the feed is made of
        *(f"monitor/subscribers/{name}" for name in order),
    }


def test_the_list_keeps_its_seven_while_a_stranger_takes_up_all(found, seven, operators, operator):
    owner = found()
    for alert in seven:
        alert_take(alert=alert, organisation=owner.organisation)
    assert set(alerts_unclaimed()) == set(seven)
    page = operator.get(reverse("review-taken"))
    assert [alert for alert, _card in page.context["unclaimed"][:7]] == list(alerts_unclaimed())
    assert operator.post(reverse("review-taken"), {"deed": "take", "about": seven[0].pk}).status_code == 302
    services.organisation_dissolve(organisation=owner.organisation)
    assert set(alerts_unclaimed()) == set(seven[1:])


def test_waves_of_questions_reach_no_operator_and_those_of_the_trusted_once_an_hour(
    found, seven, operators, make_alert, monkeypatch
):
    for n in range(80):
        make_alert(longitude=-12.0 - n / 5000, severity="moderate")
    for _ in range(services.MAX_FOUNDED):
        owner = found()
        assert ask_and_send() == []
        assert not doctor().startswith("nobody")
        last = Escalation.objects.count()
        services.organisation_dissolve(organisation=owner.organisation)
    assert last == 0  # 50 questions of a day were asked in the first wave
    with pytest.raises(Refusal, match="Daily limit"):
        found()
    now, letters, minutes = timezone.now(), [], 0
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=1, minutes=minutes))
    for minutes in range(0, 121, 10):
        if minutes in (0, 20, 50):  # dissolved and founded anew, and each time trusted by mistake
            Organisation.objects.all().delete()
            owner = found()
            trust(owner.organisation)
        letters.append(ask_and_send())
    assert letters == [operators, *5 * [[]], operators, *6 * [[]]]
    assert "Nobody has taken up" in mail.outbox[-1].body


def test_a_mail_to_an_operator_that_has_not_left_gets_no_second_one(found, seven, operators, make_alert, monkeypatch):
    trust(found().organisation)
    now, hours = timezone.now(), 0
    monkeypatch.setattr(timezone, "now", lambda: now + hours * HOUR)
    for hours in range(0, 10, 2):
        make_alert(longitude=-12.0 - hours / 90, severity="strong")
        tasks.ask_who_takes_up()
    assert sorted(OutgoingMessage.objects.filter(kind=Kind.ASKED).values_list("address", flat=True)) == operators


def test_questions_wait_for_an_operator_with_an_address_and_return_with_what_is_given_back(
    found, seven, settings, monkeypatch
):
    now, hours, settings.ADMIN_EMAILS = timezone.now(), 0, []
    monkeypatch.setattr(timezone, "now", lambda: now + hours * HOUR)
    trust(found().organisation)
    assert ask_and_send() == []
    olga = account("olga", OPERATORS)
    assert ask_and_send() == [olga.email]
    for alert in seven:
        alert_take_over(alert=alert, actor="olga")
    hours = 2
    assert ask_and_send() == []
    alert_hand_back(alert=seven[0], actor="olga")
    assert ask_and_send() == [olga.email]


def test_alert_mails_leave_first_whatever_waits(make_subscription):
    old, now = timezone.now() - HOUR, timezone.now()
    queued = [OutgoingMessage.due(Kind.LINK, f"link:{n}", "a@example.org", next_try_at=old) for n in range(1000)]
    strange = OutgoingMessage.due(Kind.ASK, "ask:1", "a@example.org", next_try_at=old, rank=Rank.LAST)
    news = OutgoingMessage.due(Kind.ALERT, "alert:1", "a@example.org", next_try_at=now)
    staff = OutgoingMessage.due(Kind.INVITATION, "invitation:1", "a@example.org", next_try_at=now)
    OutgoingMessage.objects.bulk_create([*queued, strange, staff, news])
    due = outbox.messages_due(now=timezone.now())
    assert [one.key for one in due[:3]] == ["alert:1", "invitation:1", "link:0"]
    assert set(RANKS) == set(Kind.values)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert "outgoingmessage_by_rank" in due[:200].explain()


@pytest.mark.django_db(transaction=True)
def test_ten_foundings_at_once_make_three(make_subscription):
    make_subscription(STRANGER)

    def found(n: int) -> bool:
        try:
            services.organisation_found(email=STRANGER, name=f"Works {'ABCDEFGHIJ'[n]}", ip=IP)
        except Refusal:
            return False
        return True

    with mock.patch.object(services, "MAX_FOUNDED", 20):
        assert [one.returned() for one in [Elsewhere(lambda n=n: found(n)) for n in range(10)]].count(True) == 3
    assert Organisation.objects.count() == 3


def test_who_founds_anew_or_hands_on_keeps_what_was_counted(found, make_subscription):
    most = {"most": 4, "what": "lines"}
    first, others = found(), []
    assert all(limits.allowed_for_organisation(organisation=first.organisation, **most) for _ in range(4))
    services.organisation_dissolve(organisation=first.organisation)
    again = found()
    assert not limits.allowed_for_organisation(organisation=again.organisation, **most)
    for n in range(3):  # other mailboxes of this network
        make_subscription(f"more{n}@example.org")
        owner = services.organisation_found(email=f"more{n}@example.org", name="Aldwick", ip=IP)
        others += [limits.allowed_for_organisation(organisation=owner.organisation, **most) for _ in range(4)]
    assert others.count(True) == 4 * (limits.MAILBOXES_OF_NETWORK - 1)
    trust(again.organisation)
    assert limits.allowed_for_organisation(organisation=again.organisation, **most)
    (heir,) = make_organisation("more0@example.org", "heir@example.org")[1:]
    person_delete(email="more0@example.org")
    heir.organisation.refresh_from_db()
    assert heir.organisation.mailbox == mailbox_key(email="heir@example.org")


def test_spellings_of_one_mailbox_own_three_organisations_together(make_subscription):
    for n in range(4):
        make_subscription(f"a.b+{n}@example.org")
    for n in range(3):
        services.organisation_found(email=f"a.b+{n}@example.org", name="Aldwick", ip=IP)
    with pytest.raises(Refusal, match="3 organisations at most"):
        services.organisation_found(email="a.b+3@example.org", name="Aldwick", ip=IP)
