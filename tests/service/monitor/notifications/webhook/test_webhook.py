"""Webhooks: signed, checked before they count, delivered once under one id, and each on its own."""

import json
import socket
import threading
import time
from datetime import timedelta

import pytest
from django.core import mail
from django.db import DatabaseError
from django.utils import timezone

from detection.alerts.services import alert_transition
from detection.models import Alert
from detection.rules.lifecycle import State
from monitor import tasks
from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications import rounds
from monitor.notifications.webhook.channel import BOTH_FOR, secret_new, secret_rotate, secrets_of, sign
from monitor.notifications.webhook.receiver import is_genuine
from monitor.subscribers.subscriptions import endpoints
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.web import outward
from tests.service.monitor.notifications.sending import RESIDENT, endpoint_made, let_time_pass, send, ways_of
from tests.waiting import HANG_SECONDS, reread

pytestmark = pytest.mark.django_db


def hook_made(receiver, path: str = "/hook", **values) -> Endpoint:
    return endpoint_made("webhook", receiver.url + path, keys={"secret": secret_new()}, **values)


@pytest.fixture
def hook(receiver, make_subscription) -> Endpoint:
    """Return the webhook of somebody who gets a mail once a week."""
    make_subscription(frequency="weekly")
    return hook_made(receiver)


@pytest.fixture
def report(make_alert):
    """Return a function that makes an alert and sends what is due."""

    def report() -> int:
        make_alert(longitude=-12.0 + Alert.objects.count() / 1000)
        return send()

    return report


def to_webhooks():
    return OutgoingMessage.objects.filter(channel="webhook")


def test_the_signature_is_that_of_the_reference_implementation_and_two_secrets_sign_for_a_day(receiver):
    """Made with the package standardwebhooks 1.1.0."""
    signature = sign(
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    endpoint = hook_made(receiver)
    before, secret = endpoint.keys["secret"], secret_rotate(endpoint=endpoint)
    assert secrets_of(endpoint=endpoint) == [secret, before]
    endpoint.keys["previous_until"] = (timezone.now() - timedelta(seconds=1)).isoformat()
    assert secrets_of(endpoint=endpoint) == [secret]
    assert timedelta(days=1) == BOTH_FOR


def test_news_arrive_signed_and_say_what_the_page_says(make_alert, make_subscription, receiver):
    endpoint, subscription = hook_made(receiver), make_subscription()
    alert, began = make_alert(), int(time.time())
    assert send() == 2  # a mail as well
    ((path, headers, body),) = receiver.received
    assert path == "/hook"
    assert is_genuine(headers, body, endpoint.keys["secret"])
    assert not is_genuine(headers, body + b" ", endpoint.keys["secret"])
    assert not is_genuine(headers | {"webhook-timestamp": "1600000000"}, body, endpoint.keys["secret"])
    assert began <= int(headers["webhook-timestamp"]) <= time.time()
    said = json.loads(body)
    assert said["type"] == "alert.first"
    assert said["data"]["subscriptions"] == [subscription.label]
    facts = said["data"]["alert"]
    assert facts["code"] == alert.code
    assert facts["rate_mm_yr"] == -14.0
    assert facts["url"] == f"http://localhost:8000/alerts/{alert.code}/"
    assert "sank by about 14" in facts["sentence"]
    tasks.announce_transitions()
    assert to_webhooks().count() == 1


def test_nothing_goes_to_an_address_that_has_not_answered_a_test(make_alert, make_subscription, receiver):
    receiver.answer = lambda path: (500, {})
    keys = {"secret": secret_new()}
    endpoint = endpoints.endpoint_add(email=RESIDENT, channel="webhook", url=receiver.url + "/new", keys=keys)
    make_subscription()
    make_alert()
    send()
    assert [json.loads(body)["type"] for _, _, body in receiver.received] == ["test"]
    receiver.answer = lambda path: (200, {})
    let_time_pass()
    send()
    assert reread(endpoint).verified_at is not None
    assert {headers["webhook-id"] for _, headers, _ in receiver.received} == {endpoints.message_id(to_webhooks().get())}
    make_alert(longitude=-12.001)
    send()
    assert json.loads(receiver.received[-1][2])["type"] == "alert.first"


def test_what_failed_is_tried_again_under_its_id_with_longer_waits_and_follows_no_redirect(hook, make_alert, receiver):
    make_alert()
    for status, error, wait in (
        (503, "503 Service Unavailable", 5),
        (302, "302 Found", 30),
        (500, "500 Internal Server Error", 120),
        (503, "503 Service Unavailable", 600),
    ):
        receiver.answer = lambda path, status=status: (status, {"Location": f"{receiver.url}/elsewhere"})
        let_time_pass()
        send()
        message = to_webhooks().get()
        assert message.error == error
        assert (message.next_try_at - timezone.now()).total_seconds() == pytest.approx(wait, abs=30)
    assert {path for path, _, _ in receiver.received} == {"/hook"}
    assert len({headers["webhook-id"] for _, headers, _ in receiver.received}) == 1


def test_a_server_that_asks_for_time_gets_it_for_all_its_messages(hook, make_alert, receiver, report):
    receiver.answer = lambda path: (429, {"Retry-After": "3600"})
    make_alert()
    report()
    assert len(receiver.received) == 1
    assert all(one.next_try_at > timezone.now() + timedelta(minutes=59) for one in to_webhooks())
    make_alert(longitude=-12.002)  # and for those that come later
    tasks.announce_transitions()
    assert all(one.next_try_at > timezone.now() + timedelta(minutes=59) for one in to_webhooks())
    assert (reread(hook).failures, hook.ended_at) == (1, None)


def test_after_a_week_of_failures_it_is_switched_off_and_one_mail_says_so(hook, receiver, report):
    receiver.answer = lambda path: (500, {})
    report()
    Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=7, minutes=1))
    let_time_pass()
    send()
    assert reread(hook).end_reason == "failing"
    assert to_webhooks().get().state == "failed"
    report()
    send()
    (letter,) = mail.outbox
    assert letter.subject == "Your webhook was switched off"
    assert "127.0.0.1" in letter.body
    assert "/subscriptions/" in letter.body
    assert to_webhooks().count() == 1
    receiver.answer = lambda path: (200, {})
    endpoints.endpoint_check(endpoint=hook)  # the owner switches it on again
    send()
    assert (reread(hook).ended_at, hook.failing_since) == (None, None)


