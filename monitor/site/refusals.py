"""What a visitor asked for and cannot be had: one line of what is wrong and one of what to do, as JSON."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps

from django.contrib.gis.geos import MultiPolygon, Polygon
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from monitor.imaging.drawing import Bounds


class Refused(ValueError):
    """A parameter that makes no sense."""

    def __init__(self, error: str, remedy: str) -> None:
        super().__init__(error)
        self.error, self.remedy = error, remedy

    def as_dict(self) -> dict[str, str]:
        return {"error": self.error, "remedy": self.remedy}


def refusals_as_json(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view whose refusals become answers with status 400."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Refused as refused:
            return JsonResponse(refused.as_dict(), status=400)

    return guarded


def boxes(text: str) -> list[Bounds]:
    """'west,south,east,north' in degrees; two boxes where west > east, over the 180th meridian. Raises Refused."""
    remedy = "Give bbox=west,south,east,north in degrees, for example bbox=5.9,45.8,10.5,47.8."
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as fault:
        raise Refused("bbox is not four numbers", remedy) from fault
    if not all(map(math.isfinite, (west, south, east, north))):
        raise Refused("bbox is not four numbers", remedy)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90 and west != east):
        raise Refused("bbox is not a box on the earth", remedy)
    if west < east:
        return [(west, south, east, north)]
    return [box for box in ((west, south, 180.0, north), (-180.0, south, east, north)) if box[0] < box[2]]


def area_of(parts: list[Bounds]) -> MultiPolygon:
    return MultiPolygon([Polygon.from_bbox(part) for part in parts], srid=4326)


def choice(name: str, value: str, allowed: list[str]) -> str:
    """The value, or empty. Raises Refused for what is not among the allowed ones."""
    if value and value not in allowed:
        raise Refused(f"there is no {name} {value[:40]!r}", f"Give one of {', '.join(allowed)}.")
    return value


def moment(name: str, text: str) -> datetime | None:
    """A day or a moment in ISO 8601, UTC where it names no zone; None for nothing. Raises Refused."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that nobody encoded
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise Refused(f"{name} is no moment: {text[:40]!r}", f"Give {name}=2024-05-01T12:00:00Z.") from fault
