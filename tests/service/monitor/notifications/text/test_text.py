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
from tests.service.monitor.notifications.sending import RESIDENT, endpoint_made, let_time_pass, send, ways_of
from tests.waiting import reread

pytestmark = pytest.mark.django_db
NUMBER = "+4915123456789"
BY_MAIL = Gateway("mailto:{number}@sms.example.org")


@pytest.fixture
def gateway(receiver, settings):
    """A gateway on this machine that takes forms."""
    settings.TEXT_GATEWAY = Gateway(receiver.url + "/send", header="Authorization: Bearer our-key")
    return receiver


@pytest.fixture
def page(make_subscription) -> str:
    """The page on which the resident, who gets a mail once a week, adds a number."""
    return ways_of(make_subscription(frequency="weekly"))


@pytest.fixture
def number(page) -> Endpoint:
    """The confirmed number of this resident."""
    return number_made()


def number_made(number: str = NUMBER, **values) -> Endpoint:
    return endpoint_made("text", f"tel:{number}", **values)


def texts(gateway) -> list[dict[str, str]]:
    return [dict(parse_qsl(body.decode())) for *_, body in gateway.received]


def add(client, page: str, number: str = NUMBER) -> int:
    """Add a number; return the status."""
    return client.post(page, {"channel": "text", "deed": "add", "number": number}).status_code


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
    ("path", "body", "asked"),
    [
        ("/{number}?from=GM", '{"sms": {"text": "{text}"}}', "/%2B4915123456789?from=GM"),
        ("/send", '{"to": "{number}", "text": "{text}"}', "/send"),
        ("/send", '{ "to": "{number}", "text": "{text}" }', "/send"),
    ],
)
def test_a_template_of_any_provider_is_filled_without_breaking_out(receiver, path, body, asked):
    by_request(Gateway(receiver.url + path, body), NUMBER, 'Quote " and {number}')
    ((posted_to, headers, sent),) = receiver.received
    assert (posted_to, headers["Content-Type"]) == (asked, "application/json")
    said = json.loads(sent)
    assert said.get("sms", said)["text"] == 'Quote " and {number}'


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


def test_a_gateway_may_take_mails(number, make_alert, settings):
    settings.TEXT_GATEWAY = BY_MAIL
    make_alert()
    send()
    assert mail.outbox[-1].to == ["4915123456789@sms.example.org"]
    assert mail.outbox[-1].body.startswith("Sinking ground")


@pytest.mark.parametrize("fault", [AnymailRecipientsRefused, AnymailInvalidAddress, ValueError])
def test_an_error_of_a_mail_backend_does_not_name_the_number(fault, number, make_alert, monkeypatch, settings, caplog):
    def refuse(mail) -> None:
        raise fault(mail.to[0])

    caplog.set_level(logging.DEBUG)
    settings.TEXT_GATEWAY = BY_MAIL
    monkeypatch.setattr(EmailMessage, "send", refuse)
    make_alert()
    send()
    assert reread(number).failures == 1
    assert not ChannelPause.objects.exists()
    assert fault.__name__ in OutgoingMessage.objects.get(channel="text").error
    assert NUMBER[1:] not in caplog.text + str(list(OutgoingMessage.objects.values()))


def test_no_news_before_the_code_is_typed(client, make_alert, page, gateway):
    assert add(client, page, "0049 (151) 234-567 89") == 302
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


def test_a_code_cannot_be_guessed_and_grows_old(client, page, gateway):
    add(client, page)
    number = Endpoint.objects.get()
    for _ in range(channel.MAX_TRIES):
        assert not channel.code_confirm(endpoint=number, code=wrong_for(number))
    assert not channel.code_confirm(endpoint=number, code=channel.code_of(number))
    before = channel.code_of(number)
    client.post(page, {"deed": "test", "endpoint": number.pk})
    assert channel.code_of(reread(number)) != before
    old = (timezone.now() - channel.CODE_FOR).isoformat()
    Endpoint.objects.update(keys=number.keys | {"asked_at": old})
    assert not channel.code_confirm(endpoint=number, code=channel.code_of(number))
    Endpoint.objects.update(keys=number.keys)
    assert channel.code_confirm(endpoint=number, code=channel.code_of(number))


