"""Search for coordinates, loaded places, regions, countries and addresses; geocoder results are cached for a day."""

import hashlib
import json
import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from django import forms
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _

from ground_motion.core.areas import Position, box_of, parse_position, wrap_longitude
from ground_motion.core.http.faults import SourceError
from ground_motion.core.text import search_key
from ground_motion.readers.context.records import PlaceKind
from ingest.context.selectors import PlaceMatch
from ingest.context.selectors import place_search as search_loaded
from ingest.sources.client.geocoder import Found
from ingest.sources.configured import geocode
from monitor.wording.figures import whole
from monitor.wording.places import coordinates

MOST = 8
LONGEST = 100
MIN_NAME, MIN_ADDRESS = 2, 3  # Fewer letters of a name or an address are not searched.
KEPT_SECONDS = 24 * 3600
REST_SECONDS = 60  # The geocoder rests that long after a fault.
TURN, REST = "geocoder-turn", "geocoder-rest"
AROUND_ADDRESS_DEGREES = 0.003  # about 300 m
AROUND_DEGREES = 0.06  # a place without extent is shown with about 6 km around it

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hit:
    """Search result: name, line of detail, bounds to show on the map, degrees, and address of the map there."""

    name: str
    detail: str
    bounds: tuple[float, float, float, float]  # west, south, east, north
    url: str
    page: str = ""  # address of a region's page
    at: tuple[float, float] | None = None  # Longitude and latitude of a place or address; None for a region or country.


@dataclass(frozen=True)
class PlaceAnswer:
    """Answer to a search for a place."""

    text: str
    hits: list[Hit]  # the best first
    note: str  # line for readers if nothing was found
    by: str = ""  # Host of the geocoder that answered.


def place_search(text: str, *, addresses: bool = False) -> PlaceAnswer:
    """Search for a place or coordinates as people type them. addresses: ask the geocoder if no loaded place matches."""
    text = " ".join(text.replace("\0", "").split())[:LONGEST]
    at = parse_position(text)
    if at:
        return PlaceAnswer(text, [_at(coordinates(*at), _("coordinates"), *at)], "")
    hits = [_of(place) for place in search_loaded(text=text, limit=MOST)]
    lines = Counter((hit.name, hit.detail) for hit in hits)
    alike = {line[0] for line, n in lines.items() if n > 1}  # Names that need coordinates to be told apart.
    hits = [
        replace(hit, detail=f"{hit.detail}, {coordinates(*hit.at)}") if hit.at and hit.name in alike else hit
        for hit in hits
    ]
    if hits or not geocoder_host() or len(search_key(text)) < MIN_ADDRESS:
        is_unknown = not hits and len(search_key(text)) >= MIN_NAME
        return PlaceAnswer(text, hits, _("No place of this name was found.") if is_unknown else "")
    if not addresses:
        note = _("Nothing here has this name. Press Enter to search for an address at %(host)s.")
        return PlaceAnswer(text, [], note % {"host": geocoder_host()})
    found, note = _addresses_named(text)
    return PlaceAnswer(text, [_at(*one, AROUND_ADDRESS_DEGREES) for one in found], note, geocoder_host())


def _of(place: PlaceMatch) -> Hit:
    if place.bounds:
        page = reverse("region-detail", args=[place.slug]) if place.slug else ""
        return replace(_hit(place.name, _region(place.level, place.detail), place.bounds), page=page)
    people = ngettext("%(number)s inhabitant", "%(number)s inhabitants", place.population)
    people = people % {"number": whole(place.population)} if place.population else ""
    volcano = pgettext("answer to a search", "volcano") if place.kind == PlaceKind.VOLCANO else ""
    detail = ", ".join(filter(None, (volcano, place.detail, people))) or pgettext("answer to a search", "place")
    return _at(place.name, detail, place.longitude, place.latitude)


def _region(level: int | None, country: str) -> str:
    """Return the detail line of a region, such as 'country' or 'region of Atlantis'."""
    if level == 0:
        return pgettext("answer to a search", "country")
    if country:
        return _("region of %(country)s") % {"country": country}
    return pgettext("answer to a search", "region")


