"""Chat rooms: one message is one POST of JSON in the form that the chat server's incoming webhook takes."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.notifications import base
from monitor.notifications.base import Brief
from monitor.subscribers.subscriptions import endpoints
from monitor.subscribers.subscriptions.channels import EndpointRules
from monitor.wording.refusals import Refusal

CHAT = "chat"
WORKS = gettext_noop("Messages of this site reach this room.")
BLANKS = re.compile(r"\{(title|sentence|url)\}")
LINES = "{title}\n{sentence}\n{url}"
BLOCKS = [{"type": "TextBlock", "text": "{title}", "weight": "bolder", "wrap": True}]
BLOCKS += [{"type": "TextBlock", "text": text, "wrap": True} for text in ("{sentence}", "{url}")]
CARD = {"type": "AdaptiveCard", "version": "1.4", "body": BLOCKS}
PRESETS: dict[str, tuple[str, dict[str, Any]]] = {  # name of the server, and what its incoming webhooks take
    "mattermost": ("Mattermost, Slack, Rocket.Chat", {"text": LINES}),
    "matrix": (
        "Matrix (Hookshot)",
        {"text": LINES, "html": '<strong>{title}</strong><br>{sentence}<br><a href="{url}">{url}</a>'},
    ),
    "teams": (
        "Microsoft Teams",
        {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": CARD}],
        },
    ),
}


class Channel(base.EndpointChannel):
    """Channel to chat rooms; requests run in parallel, at most one per room at a time."""

    order = 40
    rules = EndpointRules(most_an_hour=20, reports_end=True)
    section = "notifications/chat/_rooms.html"
    for_organisations = True

    removed = "The room was removed."

    def request(self, message: OutgoingMessage, endpoint: Endpoint) -> dict[str, Any]:
        """Return the request with the words filled into the template of the room's kind of server."""
        brief = Brief(message, self.cards, works=WORKS)
        words = {"title": brief.title, "sentence": brief.sentence, "url": settings.PUBLIC_URL + brief.path}
        body = json.dumps(filled(PRESETS[endpoint.keys["preset"]][1], words), ensure_ascii=False).encode()
        return {"url": endpoint.url, "body": body, "headers": {"Content-Type": "application/json"}}

    @classmethod
    def shown(cls) -> dict[str, Any]:
        """Return the kinds of servers to choose from."""
        return {"presets": [(name, label) for name, (label, _template) in PRESETS.items()]}

    @classmethod
    def add(cls, *, given: Mapping[str, str], agent: str, **owner: Any) -> dict[str, Any]:
        """Add a room by the address of its incoming webhook."""
        url, preset = given.get("url", "").strip(), given.get("preset", "")
        if preset not in PRESETS:
            raise Refusal(_("Choose the kind of your chat server."))
        endpoints.url_refuse(channel=CHAT, url=url, **owner)
        name = f"{PRESETS[preset][0].partition(',')[0]}, {urlsplit(url).hostname}"
        endpoints.endpoint_add(channel=CHAT, url=url, keys={"preset": preset}, name=name[:80], **owner)
        return {}


def filled(template: Any, words: Mapping[str, str]) -> Any:
    """Return a template with its blanks filled; under the key "html", words are escaped for HTML."""
    if isinstance(template, dict):
        safe = {name: escape(word) for name, word in words.items()}
        return {key: filled(value, safe if key == "html" else words) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, words) for value in template]
    return BLANKS.sub(lambda blank: words[blank[1]], template) if isinstance(template, str) else template
