"""Parameters of addresses, checked, and refusals for programs: one line of what is wrong and one of what to do."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import wraps

from django.contrib.gis.geos import MultiPolygon, Polygon
from django.http import HttpRequest, HttpResponseBase, QueryDict

from monitor.site.problems import problem
from monitor.wording.places import Bounds
from monitor.wording.refusals import Refusal

View = Callable[..., HttpResponseBase]


def refusals_as_json(view: View) -> View:
    """A view whose refusals become answers with status 400, or 404."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Refusal as refusal:
            return problem(refusal.status, refusal.error, refusal.remedy)

    return guarded


def only_parameters(*known: str) -> Callable[[View], View]:
    """Make a view refuse all other parameters: a proxy keeps a copy of the answer under each address."""

    def decorate(view: View) -> View:
        @refusals_as_json
        @wraps(view)
        def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
            refuse_unknown(request.GET, known)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def refuse_unknown(asked: QueryDict, known: Sequence[str]) -> None:
    """Refuse an address with a parameter that means nothing there. Raises Refusal."""
    for name in asked:
        if name not in known:
            remedy = f"Give some of {', '.join(known)}." if known else "Give none."
            raise Refusal(f"there is no parameter {name[:40]!r}", remedy)


def boxes(text: str) -> list[Bounds]:
    """'west,south,east,north' in degrees; two boxes where west > east, over the 180th meridian. Raises Refusal."""
    remedy = "Give bbox=west,south,east,north in degrees, for example bbox=5.9,45.8,10.5,47.8."
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as fault:
        raise Refusal("bbox is not four numbers", remedy) from fault
    if not all(map(math.isfinite, (west, south, east, north))):
        raise Refusal("bbox is not four numbers", remedy)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90 and west != east):
        raise Refusal("bbox is not a box on the earth", remedy)
    if west < east:
        return [(west, south, east, north)]
    return [box for box in ((west, south, 180.0, north), (-180.0, south, east, north)) if box[0] < box[2]]


def area_of(parts: list[Bounds]) -> MultiPolygon:
    return MultiPolygon([Polygon.from_bbox(part) for part in parts], srid=4326)


def whole_number(name: str, text: str, low: int, high: int) -> int:
    """A number from low to high. Raises Refusal."""
    if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
        return int(text)
    raise Refusal(f"{name} is not a whole number from {low} to {high}", f"Give for example {name}={high}.")


def choice(name: str, value: str, allowed: list[str]) -> str:
    """The value, or empty. Raises Refusal for what is not among the allowed ones."""
    if value and value not in allowed:
        raise Refusal(f"there is no {name} {value[:40]!r}", f"Give one of {', '.join(allowed)}.")
    return value


def day(name: str, text: str) -> date | None:
    """A day in ISO 8601; None for nothing. Raises Refusal."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise Refusal(f"{name} is no day: {text[:40]!r}", f"Give {name}=2024-05-01.") from fault


def moment(name: str, text: str) -> datetime | None:
    """A day or a moment in ISO 8601, UTC where it names no zone; None for nothing. Raises Refusal."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that was not encoded
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise Refusal(f"{name} is no moment: {text[:40]!r}", f"Give {name}=2024-05-01T12:00:00Z.") from fault