def _at(
    name: str,
    detail: str,
    longitude: float,
    latitude: float,
    bounds: tuple[float, float, float, float] | None = None,
    around: float = AROUND_DEGREES,
) -> Hit:
    """Return a place and the box to show: `around` degrees to each side, or its bounds where they reach farther."""
    west, south, east, north = bounds or (longitude, latitude) * 2
    south, north = min(south, latitude - around), max(north, latitude + around)
    east += 360 if east < west else 0  # The box crosses 180 degrees.
    middle = longitude + 360 if longitude < west else longitude
    west, east = wrap_longitude(min(west, middle - around)), wrap_longitude(max(east, middle + around))
    hit = _hit(name, detail, (west, min(max(-85.0, south), 84.9), east, max(min(85.0, north), -84.9)))
    return replace(hit, at=(round(longitude, 5), round(latitude, 5)))


def _hit(name: str, detail: str, bounds: tuple[float, float, float, float]) -> Hit:
    west, south, east, north = (round(value, 4) for value in bounds)
    box = urlencode({"bbox": f"{west:g},{south:g},{east:g},{north:g}"}, safe=",")
    return Hit(name, detail, (west, south, east, north), f"{reverse('map')}?{box}")


def geocoder_host() -> str:
    """Return the host of the geocoder; empty if none is set."""
    return urlsplit(settings.GEOCODER_URL).hostname or ""


def _addresses_named(text: str) -> tuple[list[Found], str]:
    """Return a geocoder's results for a text, and a line with its attribution or the reason for having no results."""
    language = (get_language() or "en").split("-")[0]
    silent = _("The search for addresses does not answer at the moment.")
    asked = json.dumps([settings.GEOCODER_URL, language, MOST, text.casefold()])
    key = f"geocoder-{hashlib.sha256(asked.encode()).hexdigest()}"
    kept = cache.get(key)
    if kept is None:
        if cache.get(REST):
            return [], silent
        if settings.GEOCODER_SECONDS and not cache.add(TURN, 1, timeout=settings.GEOCODER_SECONDS):
            return [], _("Many are searching for addresses. Try again in a few seconds.")
        try:
            kept = geocode(text=text, language=language, most=MOST)
        except (SourceError, ImproperlyConfigured) as fault:
            logger.warning("no addresses: %s", fault)
            cache.set(REST, 1, timeout=REST_SECONDS)
            return [], silent
        cache.set(key, kept, timeout=KEPT_SECONDS)
    thanks = {"host": geocoder_host(), "attribution": settings.GEOCODER_ATTRIBUTION}
    if not kept:
        return [], _("Neither a place nor an address of this name was found. Asked: %(host)s.") % thanks
    return [Found(*one) for one in kept], _("Addresses: %(attribution)s, by %(host)s.") % thanks


class NumberField(forms.FloatField):
    """Decimal number as people type it: with a point or a comma, with or without a degree sign."""

    widget = forms.TextInput

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages["invalid"] = gettext_lazy("Type a number, such as 46.99.")
        self.widget.attrs["inputmode"] = "text"  # a phone's keypad of digits may lack the minus sign

    def to_python(self, value: Any) -> float | None:  # type: ignore[override]  # as Django's own FloatField
        """Convert the typed text to a number. Raises ValidationError."""
        if isinstance(value, str):
            value = value.strip().rstrip("°").strip().replace("−", "-")
            value = value.replace(",", ".") if "." not in value else value
        return super().to_python(value)


class PlaceForm(forms.Form):
    """Form with one place as text: coordinates, or the name of a single place."""

    asks_geocoder = False

    place = forms.CharField(
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"id": "place", "autocomplete": "off"}),
        label=gettext_lazy("Where: a place, or latitude and longitude"),
        error_messages={"required": gettext_lazy("Type the name of a place, or coordinates such as 46.99, 9.68.")},
    )

    def clean_place(self) -> str:
        """Return the text; set `position` to its longitude and latitude. Raises ValidationError."""
        text: str = self.cleaned_data["place"]
        at = parse_position(text)
        if at is None:
            hits = place_search(text, addresses=self.asks_geocoder).hits
            if not hits:
                raise forms.ValidationError(_("No place of this name is known. Type coordinates, such as 46.99, 9.68."))
            named = [hit for hit in hits if hit.name.casefold() == text.casefold()] or hits
            if len(named) > 1:
                names = "; ".join(f"{hit.name} ({hit.detail})" for hit in named[:4])
                several = _("Several places fit: %(names)s. Type more of the name, or coordinates.")
                raise forms.ValidationError(several % {"names": names})
            middle = box_of(named[0].bounds).representative_point()
            at = Position(*(named[0].at or (middle.x, middle.y)))
        self.cleaned_data["position"] = at
        return text
