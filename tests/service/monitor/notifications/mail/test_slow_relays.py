"""A relay that answers a byte at a time costs a mail some time, and nobody a second copy."""

import ssl
import threading

import pytest
from django.conf import settings
from django.utils import timezone

from monitor import tasks
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import Alarm
from monitor.notifications import outbox, rounds
from monitor.notifications.mail.server import QUIT_SECONDS
from monitor.operations.health import alarms
from tests.fixtures.servers import self_signed
from tests.service.monitor.notifications.sending import let_time_pass
from tests.waiting import Elsewhere, wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def queued(make_alert, make_subscription):
    """One mail that is due."""
    make_subscription()
    make_alert()
    tasks.announce_transitions()


def was_cut_off(relay, step: str) -> bool:
    """Whether the sender did not wait for the end of the slow answer, now that this is over."""
    wait_until(lambda: relay.waited_for)
    return relay.waited_for == [(step, False)]


def states() -> list[tuple[str, int]]:
    return list(OutgoingMessage.objects.values_list("state", "attempts"))


def test_after_a_slow_yes_the_next_mail_has_its_own_connection(make_alert, make_subscription, slow_relay):
    for name in ("first", "second"):
        make_subscription(f"{name}@example.org")
    make_alert()
    tasks.announce_transitions()
    slow_relay.slow_at = "end"
    assert rounds.messages_send() == 2
    assert (states(), len(slow_relay.mails)) == ([("sent", 1)] * 2, 2)


def test_a_relay_that_says_nothing_after_a_mail_may_get_it_again_under_the_same_name(queued, slow_relay):
    """Nobody knows whether it has the mail: none may be lost, and mailboxes know the second copy by its name."""
    slow_relay.slow_at, slow_relay.silent = "end", True
    assert rounds.messages_send() == 0
    assert states() == [("queued", 1)]
    slow_relay.slow_at = ""
    let_time_pass()
    assert rounds.messages_send() == 1
    names = [line for mail in slow_relay.mails for line in mail.splitlines() if line.startswith(b"Message-ID")]
    assert (len(names), len(set(names))) == (2, 1)


@pytest.fixture
def tls(slow_relay, settings, tmp_path, monkeypatch):
    """Serve the relay under TLS from the first byte, with a certificate that is trusted here."""
    made = self_signed(tmp_path / "certificate.pem", tmp_path / "certificate.key")
    slow_relay.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    slow_relay.tls.load_cert_chain(made, made.with_suffix(".key"))
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    settings.EMAIL_USE_SSL = True


DELAYED, SENT = ("queued", 1), ("sent", 1)
DRIPS = [("plain", step, DELAYED) for step in ("greeting", "EHLO", "RCPT", "DATA")]
DRIPS += [("tls", step, DELAYED) for step in ("handshake", "RCPT")]
DRIPS += [("plain", "end", SENT), ("tls", "end", SENT), ("plain", "QUIT", SENT)]  # when it has the mail


@pytest.mark.parametrize(("line", "step", "first"), DRIPS)
def test_a_relay_that_drips_gets_a_mail_once_and_later_if_need_be(line, step, first, queued, slow_relay, request):
    if line == "tls":
        request.getfixturevalue("tls")
    slow_relay.slow_at = step
    assert rounds.messages_send() == (first == SENT)
    assert was_cut_off(slow_relay, step)
    assert states() == [first]
    slow_relay.slow_at = ""
    let_time_pass()
    assert rounds.messages_send() == (first == DELAYED)
    assert (states(), len(slow_relay.mails)) == ([SENT if first == SENT else ("sent", 2)], 1)


@pytest.mark.parametrize(("step", "reported"), [("greeting", False), ("end", True)])
def test_a_relay_that_drips_holds_up_no_alarm(step, reported, slow_relay):
    slow_relay.slow_at = step
    now = timezone.now()
    Alarm.objects.create(condition="beat", sentence="It is silent.", first_seen_at=now, opened_at=now)
    alarms.alarms_mail(to=["night-shift@example.org"])
    assert was_cut_off(slow_relay, step)
    assert bool(Alarm.objects.get().mailed_at) == reported
    slow_relay.slow_at = ""
    alarms.alarms_mail(to=["night-shift@example.org"])
    assert len(slow_relay.mails) == 1


@pytest.mark.django_db(transaction=True)
def test_a_sender_that_lost_its_mail_while_it_connected_sends_nothing(queued, slow_relay, settings):
    """Another sender takes the mail after its lease, while the first one still waits for the greeting."""
    waiting, go_on = threading.Event(), threading.Event()

    def hold_the_first(step: str) -> None:
        if step == "greeting" and not waiting.is_set():
            waiting.set()
            go_on.wait()

    slow_relay.before, settings.EMAIL_TIMEOUT = hold_the_first, 60
    first = Elsewhere(rounds.messages_send)
    wait_until(waiting.is_set)
    let_time_pass()
    assert rounds.messages_help(share=1, of=2) == 1
    go_on.set()
    assert first.returned() == 0
    assert (states(), len(slow_relay.mails)) == ([("sent", 2)], 1)


def test_a_mail_whose_slow_sender_goes_on_is_claimed_by_no_other(queued):
    """Another sender read it after its lease had ended, and before its sender prolonged that."""
    held = OutgoingMessage.objects.get()
    assert outbox.message_claim(message=held)
    let_time_pass()
    as_read = OutgoingMessage.objects.get()
    assert outbox.LEASE.prolong(held)
    assert not outbox.message_claim(message=as_read)


def test_whatever_a_server_does_a_mail_ends_before_its_lease():
    assert outbox.LEASE.duration.total_seconds() > 4 * settings.EMAIL_TIMEOUT + QUIT_SECONDS
