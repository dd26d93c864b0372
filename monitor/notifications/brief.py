"""Brief form of a message, for channels that show a title and a sentence: devices, chat rooms and text messages."""

import textwrap
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from core.errors import promised
from monitor.models.messages import OutgoingMessage
from monitor.subscribers.organisations.escalations import take_path
from monitor.subscribers.subscriptions.tokens import member_token
from monitor.wording.cards.cards import KeptCards, alert_title
from monitor.wording.cards.lines import notice_sentence
from monitor.wording.cards.steps import what_happened

MAX_TITLE_LENGTH, MAX_SENTENCE_LENGTH = 160, 400  # letters


def line_path(message: OutgoingMessage) -> str:
    """Return the address of the line of a notice; for chat rooms, which have no link of their own, where to get one."""
    line, member = promised(message.notice).line, message.membership
    if member is None:
        return reverse("subscribe")
    return reverse("organisation-line", args=[member_token(member.pk), line.organisation_id, line.pk])


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
        elif message.notice:
            title, about = message.notice.line.name, message.kind
            said, path = notice_sentence(message.notice.line, message.notice.breaks.all()), line_path(message)
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
