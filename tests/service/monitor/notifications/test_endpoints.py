"""What holds for endpoints of several channels: quiet hours, one that is gone, a channel that is not set up."""

import json

import pytest
from django.core import mail
from django.utils import timezone

from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications.push.channel import public_key
from monitor.notifications.webhook.channel import secret_new
from monitor.subscribers.subscriptions import endpoints
from tests.service.monitor.notifications.push.test_push import BROWSER_KEY, SECRET, read
from tests.service.monitor.notifications.sending import endpoint_made, send, ways_of
from tests.waiting import reread

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(receiver, push_key):
    """Return a function that makes the resident's endpoint of a channel; the receiver is its server."""
    keys = {"push": {"p256dh": public_key(BROWSER_KEY), "auth": SECRET}, "chat": {"preset": "mattermost"}}
    keys |= {"webhook": {"secret": secret_new()}}

    def make(channel: str) -> Endpoint:
        return endpoint_made(channel, receiver.url, keys=keys[channel])

    return make


def test_what_wakes_people_sends_tests_alone_in_quiet_hours(made, make_alert, make_subscription, receiver):
    endpoint, hour = made("push"), timezone.now().hour
    make_subscription(frequency="weekly", quiet_from=hour, quiet_until=(hour + 2) % 24)
    alert = make_alert()
    endpoints.endpoint_check(endpoint=endpoint)
    assert send() == 1
    assert OutgoingMessage.objects.get(state="sent").kind == "check"
    Subscription.objects.update(quiet_from=None, quiet_until=None)
    assert send() == 1
    assert [json.loads(read(body))["tag"] for *_, body in receiver.received] == ["check", alert.code]


@pytest.mark.parametrize("channel", ["chat", "webhook"])
def test_an_endpoint_that_is_gone_is_switched_off_with_a_mail(channel, made, make_alert, make_subscription, receiver):
    endpoint, receiver.answer = made(channel), lambda path: (410, {})
    make_subscription(frequency="weekly")
    make_alert()
    send()
    assert reread(endpoint).end_reason == "gone"
    send()
    assert "is gone" in mail.outbox[-1].body
    assert OutgoingMessage.objects.get(channel=channel).state == "failed"
    assert len(receiver.received) == 1


def test_a_channel_that_is_not_set_up_is_not_offered(client, make_subscription, settings):
    settings.PUSH_PRIVATE_KEY = ""
    page = ways_of(make_subscription())
    shown = client.get(page).content.decode()
    assert "device-add" not in shown
    client.post(page, {"channel": "push", "deed": "add", "url": "https://push.example.org/1"})
    assert not Endpoint.objects.exists()
