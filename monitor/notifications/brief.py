"""Brief form of a message, for channels that show a title and a sentence: devices, chat rooms and text messages."""

import textwrap
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from monitor.models.messages import OutgoingMessage
from monitor.subscribers.organisations.escalations import take_path
from monitor.wording.cards.cards import KeptCards, alert_title, what_happened

MAX_TITLE_LENGTH, MAX_SENTENCE_LENGTH = 160, 400  # letters


class Brief(NamedTuple):
    """Message in words of its reader's language. path: of the page about it; about: the alert's code, or the kind."""

    title: str
    sentence: str
    path: str
    about: str


def brief_of(message: OutgoingMessage, cards: KeptCards, *, works: str) -> Brief:
    """Return the brief form of a message, without personal addresses or regions. works: what a test says."""
    with translation.override(message.language):
        if message.step:
            alert = message.step.escalation.alert
            title, said = alert_title(cards(alert)), _("Who takes this up?")
            path, about = take_path(message.step), alert.code
        elif message.transition is None:
            is_summary = message.kind == OutgoingMessage.Kind.SUMMARY
            more = _("More has changed in your regions.")
            said, path = (more, reverse("alert-list")) if is_summary else (_(works), "/")
            title, about = settings.SITE.name, message.kind
        else:
            alert = message.transition.alert
            title, said = alert_title(cards(alert)), what_happened(message.transition)
            path, about = alert.get_absolute_url(), alert.code
    return Brief(
        textwrap.shorten(title, MAX_TITLE_LENGTH, placeholder="…"),
        textwrap.shorten(said, MAX_SENTENCE_LENGTH, placeholder="…"),
        path,
        about,
    )
