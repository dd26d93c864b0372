"""Refusals: errors with a remedy, for people and programs (RFC 9457); and checks of the parameters of addresses."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import wraps
from http import HTTPStatus

from django.contrib.gis.geos import MultiPolygon, Polygon
from django.http import HttpRequest, HttpResponseBase, JsonResponse, QueryDict
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from ground_motion.core.areas import wrap_longitude
from ground_motion.core.text import T, distinct_values
from monitor.wording.figures import whole
from monitor.wording.places import Bounds

OPTION_WORDS = {
    "unit": "Choose its unit",
    "positive": "Choose which way a positive value moves",
    "mapping": "Send a column list",
    "format": "Choose its format",
    "track": "Type its track",
    "period": "Enter the period that its velocities cover",
    "scale": "Choose what the values of the image are",
    "polarisation": "Choose its polarisation",
    "acquired": "Say when it was taken",
    "platform": "Type the satellite",
    "direction": "Choose which way the satellite flew",
}
PROBLEM = "application/problem+json"
KEPT_HEADERS = ("Allow", "Accept-Ranges", "Cache-Control", "Content-Range", "ETag", "Retry-After")
WORDS = {
    400: ("The request has too many parts or cannot be read.", "Send fewer values, or correct it."),
    404: ("There is nothing at this address.", "The addresses are listed at /api/v1/."),
    405: ("This address can only be read.", "Send GET or HEAD."),
    416: ("The file has no such part.", "Ask for one range of bytes within the size that Content-Range states."),
}
FAULT = ("The request could not be answered.", "Try again later.")
BIGGEST_KEY = 2**63 - 1  # largest key of a row in any table
MAX_NUMBERS = 10  # A box with heights has six.
MAX_NUMBER_LENGTH = 20  # more digits than BIGGEST_KEY has
IN_A_MAPPING = re.compile(r"\b(?:If they are longitude|[Nn]ame|Add epsg)\b[^.;]*(?:mapping|--mapping)\b.*")
ANY_FORM = re.compile(".*", re.DOTALL)
HAIR_DEGREES = 5e-7  # A line or a point is widened by half a unit of the last digit of published positions: 5 cm.
BOX_REMEDY = "Give bbox=west,south,east,north in degrees, for example bbox=5.9,45.8,10.5,47.8."


class Refusal(ValueError):
    """Error in a request, with its cause (`error`) and its remedy, which is empty if the cause implies it."""

    status = 400

    def __init__(self, error: str, remedy: str = "") -> None:
        super().__init__(error)
        self.error, self.remedy = error, remedy


class Missing(Refusal):
    """Refusal because the requested row or page does not exist: status 404."""

    status = 404


def plain_words(line: str, where: str) -> str:
    """Replace command-line options in a message by what to do on a page. where: the place on that page."""
    line = re.sub(r"\bAdd what holds, as in --[^.;]*(; or --[^.;]*)?", f"Say what holds {where}", line)
    line = IN_A_MAPPING.sub(f"Say which column holds what {where}.", line)
    return re.sub(
        r"\b(?:Add|Give|Use|Leave|Declare) --(\w+)(?: out)?[^.;]*",
        lambda match: f"{OPTION_WORDS.get(match[1], 'Add what is missing')} {where}",
        line.replace(" (None)", "").replace("with --mapping", "with a column list"),
    )


def problem(status: int, error: str, remedy: str = "") -> JsonResponse:
    """Return an error answer with the cause and the remedy, as RFC 9457 problem JSON."""
    detail = f"{error.rstrip('.')}. {remedy}".strip()
    members = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JsonResponse(members | {"error": error, "remedy": remedy}, status=status, content_type=PROBLEM)


def as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace an error page by problem JSON, unless the client accepts HTML or the answer states its reason."""
    says_why = response.headers.get("Content-Type", "").startswith((PROBLEM, "text/xml"))  # WMS answers in XML
    if response.status_code < 400 or says_why:
        return response
    answer = response
    if "text/html" not in request.headers.get("Accept", ""):
        answer = problem(response.status_code, *WORDS.get(response.status_code, FAULT))
        for name in KEPT_HEADERS:
            if name in response.headers:
                answer[name] = response.headers[name]
    patch_vary_headers(answer, ["Accept"])
    return answer


ViewFunction = Callable[..., HttpResponseBase]


def refusals_as_json(view: ViewFunction) -> ViewFunction:
    """Make a view answer with status 400 or 404 and problem JSON if it raises Refusal."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Refusal as refusal:
            return problem(refusal.status, refusal.error, refusal.remedy)

    return guarded


def only_parameters(*known: str) -> Callable[[ViewFunction], ViewFunction]:
    """Make a view refuse unknown parameters, which would fill the proxy's cache with an answer per address."""

    def decorate(view: ViewFunction) -> ViewFunction:
        @refusals_as_json
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            refuse_unknown(request.GET, known)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def refuse_unknown(asked: QueryDict, known: Sequence[str]) -> None:
    """Raise Refusal if an address has an unknown parameter."""
    for name in asked:
        if name not in known:
            remedy = f"Give some of {', '.join(known)}." if known else "Give none."
            raise Refusal(f"there is no parameter {name[:40]!r}", remedy)