def test_one_message_that_is_refused_does_not_hold_up_those_behind_it(hook, make_alert, receiver, report):
    first = make_alert()
    receiver.answer = lambda path: (400, {}) if first.code.encode() in receiver.received[-1][2] else (204, {})
    send()
    let_time_pass()
    report()
    assert sorted(to_webhooks().values_list("state", "attempts")) == [("queued", 2), ("sent", 1)]


def test_a_dead_server_delays_nobody_else(make_alert, make_subscription, receiver, settings, monkeypatch):
    monkeypatch.setattr(rounds, "ALONE_SECONDS", 0.1)
    settings.WEBHOOK_SECONDS, settings.WEBHOOKS_AT_ONCE = HANG_SECONDS, 4
    for index in range(12):
        hook_made(receiver, f"/{'dead' if index < 2 else 'live'}{index}", email=f"reader{index}@example.org")
        make_subscription(f"reader{index}@example.org", frequency="weekly")
    arrived: list[str] = []
    everybody_else, delayed = threading.Event(), []

    def answer(path: str):
        if "dead" in path:
            delayed.append(not everybody_else.wait(HANG_SECONDS / 2))
            return 503, {}
        arrived.append(path)
        if len(arrived) == 10:
            everybody_else.set()
        return 204, {}

    receiver.answer = answer
    make_alert()
    send()
    assert len(arrived) == 10
    assert delayed == [False, False]  # The others' news arrived while the dead ones gave no answer.
    assert sorted(to_webhooks().values_list("state", flat=True)) == ["queued"] * 2 + ["sent"] * 10


def test_quick_servers_are_waited_for_in_turn(make_alert, make_subscription, receiver, monkeypatch):
    """A killed sender then repeats one message of the quick."""
    monkeypatch.setattr(rounds, "ALONE_SECONDS", HANG_SECONDS)  # Here every server is quick, however busy the machine.
    monkeypatch.setattr(rounds, "IN_TURN_SECONDS", 6 * HANG_SECONDS)
    lock, inside, most, together = threading.Lock(), [], [], threading.Event()

    def answer(path: str):
        with lock:
            inside.append(path)
            most.append(len(inside))
            if len(inside) > 1:
                together.set()
        if rounds.IN_TURN_SECONDS:
            time.sleep(0.1)
        else:
            together.wait(HANG_SECONDS)
        with lock:
            inside.remove(path)
        return 204, {}

    receiver.answer = answer
    for index in range(6):
        hook_made(receiver, f"/{index}", email=f"reader{index}@example.org")
        make_subscription(f"reader{index}@example.org", frequency="weekly")
    make_alert()
    assert send() == 6
    assert max(most) == 1
    monkeypatch.setattr(rounds, "IN_TURN_SECONDS", 0.0)  # too many are due
    most.clear()
    make_alert(longitude=-12.001)
    assert send() == 6
    assert max(most) > 1


