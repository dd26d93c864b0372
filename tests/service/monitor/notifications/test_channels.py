"""What the outbox does with the answers of a channel, whichever it is."""

import threading

import pytest
from django.utils import timezone

from monitor import tasks
from monitor.models.messages import ChannelPause, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications import base, rounds
from monitor.notifications.base import Delivered, Later, Never, Refused

pytestmark = pytest.mark.django_db


class MadeChannel(base.Channel):
    """Answers as its test wants it to, and keeps what it was given."""

    def __init__(self, answer: base.Outcome | Exception) -> None:
        self.answer, self.addresses, self.n_closed = answer, [], 0

    def deliver(self, message: OutgoingMessage) -> base.Outcome:
        """Keep the messages."""
        if isinstance(self.answer, Exception):
            raise self.answer
        self.addresses.append(message.address)
        return self.answer

    def close(self) -> None:
        """Keep that it was closed."""
        self.n_closed += 1


@pytest.fixture
def channels(monkeypatch) -> dict[str, MadeChannel]:
    """Two channels by name; both deliver, unless their test says otherwise."""
    made = {name: MadeChannel(Delivered()) for name in ("signs", "letters")}
    monkeypatch.setattr(base, "channel_open", lambda *, name: made[name])
    return made


@pytest.fixture
def queued(make_alert, make_subscription, channels) -> list[Subscription]:
    """Five people on each of the two channels, and a message to each of them."""
    people = [make_subscription(f"{name}{n}@example.org", channel=name) for name in channels for n in range(5)]
    make_alert()
    tasks.announce_transitions()
    return people


def states(channel: str) -> list[tuple[str, int]]:
    return sorted(OutgoingMessage.objects.filter(channel=channel).values_list("state", "attempts"))


def test_every_message_goes_by_its_own_channel(queued, channels):
    assert rounds.messages_send() == 10
    assert channels["signs"].addresses == [f"signs{n}@example.org" for n in range(5)]
    assert channels["letters"].addresses == [f"letters{n}@example.org" for n in range(5)]
    assert [channel.n_closed for channel in channels.values()] == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_is_slow_or_dead_delays_no_other(queued, channels):
    """One waits for its server until the other has sent everything; then it fails, and is left alone by itself."""
    others_done = threading.Event()

    class Slow(MadeChannel):
        def deliver(self, message):
            self.answer = Later("too late" if others_done.wait(20) else "the other channel was held up")
            return super().deliver(message)

    channels["signs"] = Slow(Delivered())
    channels["letters"].close = others_done.set
    assert rounds.messages_send(beside=True) == 5
    assert states("letters") == [("sent", 1)] * 5
    assert {error for error in OutgoingMessage.objects.values_list("error", flat=True) if error} == {"too late"}
    assert [pause.channel for pause in ChannelPause.objects.all()] == ["signs"]
    channels["signs"] = MadeChannel(Delivered())
    ChannelPause.objects.all().delete()
    OutgoingMessage.objects.filter(state="queued").update(next_try_at=timezone.now())
    assert rounds.messages_send() == 5


@pytest.mark.parametrize(
    ("answer", "states_", "bounces"),
    [
        (Later("the line is busy"), [("queued", 0)] * 2 + [("queued", 1)] * 3, [0] * 5),
        (Refused("not today"), [("queued", 0)] * 2 + [("queued", 1)] * 3, [0] * 5),
        (Never("no such sign"), [("failed", 1)] * 3 + [("queued", 0)] * 2, [0, 0, 1, 1, 1]),
        (ValueError("a bad word"), [("queued", 1)] * 5, [0] * 5),  # A fault puts off one message and no other.
    ],
)
def test_a_channel_that_refuses_every_message_is_left_alone_and_no_other(queued, channels, answer, states_, bounces):
    """What it will never deliver is not tried again, and counts against the address, until the channel is doubted."""
    channels["signs"].answer = answer
    assert rounds.messages_send() == 5
    assert states("signs") == states_
    assert states("letters") == [("sent", 1)] * 5
    assert rounds.messages_send() == 0
    for name, expected in (("signs", bounces), ("letters", [0] * 5)):
        assert sorted(Subscription.objects.filter(channel=name).values_list("bounces", flat=True)) == expected
    if isinstance(answer, Exception):
        assert not ChannelPause.objects.exists()
        assert {one.error for one in OutgoingMessage.objects.filter(channel="signs")} == {"ValueError: a bad word"}
    else:
        assert ChannelPause.objects.get().channel == "signs"
        assert OutgoingMessage.objects.filter(error=answer.reason).count() == 3
        assert len(channels["signs"].addresses) == 3  # nothing is tried during the pause


def test_a_message_of_a_channel_that_is_not_registered_waits(make_alert, make_subscription):
    make_subscription(channel="pigeons")
    make_alert()
    tasks.announce_transitions()
    assert rounds.messages_send() == 0
    message = OutgoingMessage.objects.get()
    assert (message.state, message.attempts) == ("queued", 1)
    assert "no channel 'pigeons' is registered" in message.error


def test_every_registered_channel_can_be_opened(settings):
    assert "mail" in settings.CHANNELS
    for name in settings.CHANNELS:
        channel = base.channel_open(name=name)
        assert callable(channel.deliver)
        channel.close()