def values_of(name: str, given: Iterable[T], most: int) -> list[T]:
    """Return the distinct values of a parameter, in the order given. Raises Refusal for more than `most`."""
    return distinct_values(given, most, lambda number: too_many(name, number, most))


def parts_of(name: str, text: str, most: int, separator: str) -> list[str]:
    """Split the corners of a line or an area, of which some may be equal. Raises Refusal."""
    parts = text.split(separator)
    if len(parts) > most:
        raise too_many(name, len(parts), most)
    return parts


def too_many(name: str, number: int, most: int) -> Refusal:
    """Return the refusal of a list with more than `most` entries."""
    # Translators: %(name)s is a name from an address or a form, such as "ids" or "line"
    error = _("“%(name)s” has %(number)s entries") % {"name": name, "number": whole(number)}
    return Refusal(error, _("Give at most %(most)s.") % {"most": whole(most)})


def boxes(text: str) -> list[Bounds]:
    """Parse 'west,south,east,north', degrees; two boxes if it crosses the 180th meridian. Raises Refusal."""
    parts = [(west, south, east, north) for west, south, east, north in _parts(text) if west < east and south < north]
    if not parts:
        raise Refusal("bbox is not a box on the earth", BOX_REMEDY)
    return parts


def area_of(text: str) -> MultiPolygon:
    """Parse 'west,south,east,north', degrees, into an area; a line or a point is widened a little. Raises Refusal."""
    polygons = []
    for west, south, east, north in _parts(text):
        x, y = (HAIR_DEGREES if low == high else 0.0 for low, high in ((west, east), (south, north)))
        polygons.append(Polygon.from_bbox((west - x, south - y, east + x, north + y)))
    return MultiPolygon(polygons, srid=4326)


def _parts(text: str) -> list[Bounds]:
    edges = finite_numbers(text)
    if len(edges) != 4:
        raise Refusal("bbox is not four numbers", BOX_REMEDY)
    west, south, east, north = edges
    if not (abs(west) <= 360 and abs(east) <= 360 and -90 <= south <= north <= 90):
        raise Refusal("bbox is not a box on the earth", BOX_REMEDY)
    if east - west >= 360:
        return [(-180.0, south, 180.0, north)]
    west, east = wrap_longitude(west), wrap_longitude(east)
    if west <= east:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def number_or_none(text: str, most: int = BIGGEST_KEY) -> int | None:
    """Parse a whole number from 0 to `most` in a form or an address; return None for any other text."""
    # Python converts at most 4,300 digits, and the database compares no numbers beyond its columns' range.
    number = int(text) if text.isascii() and text.isdigit() and len(text) < MAX_NUMBER_LENGTH else None
    return None if number is None or number > most else number


def finite_numbers(text: str) -> list[float]:
    """Parse comma-separated numbers; return an empty list if one is invalid, infinite or NaN."""
    try:
        numbers = [float(part) for part in text.split(",", MAX_NUMBERS)]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []


def whole_number(name: str, text: str, low: int, high: int) -> int:
    """Parse a whole number from low to high. Raises Refusal."""
    number = number_or_none(text, high)
    if number is not None and number >= low:
        return number
    raise Refusal(f"{name} is not a whole number from {low} to {high}", f"Give for example {name}={high}.")


def choice(name: str, value: str, allowed: list[str]) -> str:
    """Return the value if it is empty or among the allowed ones. Raises Refusal for any other."""
    if value and value not in allowed:
        raise Refusal(f"there is no {name} {value[:40]!r}", f"Give one of {', '.join(allowed)}.")
    return value


def day(name: str, text: str) -> date | None:
    """Parse a day in ISO 8601; return None for empty text. Raises Refusal."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise Refusal(f"{name} is no day: {text[:40]!r}", f"Give {name}=2024-05-01.") from fault


def moment(name: str, text: str, form: re.Pattern[str] = ANY_FORM) -> datetime | None:
    """Parse an ISO 8601 day or time (UTC if without a zone) into UTC; return None for empty text. Raises Refusal.

    form: what the text in capitals must match as a whole.
    """
    if not text:
        return None
    try:
        written = text.replace(" ", "+").upper()  # A plus sign in an address that is not encoded arrives as a space.
        if not form.fullmatch(written):
            raise ValueError(written)
        parsed = datetime.fromisoformat(written)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise Refusal(f"{name} is no moment: {text[:40]!r}", f"Give {name}=2024-05-01T12:00:00Z.") from fault
