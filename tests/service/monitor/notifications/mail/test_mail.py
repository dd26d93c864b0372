"""Sending: none lost, none twice, whatever the mail server does."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from ingest.foundation.locks import Lock
from monitor import tasks
from monitor.models.messages import ChannelPause, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications import outbox, rounds
from monitor.notifications.mail import files, letters
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.web.guards import MAIL_FILES_BACKEND
from tests.fixtures.servers import another_connection
from tests.service.monitor.notifications.sending import let_time_pass, send
from tests.waiting import reread

ROOT = Path(__file__).resolve().parents[5]
pytestmark = pytest.mark.django_db


@pytest.fixture
def queued(make_alert, make_subscription):
    """Return a function that queues a mail for each of so many people, and returns their addresses."""

    def queued(n: int = 1) -> list[str]:
        emails = [f"person{index:02}@example.org" for index in range(n)]
        for email in emails:
            make_subscription(email)
        make_alert()
        tasks.announce_transitions()
        return emails

    return queued


def received_by(mail_server) -> list[str]:
    return sorted(message["To"] for message in mail_server.received)


def test_a_mail_is_whole(queued, mail_server, settings):
    settings.PUBLIC_URL = "https://motion.example.org"
    queued()
    assert rounds.messages_send() == 1
    (message,) = mail_server.received
    assert message["Message-ID"].endswith("@motion.example.org>")
    assert message["List-Unsubscribe"].strip().startswith("<https://motion.example.org/subscribe/stop/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    types = ["multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png"]
    assert [part.get_content_type() for part in message.walk()] == types
    stop_url = message["List-Unsubscribe"].strip(" <>")
    for kind in ("plain", "html"):
        body = message.get_body((kind,)).get_content()
        assert stop_url in body
        assert "You get this mail because you asked" in body
        assert "https://motion.example.org/alerts/" in body


def test_the_map_is_drawn_once_for_all_readers(queued, make_alert, make_subscription, mail_server, monkeypatch):
    drawn, draw = [], letters.plan_png
    monkeypatch.setattr(letters, "plan_png", lambda plan: drawn.append(draw(plan)) or drawn[-1])
    make_subscription("clara@example.org", language="de")
    queued(3)
    assert rounds.messages_send() == 4
    assert len(drawn) == 1
    for message in mail_server.received:
        (picture,) = [part for part in message.walk() if part.get_content_type() == "image/png"]
        page = message.get_body(("html",)).get_content()
        assert f'src="cid:{picture["Content-ID"].strip(" <>")}"' in page
        assert picture.get_content() == drawn[0]
        assert len(drawn[0]) <= 60_000
        assert re.findall(r"https?://(?!localhost)[^\s\"<]+", page) == []  # nothing is fetched from any other host
    monkeypatch.setattr(letters, "plan_png", lambda plan: 1 / 0)  # A map that cannot be drawn holds up no mail.
    make_alert(longitude=-12.001)
    assert send() == 4
    assert "cid:" not in mail_server.received[-1].get_body(("html",)).get_content()


@pytest.mark.parametrize("fault", ["refuses for now", "drops the line after the data", "hangs", "is not there"])
def test_a_mail_survives_a_server_that(queued, fault, mail_server, settings):
    emails = queued(2)
    port, answers = settings.EMAIL_PORT, {"refuses for now": "451 later", "drops the line after the data": "drop"}
    listener = None
    if fault in answers:
        mail_server.on_data = lambda count: answers[fault]
    else:
        listener = closed_or_silent(silent=fault == "hangs")
        settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = listener.getsockname()[1], 0.3
        if fault == "is not there":
            listener.close()
    assert rounds.messages_send() == 0
    assert set(OutgoingMessage.objects.values_list("state", "attempts")) == {("queued", 1)}
    assert all(mail.next_try_at > timezone.now() for mail in OutgoingMessage.objects.all())
    assert all(mail.error for mail in OutgoingMessage.objects.all())
    settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = port, 60
    mail_server.on_data = lambda count: None
    let_time_pass()
    assert rounds.messages_send() == 2
    assert received_by(mail_server) == emails
    if listener:
        listener.close()


def closed_or_silent(silent: bool):
    """Yield a port that takes connections and never answers; closed, one where nobody listens."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    if silent:
        listener.listen()
    return listener


