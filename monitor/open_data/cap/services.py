"""Issue of a CAP 1.2 message after each step of an alert's life, with the texts of the alert's card."""

import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml.ElementTree import fromstring
from django.conf import settings
from django.db import transaction as database
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from detection.figures import figures_known
from detection.models import Alert, AlertTransition
from detection.rules.lifecycle import TAKEN_BACK, State
from ground_motion.core.text import plain_text
from monitor.models.messages import CapMessage
from monitor.wording.cards.cards import alert_card, alert_title, update_sentences
from monitor.wording.dates import days_words
from monitor.wording.datum import doubt

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
# Only CAP's lower severities are used: slow motion is no extraordinary threat, and nobody has measured damage.
SEVERITIES = {"minor": "Minor", "moderate": "Minor", "strong": "Moderate"}
# The certainty of all other states is Observed.
CERTAINTIES = {"first": "Possible", "provisional": "Likely"} | dict.fromkeys(map(str, TAKEN_BACK), "Unlikely")
MAX_AGE = timedelta(days=3 * 365)  # Releases of velocity fields end two years before they appear, at most.
OVER = (*TAKEN_BACK, State.MERGED, State.FINISHED)
FACTS = ("code", "state", "severity", "source", "component")


def moment(at: datetime) -> str:
    """Format a moment as CAP requires: UTC is -00:00."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}-00:00"


def sender() -> str:
    """Return the CAP sender of this service: its host name, which is unique."""
    return urlsplit(settings.PUBLIC_URL).hostname or "localhost"


def reference(message: CapMessage) -> str:
    """Return a CAP reference to a message: sender, identifier and time of sending."""
    return f"{sender()},{message.identifier},{moment(message.sent_at)}"


def compose(message: CapMessage) -> str:
    """Return a message as XML, with an `info` in each language of the site."""
    alert = message.alert
    facts = {name: str(getattr(alert, name)) for name in FACTS if getattr(alert, name)}
    facts |= {name: f"{value:.2f}" for name, value in figures_known(alert).items()}
    infos, notes = [], []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            infos.append(_info(message, language, facts))
            notes.append(note(alert))
    root = Element("alert", {"xmlns": NAMESPACE})
    head = {
        "identifier": message.identifier,
        "sender": sender(),
        "sent": moment(message.sent_at),
        "status": "Actual" if is_actual(message) else "Test",
        "msgType": message.message_type,
        "scope": "Public",
        "note": "\n".join(notes),
        "references": message.references,
        "incidents": alert.code,
    }
    _add(root, head)
    root.extend(infos)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{tostring(root, encoding='unicode')}"


def headline(xml: str, language: str) -> str:
    """Return the headline of a message in one language, else in its first one."""
    infos = fromstring(plain_text(xml)).findall(f"{{{NAMESPACE}}}info")
    found = {info.findtext(f"{{{NAMESPACE}}}language"): info for info in reversed(infos)}
    return found.get(language, infos[0]).findtext(f"{{{NAMESPACE}}}headline") or ""


def _info(message: CapMessage, language: str, facts: dict[str, str]) -> Element:
    """Return the `info` of a message in a language, which is active. facts: parameters by name."""
    alert, card, over = message.alert, alert_card(message.alert), message.message_type == CapMessage.Type.CANCEL
    state = _("State: %(meaning)s") % {"meaning": card.state_meaning}
    said = (
        card.sentence,
        card.source_sentence,
        card.public_text,
        *update_sentences(message.transition),
        state,
        doubt(card.datums),
    )
    info = Element("info")
    first = {
        "language": language,
        "category": "Geo",
        "event": card.kind_label,
        "responseType": "None" if over else "Monitor",
        "urgency": "Unknown" if is_actual(message) and not over else "Past",
        "severity": SEVERITIES[alert.severity],
        "certainty": CERTAINTIES.get(message.transition.to_state, "Observed"),
    }
    _add(info, first)
    _add(SubElement(info, "eventCode"), {"valueName": "kind", "value": alert.kind})
    rest = {
        "senderName": settings.SITE.name,
        "headline": alert_title(card),
        "description": " ".join(part for part in said if part),
        "instruction": " ".join(card.voice.advice(alert.kind, alert.state)),
        "web": settings.PUBLIC_URL + alert.get_absolute_url(),
        "contact": card.contact.line if card.contact else "",
    }
    _add(info, rest)
    for name, value in (facts | {"severity_meaning": card.severity_meaning}).items():
        _add(SubElement(info, "parameter"), {"valueName": name, "value": value})
    area = SubElement(info, "area")
    _add(area, {"areaDesc": card.place})
    for exterior, *_holes in alert.area.coords:
        SubElement(area, "polygon").text = " ".join(f"{y:.5f},{x:.5f}" for x, y in exterior)
    return info


def _add(parent: Element, children: dict[str, str]) -> None:
    for name, text in children.items():
        if text:
            SubElement(parent, name).text = plain_text(text)


Type = CapMessage.Type


def transitions_due() -> QuerySet[AlertTransition]:
    """Return each alert's latest step if it has no message yet, except the end of an alert with nothing to cancel."""
    later = AlertTransition.objects.filter(alert=OuterRef("alert"), pk__gt=OuterRef("pk"))
    last = CapMessage.objects.filter(alert=OuterRef("alert")).order_by("-pk").values("message_type")[:1]
    nothing_to_take_back = Q(last_type=None) | Q(last_type=Type.CANCEL)
    return (
        AlertTransition.objects.filter(cap_message=None)
        .exclude(Exists(later))
        .annotate(last_type=Subquery(last))
        .exclude(nothing_to_take_back & Q(to_state__in=OVER))
        .select_related("alert")
        .order_by("pk")
    )


@database.atomic
def message_issue(*, transition: AlertTransition) -> CapMessage:
    """Write the CAP message of a step. An alert that resumes after its end has message type Alert again."""
    alert = transition.alert
    standing: list[CapMessage] = []
    for one in alert.cap_messages.defer("xml").order_by("pk"):  # Only messages since the last cancellation count.
        standing = [] if one.message_type == Type.CANCEL else [*standing, one]
    follows = Type.UPDATE if standing else Type.ALERT
    message = CapMessage(
        transition=transition,
        alert=alert,
        identifier=f"{alert.code}-{secrets.token_hex(8)}",
        message_type=Type.CANCEL if transition.to_state in OVER else follows,
        references=" ".join(map(reference, standing)),
        sent_at=timezone.now(),
    )
    message.xml = compose(message)
    message.headline = headline(message.xml, settings.LANGUAGES[0][0])
    message.save()
    return message


def is_actual(message: CapMessage) -> bool:
    """Return whether a message is of real ground whose last measurement is recent enough to act on."""
    return not message.alert.simulated and message.sent_at.date() - message.alert.last_motion <= MAX_AGE


def note(alert: Alert) -> str:
    """Return from when the measurements are, and that a message is no emergency warning."""
    # Translators: %(when)s is "between 4 and 16 October 2023"
    no_warning = _(
        "Found in satellite measurements %(when)s. This is not an emergency warning, and it does not replace the "
        "judgement of an engineer on site."
    ) % {"when": days_words(alert.first_motion, alert.last_motion)}
    if not alert.is_measured:
        no_warning = _(
            "Reported by a specialist; satellite measurements do not show it. This is not an emergency warning, and it "
            "does not replace the judgement of an engineer on site."
        )
    simulated = _("Simulated data: no real place.")
    return f"{simulated} {no_warning}" if alert.simulated else no_warning
