"""Subscribing: the owner of the mailbox decides, in every step. Three people: resident, neighbour, client."""

import json
import math
import re
from datetime import timedelta

import numpy as np
import pytest
from django.core import mail, signing
from django.test import Client, RequestFactory
from django.utils import timezone

from detection.alerts.services import alert_transition
from detection.rules.lifecycle import State
from ground_motion.core.areas import area_of
from ingest.foundation.geos import geos
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import RequestCount
from monitor.models.subscriptions import Subscription
from monitor.notifications import rounds
from monitor.subscribers.subscriptions import limits, tokens
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.web.guards import OPERATORS
from monitor.web.request_limits import network_of
from monitor.wording import regions
from monitor.wording.refusals import Refusal
from tests.makers.organisations import FORM
from tests.makers.people import account
from tests.waiting import reread

pytestmark = pytest.mark.django_db

WISH = FORM | {"latitude": "47,00°", "kinds": ["subsidence", "uplift"], "unreviewed": "on"}
RESIDENT = "resident@example.org"


def link_in(letter, name: str) -> str:
    return re.search(rf"http://localhost:8000(/subscri{name}/\S+)", letter.body)[1]


def ask(client, **changes) -> Subscription:
    """Subscribe, and read the mail that comes."""
    answer = client.post("/subscribe/", WISH | {"email": RESIDENT} | changes)
    assert (answer.status_code, answer["Location"]) == (302, "/subscribe/sent/")
    rounds.messages_send()
    return Subscription.objects.latest("pk")


def confirmed(client, **changes) -> Subscription:
    subscription = ask(client, **changes)
    client.post(link_in(mail.outbox[-1], "be/confirm"))
    subscription.refresh_from_db()
    return subscription


def test_a_subscription_begins_when_the_button_behind_the_mailed_link_is_pressed(client):
    subscription = ask(client)
    assert subscription.label == "2 km around 47.00° N 12.00° W"
    (letter,) = mail.outbox
    assert letter.to == [RESIDENT]
    link = link_in(letter, "be/confirm")
    assert "Is it you who asked?" in client.get(link).content.decode()
    assert reread(subscription).confirmed_at is None  # a mail scanner has only looked
    assert "You will hear from us" in client.post(link).content.decode()
    subscription.refresh_from_db()
    first = subscription.confirmed_at
    assert first is not None
    client.post(link)
    assert reread(subscription).confirmed_at == first


def test_the_page_works_from_a_link_of_the_map(client):
    page = client.get("/subscribe/?bbox=-12.1,46.9,-11.9,47.1").content.decode()
    assert "[-12.1, 46.9]" in page.replace("&quot;", '"')
    assert 'value="46.99000"' in client.get("/subscribe/?lat=46.99&lon=-12").content.decode()
    for nonsense in ("bbox=1,2", "bbox=a,b,c,d", "lat=nan&lon=1", "bbox=5,5,1,1"):
        assert client.get(f"/subscribe/?{nonsense}").status_code == 200


REFUSED = [
    ({"latitude": ""}, "Search for a place, click it on the map"),
    ({"latitude": "north"}, "Type a number"),
    ({"latitude": "97"}, "Latitude must be between"),
    ({"latitude": "nan"}, "Type a number"),
    ({"latitude": "89.5"}, "too close to a pole"),
    ({"distance": "own", "own_km": "51"}, "at most 50 km"),
    ({"distance": "own", "own_km": ""}, "Type the distance"),
    ({"distance": "7"}, "Select a valid choice"),
    ({"kinds": []}, "Choose at least one kind"),
    ({"email": "resident"}, "does not look like an e-mail address"),
    ({"email": "a@example.org\nBcc: b@example.org"}, "does not look like an e-mail address"),
    ({"where": "drawn"}, "Draw an area on the map first"),
    ({"where": "drawn", "drawn": "{"}, "could not be read"),
    ({"where": "drawn", "drawn": '{"type": "Point", "coordinates": [0, 0]}'}, "at least three corners"),
    ({"where": "drawn", "drawn": regions.rectangle(0, 0, 10, 10)}, "the limit is 200,000 km²"),
    ({"where": "drawn", "drawn": regions.rectangle(0, 80, 10, 95)}, "beyond the edge"),
]