def test_an_unreadable_message_holds_up_no_other(make_alert, subscription, receiver, monkeypatch):
    hook_made(receiver, "/bad")
    hook_made(receiver, "/good")
    read = endpoints.news_read

    def fails(*, messages) -> None:
        if any(one.endpoint.url.endswith("/bad") for one in messages):
            raise DatabaseError("no such shape")
        read(messages=messages)

    monkeypatch.setattr(endpoints, "news_read", fails)
    make_alert()
    tasks.announce_transitions()
    OutgoingMessage.objects.filter(channel="mail").delete()
    assert rounds.messages_send() == 1
    assert [path for path, _, _ in receiver.received] == ["/good"]
    assert sorted(to_webhooks().values_list("state", "error")) == [
        ("queued", "DatabaseError: no such shape"),
        ("sent", ""),
    ]


def test_a_message_names_the_subscriptions_that_want_it_as_their_owner_does(make_alert, make_subscription, receiver):
    hook_made(receiver)
    ours = make_subscription(name="Our dams")
    make_subscription(name="Paused", paused_at=timezone.now())
    make_subscription(name="Other kinds", kinds=["uplift"])
    make_subscription(name="Elsewhere", longitude=-13.0)
    make_alert()
    send()
    assert json.loads(receiver.received[0][2])["data"]["subscriptions"] == ["Our dams"]
    make_alert(longitude=-12.001)
    tasks.announce_transitions()
    subscriptions.subscription_pause(subscription=ours)
    rounds.messages_send()  # News of paused subscriptions stay here.
    assert len(receiver.received) == 1
    assert to_webhooks().last().state == "withdrawn"


def test_a_correction_goes_to_whoever_had_the_news(hook, make_alert, receiver):
    alert = make_alert()
    send()
    hook_made(receiver, "/late")
    alert_transition(alert=alert, to=State.REJECTED, reason="a field")
    send()
    assert [(path, json.loads(body)["type"]) for path, _, body in receiver.received] == [
        ("/hook", "alert.first"),
        ("/hook", "alert.rejected"),
    ]


def test_a_delivery_can_be_repeated_under_its_id(hook, receiver, report):
    other = hook_made(receiver, "/other", email="other@example.org")
    report()
    (delivery,) = endpoints.deliveries(endpoint=hook)
    endpoints.delivery_replay(endpoint=other, pk=str(delivery.pk))
    assert rounds.messages_send() == 0
    endpoints.delivery_replay(endpoint=hook, pk=str(delivery.pk))
    assert rounds.messages_send() == 1
    assert len({headers["webhook-id"] for _, headers, _ in receiver.received}) == 1
    assert len(receiver.received) == 2


def test_an_endpoint_that_is_gone_is_switched_off_with_a_mail(make_alert, make_subscription, receiver):
    endpoint, receiver.answer = hook_made(receiver), lambda path: (410, {})
    make_subscription(frequency="weekly")
    make_alert()
    send()
    assert reread(endpoint).end_reason == "gone"
    send()
    assert "is gone" in mail.outbox[-1].body
    assert OutgoingMessage.objects.get(channel="webhook").state == "failed"
    assert len(receiver.received) == 1


def test_a_person_takes_their_endpoints_along(subscription, receiver):
    endpoint = hook_made(receiver)
    (held,) = subscriptions.person_export(email=RESIDENT)["endpoints"]
    assert (held["channel"], held["url"]) == ("webhook", endpoint.url)
    assert endpoint.keys["secret"] not in str(held)
    subscriptions.person_delete(email=RESIDENT)
    assert not Endpoint.objects.exists()


def test_a_person_adds_a_webhook_sees_its_secret_once_and_nobody_else_touches_it(client, make_subscription, receiver):
    page = ways_of(make_subscription())
    answer = client.post(page, {"channel": "webhook", "deed": "add", "url": receiver.url + "/mine"}).content.decode()
    endpoint = Endpoint.objects.get()
    assert (endpoint.email, endpoint.verified_at) == (RESIDENT, None)
    assert endpoint.keys["secret"] in answer
    send()
    after = client.get(page).content.decode()
    assert endpoint.keys["secret"] not in after
    assert "working" in after
    assert "taken" in after
    rotated = client.post(page, {"deed": "secret", "endpoint": endpoint.pk}).content.decode()
    assert reread(endpoint).keys["secret"] in rotated
    client.post(page, {"deed": "again", "endpoint": endpoint.pk, "delivery": to_webhooks().get().pk})
    send()
    client.post(page, {"deed": "test", "endpoint": endpoint.pk})
    send()
    assert len(receiver.received) == 3
    stranger, keys = ways_of(make_subscription("stranger@example.org")), reread(endpoint).keys
    for deed in ("remove", "secret", "test", "again"):
        client.post(stranger, {"deed": deed, "endpoint": endpoint.pk, "delivery": to_webhooks().last().pk})
    assert endpoint.url not in client.get(stranger).content.decode()
    assert Endpoint.objects.get().keys == keys
    assert send() == 0
    assert client.post(page, {"deed": "remove", "endpoint": endpoint.pk}).status_code == 302
    assert not Endpoint.objects.exists()


