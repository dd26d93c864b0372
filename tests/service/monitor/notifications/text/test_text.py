"""Text messages: through any gateway, to a number that its owner confirmed, and that is kept nowhere else."""

import json
import logging
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from anymail.exceptions import AnymailInvalidAddress, AnymailRecipientsRefused
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from monitor.models.messages import ChannelPause, Endpoint, OutgoingMessage
from monitor.models.subscriptions import Organisation
from monitor.notifications.text import channel
from monitor.notifications.text.channel import by_request
from monitor.notifications.text.gateway import Gateway, gateway_of
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.subscribers.subscriptions import tokens
from tests.makers.organisations import make_organisation
from tests.service.monitor.notifications.sending import send, ways_of
from tests.waiting import reread

pytestmark = pytest.mark.django_db
RESIDENT, NUMBER = "resident@example.org", "+4915123456789"


@pytest.fixture
def gateway(receiver, settings):
    """A gateway on this machine that takes forms."""
    settings.TEXT_GATEWAY = Gateway(receiver.url + "/send", header="Authorization: Bearer our-key")
    return receiver


def number_made(number: str = NUMBER, email: str = RESIDENT, **values) -> Endpoint:
    made = {"verified_at": timezone.now(), **values}
    return Endpoint.objects.create(channel="text", email=email, url=f"tel:{number}", language="en", **made)


def texts(gateway) -> list[dict[str, str]]:
    return [dict(parse_qsl(body.decode())) for *_, body in gateway.received]


def add(client, page: str, number: str = NUMBER):
    return client.post(page, {"channel": "text", "deed": "add", "number": number})


def wrong_for(endpoint: Endpoint) -> str:
    return f"{(int(channel.code_of(endpoint)) + 1) % 10**6:06d}"


def test_news_come_as_one_short_text_with_a_link(make_alert, make_subscription, gateway):
    number_made()
    subscription = make_subscription(label="2 km around my house", frequency="weekly")
    alert = make_alert()
    assert send() == 1
    ((path, headers, _body),) = gateway.received
    assert (path, headers["Authorization"]) == ("/send", "Bearer our-key")
    (said,) = texts(gateway)
    assert said["to"] == NUMBER
    assert said["text"].startswith("Sinking ground")
    assert said["text"].endswith(f" http://localhost:8000/alerts/{alert.code}/")
    assert len(said["text"]) < 320
    assert subscription.label not in said["text"]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/{number}?from=GM", '{"sms": {"text": "{text}"}}', ("/%2B4915123456789?from=GM", 'Quote " and {number}')),
        ("/send", '{"to": "{number}", "text": "{text}"}', ("/send", 'Quote " and {number}')),
        ("/send", '{ "to": "{number}", "text": "{text}" }', ("/send", 'Quote " and {number}')),
    ],
)
def test_a_template_of_any_provider_is_filled_without_breaking_out(receiver, path, body, expected):
    by_request(Gateway(receiver.url + path, body), NUMBER, expected[1])
    ((asked, headers, sent),) = receiver.received
    assert (asked, headers["Content-Type"]) == (expected[0], "application/json")
    said = json.loads(sent)
    assert said.get("sms", said)["text"] == expected[1]


def test_the_file_of_the_gateway_is_read_and_a_wrong_one_named(tmp_path):
    path = tmp_path / "text_gateway.toml"
    assert gateway_of(path) is None
    path.write_text('url = "https://sms.example.org"\nprefixes = ["+49"]')
    assert gateway_of(path) == Gateway("https://sms.example.org", prefixes=("+49",))
    for wrong, says in {
        "": "url",
        'url = "ftp://x"': "neither https",
        'url = "https://x.org"\nbody = "to=me"': "has {number}",
        'url = "https://x.org"\nheader = "Key\\r\\nX: y"': "not one header",
        'url = "https://x.org"\nprefixes = "+49"': "prefixes is not a list",
        'url = "https://x.org"\nkey = "k"': "it has key; use body, header, prefixes, url",
        "url = [": "text_gateway.toml",
    }.items():
        path.write_text(wrong)
        with pytest.raises(ImproperlyConfigured, match=re.escape(says)):
            gateway_of(path)


def test_a_gateway_may_take_mails(make_alert, make_subscription, settings):
    settings.TEXT_GATEWAY = Gateway("mailto:{number}@sms.example.org")
    number_made()
    make_subscription(frequency="weekly")
    make_alert()
    send()
    assert mail.outbox[-1].to == ["4915123456789@sms.example.org"]
    assert mail.outbox[-1].body.startswith("Sinking ground")


