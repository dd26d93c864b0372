"""Organisations: who belongs to one, what its members hear of, and what becomes of it."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.core import mail
from django.utils import timezone, translation

from detection.alerts.services import alert_transition
from detection.rules.lifecycle import State
from monitor.models.messages import OutgoingMessage
from monitor.models.subscriptions import Membership, Organisation, Subscription
from monitor.notifications import digests, rounds
from monitor.subscribers.organisations import services
from monitor.subscribers.organisations.names import title_of
from monitor.subscribers.subscriptions import members
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.subscribers.subscriptions.watched_areas import watched_areas
from monitor.wording import regions
from monitor.wording.refusals import Refusal
from tests.makers.organisations import WISH, make_organisation, share
from tests.service.monitor.notifications.sending import mails_sent

pytestmark = pytest.mark.django_db
OWNER, ANNA, BEN = "owner@example.org", "anna@example.org", "ben@example.org"


def letters() -> dict[str, list]:
    """Queue and send what is due; the mails of this step by address."""
    sent: dict[str, list] = {}
    for one in mails_sent():
        sent.setdefault(one.to[0], []).append(one)
    return sent


def test_each_member_gets_one_mail_in_their_own_language_and_whoever_left_gets_none(three, make_alert):
    owner, anna, ben = three
    share(owner)
    subscriptions.reader_set(email=ANNA, language="de", time_zone="Europe/Berlin")
    alert = make_alert()
    sent = letters()
    assert {email: len(mine) for email, mine in sent.items()} == {OWNER: 1, ANNA: 1, BEN: 1}
    assert sent[ANNA][0].extra_headers["Content-Language"] == "de"
    assert sent[BEN][0].extra_headers["Content-Language"] == "en"
    assert "Aldwick Waterworks" in sent[BEN][0].body
    assert not any(other in sent[BEN][0].body for other in (OWNER, ANNA))

    services.member_leave(membership=ben)
    alert_transition(alert=alert, to=State.CONFIRMED, reason="seen in the field", actor="operator")
    assert set(letters()) == {OWNER, ANNA}


@pytest.mark.parametrize("frequency", ["at-once", "weekly"])
def test_what_is_followed_alone_and_together_is_reported_once(frequency, three, make_alert, make_subscription):
    share(three[0], frequency=frequency)
    make_subscription(ANNA, frequency=frequency)
    make_alert()
    sent = letters()
    if frequency == "weekly":
        assert sent == {}
        digests.digests_queue(now=timezone.now() + timedelta(days=8))
        OutgoingMessage.objects.update(next_try_at=timezone.now())
        sent = letters()
    assert {email: len(mine) for email, mine in sent.items()} == {OWNER: 1, ANNA: 1, BEN: 1}
    assert "(Aldwick Waterworks)" in sent[ANNA][0].body


def test_one_click_in_the_mail_ends_it_for_one_person_and_one_place(three, make_alert, make_subscription, client):
    owner, _anna, ben = three
    share(owner)
    elsewhere = share(owner, longitude=-11.0)
    own = make_subscription(ANNA, longitude=-13.0)
    alert = make_alert()
    (letter,) = letters()[ANNA]
    link = letter.extra_headers["List-Unsubscribe"].strip("<>").removeprefix("http://localhost:8000")
    assert client.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200

    services.organisation_rename(organisation=owner.organisation, name="Aldwick Water")  # settles all seats
    alert_transition(alert=alert, to=State.PROVISIONAL, reason="seen again")
    assert set(letters()) == {OWNER, BEN}
    left = Subscription.objects.filter(email=ANNA, ended_at=None)
    assert {one.pk for one in left} == {own.pk, elsewhere.seats.get(email=ANNA).pk}
    subscriptions.purge()
    Subscription.objects.exclude(ended_at=None).update(ended_at=timezone.now() - timedelta(days=40))
    subscriptions.purge()  # that no mail is wanted is kept as long as the membership

    services.mails_set(membership=Membership.objects.get(email=ANNA), wanted=True)
    alert_transition(alert=alert, to=State.CONFIRMED, reason="seen in the field", actor="operator")
    assert set(letters()) == {OWNER, ANNA, BEN}


def test_a_change_of_the_place_is_one_for_all_and_nobody_moves_it_alone(three, make_alert):
    owner, *_ = three
    place = share(owner)
    subscriptions.change(email=ANNA, pk=str(place.seats.get(email=ANNA).pk), deed="monthly")
    assert place.seats.get(email=ANNA).frequency == "at-once"
    wish = WISH | {"kinds": ["uplift"], "frequency": "daily"}
    services.shared_change(shared=place, region=regions.circle(-11.0, 47.0, 800), name="Mill", **wish)
    seats = {(one.label, one.frequency, one.name) for one in place.seats.all()}
    assert seats == {("800 m around 47.00° N 11.00° W", "daily", "Aldwick Waterworks")}
    make_alert()
    assert letters() == {}
    services.shared_end(organisation=owner.organisation, pk=place.pk)
    assert not place.seats.filter(ended_at=None).exists()


def test_nothing_comes_before_the_invited_person_agrees(three, make_alert, client):
    owner, *_ = three
    share(owner)
    services.member_invite(owner=owner, email=" Carla@Example.org")
    make_alert()
    (question,) = letters()["carla@example.org"]
    assert question.subject == "Invitation to Aldwick Waterworks"
    assert OWNER in question.body
    link = next(word for word in question.body.split() if "/subscribe/join/" in word)
    page = client.get(link.removeprefix("http://localhost:8000"))
    assert page.status_code == 200
    assert Membership.objects.get(email="carla@example.org").confirmed_at is None
    make_alert(longitude=-12.001)
    assert "carla@example.org" not in letters()
    with translation.override("fr"):
        client.post(link.removeprefix("http://localhost:8000"), {"time_zone": "Europe/Paris", "deed": "join"})
    make_alert(longitude=-12.002)
    assert len(letters()["carla@example.org"]) == 1
    seat = Subscription.objects.get(email="carla@example.org")
    assert seat.time_zone == "Europe/Paris"


def test_whoever_declined_is_not_asked_again_and_an_unanswered_question_is_forgotten(three, settings):
    owner, *_ = three
    services.member_invite(owner=owner, email="carla@example.org")
    services.invitation_decline(membership=Membership.objects.get(email="carla@example.org"))
    with pytest.raises(Refusal, match="declined"):
        services.member_invite(owner=owner, email="carla@example.org")
    services.member_invite(owner=owner, email="dora@example.org")
    Membership.objects.filter(email="dora@example.org").update(created_at=timezone.now() - timedelta(days=8))
    Membership.objects.filter(email="carla@example.org").update(left_at=timezone.now() - timedelta(days=31))
    subscriptions.purge()
    assert set(Membership.objects.values_list("email", flat=True)) == {OWNER, ANNA, BEN}
    assert not OutgoingMessage.objects.filter(address__in=["carla@example.org", "dora@example.org"]).exists()


def test_invitations_of_a_day_and_members_are_limited(three, settings, monkeypatch):
    owner, *_ = three
    monkeypatch.setattr(services, "MAX_INVITATIONS", 2)
    for name in ("carla", "dora"):
        services.member_invite(owner=owner, email=f"{name}@example.org")
    with pytest.raises(Refusal, match="Daily limit"):
        services.member_invite(owner=owner, email="eva@example.org")
    monkeypatch.setattr(services, "MAX_MEMBERS", 5)
    with pytest.raises(Refusal, match="5 members"):
        services.member_invite(owner=owner, email="frida@example.org")


@pytest.mark.parametrize("name", ["Evıl. com", "Win: 0900 123456"])
def test_an_organisation_named_before_the_rule_writes_to_no_stranger(three, name):
    owner = three[0]
    Organisation.objects.filter(pk=owner.organisation_id).update(name=name)
    waiting = OutgoingMessage.objects.count()
    with pytest.raises(Refusal, match="without a link"):
        services.member_invite(owner=owner, email="stranger@example.org")
    assert OutgoingMessage.objects.count() == waiting
    with pytest.raises(Refusal):
        services.organisation_rename(organisation=owner.organisation, name="Win at http://x.example")
    services.organisation_rename(organisation=owner.organisation, name="Aldwick e.V.")
    services.member_invite(owner=owner, email="stranger@example.org")
    assert OutgoingMessage.objects.count() == waiting + 1


def test_only_somebody_who_confirmed_a_subscription_founds_one(make_subscription):
    make_subscription(ANNA, confirmed_at=None)
    with pytest.raises(Refusal, match="Confirm"):
        services.organisation_found(email=ANNA, name="Aldwick")
    make_subscription(BEN)
    owner, carla = make_organisation(BEN, "carla@example.org")
    share(owner)
    with pytest.raises(Refusal, match="Confirm"):  # a seat is no subscription of one's own
        services.organisation_found(email=carla.email, name="Aldwick")


def test_the_last_owner_passes_it_on_or_dissolves_it(three):
    owner, anna, _ben = three
    share(owner)
    with pytest.raises(Refusal, match="only owner"):
        services.member_leave(membership=owner)
    with pytest.raises(Refusal, match="only owner"):
        services.ownership_give_up(membership=owner)
    services.ownership_share(organisation=owner.organisation, pk=anna.pk)
    services.member_leave(membership=owner)
    assert [one.email for one in members.owners(organisation=owner.organisation_id)] == [ANNA]
    Membership.objects.filter(email=BEN).update(language="de", wants_mails=False)
    Subscription.objects.filter(email=BEN).delete()
    Subscription.objects.filter(email=ANNA).update(language="fr")
    name = owner.organisation.name
    services.organisation_dissolve(organisation=owner.organisation)
    sent = OutgoingMessage.objects.filter(kind="dissolved").order_by("address")
    assert list(sent.values_list("address", "language", "about")) == [(ANNA, "fr", name), (BEN, "de", name)]
    rounds.messages_send()
    assert [(one.to, name in one.body) for one in mail.outbox] == [([ANNA], True), ([BEN], True)]
    assert mail.outbox[1].subject == f"{name} wurde aufgelöst"
    assert not Membership.objects.exists()
    assert [one.email for one in Subscription.objects.all()] == [OWNER]  # the one of their own


def test_all_is_exported_and_whoever_is_forgotten_leaves_the_organisation_to_its_longest_member(three, make_alert):
    owner, anna, ben = three
    share(owner)
    whole = services.organisation_exported(organisation=owner.organisation)
    assert {one["email"] for one in whole["members"]} == {OWNER, ANNA, BEN}
    assert [one["label"] for one in whole["subscriptions"]] == ["5 km around 47.00° N 12.00° W"]
    exported = subscriptions.person_export(email=ANNA)
    assert [one["organisation"] for one in exported["organisations"]] == ["Aldwick Waterworks"]
    assert [one["shared"] for one in exported["subscriptions"]] == [True]
    assert OWNER not in str(exported)
    subscriptions.person_delete(email=OWNER)
    assert [one.email for one in members.owners(organisation=owner.organisation_id)] == [ANNA]
    make_alert()
    assert set(letters()) == {ANNA, BEN}
    subscriptions.person_delete(email=BEN)
    subscriptions.person_delete(email=ANNA)
    for model in (Organisation, Membership, Subscription, OutgoingMessage):
        assert not model.objects.exists()


def test_images_are_searched_where_an_organisation_looks_even_if_nobody_wants_mails(three):
    for one in three:
        services.mails_set(membership=one, wanted=False)
    before = watched_areas()
    share(three[0], longitude=20.0)
    assert len(watched_areas()) == len(before) + 1


def test_operators_and_administrators_see_no_organisation(three, django_user_model, client):
    owner, *_ = three
    place = share(owner)
    services.member_invite(owner=owner, email="carla@example.org")
    for name in ("organisation", "membership", "subscription", "outgoingmessage", "notification"):
        assert not admin.site.is_registered(apps.get_model("monitor", name))
    client.force_login(django_user_model.objects.create_superuser("chief"))
    paths = ("/jobs/?kind=messages", "/review/", "/admin/", "/accounts/")
    pages = [client.get(path).content.decode() for path in paths]
    for secret in (OWNER, "carla@example.org", owner.organisation.name, place.label):
        assert not any(secret in page for page in pages)
    assert "Invitation to an organisation" in pages[0]


HONEST = ["Aldwick Waterworks", "St. Gallen", "Kanton St. Gallen, Amt f. Geologie", "Verein Bergwacht e.V."]
HONEST += ["Bergwacht (e.V.)", "Müller GmbH & Co. KG", "Müller GmbH & Co. KG a.A.", "Minas del Norte S.A."]
HONEST += ["Minas del Norte, S.A. de C.V.", "Geologia S.p.A.", "Stavby s.r.o.", "Kopalnia Sp. z o.o."]
HONEST += ["Géologie & Cie.", "Waterschap Nr. 5", "Dr. No", "Dr. No & Sons", "U.S. Geological Survey"]
HONEST += ["U. S. Geological Survey", "Univ. de Genève", "Inst. of Geology / Dept. of Mines", "Ing.-Büro Meier"]
HONEST += ["Ville de Saint-Étienne", "L’Aquila (Protezione civile)", "Service d'urgence +", "Mt. Rainier Obs."]
HONEST += ["Bros. Rock Inc.", "Point Reyes", "Smith, Page & Co.", "Comune di Nettuno", "Network Rail"]
HONEST += ["Information Services", "Геологический институт", "Ин-т физики Земли", "Γεωλογική Υπηρεσία", "東京都 地質部"]
HONEST += ["NTT東日本", "한국지질자원연구원", "هيئة المساحة الجيولوجية", "הסקר הגאולוגי", "Ísland 2.", "5 Brigade"]
HONEST += ["Feuerwehr 76133 Karlsruhe", "Notruf 112", "Verein 1990 e.V.", "Un deux trois", "Il 5 Stelle", "千葉県"]
HOSTILE = ["", "   ", "x" * 61, "a<b", "Evıl. com", "Evil. com", "Evil .com", "Evil . com", "evil.com"]
HOSTILE += ["see evil.com now", "Evil. COM", "Evil. Com/login", "evil。com", "evil．com", "evil｡com", "evil․com"]
HOSTILE += ["evil‧com", "evil·com", "evil•com", "evilꓸcom", "evil٠com", "evil. сom", "evil. сом", "evil. cöm"]
HOSTILE += ["evil. cοm", "evil. ｃｏｍ", "evil. 𝐜𝐨𝐦", "evil. ⓒⓞⓜ", "evil\u200b.com", "evil.\u200bcom", "evil.\u00a0com"]
HOSTILE += ["evil.\u202ecom", "evil,com", "evil(.)com", "evil(dot)com", "evil dot com", "evil DOT net"]
HOSTILE += ["evil punkt org", "evil[.]com", "evil. de", "evil. ru", "Evil. Ru", "evil. io / login", "t.co"]
HOSTILE += ["bit.ly/abc", "bit. ly/abc", "x.com", "www evil", "WWW.evil", "ｗｗｗ evil", "http evil", "hxxp evil"]
HOSTILE += ["hXXps evil", "https:evil", "evil//com", "ev//il", "info@evil", "10.0.0.1", "10. 0. 0. 1", "Pаypal"]
HOSTILE += ["Gооgle Support", "Co.KG", "a.b.com", ".com", "x ."]
HOSTILE += ["Call 0800 123456", "+49 (721) 123-456", "0 8 0 0 1 2", "O8OO l2 34", "０８００１２", "٠٨٠٠١٢٣", "①②③④⑤⑥"]
HOSTILE += ["Ruf 0800/12x34", "null acht null null eins zwei", "un deux trois, cinq-huit-neuf", "一二三四五六"]


def test_honest_names_are_kept_as_they_were_examined_and_those_that_read_as_addresses_or_numbers_are_refused():
    assert [name for name in HONEST if title_of(name) != name] == []
    assert title_of("  Ｇｅｏ\u2003Survey ") == "Geo Survey"
    assert [name for name in HOSTILE if title_of(name) is not None] == []