def test_a_mail_that_is_refused_is_given_up_after_days_and_one_whose_server_is_away_never(queued, mail_server):
    away, days = queued(4), outbox.GIVE_UP_AFTER + timedelta(minutes=1)
    OutgoingMessage.objects.update(created_at=timezone.now() - timedelta(days=30), attempts=40)
    mail_server.on_data = lambda count: "421 busy"
    rounds.messages_send()
    assert set(OutgoingMessage.objects.values_list("state", flat=True)) == {"queued"}
    mail_server.on_data = lambda count: None
    let_time_pass()
    assert rounds.messages_send() == 4
    assert received_by(mail_server) == away
    OutgoingMessage.objects.exclude(address=away[0]).delete()
    mail_server.on_data = lambda count: "451 later"
    for age, attempts, state in (
        (days, len(outbox.BACK_OFF) - 1, "queued"),
        (timedelta(0), len(outbox.BACK_OFF) + 1, "queued"),
        (days, len(outbox.BACK_OFF), "failed"),
    ):
        OutgoingMessage.objects.update(state="queued", attempts=attempts, created_at=timezone.now() - age)
        let_time_pass()
        rounds.messages_send()
        assert (OutgoingMessage.objects.get().state, "451" in OutgoingMessage.objects.get().error) == (state, True)


RELAY_REFUSES = "554 5.7.1 relay access denied"


@pytest.mark.parametrize("answer", [RELAY_REFUSES, "550 5.1.1 no such user"])
def test_a_relay_that_refuses_everybody_costs_no_mail(queued, answer, mail_server):
    """Rounds end after a few attempts, one mail is tried from time to time, and all arrive when it is over."""
    emails = queued(6)
    ChannelPause.objects.create(channel="mail", reason="earlier", next_try_at=timezone.now())
    mail_server.on_recipient = lambda count: answer
    for _ in range(6):
        assert rounds.messages_send() == 0
        let_time_pass()
    assert len(mail_server.recipients) == 6
    assert set(OutgoingMessage.objects.values_list("state", flat=True)) == {"queued"}
    assert set(Subscription.objects.values_list("bounces", "pause_reason")) == {(0, "")}
    pause = ChannelPause.objects.get()
    assert (pause.attempts, pause.reason) == (7, answer)
    mail_server.on_recipient = lambda count: None
    assert rounds.messages_send() == 6
    assert received_by(mail_server) == emails
    assert not ChannelPause.objects.exists()


def test_a_refused_content_is_no_bounce_and_a_mail_that_arrives_clears_them(make_alert, make_subscription, mail_server):
    subscription = make_subscription(bounces=2)
    make_alert()
    mail_server.on_data = lambda count: "554 5.7.1 looks like spam"
    send()
    assert (OutgoingMessage.objects.get().state, reread(subscription).bounces) == ("queued", 2)
    mail_server.on_data = lambda count: None
    let_time_pass()
    assert rounds.messages_send() == 1
    assert reread(subscription).bounces == 0


def test_an_address_that_refuses_three_mails_is_paused_and_no_other(make_alert, make_subscription, mail_server):
    gone = make_subscription("gone@example.org")
    make_subscription("there@example.org")
    answers = {"gone@example.org": "550 5.1.1 no such user"}
    mail_server.on_recipient = lambda count: answers.get(mail_server.recipients[-1])
    for n in range(4):
        make_alert(longitude=-12.0 + n / 1000)
        send()
    assert (reread(gone).bounces, gone.pause_reason) == (3, "bounced")
    assert mail_server.recipients.count("gone@example.org") == 3
    assert received_by(mail_server) == ["there@example.org"] * 4


