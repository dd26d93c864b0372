"""Where is …? Coordinates, loaded places and regions, and the countries of the offline basemap."""

from dataclasses import asdict, dataclass, replace
from urllib.parse import urlencode

from django.urls import reverse

from ingest.context.coordinates import parse_position
from ingest.context.selectors import PlaceMatch, kinds_loaded
from ingest.context.selectors import place_search as search_loaded
from ingest.readers.context.records import ContextKind
from ingest.readers.context.text import search_key
from monitor.wording.places import coordinates, countries_named

MOST = 8
LONGEST = 100
AROUND_DEGREES = 0.06  # a place without extent is shown with about 6 km around it
NO_LIST = "No list of places is loaded here: only countries and coordinates are found."
NO_PLACES = "No list of places is loaded here: only regions, countries and coordinates are found."


@dataclass(frozen=True)
class Hit:
    """One answer, with what of the map to show: west, south, east, north. page: of a region, else empty."""

    name: str
    detail: str
    bounds: tuple[float, float, float, float]
    url: str
    page: str = ""


@dataclass(frozen=True)
class Answer:
    """hits, the best first; note: a plain line where something is missing or nothing was found."""

    text: str
    hits: list[Hit]
    note: str

    def as_dict(self) -> dict[str, object]:
        return {"text": self.text, "hits": [asdict(hit) for hit in self.hits], "note": self.note}


def place_search(text: str) -> Answer:
    """Search for a text; anything may be typed."""
    text = " ".join(text.replace("\0", "").split())[:LONGEST]
    at = parse_position(text)
    if at:
        return Answer(text, [_at(coordinates(*at), "coordinates", *at)], "")
    loaded = [_of(place) for place in search_loaded(text=text, limit=MOST)]
    known = {(search_key(hit.name)) for hit in loaded if hit.detail == "country"}
    countries = [
        _hit(name, "country", bounds) for name, bounds in countries_named(text, MOST) if search_key(name) not in known
    ]
    exact = [hit for hit in countries if search_key(hit.name) == search_key(text)]
    hits = [*exact, *loaded, *(hit for hit in countries if hit not in exact)][:MOST]
    return Answer(text, hits, _note(text, bool(hits)))


def _note(text: str, has_hits: bool) -> str:
    loaded = kinds_loaded()
    missing = "" if ContextKind.PLACES in loaded else NO_PLACES if ContextKind.REGIONS in loaded else NO_LIST
    if has_hits or len(search_key(text)) < 2:
        return missing
    return f"No place of this name was found. {missing}".strip()


def _of(place: PlaceMatch) -> Hit:
    if place.bounds:
        page = reverse("region-detail", args=[place.slug]) if place.slug else ""
        return replace(_hit(place.name, place.detail, place.bounds), page=page)
    people = f"{place.population:,} inhabitants" if place.population else ""
    detail = ", ".join(part for part in (place.detail, people) if part) or "place"
    return _at(place.name, detail, place.longitude, place.latitude)


def _at(name: str, detail: str, longitude: float, latitude: float) -> Hit:
    south, north = max(-85.0, latitude - AROUND_DEGREES), min(85.0, latitude + AROUND_DEGREES)
    west, east = max(-180.0, longitude - AROUND_DEGREES), min(180.0, longitude + AROUND_DEGREES)
    return _hit(name, detail, (west, min(south, 84.9), east, max(north, -84.9)))


def _hit(name: str, detail: str, bounds: tuple[float, float, float, float]) -> Hit:
    rounded = tuple(round(value, 4) for value in bounds)
    address = f"{reverse('map')}?{urlencode({'bbox': ','.join(f'{value:g}' for value in rounded)}, safe=',')}"
    return Hit(name, detail, rounded, address)
