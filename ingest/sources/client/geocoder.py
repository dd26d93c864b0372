"""Client of a geocoder: Nominatim 4 (OpenStreetMap), given its search URL, https://nominatim.example.org/search."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import requests

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import SearchFailed, understood
from ground_motion.core.http.transport import USER_AGENT, guard

TIMEOUT_SECONDS = (3.0, 5.0)  # The times are for connecting and between two bytes. A person waits, so they are short.
MAX_NAME_LENGTH = 120


class Found(NamedTuple):
    """A place found by a geocoder. bounds: west, south, east, north, degrees; None for a place without extent."""

    name: str
    detail: str
    longitude: float
    latitude: float
    bounds: tuple[float, float, float, float] | None


def search(*, text: str, url: str, language: str, most: int, allowed: AllowList, contact: str = "") -> list[Found]:
    """Return places and addresses for a text, the best first. contact: our address, sent along. Raises SourceError."""
    allowed.check(url)
    wanted = {"q": text, "limit": str(most), "format": "jsonv2", "accept-language": language}
    with guard(requests.Session(), allowed, answers=True) as session:
        session.headers["User-Agent"] = f"{USER_AGENT} (+{contact})" if contact else USER_AGENT
        try:
            answer = session.get(url, params=wanted, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            rows: Any = answer.json() if answer.status_code == 200 else []
        except (requests.RequestException, ValueError) as fault:
            raise SearchFailed(f"The geocoder does not answer as it should ({type(fault).__name__}).") from fault
    if answer.status_code != 200:
        raise SearchFailed(f"The geocoder answers {answer.status_code}.")
    with understood("The geocoder's answer"):
        return [found for found in _places(rows) if found.name][:most]


def _places(rows: Iterable[dict[str, Any]]) -> Iterator[Found]:
    for row in rows:
        plain = "".join(letter if letter.isprintable() else " " for letter in str(row["display_name"]))
        parts = [part.strip() for part in plain.split(",")]
        number_first = parts[0][:1].isdigit() and len(parts) > 1  # “5, Hauptstraße, Aldwick”
        own = 2 if number_first else 1
        south, north, west, east = map(float, row.get("boundingbox") or (0, 0, 0, 0))
        yield _make_place(parts[:own], parts[own:], float(row["lon"]), float(row["lat"]), (west, south, east, north))


def _make_place(
    name: list[str], around: list[str], longitude: float, latitude: float, bounds: tuple[float, float, float, float]
) -> Found:
    if not (abs(longitude) <= 180 and abs(latitude) <= 90):  # The comparison is false for NaN as well.
        raise ValueError("no position")
    west, south, east, north = bounds
    is_box = max(abs(west), abs(east)) <= 180 and west != east and -90 <= south < north <= 90  # west > east: over 180
    shown = ", ".join(part for part in name if part)[:MAX_NAME_LENGTH]
    detail = ", ".join(part for part in around if part)[:MAX_NAME_LENGTH]
    return Found(shown, detail, longitude, latitude, bounds if is_box and all(map(math.isfinite, bounds)) else None)
