"""Chat rooms: a webhook of the chat server gets JSON of its kind, with the same words as a device shows."""

import json

import pytest
from django.core import mail
from django.utils import timezone

from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications.chat.channel import PRESETS, filled, template_read
from monitor.wording.refusals import Refusal
from tests.service.monitor.notifications.sending import send, ways_of

pytestmark = pytest.mark.django_db
RESIDENT = "resident@example.org"


def room_made(receiver, preset: str = "mattermost", **keys) -> Endpoint:
    return Endpoint.objects.create(
        channel="chat",
        email=RESIDENT,
        url=f"{receiver.url}/{preset}",
        keys={"preset": preset, **keys},
        language="en",
        verified_at=timezone.now(),
    )


def texts_of(value) -> list[str]:
    """Return all texts in JSON."""
    if isinstance(value, dict | list):
        return [text for one in (value.values() if isinstance(value, dict) else value) for text in texts_of(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"own"}))
def test_each_kind_of_room_says_what_happened_and_where(preset, make_alert, make_subscription, receiver):
    room_made(receiver, preset)
    subscription = make_subscription(label="2 km around my house", frequency="weekly")
    alert = make_alert()
    assert send() == 1
    ((path, headers, body),) = receiver.received
    assert (path, headers["Content-Type"]) == (f"/{preset}", "application/json")
    said = "\n".join(texts_of(json.loads(body)))
    assert "Sinking ground" in said
    assert "A place in your region was flagged for the first time." in said
    assert f"http://localhost:8000/alerts/{alert.code}/" in said
    assert "{" not in said
    assert subscription.label not in said  # a room may have many readers
    assert RESIDENT not in said


def test_a_room_gets_the_json_that_its_owner_wrote(make_alert, make_subscription, receiver):
    room_made(receiver, "own", template=template_read('{"embeds": [{"name": "{code}: {title}", "colour": 7}]}'))
    make_subscription()
    alert = make_alert()
    send()
    (embed,) = json.loads(receiver.received[0][2])["embeds"]
    assert embed["name"].startswith(f"{alert.code}: Sinking ground")
    assert embed["colour"] == 7


def test_words_are_escaped_where_the_server_reads_html_and_never_filled_again():
    words = {"title": "<b>&{url}", "sentence": "", "url": "u", "code": ""}
    assert filled({"html": "{title}", "text": "{title}"}, words) == {"html": "&lt;b&gt;&amp;{url}", "text": "<b>&{url}"}


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '"{title}"', "{", '{"text": "nothing to fill"}', '{"{title}": "a blank that is a key"}'),
        *("[" * 4000, '{"a": "{title}' + "x" * 4000, '{"a": "{title}", "b": ' + "[" * 1900 + "]" * 1900 + "}"),
        *('{"a": "{title}", "b": NaN}', '{"a": "{title}\\u0000"}', '{"a": "{title}\\ud800"}'),
    ],
)
def test_what_is_no_template_is_refused(text):
    with pytest.raises(Refusal):
        template_read(text)


def test_a_person_adds_a_room_which_takes_part_once_it_has_taken_a_test(
    client, make_alert, make_subscription, receiver
):
    page = ways_of(make_subscription())
    form = {"channel": "chat", "deed": "add", "url": receiver.url + "/hook", "preset": "matrix"}
    assert client.post(page, {**form, "preset": "irc"}).status_code == 422
    assert "must begin with https" in client.post(page, {**form, "url": "ftp://example.org"}).content.decode()
    assert client.post(page, form).status_code == 302
    make_alert()
    send()
    assert [json.loads(body)["text"].split("\n")[1] for *_, body in receiver.received] == [
        "Messages of this site reach this room."
    ]
    make_alert(longitude=-12.001)
    send()
    assert "Sinking ground" in json.loads(receiver.received[-1][2])["html"]
    shown = client.get(page).content.decode()
    assert "Matrix (Hookshot), 127.0.0.1" in shown
    assert receiver.url not in shown  # whoever knows the address may write into the room


def test_the_owner_of_a_room_that_is_gone_gets_a_mail(make_alert, make_subscription, receiver):
    room, receiver.answer = room_made(receiver), lambda path: (410, {})
    make_subscription(frequency="weekly")
    make_alert()
    send()
    room.refresh_from_db()
    assert room.end_reason == "gone"
    send()
    assert "is gone" in mail.outbox[-1].body
    assert OutgoingMessage.objects.filter(channel="chat").get().state == "failed"
