"""Client of catalogues of events: earthquakes as GeoJSON of the USGS or EMSC, volcano notices as CAP 1.2.

https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php   summaries, and the FDSN event service (geojson)
https://www.seismicportal.eu/fdsn-wsevent.html                  FDSN event service (json)
http://docs.oasis-open.org/emergency/cap/v1.2/                  one notice, or a feed that contains whole notices
"""

import json
import logging
import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError

import requests
from defusedxml.ElementTree import fromstring
from shapely import Point, Polygon

from ground_motion.core.areas import Position, wrap_longitude
from ground_motion.core.errors import one_line
from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import SearchFailed, SourceError, understood
from ground_motion.core.http.transport import guard
from ground_motion.methods.deformation.quakes import mechanism_of, quake_reach

logger = logging.getLogger(__name__)

EARTHQUAKE, ERUPTION = "earthquake", "eruption"
TIMEOUT_SECONDS = (10.0, 30.0)  # The times are for connecting and between two bytes.
MAX_BYTES = 8 * 2**20
MAX_EVENTS = 5000
MAX_DETAILS, RENEWED = 20, timedelta(hours=6)  # Mechanisms per round, and age of the report.
MAX_DETAILS_SECONDS = 60.0  # No long report is asked for after this; other work waits for the round.
MAX_STALE = timedelta(hours=3)  # An older summary is no longer updated by its catalogue.
MAX_NAME, MAX_ID, MAX_URL = 120, 80, 300
QUAKES = ("earthquake", "ke", "se")  # The last two are those of the EMSC: known and suspected.
DEFAULT_DEPTH_KM = 10.0  # Catalogues assume this where they could not find the depth.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
GRAVE = ("Extreme", "Severe", "Moderate")
VOLCANO_WORDS = ("volcan", "erupt", "vulkan", "éruption")


class CatalogueEvent(NamedTuple):
    """Event as a catalogue reports it. magnitude, depth_km: None for an eruption; url: empty if there is no page.

    mechanism: how the fault slipped, empty if not known; detail: address of the long report, empty if there is none.
    """

    source: str
    event_id: str
    kind: str
    name: str
    position: Position
    depth_km: float | None
    magnitude: float | None
    happened_at: datetime
    updated_at: datetime
    url: str
    mechanism: str = ""
    detail: str = ""


class Reports(NamedTuple):
    """Answer of a catalogue. withdrawn: ids of events that it has deleted or cancelled."""

    source: str
    events: list[CatalogueEvent]
    withdrawn: frozenset[str]


def fetch(*, url: str, allowed: AllowList, now: datetime) -> Reports:
    """Return what a catalogue reports. Raises SourceError, also for a summary older than MAX_STALE.

    A summary says nothing of mechanisms: new earthquakes that moved the ground measurably are asked for one by one.
    """
    allowed.check(url)
    with guard(requests.Session(), allowed, answers=True) as session:
        content = _ask(session, url)
        reports = parse(content, url, now) if content is not None else Reports(urlsplit(url).netloc, [], frozenset())
        asked = [event for event in reports.events if event.detail and event.updated_at > now - RENEWED][:MAX_DETAILS]
        until = time.monotonic() + MAX_DETAILS_SECONDS
        found = {event.event_id: _mechanism(session, event) for event in asked if time.monotonic() < until}
    events = [event._replace(mechanism=found.get(event.event_id, event.mechanism)) for event in reports.events]
    return reports._replace(events=events)


