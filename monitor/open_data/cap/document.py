"""XML of a CAP 1.2 message: the text comes from the card of an alert, the protocol's terms from this module."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml.ElementTree import fromstring
from django.conf import settings

from ingest.text import plain_text
from monitor.models.messages import CapMessage

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
# of CAP's severities the lower ones: slow motion is no extraordinary threat, and nobody has measured a damage
SEVERITIES = {"minor": "Minor", "moderate": "Minor", "strong": "Moderate"}
CERTAINTIES = {"first": "Possible", "provisional": "Likely", "rejected": "Unlikely"}  # all else was observed


class Words(NamedTuple):
    """Texts of a CAP message in one language."""

    language: str
    event: str
    headline: str
    description: str
    instruction: str
    severity_meaning: str
    place: str
    contact: str
    note: str


def moment(at: datetime) -> str:
    """Format a moment as CAP requires: UTC is -00:00."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}-00:00"


def sender() -> str:
    """Return the CAP sender of this service: its host name, which is unique."""
    return urlsplit(settings.PUBLIC_URL).hostname or "localhost"


def reference(message: CapMessage) -> str:
    """Return a CAP reference to a message: sender, identifier and time of sending."""
    return f"{sender()},{message.identifier},{moment(message.sent_at)}"


def compose(message: CapMessage, every: Sequence[Words], parameters: Sequence[tuple[str, str]]) -> str:
    """Return a message as XML. every: the texts, an `info` for each language; parameters: further facts by name."""
    root = Element("alert", {"xmlns": NAMESPACE})
    head = {
        "identifier": message.identifier,
        "sender": sender(),
        "sent": moment(message.sent_at),
        "status": "Test" if message.alert.simulated else "Actual",
        "msgType": message.message_type,
        "scope": "Public",
        "note": "\n".join(words.note for words in every),
        "references": message.references,
        "incidents": message.alert.code,
    }
    _add(root, head)
    for words in every:
        _add_info(SubElement(root, "info"), message, words, parameters)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{tostring(root, encoding='unicode')}"


def headline(xml: str, language: str) -> str:
    """Return the headline of a message in one language, else in its first one."""
    infos = fromstring(plain_text(xml)).findall(f"{{{NAMESPACE}}}info")
    found = {info.findtext(f"{{{NAMESPACE}}}language"): info for info in reversed(infos)}
    return found.get(language, infos[0]).findtext(f"{{{NAMESPACE}}}headline") or ""


def _add_info(info: Element, message: CapMessage, words: Words, parameters: Sequence[tuple[str, str]]) -> None:
    alert, over = message.alert, message.message_type == CapMessage.Type.CANCEL
    first = {
        "language": words.language,
        "category": "Geo",
        "event": words.event,
        "responseType": "None" if over else "Monitor",
        "urgency": "Past" if over else "Unknown",
        "severity": SEVERITIES[alert.severity],
        "certainty": CERTAINTIES.get(message.transition.to_state, "Observed"),
    }
    _add(info, first)
    _add_named(info, "eventCode", "kind", alert.kind)
    rest = {
        "senderName": settings.SITE.name,
        "headline": words.headline,
        "description": words.description,
        "instruction": words.instruction,
        "web": settings.PUBLIC_URL + alert.get_absolute_url(),
        "contact": words.contact,
    }
    _add(info, rest)
    for name, value in [*parameters, ("severity_meaning", words.severity_meaning)]:
        _add_named(info, "parameter", name, value)
    area = SubElement(info, "area")
    _add(area, {"areaDesc": words.place})
    for part in alert.area:
        SubElement(area, "polygon").text = " ".join(f"{y:.5f},{x:.5f}" for x, y in part.exterior_ring.coords)


def _add(parent: Element, children: dict[str, str]) -> None:
    for name, text in children.items():
        if text:
            SubElement(parent, name).text = plain_text(text)


def _add_named(parent: Element, tag: str, name: str, value: str) -> None:
    _add(SubElement(parent, tag), {"valueName": name, "value": value})
