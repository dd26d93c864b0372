"""An attacker with ten mailboxes and several networks stores at most the quota; with it full, the service goes on."""

from collections import Counter

import pytest
from django.utils import timezone
from shapely import LineString

from monitor.models.lines import Line
from monitor.models.subscriptions import Organisation
from monitor.subscribers.organisations.lines import line_add
from monitor.subscribers.organisations.services import organisation_found
from monitor.subscribers.quotas import services
from monitor.subscribers.quotas.services import Quota, mailbox_key, network_key
from monitor.wording.refusals import Refusal
from tests.makers.lines import WISH as RAILWAY
from tests.waiting import Elsewhere

pytestmark = pytest.mark.django_db
TEN = range(10)
COURSE = {"course": LineString([(-12.0, 47.0), (-11.9, 47.0)]), "length_m": 7600.0}


def founded(make_subscription, name: object, ip: str) -> Organisation:
    own = make_subscription(f"{name}@example.org")
    return organisation_found(email=own.email, name="Aldwick", ip=ip).organisation


def test_ten_mailboxes_with_lines_leave_half_to_members_of_a_trusted_organisation(make_subscription, monkeypatch):
    monkeypatch.setattr(services, "QUOTA", Quota(mailbox=10**6, network=1_200_000, total=3_200_000))
    said = Counter()
    for n in (*TEN, "mayor"):
        organisation = founded(make_subscription, n, f"192.0.2.{n if n in TEN[8:] else 1}")
        if n == "mayor":
            Organisation.objects.filter(pk=organisation.pk).update(trusted_at=timezone.now())
            organisation.refresh_from_db()
        try:
            line_add(organisation=organisation, **COURSE, **RAILWAY)
            said[n == "mayor", "kept"] += 1
        except Refusal as refusal:
            said[n == "mayor", refusal.error.split(" already")[0]] += 1
    network, total = (False, "Your network"), (False, "All visitors together")
    assert said == {network: 5, total: 1, (False, "kept"): 4, (True, "kept"): 1}
    assert set(organisation.lines.values_list("network", flat=True)) == {""}


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_do_not_pass_the_quota(make_subscription, monkeypatch):
    monkeypatch.setattr(services, "QUOTA", Quota(mailbox=10**6, network=2_000_000, total=10**8))
    organisations = [founded(make_subscription, n, "192.0.2.1") for n in TEN]

    def added(organisation: Organisation) -> bool:
        try:
            line_add(organisation=organisation, **COURSE, **RAILWAY)
        except Refusal:
            return False
        return True

    answers = [one.returned() for one in [Elsewhere(lambda one=one: added(one)) for one in organisations]]
    assert answers.count(True) == Line.objects.count() == 5


def test_who_is_refused_reads_what_how_much_and_what_to_do(make_subscription, monkeypatch):
    monkeypatch.setattr(services, "database_room_bytes", lambda: 600_000)  # Of it, half; of this, half for strangers.
    organisation = founded(make_subscription, "anna", "192.0.2.1")
    with pytest.raises(Refusal, match=r"^All visitors together already use 0.bytes of 146\.5.KB here; this needs 351"):
        line_add(organisation=organisation, **COURSE, **RAILWAY)
    monkeypatch.setattr(services, "database_room_bytes", lambda: None)
    line_add(organisation=organisation, **COURSE, **RAILWAY)


def test_spellings_of_a_mailbox_and_networks_of_one_customer_are_one_and_only_keyed_hashes(settings):
    assert mailbox_key(email="A.Person+one@googlemail.com") == mailbox_key(email="aperson@gmail.com")
    assert network_key(ip="2001:db8:1:1::") == network_key(ip="2001:db8:1:2::")
    key = network_key(ip="192.0.2.1")
    assert (len(key), "192.0.2.1" in key) == (64, False)
    settings.SECRET_KEY = "another"
    assert network_key(ip="192.0.2.1") != key