def test_codes_of_a_day_are_limited_by_number_person_and_network(client, make_subscription, gateway, settings):
    pages = [ways_of(make_subscription(f"somebody{n}@example.org")) for n in range(6)]
    assert [add(client, page) for page in pages[:4]] == [302, 302, 302, 422]  # one number, whoever asks
    settings.TEXT_LIMIT_PER_PERSON, settings.TEXT_LIMIT_PER_NETWORK = 2, 4
    elsewhere = Client(REMOTE_ADDR="198.51.100.6")
    assert [add(elsewhere, pages[4], f"+49151234567{n}") for n in (10, 11, 12)] == [302, 302, 422]
    assert [add(elsewhere, pages[5], f"+49151234568{n}") for n in (10, 11)] == [302, 422]
    assert add(Client(REMOTE_ADDR="198.51.100.7"), pages[5], "+4915123456811") == 302


def test_strangers_leave_half_of_the_codes_to_people_who_are_known(client, make_subscription, gateway, settings):
    settings.TEXT_LIMIT_OVERALL, now = 4, timezone.now()
    known = make_subscription("known@example.org")
    make_organisation(known.email)
    Organisation.objects.update(trusted_at=now)
    new = [ways_of(make_subscription(f"new{n}@example.org", confirmed_at=now)) for n in range(3)]
    assert [add(client, page, f"+4915123456{n}00") for n, page in enumerate(new)] == [302, 302, 422]
    assert [add(client, ways_of(known), f"+49151234567{n}") for n in (10, 11, 12)] == [302, 302, 422]


def test_no_code_comes_by_repeating_a_message(client, page, gateway):
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


def test_who_has_ten_numbers_uses_up_no_codes_of_others(client, page, make_subscription, gateway):
    for n in range(10):
        number_made(f"+491512345670{n}")
    assert [add(client, page) for _ in range(4)] == [422] * 4
    assert add(client, ways_of(make_subscription("somebody@example.org"))) == 302


def test_what_is_no_number_or_of_a_country_that_is_not_served_is_refused(client, page, gateway, settings):
    settings.TEXT_GATEWAY = replace(settings.TEXT_GATEWAY, prefixes=("+49", "+43"))
    for number in ("", "0151 23456789", "+49", "+4915123456789012345", "+1 900 1234567", "+49151x"):
        assert add(client, page, number) == 422, number
    assert not Endpoint.objects.exists()


def test_a_gateway_in_trouble_is_left_alone_and_no_number_suffers(make_alert, make_subscription, gateway):
    gateway.answer = lambda path: (503, {})
    for n in range(4):
        make_subscription(f"reader{n}@example.org", frequency="weekly")
        number_made(f"+491512345670{n}", email=f"reader{n}@example.org")
    make_alert()
    assert send() == 0
    assert ChannelPause.objects.get().channel == "text"
    assert set(Endpoint.objects.values_list("failures", flat=True)) == {0}
    ChannelPause.objects.all().delete()
    let_time_pass()
    gateway.answer = lambda path: (200, {})
    assert send() == 4


@pytest.mark.parametrize("status", [400, 422])
def test_a_number_that_is_refused_delays_no_other_and_is_in_no_log(status, number, make_alert, gateway, caplog):
    caplog.set_level(logging.DEBUG)
    gateway.answer = lambda path: (500, {})
    make_alert()
    send()
    assert reread(number).failures == 0
    gateway.answer = lambda path: (status, {})
    let_time_pass()
    send()
    assert reread(number).failures == 1
    assert not ChannelPause.objects.exists()
    assert caplog.text
    assert NUMBER[1:] not in caplog.text + str(list(OutgoingMessage.objects.values()))


def test_a_number_is_deleted_with_the_last_subscription_or_unconfirmed_and_exported_before(make_subscription):
    first, second = make_subscription(), make_subscription(label="another place")
    number_made(verified_at=None)
    subscriptions.purge()
    assert subscriptions.person_export(email=RESIDENT)["endpoints"][0]["url"] == f"tel:{NUMBER}"
    Endpoint.objects.update(created_at=timezone.now() - tokens.CONFIRM_FOR - timedelta(minutes=1))
    subscriptions.purge()
    assert not Endpoint.objects.exists()
    number_made()
    subscriptions.subscriptions_end(ids=[first.pk])
    assert Endpoint.objects.exists()
    subscriptions.subscriptions_end(ids=[second.pk])
    assert not Endpoint.objects.exists()
