"""The XML of a message, CAP 1.2. What an alert says comes from its card; the protocol's words are here."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml.ElementTree import fromstring
from django.contrib.gis.geos import MultiPolygon

from ingest.text import plain_text

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
# of CAP's severities the lower ones: slow motion is no extraordinary threat, and nobody has measured a damage
SEVERITIES = {"minor": "Minor", "moderate": "Minor", "strong": "Moderate"}
CERTAINTIES = {"first": "Possible", "provisional": "Likely", "rejected": "Unlikely"}  # all else was observed


class Words(NamedTuple):
    """What a message says in one language."""

    language: str
    event: str
    headline: str
    description: str
    instruction: str
    severity_meaning: str
    place: str
    note: str


class Content(NamedTuple):
    """What a message says. parameters: further facts by name; area: EPSG:4326; words: of each language."""

    sender: str
    identifier: str
    sent: datetime
    message_type: str
    references: str
    incident: str
    simulated: bool
    kind: str
    state: str
    severity: str
    over: bool
    web: str
    parameters: Sequence[tuple[str, str]]
    area: MultiPolygon
    words: Sequence[Words]


def moment(at: datetime) -> str:
    """Format a moment as CAP requires: UTC is -00:00."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}-00:00"


def reference(sender: str, identifier: str, sent: datetime) -> str:
    """Return how CAP refers to a message."""
    return f"{sender},{identifier},{moment(sent)}"


def compose(content: Content) -> str:
    """Write the message as XML, with one `info` for each language."""
    alert = Element("alert", {"xmlns": NAMESPACE})
    head = {
        "identifier": content.identifier,
        "sender": content.sender,
        "sent": moment(content.sent),
        "status": "Test" if content.simulated else "Actual",
        "msgType": content.message_type,
        "scope": "Public",
        "note": "\n".join(words.note for words in content.words),
        "references": content.references,
        "incidents": content.incident,
    }
    _add(alert, head)
    for words in content.words:
        _add_info(SubElement(alert, "info"), content, words)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{tostring(alert, encoding='unicode')}"


def headline(xml: str, language: str) -> str:
    """Return the headline of a message in one language, else in its first one."""
    infos = fromstring(plain_text(xml)).findall(f"{{{NAMESPACE}}}info")
    found = {info.findtext(f"{{{NAMESPACE}}}language"): info for info in reversed(infos)}
    return found.get(language, infos[0]).findtext(f"{{{NAMESPACE}}}headline") or ""


def _add_info(info: Element, content: Content, words: Words) -> None:
    first = {
        "language": words.language,
        "category": "Geo",
        "event": words.event,
        "responseType": "None" if content.over else "Monitor",
        "urgency": "Past" if content.over else "Unknown",
        "severity": SEVERITIES[content.severity],
        "certainty": CERTAINTIES.get(content.state, "Observed"),
    }
    _add(info, first)
    _add_named(info, "eventCode", "kind", content.kind)
    rest = {
        "senderName": "Ground Motion Monitor",
        "headline": words.headline,
        "description": words.description,
        "instruction": words.instruction,
        "web": content.web,
    }
    _add(info, rest)
    for name, value in [*content.parameters, ("severity_meaning", words.severity_meaning)]:
        _add_named(info, "parameter", name, value)
    area = SubElement(info, "area")
    _add(area, {"areaDesc": words.place})
    for part in content.area:
        SubElement(area, "polygon").text = " ".join(f"{y:.5f},{x:.5f}" for x, y in part.exterior_ring.coords)


def _add(parent: Element, children: dict[str, str]) -> None:
    """Add the children that are not empty."""
    for name, text in children.items():
        if text:
            SubElement(parent, name).text = plain_text(text)


def _add_named(parent: Element, tag: str, name: str, value: str) -> None:
    _add(SubElement(parent, tag), {"valueName": name, "value": value})
