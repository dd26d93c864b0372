"""What a device shows: a line and a sentence about a place, in the language of its owner, and where a touch leads.

No address of a person and no region of theirs; the push service reads none of it.
"""

import json
import textwrap

from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from monitor.models.messages import OutgoingMessage
from monitor.wording.cards.cards import KeptCards, alert_title
from monitor.wording.cards.steps import what_happened

SITE = "Ground Motion Monitor"
LONGEST_TITLE, LONGEST_SENTENCE = 160, 400  # letters


def payload(message: OutgoingMessage, cards: KeptCards) -> bytes:
    """JSON for static/js/push/worker.js. message: as `selectors.messages_to_deliver` reads it."""
    with translation.override(message.language):
        if message.transition is None:
            summary = message.kind == OutgoingMessage.Kind.SUMMARY
            more = _("More has changed in your regions.")
            title, sentence = SITE, more if summary else _("Messages of this site reach this device.")
            url, tag = reverse("alert-list") if summary else "/", message.kind
        else:
            alert = message.transition.alert
            title, sentence = alert_title(cards(alert)), what_happened(message.transition)
            url, tag = alert.get_absolute_url(), alert.code
    shown = {
        "title": textwrap.shorten(title, LONGEST_TITLE, placeholder="…"),
        "body": textwrap.shorten(sentence, LONGEST_SENTENCE, placeholder="…"),
        "url": url,
        "tag": tag,
        "lang": message.language,
    }
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