def test_an_address_whose_mails_came_back_is_paused_by_hand(subscription, capsys):
    call_command("pausemails", subscription.email.upper())
    assert reread(subscription).pause_reason == "bounced"
    assert "paused subscriptions: 1" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_several_senders_share_the_mails_and_send_each_once(queued, mail_server):
    emails = queued(12)
    with ThreadPoolExecutor(3) as pool:
        helpers = [partial(rounds.messages_help, share=n) for n in (1, 2)]
        sent = sum(pool.map(in_a_thread, [rounds.messages_send, *helpers]))
    assert sent == 12
    assert received_by(mail_server) == emails  # a server that is too busy to answer is tried again
    assert set(OutgoingMessage.objects.values_list("state", flat=True)) == {"sent"}


def in_a_thread(send) -> int:
    try:
        return send(of=3)
    finally:
        connection.close()


def test_one_sender_takes_the_shares_of_all_who_do_not_come(queued, mail_server):
    emails = queued(7)
    assert rounds.messages_help(share=1, of=3) == 7
    assert received_by(mail_server) == emails


def test_helpers_are_called_for_much_and_not_for_little(queued, make_alert, monkeypatch):
    asked = []
    monkeypatch.setattr(rounds, "BATCH", 3)
    monkeypatch.setattr(rounds, "messages_send", lambda **how: asked.append(how["of"]))
    monkeypatch.setattr(tasks.help_to_send, "apply_async", lambda args, expires: asked.extend(args))
    queued(3)
    tasks.send_messages()
    assert asked == [3]
    make_alert(longitude=-12.01)
    tasks.announce_transitions()
    tasks.send_messages()
    assert asked == [3, 1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_a_second_round_does_nothing_while_one_is_going_on(queued, mail_server):
    queued()
    with another_connection() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [Lock.SENDING])
        assert rounds.messages_send() == 0
        other.execute("SELECT pg_advisory_unlock(%s)", [Lock.SENDING])
    assert rounds.messages_send() == 1


@pytest.fixture
def kept_as_files(settings, tmp_path):
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = MAIL_FILES_BACKEND, tmp_path / "mail"
    settings.DEMO = True


def test_the_demo_shows_its_mails_and_nobody_else_does(queued, client, kept_as_files, settings):
    queued()
    rounds.messages_send()
    (kept,) = files.mails_kept()
    assert "resident" not in kept.to
    pages = ["/demo/mail/", f"/demo/mail/{kept.name}/", f"/demo/mail/{kept.name}/html/"]
    for page in pages:
        assert client.get(page).status_code == 200
    assert kept.subject in client.get("/demo/mail/").content.decode()
    framed = client.get(pages[2])
    assert "sandbox" in framed["Content-Security-Policy"]
    assert 'src="data:image/png;base64,' in framed.content.decode()
    for missing in ("/demo/mail/0000000000000000/", "/demo/mail/..%2f..%2fetc/", "/demo/mail/nonsense/html/"):
        assert client.get(missing).status_code == 404
    settings.DEMO = False
    assert {client.get(page).status_code for page in pages} == {404}
    settings.DEMO, settings.EMAIL_BACKEND = True, "monitor.notifications.mail.server.EmailBackend"
    assert {client.get(page).status_code for page in pages} == {404}


def test_an_address_cannot_smuggle_a_header(make_alert, make_subscription):
    make_subscription("a@example.org\nBcc: other@example.org")
    make_alert()
    assert send() == 0
    assert Subscription.objects.count() == 1
    assert "BadHeaderError" in OutgoingMessage.objects.get().error


def test_the_demo_has_one_reader_who_hears_of_the_simulated_region(make_alert, kept_as_files):
    first, second = subscriptions.demo_subscription_make(), subscriptions.demo_subscription_make()
    assert first.pk == second.pk
    make_alert(*subscriptions.DEMO_PLACE, simulated=True)
    send()
    (mail,) = files.mails_kept()
    assert mail.to == subscriptions.DEMO_ADDRESS
    assert mail.text.startswith("SIMULATED DATA")
