"""What an inspection tells of a file before it is loaded, as words and small drawings for the page of uploads.

The inspection comes from the process that read the file, and may hold anything: what has not the expected form is left
out. Its evidence and its remarks are in English, as all that is said of files.
"""

import math
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ingest.models import IngestJob
from monitor.wording.figures import short, whole
from monitor.wording.places import country_near, latitude_label, longitude_label

SHADES = 4
BAR_HEIGHT = 30
MAX_REMARKS = 6
FIELDS = {"unit": ("unit",), "positive": ("positive",), "period": ("first_day", "last_day")}


def fields_missing(job: IngestJob) -> list[str]:
    """Return the names of the form's fields that the sender of a file must fill in; empty if nothing is asked."""
    missing = job.inspection.get("missing", ())
    return [field for name, fields in FIELDS.items() if name in missing for field in fields]


def preview_of(job: IngestJob) -> dict[str, Any] | None:
    """Return what is shown of a file before it is loaded; None if nothing is known."""
    told = job.inspection.get("told", {})
    try:
        return {
            "title": str(told["title"]),
            "reason": str(told["reason"]),
            "parts": [_part(part) for part in told["parts"][:4]],
        }
    except (KeyError, TypeError, ValueError, LookupError, ArithmeticError):
        return None


def _part(part: dict[str, Any]) -> dict[str, Any]:
    west, south, east, north = map(float, part["extent"])
    low, _five, middle, _most, high = map(float, part["values"])
    values = {"low": short(low), "middle": short(middle), "high": short(high)}
    in_file = _("The file's own numbers run from %(low)s to %(high)s; half of them are below %(middle)s.")
    in_mm = _("The rates run from %(low)s to %(high)s mm a year; half of them are below %(middle)s.")
    points = int(part["points"])
    remarks = [*part["changes"], *(f"{count:,} rows left out: {reason}." for reason, count in part["left_out"])]
    corner = [(longitude_label(_wrapped(lon)), latitude_label(lat)) for lon, lat in ((west, north), (east, south))]
    counts, bars = part["map"], part["histogram"]["counts"]
    return {
        "points": ngettext("%(number)s point", "%(number)s points", points) % {"number": whole(points)},
        "country": country_near(_wrapped((west + east) / 2), (south + north) / 2),
        "corners": corner,
        "values": (in_mm if part["values_in"] else in_file) % values,
        "remarks": [str(remark) for remark in remarks[:MAX_REMARKS]],
        "map": _shades(counts),
        "columns": len(counts[0]),
        "rows": len(counts),
        "height": _height(west, south, east, north),
        "bars": _bars(bars),
        "n_bars": len(bars),
        "low": short(float(part["histogram"]["edges"][0])),
        "high": short(float(part["histogram"]["edges"][-1])),
    }


def _wrapped(longitude: float) -> float:
    return longitude - 360 * round(longitude / 360)


def _height(west: float, south: float, east: float, north: float) -> int:
    """Return the height of the map in pixels at a width of 240: as on the ground, but neither flat nor tall."""
    width = max(east - west, 1e-6) * max(math.cos(math.radians((south + north) / 2)), 0.05)
    return round(min(max(240 * (north - south) / width, 60), 240))


def _shades(counts: list[list[int]]) -> list[dict[str, Any]]:
    """Return (shade from 1 to SHADES, SVG path of its cells) of a map of numbers of points."""
    most = max(map(max, counts))
    paths: dict[int, list[str]] = {shade: [] for shade in range(1, SHADES + 1)}
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            if count > 0:
                paths[math.ceil(SHADES * count / most)].append(f"M{x} {y}h1v1h-1z")
    return [{"shade": shade, "path": "".join(cells)} for shade, cells in paths.items() if cells]


def _bars(counts: list[int]) -> str:
    """Return the SVG path of a histogram, one unit wide for each bar, BAR_HEIGHT high."""
    most = max(counts)
    heights = [BAR_HEIGHT * count / most for count in counts]
    return "".join(f"M{x} {BAR_HEIGHT}h0.9v{-height:.1f}h-0.9z" for x, height in enumerate(heights) if height)