@pytest.mark.parametrize("fault", [AnymailRecipientsRefused, AnymailInvalidAddress, ValueError])
def test_an_error_of_any_mail_backend_is_of_this_number_and_does_not_name_it(
    fault, make_alert, make_subscription, monkeypatch, settings, caplog
):
    def refuse(mail) -> None:
        raise fault(mail.to[0])

    caplog.set_level(logging.DEBUG)
    settings.TEXT_GATEWAY = Gateway("mailto:{number}@sms.example.org")
    monkeypatch.setattr(EmailMessage, "send", refuse)
    number = number_made()
    make_subscription(frequency="weekly")
    make_alert()
    send()
    assert reread(number).failures == 1
    assert not ChannelPause.objects.exists()
    assert fault.__name__ in OutgoingMessage.objects.get(channel="text").error
    assert NUMBER[1:] not in caplog.text + str(list(OutgoingMessage.objects.values()))


def test_no_news_before_the_code_is_typed(client, make_alert, make_subscription, gateway):
    page = ways_of(make_subscription(frequency="weekly"))
    assert add(client, page, "0049 (151) 234-567 89").status_code == 302
    number = Endpoint.objects.get()
    assert (number.url, number.name, number.verified_at) == (f"tel:{NUMBER}", "… 6789", None)
    make_alert()
    send()
    code = channel.code_of(number)
    assert [said["text"].partition(" ")[0] for said in texts(gateway)] == [code]
    assert code not in str(Endpoint.objects.values_list().get())
    shown = client.get(page).content.decode()
    assert "waiting for its code" in shown
    assert NUMBER not in shown
    form = {"deed": "code", "endpoint": number.pk}
    assert client.post(page, {**form, "code": wrong_for(number)}).status_code == 422
    assert client.post(page, {**form, "code": f" {code} "}).status_code == 302
    make_alert(longitude=-12.001)
    send()
    assert texts(gateway)[-1]["text"].startswith("Sinking ground")


def test_a_code_cannot_be_guessed_and_grows_old(client, make_subscription, gateway):
    page = ways_of(make_subscription())
    add(client, page)
    number = Endpoint.objects.get()
    for _ in range(channel.MAX_TRIES):
        assert not channel.code_confirm(endpoint=number, code=wrong_for(number))
    assert not channel.code_confirm(endpoint=number, code=channel.code_of(number))
    before = channel.code_of(number)
    client.post(page, {"deed": "test", "endpoint": number.pk})
    number.refresh_from_db()
    assert channel.code_of(number) != before
    old = (timezone.now() - channel.CODE_FOR).isoformat()
    Endpoint.objects.update(keys=number.keys | {"asked_at": old})
    assert not channel.code_confirm(endpoint=number, code=channel.code_of(number))
    Endpoint.objects.update(keys=number.keys)
    assert channel.code_confirm(endpoint=number, code=channel.code_of(number))


def test_a_number_gets_three_codes_a_day_whoever_asks(client, make_subscription, gateway):
    for n in range(4):
        answer = add(client, ways_of(make_subscription(f"somebody{n}@example.org")))
        assert answer.status_code == (302 if n < 3 else 422)
    assert Endpoint.objects.count() == 3


def test_one_person_and_one_network_get_a_few_codes_a_day(client, make_subscription, gateway, settings):
    settings.TEXT_LIMIT_PER_PERSON, settings.TEXT_LIMIT_PER_NETWORK = 2, 4
    page = ways_of(make_subscription())
    assert [add(client, page, f"+49151234567{n}").status_code for n in (10, 11, 12)] == [302, 302, 422]
    other = ways_of(make_subscription("somebody@example.org"))
    assert [add(client, other, f"+49151234568{n}").status_code for n in (10, 11)] == [302, 422]
    elsewhere = Client(REMOTE_ADDR="198.51.100.7")
    assert add(elsewhere, other, "+4915123456811").status_code == 302


def test_strangers_leave_half_of_the_codes_to_people_who_are_known(client, make_subscription, gateway, settings):
    settings.TEXT_LIMIT_OVERALL, now = 4, timezone.now()
    known = make_subscription("known@example.org")
    make_organisation(known.email)
    Organisation.objects.update(trusted_at=now)
    statuses = [
        add(
            client, ways_of(make_subscription(f"new{n}@example.org", confirmed_at=now)), f"+4915123456{n}00"
        ).status_code
        for n in range(3)
    ]
    assert statuses == [302, 302, 422]
    assert [add(client, ways_of(known), f"+49151234567{n}").status_code for n in (10, 11, 12)] == [302, 302, 422]