HOSTS = ["localhost", "127.1", "0x7f000001", "[::1]", "[64:ff9b:1::1]", "10.0.0.1:8080", "unknown..example.org"]
REFUSED = {"": "Type the address", "http://example.org/": "https://", "https://": "not an address"}
REFUSED |= {f"https://{host}/hook": "the host name is unknown or belongs to a private network" for host in HOSTS}


def test_an_address_that_is_none_or_leads_inside_is_refused_in_words(client, make_subscription, receiver, settings):
    page, endpoint = ways_of(make_subscription()), hook_made(receiver)
    settings.ENDPOINTS_PRIVATE = False
    for url, says in REFUSED.items():
        answer = client.post(page, {"channel": "webhook", "deed": "add", "url": url})
        assert (answer.status_code, says in answer.content.decode()) == (422, True), url
    assert client.post(page, {"deed": "test", "endpoint": endpoint.pk}).status_code == 422  # it leads inside by now
    assert Endpoint.objects.get() == endpoint
    assert not OutgoingMessage.objects.exists()


def test_a_name_is_looked_up_again_when_a_message_is_sent(client, make_subscription, settings, monkeypatch):
    def away(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    settings.ENDPOINTS_PRIVATE = False
    with monkeypatch.context() as resolver:
        resolver.setattr("socket.getaddrinfo", away)
        wish = {"channel": "webhook", "deed": "add", "url": "https://localhost/hook"}
        client.post(ways_of(make_subscription()), wish)
    assert Endpoint.objects.count() == 1
    assert rounds.messages_send() == 0
    assert "not public" in OutgoingMessage.objects.get().error


def test_a_person_has_ten_webhooks_at_most_and_fifty_tests_a_day(client, make_subscription, settings):
    page = ways_of(make_subscription())
    settings.ENDPOINT_LIMIT_PER_PERSON = 10
    for index in range(11):
        client.post(page, {"channel": "webhook", "deed": "add", "url": f"https://93.184.216.34/{index}"})
    assert Endpoint.objects.count() == 10
    answer = client.post(page, {"deed": "test", "endpoint": Endpoint.objects.first().pk})
    assert answer.status_code == 422
    assert "Try again tomorrow" in answer.content.decode()


ADDRESSES = ["127.0.0.1", "169.254.169.254", "[fd00::2]", "[::ffff:10.0.0.1]"]  # test_public_addresses has all
MALFORMED = ["http://example.org/", "ftp://example.org/", "https://user@example.org/", "https:///x", "https://a b/"]
MALFORMED += ["https://example.org:99999/", "https://example.org/\r\nX: y", "https://example.org/#part"]
UNREACHABLE = [*((f"https://{one}/", "not public") for one in ADDRESSES), *((one, "not allowed") for one in MALFORMED)]


def test_no_private_address_is_contacted_and_none_that_is_not_plain_https(settings, monkeypatch):
    settings.ENDPOINTS_PRIVATE = False
    monkeypatch.setattr("socket.create_connection", lambda *args, **kwargs: pytest.fail("it was contacted"))
    for url, says in UNREACHABLE:
        assert bool(outward.url_fault(url)) == (says == "not allowed"), url
        with pytest.raises(outward.Unreachable, match=says):
            outward.post(url=url, body=b"", headers={}, seconds=1)
    rows = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: rows)  # A name is judged by where it leads.
    with pytest.raises(outward.Unreachable, match="not public"):
        outward.post(url="https://rebind.example.org/", body=b"", headers={}, seconds=1)


def test_an_answer_that_drips_does_not_outlast_its_time(settings):
    settings.ENDPOINTS_PRIVATE = True
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = server.accept()
        connection.recv(1000)
        try:
            while True:
                connection.sendall(b"H")
                time.sleep(0.1)
        except OSError:  # otherwise this test would never end
            connection.close()

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    with pytest.raises(outward.Unreachable, match="in time"):
        outward.post(url=f"http://127.0.0.1:{server.getsockname()[1]}/", body=b"", headers={}, seconds=0.6)
    server.close()
    thread.join()


def test_a_name_that_is_looked_up_for_ever_does_not_outlast_its_time(settings, monkeypatch):
    over, looked_up = threading.Event(), []
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: looked_up.append(over.wait(HANG_SECONDS)) or [])
    with pytest.raises(outward.Unreachable, match="in time"):
        outward.post(url="https://slow.example.org/", body=b"", headers={}, seconds=0.1)
    assert looked_up == []
    over.set()


def test_an_endless_head_is_cut_off(receiver):
    receiver.answer = lambda path: (200, {f"X-{index}": "x" * 1000 for index in range(40)})
    with pytest.raises(outward.Unreachable, match="too many headers"):
        outward.post(url=receiver.url, body=b"", headers={}, seconds=5)
