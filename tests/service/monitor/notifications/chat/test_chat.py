"""Chat rooms: a webhook of the chat server gets JSON of its kind, with the same words as a device shows."""

import json

import pytest

from monitor.notifications.chat.channel import PRESETS, filled
from tests.service.monitor.notifications.sending import RESIDENT, endpoint_made, send, ways_of

pytestmark = pytest.mark.django_db


def texts_of(value) -> list[str]:
    """Return all texts in JSON."""
    if isinstance(value, dict | list):
        return [text for one in (value.values() if isinstance(value, dict) else value) for text in texts_of(one)]
    return [value] if isinstance(value, str) else []


def test_each_kind_of_room_says_what_happened_and_where(make_alert, make_subscription, receiver):
    for preset in PRESETS:
        endpoint_made("chat", f"{receiver.url}/{preset}", keys={"preset": preset})
    subscription = make_subscription(label="2 km around my house", frequency="weekly")
    alert = make_alert()
    assert send() == len(receiver.received) == len(PRESETS)
    assert {headers["Content-Type"] for _, headers, _ in receiver.received} == {"application/json"}
    bodies = {path: json.loads(body) for path, _, body in receiver.received}
    for body in bodies.values():
        said = "\n".join(texts_of(body))
        assert "Sinking ground" in said
        assert "A place in your region was flagged for the first time." in said
        assert f"http://localhost:8000/alerts/{alert.code}/" in said
        assert "{" not in said
        assert subscription.label not in said  # a room may have many readers
        assert RESIDENT not in said


def test_words_are_escaped_where_the_server_reads_html_and_never_filled_again():
    words = {"title": "<b>&{url}", "sentence": "", "url": "u"}
    assert filled({"html": "{title}", "text": "{title}"}, words) == {"html": "&lt;b&gt;&amp;{url}", "text": "<b>&{url}"}


def test_a_person_adds_a_room_which_takes_part_once_a_test_arrived(client, make_alert, make_subscription, receiver):
    page = ways_of(make_subscription())
    form = {"channel": "chat", "deed": "add", "url": receiver.url + "/hook", "preset": "matrix"}
    assert client.post(page, {**form, "preset": "irc"}).status_code == 422
    assert "must begin with https" in client.post(page, {**form, "url": "ftp://example.org"}).content.decode()
    assert client.post(page, form).status_code == 302
    make_alert()
    send()
    ((*_, body),) = receiver.received
    assert json.loads(body)["text"].split("\n")[1] == "Messages of this site reach this room."
    make_alert(longitude=-12.001)
    send()
    assert "Sinking ground" in json.loads(receiver.received[-1][2])["html"]
    shown = client.get(page).content.decode()
    assert "Matrix (Hookshot), 127.0.0.1" in shown
    assert receiver.url not in shown  # whoever knows the address may write into the room