def test_no_code_comes_by_repeating_a_message(client, make_subscription, gateway):
    page = ways_of(make_subscription())
    add(client, page)
    number = Endpoint.objects.get()
    statuses = []
    for _ in range(3):
        send()
        again = {"deed": "again", "endpoint": number.pk, "delivery": OutgoingMessage.objects.get(channel="text").pk}
        statuses.append(client.post(page, again).status_code)
    send()
    assert statuses == [302, 302, 422]
    assert len(texts(gateway)) == 3


def test_who_has_ten_numbers_uses_up_no_codes_of_others(client, make_subscription, gateway):
    page = ways_of(make_subscription())
    for n in range(10):
        number_made(f"+491512345670{n}")
    for _ in range(4):
        assert add(client, page).status_code == 422
    assert add(client, ways_of(make_subscription("somebody@example.org"))).status_code == 302


@pytest.mark.parametrize("number", ["", "0151 23456789", "+49", "+4915123456789012345", "+1 900 1234567", "+49151x"])
def test_what_is_no_number_or_of_a_country_that_is_not_served_is_refused(
    number, client, make_subscription, gateway, settings
):
    settings.TEXT_GATEWAY = replace(settings.TEXT_GATEWAY, prefixes=("+49", "+43"))
    assert add(client, ways_of(make_subscription()), number).status_code == 422
    assert not Endpoint.objects.exists()


def test_without_a_gateway_nothing_is_offered(client, make_subscription):
    page = ways_of(make_subscription())
    assert "number-add" not in client.get(page).content.decode()
    add(client, page)
    assert not Endpoint.objects.exists()


def test_a_gateway_in_trouble_is_left_alone_and_no_number_suffers(make_alert, make_subscription, gateway):
    gateway.answer = lambda path: (503, {})
    for n in range(4):
        make_subscription(f"reader{n}@example.org", frequency="weekly")
        number_made(f"+491512345670{n}", f"reader{n}@example.org")
    make_alert()
    assert send() == 0
    assert ChannelPause.objects.get().channel == "text"
    assert set(Endpoint.objects.values_list("failures", flat=True)) == {0}
    ChannelPause.objects.all().delete()
    OutgoingMessage.objects.update(next_try_at=timezone.now())
    gateway.answer = lambda path: (200, {})
    assert send() == 4


def test_a_number_that_is_refused_delays_no_other(make_alert, make_subscription, gateway):
    gateway.answer = lambda path: (422, {})
    number = number_made()
    make_subscription(frequency="weekly")
    make_alert()
    send()
    assert reread(number).failures == 1
    assert not ChannelPause.objects.exists()


def test_numbers_are_in_no_log_and_no_message(make_alert, make_subscription, gateway, caplog):
    caplog.set_level(logging.DEBUG)
    gateway.answer = lambda path: (500, {})
    number_made()
    make_subscription(frequency="weekly")
    make_alert()
    send()
    gateway.answer = lambda path: (400, {})
    ChannelPause.objects.all().delete()
    OutgoingMessage.objects.update(next_try_at=timezone.now())
    send()
    assert caplog.text
    assert NUMBER[1:] not in caplog.text
    assert NUMBER[1:] not in str(list(OutgoingMessage.objects.values()))


def test_a_number_is_deleted_with_the_last_subscription_and_exported_before(make_subscription):
    first, second = make_subscription(), make_subscription(label="another place")
    number_made()
    assert subscriptions.person_export(email=RESIDENT)["endpoints"][0]["url"] == f"tel:{NUMBER}"
    subscriptions.subscriptions_end(ids=[first.pk])
    assert Endpoint.objects.exists()
    subscriptions.subscriptions_end(ids=[second.pk])
    assert not Endpoint.objects.exists()


def test_a_number_that_nobody_confirmed_is_deleted(make_subscription):
    make_subscription()
    number_made(verified_at=None)
    subscriptions.purge()
    assert Endpoint.objects.exists()
    Endpoint.objects.update(created_at=timezone.now() - tokens.CONFIRM_FOR - timedelta(minutes=1))
    subscriptions.purge()
    assert not Endpoint.objects.exists()


def test_texts_wait_for_the_end_of_quiet_hours(make_alert, make_subscription, gateway):
    hour = timezone.now().hour
    make_subscription(frequency="weekly", quiet_from=hour, quiet_until=(hour + 2) % 24)
    number_made()
    make_alert()
    assert send() == 0
    assert not gateway.received