def test_a_refusal_says_in_plain_words_what_is_wrong(client):
    for change, message in REFUSED:
        answer = client.post("/subscribe/", WISH | {"email": RESIDENT} | change)
        assert (answer.status_code, message in answer.content.decode()) == (422, True), change
    assert Subscription.objects.count() == 0


def test_an_altered_link_is_not_found_and_an_old_one_is_gone(client, monkeypatch):
    subscription = ask(client)
    link = link_in(mail.outbox[0], "be/confirm")
    for bad in (link[:-2] + "x/", "/subscribe/confirm/nonsense/", link.replace("/confirm/", "/stop/")):
        answer = client.post(bad)
        assert answer.status_code == 404
        assert "This link does not work" in answer.content.decode()
    now = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 48 * 3600 + 1)
    answer = client.post(link)
    assert answer.status_code == 410
    assert "no longer works" in answer.content.decode()
    assert reread(subscription).confirmed_at is None


def test_a_link_serves_its_own_purpose_only_holds_no_address_and_its_page_is_kept_nowhere(client):
    pk = confirmed(client).pk
    assert RESIDENT not in mail.outbox[0].body
    for token in (tokens.confirm_token(pk), tokens.stop_token([pk])):
        assert client.get(f"/subscriptions/{token}/").status_code == 404
        assert client.get(f"/subscriptions/{token}/export.json").status_code == 404
    answer = client.get(f"/subscriptions/{tokens.manage_token(pk)}/")
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Robots-Tag"] == "noindex"


def test_known_and_unknown_addresses_get_the_same_answer(client):
    confirmed(client)
    same = []
    for email in (RESIDENT, "unknown@example.org"):
        for path, fields in (("/subscriptions/", {}), ("/subscribe/", WISH)):
            answer = client.post(path, fields | {"email": email}, follow=True)
            same.append((answer.status_code, re.sub(rb"nonce=\S+|csrf\S+", b"", answer.content)))
            rounds.messages_send()
    assert len(set(same)) == 1
    assert [letter.to[0] for letter in mail.outbox[1:]] == [RESIDENT] * 2 + ["unknown@example.org"] * 2
    links = [letter.body for letter in mail.outbox if letter.subject.startswith("Your subscriptions")]
    assert ["We hold nothing about this address" in body for body in links] == [False, True]


@pytest.mark.parametrize("limit", ["MAIL_LIMIT_PER_IP", "MAIL_LIMIT_OVERALL"])
def test_a_flood_is_stopped_by_connection_and_in_all(client, settings, limit):
    setattr(settings, limit, 2)
    statuses = [client.post("/subscribe/", WISH | {"email": f"p{n}@example.org"}).status_code for n in range(3)]
    assert statuses == [302, 302, 429]
    settings.MAIL_LIMIT_PER_DOMAIN = 3
    otto = account("otto", OPERATORS)
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    for email in (RESIDENT, otto.email):  # Of a known person, the answer is the same, and the mail is sent.
        status = elsewhere.post("/subscribe/", WISH | {"email": email}).status_code
        assert status == (302 if limit == "MAIL_LIMIT_PER_IP" else 429)
    assert OutgoingMessage.objects.filter(address=otto.email).count() == 1


