"""Mails that come back later pause their address, as refused ones do; forged and repeated reports do nothing."""

import io
import logging
from datetime import date, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from monitor import tasks
from monitor.models.messages import OutgoingMessage
from monitor.notifications import rounds
from monitor.notifications.mail import returns
from tests.waiting import reread

READER = "gone@example.org"
NO_SUCH_USER = ("5.1.1", "smtp; 550 5.1.1 <gone@example.org>: Recipient address rejected: User unknown")
FULL = ("5.2.2", "smtp; 552 5.2.2 The mailbox of gone@example.org is over its quota")
BLOCKED = ("5.7.1", "smtp; 554 5.7.1 Service unavailable; client host is on a block list")
VAGUE = ("5.0.0", "smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound")
REPORT = """\
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Mon, 3 Feb 2025 06:00:02 +0000 (UTC)

Final-Recipient: rfc822; gone@example.org
Action: {action}
Status: {code}
Diagnostic-Code: {diagnostic}

--part
Content-Type: message/rfc822

From: Ground Motion Monitor <monitor@motion.example.org>
To: gone@example.org
Subject: Sinking ground

Action: failed
Status: 5.1.1
--part--
"""


@pytest.fixture(autouse=True)
def _return_address(settings):
    settings.BOUNCE_ADDRESS = "bounce@motion.example.org"
    settings.DEFAULT_FROM_EMAIL = "Ground Motion Monitor <monitor@motion.example.org>"


def report(message: int, code: tuple[str, str] = NO_SUCH_USER, action: str = "failed") -> bytes:
    text = REPORT.format(to=returns.return_address(message), action=action, code=code[0], diagnostic=code[1])
    return text.encode()


def sent(n: int = 1) -> list[int]:
    made = [
        OutgoingMessage.objects.create(
            kind="alert", key=f"made {uuid4()}", address=READER, state="sent", next_try_at=timezone.now()
        )
        for _ in range(n)
    ]
    return [message.pk for message in made]


def test_a_return_address_names_its_message_for_a_month_and_nobody_can_make_one(settings):
    address, day = returns.return_address(4711, date(2026, 1, 1)), date(2026, 1, 1)
    assert returns.read_return_address(address, day) == 4711
    assert returns.read_return_address(address.upper(), day + returns.VALID_FOR) == 4711
    assert returns.read_return_address(address, day + returns.VALID_FOR + timedelta(days=1)) is None
    name, token = address.partition("@")[0].split("+")
    number, signed_day, signature = token.split("-")
    for forged in (
        f"{name}+{int(number, 36) + 1}-{signed_day}-{signature}@motion.example.org",
        f"{name}+{number}-zzz-{signature}@motion.example.org",
        f"{name}+{number}-{signed_day}-{'0' * 20}@motion.example.org",
        f"{name}@motion.example.org",
        "",
    ):
        assert returns.read_return_address(forged, day) is None
    longest = returns.return_address(2**63 - 1, date(2099, 1, 1))
    assert len(longest.partition("@")[0]) <= 64  # short enough for every server
    settings.SECRET_KEY = "another key"
    assert returns.read_return_address(address, day) is None


def test_mails_go_out_under_the_return_address_and_readers_see_the_sender(alert, subscription, mail_server):
    tasks.announce_transitions()
    assert rounds.messages_send() == 1
    (message,) = mail_server.received
    assert message["From"] == "Ground Motion Monitor <monitor@motion.example.org>"
    assert returns.read_return_address(mail_server.senders[0]) == OutgoingMessage.objects.get().pk


@pytest.mark.parametrize("code", [NO_SUCH_USER, VAGUE])
def test_three_mails_in_a_row_that_come_back_pause_the_address_and_one_report_counts_once(code, make_subscription):
    subscription, states = make_subscription(READER), []
    for _ in range(3):
        (pk,) = sent()
        assert "came back" in returns.return_take(content=report(pk, code))
        assert "has come back before" in returns.return_take(content=report(pk, code))
        subscription.refresh_from_db()
        states.append((subscription.bounces, subscription.pause_reason))
    assert states == [(1, ""), (2, ""), (3, "bounced")]


@pytest.mark.parametrize("code", [FULL, ("4.4.7", "smtp; 451 4.4.1 no answer for five days")])
def test_a_mailbox_that_is_full_for_a_while_is_not_paused_until_ten_mails_came_back(code, make_subscription):
    subscription = make_subscription(READER)
    for number in range(1, 11):
        (pk,) = sent()
        assert "came back" in returns.return_take(content=report(pk, NO_SUCH_USER if number == 2 else code))
        subscription.refresh_from_db()
        expected = (3, "bounced") if number == 10 else (int(number > 1), "")
        assert (subscription.bounces, subscription.pause_reason) == expected


def test_a_mail_that_arrived_in_between_begins_the_count_anew(make_subscription):
    subscription = make_subscription(READER)
    first, _arrived, third, fourth = sent(4)
    for pk in (first, third, fourth):
        returns.return_take(content=report(pk))
    assert (reread(subscription).bounces, subscription.pause_reason) == (2, "")


NOT_OF_THE_READER = [(BLOCKED, "failed"), (("4.4.1", "smtp; 451 4.4.1 no answer"), "delayed"), (FULL, "delivered")]


@pytest.mark.parametrize(("code", "action"), NOT_OF_THE_READER)
def test_a_report_about_this_service_or_of_a_delay_says_nothing_of_the_reader(code, action, make_subscription):
    subscription, (pk,) = make_subscription(READER), sent()
    returns.return_take(content=report(pk, code, action))
    assert (reread(subscription).bounces, OutgoingMessage.objects.get().state) == (0, "sent")


def test_what_is_no_report_or_forged_changes_nothing(db):
    (pk,) = sent()
    ours = returns.return_address(pk).encode()
    for content in (
        b"",
        b"\xff\xfe\x00 no mail",
        b"Subject: Out of office\nTo: {to}\n\nI am away. Action: failed, Status: 5.1.1\n",
        b"Content-Type: message/delivery-status\nTo: {to}\n\nStatus: 5.1.1\n",
        b"Content-Type: multipart/report; boundary=x\nTo: {to}\n\n--x\nContent-Type: message/delivery-status\n\n--x--",
        report(pk).replace(ours, b"bounce+1-1-" + b"a" * 20 + b"@motion.example.org"),
    ):
        assert returns.return_take(content=content.replace(b"{to}", ours)).startswith("ignored"), content
    assert returns.return_take(content=report(pk), recipient="postmaster@motion.example.org").startswith("ignored")
    assert OutgoingMessage.objects.get().state == "sent"


def test_reports_are_piped_in_and_no_address_is_logged(make_subscription, monkeypatch, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    make_subscription(READER)
    (pk,) = sent()
    content = report(pk).replace(b"To: bounce", b"X-Other: bounce")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    call_command("bounces", recipient=returns.return_address(pk))
    assert capsys.readouterr().out == f"message {pk} came back: 5.1.1\n"
    assert OutgoingMessage.objects.get().error == "came back: 5.1.1"
    assert f"message {pk} (mail, alert), failed: came back: 5.1.1" in caplog.text
    assert "@" not in caplog.text


def test_a_maildir_is_read_once(db, tmp_path, capsys):
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    (pk,) = sent()
    (tmp_path / "new" / "1.host").write_bytes(report(pk))
    call_command("bounces", maildir=tmp_path)
    call_command("bounces", maildir=tmp_path)
    assert capsys.readouterr().out == f"message {pk} came back: 5.1.1\n"
    assert [path.name for path in (tmp_path / "cur").iterdir()] == ["1.host:2,S"]