def _ask(session: requests.Session, url: str) -> bytes | None:
    """Return the answer of a catalogue; None where no event fits. Raises SearchFailed."""
    host = urlsplit(url).netloc
    try:
        answer = session.get(url, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as fault:
        raise SearchFailed(f"The catalogue at {host} does not answer ({type(fault).__name__}).") from fault
    if answer.status_code not in (200, 204):  # FDSN answers 204 where no event fits.
        raise SearchFailed(f"The catalogue at {host} answers {answer.status_code}.")
    if len(answer.content) > MAX_BYTES:
        raise SearchFailed(f"The catalogue at {host} answers with more than {MAX_BYTES >> 20} MB. Ask for less.")
    return answer.content if answer.status_code == 200 else None


def _mechanism(session: requests.Session, event: CatalogueEvent) -> str:
    """Return the mechanism in the long report of an earthquake; empty where there is none yet, or no answer."""
    try:
        with understood(f"The report at {urlsplit(event.detail).netloc}"):
            products = json.loads(_ask(session, event.detail) or b"")["properties"]["products"]
            tensors = [*products.get("moment-tensor", []), *products.get("focal-mechanism", [])]
            # The limits refuse NaN, which JSON and float() accept.
            rake_deg = _number(float(tensors[0]["properties"]["nodal-plane-1-rake"]), -360, 360) if tensors else None
            return "" if rake_deg is None else str(mechanism_of(rake_deg))
    except (SourceError, RecursionError) as fault:  # Also a report on another host.
        logger.warning("the mechanism of %s stays unknown: %s", event.event_id, fault)
        return ""


def parse(content: bytes, url: str, now: datetime) -> Reports:
    """Parse the answer of a catalogue at an address. Raises SearchFailed."""
    host = urlsplit(url).netloc
    with understood(f"The catalogue at {host} holds an event that"):
        try:
            events, withdrawn = (_notices if content.lstrip()[:1] == b"<" else _features)(content, url, now)
        except (RecursionError, OverflowError, ParseError) as fault:
            raise ValueError from fault
    return Reports(host, events, frozenset(withdrawn))


def _features(content: bytes, url: str, now: datetime) -> tuple[list[CatalogueEvent], list[str]]:
    """Return the earthquakes of a GeoJSON, and the ids of deleted ones."""
    answer: dict[str, Any] = json.loads(content)
    made = answer.get("metadata", {}).get("generated")
    if made is not None and _moment(made) < now - MAX_STALE:
        raise SearchFailed(f"The catalogue at {urlsplit(url).hostname} has not been updated since {_moment(made)}.")
    features = answer["features"]
    if len(features) > MAX_EVENTS:
        raise SearchFailed(
            f"The catalogue at {urlsplit(url).hostname} lists more than {MAX_EVENTS} events. Ask for less."
        )
    deleted = [_id(one["id"]) for one in features if one["properties"].get("status") == "deleted"]
    return [event for one in features if (event := _quake(one, url)) and event.event_id not in deleted], deleted


def _quake(feature: dict[str, Any], url: str) -> CatalogueEvent | None:
    """Return an earthquake; None for an explosion and the like, or before its magnitude is known."""
    properties, (longitude, latitude, *_) = feature["properties"], feature["geometry"]["coordinates"]
    if properties.get("mag") is None or (properties.get("type") or properties.get("evtype")) not in QUAKES:
        return None
    event_id = _id(feature["id"])
    name = one_line(str(properties.get("place") or properties.get("flynn_region") or event_id), MAX_NAME)
    depth_km = properties["depth"] if "depth" in properties else feature["geometry"]["coordinates"][2]
    figures = _number(DEFAULT_DEPTH_KM if depth_km is None else depth_km, -10, 1000), _number(properties["mag"], -2, 10)
    times = _moment(properties["time"]), _moment(properties.get("updated") or properties["lastupdate"])
    page = f"/eventdetails.html?unid={quote(event_id)}" if "unid" in properties else properties.get("url")
    what = (event_id, EARTHQUAKE, name, _position(longitude, latitude))
    # Most earthquakes of a summary are too small to ask for more.
    detail = _page(properties.get("detail"), url) if quake_reach(figures[1], figures[0]) else ""
    return CatalogueEvent(urlsplit(url).netloc, *what, *figures, *times, _page(page, url), detail=detail)


def _notices(content: bytes, url: str, now: datetime) -> tuple[list[CatalogueEvent], list[str]]:
    """Return the grave notices about volcanoes in CAP, each with the id of its first notice, and the cancelled ids."""
    events, cancelled = [], []
    for alert in list(fromstring(content).iter(f"{CAP}alert"))[:MAX_EVENTS]:
        if _text(alert, "status") != "Actual":
            continue
        references = _text(alert, "references").split()
        event_id = _id(references[0].split(",")[1] if references else _text(alert, "identifier"))
        if _text(alert, "msgType") == "Cancel":
            cancelled.append(event_id)
        elif _text(alert, "msgType") in ("Alert", "Update") and (event := _eruption(alert, event_id, url)):
            events.append(event)
    return [event for event in events if event.event_id not in cancelled], cancelled


def _eruption(alert: Element, event_id: str, url: str) -> CatalogueEvent | None:
    """Return what the first part of a notice says; None if it is not grave, not about a volcano, or nowhere."""
    info, area = alert.find(f"{CAP}info"), alert.find(f"{CAP}info/{CAP}area")
    if info is None or area is None or _text(info, "severity") not in GRAVE:
        return None
    if not any(word in f"{_text(info, 'event')} {_text(info, 'headline')}".lower() for word in VOLCANO_WORDS):
        return None
    circle, polygon = _text(area, "circle").split()[:1], _text(area, "polygon").split()
    corners = [(float(x), float(y)) for y, x in (corner.split(",") for corner in circle or polygon)]
    middle = Point(corners[0]) if circle else Polygon(corners).centroid
    sent = _text(alert, "sent")
    times = _moment(_text(info, "onset") or sent), _moment(sent)
    what = (event_id, ERUPTION, one_line(_text(area, "areaDesc") or event_id, MAX_NAME), _position(middle.x, middle.y))
    return CatalogueEvent(urlsplit(url).netloc, *what, None, None, *times, _page(_text(info, "web"), url))


def _text(element: Element, name: str) -> str:
    return (element.findtext(f"{CAP}{name}") or "").strip()


def _id(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_ID:
        raise ValueError("no id")
    return one_line(value)


def _number(value: object, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:  # or it is NaN
        raise ValueError("no number within its limits")
    return float(value)


def _position(longitude: object, latitude: object) -> Position:
    return Position(wrap_longitude(_number(longitude, -360.0, 360.0)), _number(latitude, -90.0, 90.0))


def _moment(value: object) -> datetime:
    """Return a time given as text (UTC where it has no zone) or as milliseconds since 1970."""
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return EPOCH + timedelta(milliseconds=_number(value, 0.0, math.inf))


def _page(address: object, url: str) -> str:
    """Return the address of an event's page if it lies on the site of the catalogue; else an empty text."""
    page = urljoin(url, str(address or ""))
    is_there = urlsplit(page)[:2] == urlsplit(url)[:2] and page.isprintable() and len(page) <= MAX_URL
    return page if address and is_there else ""