SPELLINGS = ["resident+{n}@example.org", "RESIDENT+{n}@Example.org", "re.s.ident+{n}@example.org", "dots"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_mailbox_gets_three_such_mails_a_day_however_it_is_spelt(client, spelling):
    for n in range(4):
        email = f"{RESIDENT[: n + 1]}.{RESIDENT[n + 1 :]}" if spelling == "dots" else spelling.format(n=n)
        assert client.post("/subscribe/", WISH | {"email": email})["Location"] == "/subscribe/sent/"
    assert client.post("/subscriptions/", {"email": RESIDENT})["Location"] == "/subscribe/sent/"
    assert OutgoingMessage.objects.count() == Subscription.objects.count() == 3
    assert RESIDENT not in str(list(RequestCount.objects.values()))


def test_a_mailbox_that_takes_every_name_of_its_domain_is_not_flooded(client, settings):
    settings.MAIL_LIMIT_PER_DOMAIN = 2
    for n in range(4):
        for domain in ("victim.example", "googlemail.com"):
            client.post("/subscribe/", WISH | {"email": f"name{n}@{domain}"})
    domains = [address.partition("@")[2] for address in OutgoingMessage.objects.values_list("address", flat=True)]
    assert (domains.count("victim.example"), domains.count("googlemail.com")) == (2, 4)


def network_from(address: str, forwarded_for: str = "") -> str:
    return network_of(RequestFactory().get("/", REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded_for))


def test_one_sender_with_many_networks_leaves_mails_for_the_others(settings):
    settings.MAIL_LIMIT_OVERALL = 100

    def ask(address: str) -> bool:
        return limits.allowed_for_connection(ip=network_from(address))

    answers = [ask(f"2001:db8:1:{n:x}::{m}") for n in range(100) for m in (1, 2)]
    assert answers.count(True) == 10
    assert ask("2001:db8:2:1::1")
    assert ask("192.0.2.7")


def test_a_made_up_forwarding_header_does_not_change_who_asks(settings):
    def who(header, address="10.0.0.1"):
        return network_from(address, header)

    assert who("", "::ffff:192.0.2.7") == "192.0.2.7" != who("", "::ffff:192.0.2.8")
    assert who("198.51.100.1, 203.0.113.9") == "10.0.0.1"
    settings.PROXIES = 1
    assert who("198.51.100.1, 203.0.113.9") == "203.0.113.9"
    assert who("") == "10.0.0.1"
    assert who("2001:db8:1:2:3::4") == who("2001:db8:1:2:ffff::1") == "2001:db8:1::/48"


def test_pause_go_on_change_and_end(client):
    subscription = confirmed(client)
    page = f"/subscriptions/{tokens.manage_token(subscription.pk)}/"
    assert RESIDENT in client.get(page).content.decode()
    for deed, name, check in (
        ("pause", "paused_at", lambda value: value is not None),
        ("resume", "paused_at", lambda value: value is None),
        ("weekly", "frequency", lambda value: value == "weekly"),
        ("nonsense", "frequency", lambda value: value == "weekly"),
        ("stop", "ended_at", lambda value: value is not None),
    ):
        assert client.post(page, {"subscription": subscription.pk, "deed": deed}).status_code == 302
        subscription.refresh_from_db()
        assert check(getattr(subscription, name)), deed
    assert "No subscription is active" in client.get(page).content.decode()


def test_everything_of_a_person_can_be_taken_away_and_deleted_and_no_neighbour_touches_it(client):
    subscription, theirs = confirmed(client), confirmed(client, email="neighbour@example.org")
    page = f"/subscriptions/{tokens.manage_token(theirs.pk)}/"
    client.post(page, {"subscription": subscription.pk, "deed": "stop"})
    assert reread(subscription).ended_at is None
    assert RESIDENT not in client.get(page).content.decode()
    token = tokens.manage_token(subscription.pk)
    held = client.get(f"/subscriptions/{token}/export.json").json()
    assert held["email"] == RESIDENT
    assert held["subscriptions"][0]["label"] == subscription.label
    assert held["mails"][0]["kind"] == "confirm"
    assert "Everything is deleted" in client.post(f"/subscriptions/{token}/", {"deed": "delete"}).content.decode()
    assert list(Subscription.objects.all()) == [theirs]
    assert not OutgoingMessage.objects.filter(address=RESIDENT).exists()
    assert client.get(f"/subscriptions/{token}/").status_code == 410


def test_one_click_unsubscribes_without_a_cookie_and_for_ever_and_a_look_does_not(subscription, monkeypatch):
    strict, now = Client(enforce_csrf_checks=True), signing.time.time()
    url = f"/subscribe/stop/{tokens.stop_token([subscription.pk])}/"
    assert "Stop these mails?" in strict.get(url).content.decode()
    assert reread(subscription).ended_at is None
    confirm, manage = tokens.confirm_token(1), tokens.manage_token(subscription.pk)
    for path in ("/subscribe/", "/subscriptions/", f"/subscriptions/{manage}/", f"/subscribe/confirm/{confirm}/"):
        assert strict.post(path, {"deed": "delete"}).status_code == 403  # Other forms want their cookie.
    monkeypatch.setattr(signing.time, "time", lambda: now + 10 * 365 * 86400)
    for _ in range(2):  # and again, which changes nothing
        answer = strict.post(url, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "You are unsubscribed" in answer.content.decode()
    assert reread(subscription).ended_at is not None
    subscription.delete()
    assert strict.post(url).status_code == 200


def test_what_is_over_is_deleted(make_subscription):
    now = timezone.now()
    for email, values, age in (
        ("fresh@example.org", {"confirmed_at": None}, timedelta(hours=47)),
        ("old@example.org", {"confirmed_at": None}, timedelta(hours=49)),
        ("active@example.org", {}, timedelta(days=900)),
        ("ended@example.org", {"ended_at": now - timedelta(days=31)}, timedelta(days=60)),
        ("just-ended@example.org", {"ended_at": now - timedelta(days=29)}, timedelta(days=60)),
    ):
        subscription = make_subscription(email, **values)
        Subscription.objects.filter(pk=subscription.pk).update(created_at=now - age)
    RequestCount.objects.create(who="x", day=now.date() - timedelta(days=1), n_requests=1)
    subscriptions.purge()
    assert set(Subscription.objects.values_list("email", flat=True)) == {
        "fresh@example.org",
        "active@example.org",
        "just-ended@example.org",
    }
    assert not RequestCount.objects.exists()


def test_one_address_has_at_most_twenty_regions(client, make_subscription, settings):
    for _ in range(subscriptions.MAX_PER_ADDRESS):
        make_subscription(RESIDENT)
    ask(client)
    answer = client.post(link_in(mail.outbox[-1], "be/confirm"))
    assert answer.status_code == 409
    assert "may follow 20 regions at most" in answer.content.decode()


def test_one_field_on_the_page_of_an_alert_is_enough(client, make_alert):
    alert = make_alert(kind="uplift", rate_mm_yr=9.0, peak_rate_mm_yr=9.0)
    assert f"/alerts/{alert.code}/subscribe/" in client.get(f"/alerts/{alert.code}/").content.decode()
    answer = client.post(f"/alerts/{alert.code}/subscribe/", {"email": RESIDENT})
    assert answer["Location"] == "/subscribe/sent/"
    subscription = Subscription.objects.get()
    assert subscription.label == f"the place of alert {alert.code}"
    assert subscription.region.contains(alert.area)
    assert subscription.region.area < 1.6 * alert.area.area
    bad = client.post(f"/alerts/{alert.code}/subscribe/", {"email": "no"})
    assert bad.status_code == 422
    assert "does not look like an e-mail address" in bad.content.decode()
    assert client.post("/alerts/ZZZZ/subscribe/", {"email": RESIDENT}).status_code == 404
    assert client.get(f"/alerts/{alert.code}/subscribe/").status_code == 405


def test_the_preview_counts_what_would_have_come(client, make_alert):
    alert = make_alert()
    alert_transition(alert=alert, to=State.CONFIRMED, reason="seen in the field")
    make_alert(longitude=-13.0)
    rejected = make_alert(longitude=-12.001)
    alert_transition(alert=rejected, to=State.REJECTED, reason="a known dump")

    def count(**changes) -> int:
        return client.post("/subscribe/preview.json", WISH | changes).json()["mails"]

    assert count() == 2
    assert count(unreviewed="") == 1
    assert count(frequency="daily") == 1
    assert count(kinds=["uplift"]) == 0
    assert count(lowest_severity="strong") == 0
    assert count(longitude="-14") == 0
    sentence = client.post("/subscribe/preview.json", WISH).json()["sentence"]
    assert sentence.startswith("In the last 2 years this would have sent you 2 mails.")
    assert "Our records begin on" in sentence
    bad = client.post("/subscribe/preview.json", WISH | {"latitude": ""})
    assert bad.status_code == 422
    assert "where" in bad.json()["errors"]
    assert client.get("/subscribe/preview.json").status_code == 405


HOSTILE = ["[[[0, 0], [NaN, 1], [1, 1], [0, 0]]]", "[[[0, 0], [1e400, 1], [1, 1], [0, 0]]]"]
HOSTILE += ["[[[0, 0], [1, 1], [0, 0]]]", "[[[0, 0], [0, 0], [0, 0], [0, 0]]]", "[[[0, 0], [1, 0], [2, 0], [0, 0]]]"]
HOSTILE += ["[[[true, 0], [null, 0], [2, 0], [0, 0]]]", "[[0, 0], [1, 0], [2, 0]]", "[[], []]", '"x"', "null", "{}"]
HOSTILE += ["7", "[" * 5000 + "]" * 5000, "[[[0, 0], [5, 0], [5, 5], [0, 0]], [[9, 9], [9, 8], [8, 8], [9, 9]]]"]


@pytest.mark.parametrize("kind", ["Polygon", "MultiPolygon"])
def test_hostile_outlines_are_refused_in_words(kind):
    for coordinates in HOSTILE:
        with pytest.raises(Refusal):
            regions.drawn(f'{{"type": "{kind}", "coordinates": {coordinates}}}')
    for ring, words in (
        ([[0, 0], [1, 1], [1, 0], [0, 1]], "cross each other"),
        ([[math.cos(n), math.sin(n)] for n in np.arange(600) * math.tau / 600], "601 corners; 500 are allowed"),
    ):
        with pytest.raises(Refusal, match=words):
            regions.drawn(json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}))


def test_a_circle_has_the_size_that_was_requested_on_both_sides_of_the_date_line():
    for longitude, latitude, radius_m, parts in ((-12.0, 46.99, 2000, 1), (179.99, -17.0, 20_000, 2)):
        outline, _label = regions.circle(longitude, latitude, radius_m)
        assert len(outline.geoms) == parts
        assert area_of(outline) == pytest.approx(math.pi * radius_m**2, rel=0.01)
    assert (outline.bounds[0], outline.bounds[2]) == (-180, 180)
    assert regions.circle(-12.0, 46.99, 2000).label == "2 km around 46.99° N 12.00° W"
    assert regions.circle(0, 0, 200).label.startswith("200 m around")


def test_an_area_drawn_on_the_next_copy_of_the_world_is_the_same_area_and_heights_are_left_out(make_subscription):
    here, there = regions.rectangle(-12, 46, -11.9, 46.1), regions.rectangle(348, 46, 348.1, 46.1)
    outlines = [regions.drawn(drawn).outline.normalize() for drawn in (here, there)]
    assert outlines[0].equals_exact(outlines[1], 1e-9)
    ring = [[-12.1, 46.9, 5], [-11.9, 46.9, 5], [-11.9, 47.1, 5], [-12.1, 46.9, 5]]
    region = regions.drawn(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    assert make_subscription(region=geos(region.outline)).region.hasz is False
