"""Regions in words, also those that people choose: circles and drawn areas, checked and measured. In degrees."""

import json
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext as _
from shapely import LineString, MultiPolygon, force_2d, get_num_coordinates, make_valid, transform, unary_union
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from ground_motion.core import areas
from ground_motion.core.areas import MAX_KM2, MAX_VERTICES, area_of, simple_border, split_at_date_line
from ground_motion.core.errors import UnusableData
from ground_motion.core.projections import local_system, transformer
from monitor.wording.dates import day_words
from monitor.wording.figures import area_label, decimal, whole
from monitor.wording.places import coordinates
from monitor.wording.refusals import Refusal

MARGIN_M = 200.0  # around an alert that somebody follows: its outline changes a little with every image
LEVELS = {
    0: pgettext_lazy("level of a region", "country"),
    1: pgettext_lazy("level of a region", "province or state"),
    2: pgettext_lazy("level of a region", "district"),
}


class Region(NamedTuple):
    """Outline with its name in words."""

    outline: MultiPolygon
    label: str


def circle(longitude: float, latitude: float, distance_m: float, name: str = "") -> Region:
    """Return the region within a distance of a point. name: of the place, if a search by name found it."""
    longitude = areas.wrap_longitude(longitude)
    outline = disc(longitude, latitude, distance_m)
    # Translators: "2 km around 19.41° N 99.08° W"
    label = gettext("%(distance)s around %(place)s")
    place = name or coordinates(longitude, latitude)
    return Region(outline, label % {"distance": distance_label(distance_m), "place": place})


def disc(longitude: float, latitude: float, distance_m: float) -> MultiPolygon:
    """Return the outline of the area within a distance of a point. Raises Refusal."""
    try:
        return areas.disc(longitude, latitude, distance_m)
    except UnusableData as fault:
        raise Refusal(gettext(str(fault))) from fault


def uploaded(border: MultiPolygon, size_m2: float) -> Region:
    """Return the area of an uploaded file as a region. size_m2: its size before the border was simplified."""
    middle = border.representative_point()
    # Translators: "an uploaded area of 2.1 km² around 19.41° N 99.08° W"
    label = gettext("an uploaded area of %(size)s around %(place)s")
    return Region(border, label % {"size": area_label(size_m2), "place": coordinates(middle.x, middle.y)})


def drawn(text: str) -> Region:
    """Return a drawn area from GeoJSON: a Polygon or MultiPolygon, alone or as a Feature. Raises Refusal."""
    try:
        content = json.loads(text, parse_constant=_refuse)
        content = content.get("geometry") or content
        if content.get("type") not in {"Polygon", "MultiPolygon"}:
            raise Refusal(gettext("Draw an area with at least three corners."))
        geometry = force_2d(shape(content))
        n_vertices = get_num_coordinates(geometry)
    except Refusal:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, ShapelyError) as fault:
        raise Refusal(gettext("The drawn area could not be read. Please draw it again.")) from fault
    if n_vertices > MAX_VERTICES:
        refusal = gettext("The area has %(corners)s corners; %(most)s are allowed. Draw a simpler outline.")
        raise Refusal(refusal % {"corners": whole(int(n_vertices)), "most": whole(MAX_VERTICES)})
    _check(geometry)
    outline = split_at_date_line(geometry)
    middle = outline.representative_point()
    # Translators: "a drawn area of 2.1 km² around 19.41° N 99.08° W"
    label = gettext("a drawn area of %(size)s around %(place)s")
    return Region(outline, label % {"size": area_label(area_of(outline)), "place": coordinates(middle.x, middle.y)})


def administrative(outline: BaseGeometry, name: str) -> Region:
    """Return an administrative region; a border with too many corners is made simpler and wider. Raises Refusal."""
    refusal = gettext("%(region)s has %(size)s km²; the limit is %(most)s km². Choose a smaller region within it.")
    _check_size(outline, refusal, region=name)
    return Region(simple_border(outline), name)


def rectangle(west: float, south: float, east: float, north: float) -> str:
    """Return the bounds of a map view as GeoJSON, like a drawn area; west > east across 180 degrees."""
    east += 360 if east < west else 0
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return json.dumps({"type": "Polygon", "coordinates": [corners]})


def around(area: BaseGeometry, label: str) -> Region:
    """Return an alert's area with a margin, as the region of a subscription to its place."""
    area = areas.join_halves(area)
    middle = area.representative_point()
    degrees_up = MARGIN_M / 111_000
    stretch = 1 / max(0.02, float(np.cos(np.radians(middle.y))))
    grown = make_valid(area.simplify(degrees_up / 10).buffer(degrees_up * (1 + stretch) / 2, quad_segs=3))
    return Region(split_at_date_line(grown), label)


def around_line(line: Sequence[tuple[float, float]], width_m: float) -> Region:
    """Return a strip along a line through corners (longitude, latitude)."""
    middle = LineString(line).interpolate(0.5, normalized=True)
    local = local_system(middle.x, middle.y)
    metres = LineString(np.column_stack(transformer(4326, local).transform(*np.array(line, dtype=np.float64).T)))
    ends = [end.buffer(1.0, quad_segs=3) for end in metres.boundary.geoms]  # what stands at an end belongs to it
    strip = unary_union([metres.buffer(width_m / 2, cap_style="flat", quad_segs=3), *ends])
    outline = transform(strip, lambda xy: np.column_stack(transformer(local, 4326).transform(*xy.T)))
    return Region(split_at_date_line(outline), gettext("%(width)s m around a line") % {"width": whole(width_m)})


def distance_label(distance_m: float) -> str:
    """Return a distance in words: '200 m', '2 km', '2.5 km'."""
    if distance_m < 1000:
        return f"{whole(distance_m)} m"
    tenths = round(distance_m / 100)
    return f"{decimal(tenths / 10, 1 if tenths % 10 else 0)} km"


def _refuse(constant: str) -> None:
    """Raise ValueError for NaN and Infinity, which Python parses although JSON does not allow them."""
    raise ValueError(constant)


def _check(geometry: BaseGeometry) -> None:
    west, south, east, north = geometry.bounds if not geometry.is_empty else (np.nan,) * 4
    if not np.isfinite([west, south, east, north]).all():
        raise Refusal(gettext("The drawn area is empty. Please draw it again."))
    if south < -90 or north > 90 or west < -540 or east > 540 or east - west > 360:
        raise Refusal(gettext("The drawn area reaches beyond the edge of the map."))
    if not geometry.is_valid:
        crossing = "intersection" in explain_validity(geometry).lower()
        raise Refusal(
            gettext("The lines of the drawn area cross each other. Draw it so that they do not.")
            if crossing
            else gettext("The drawn area has no proper outline. Please draw it again.")
        )
    _check_size(geometry, gettext("The area is %(size)s km²; the limit is %(most)s km². Choose a smaller one."))
    if area_of(geometry) <= 0:
        raise Refusal(gettext("The drawn area is too small to be seen. Draw a larger one."))


def _check_size(area: BaseGeometry, refusal: str, **named: str) -> None:
    size = area_of(area) / 1e6
    if size > MAX_KM2:
        raise Refusal(refusal % {"size": whole(size), "most": whole(MAX_KM2), **named})


def level_label(level: int) -> str:
    """Return the name of a level: 'country', 'province or state', …; 'smaller unit' below districts."""
    return str(LEVELS[level]) if level in LEVELS else pgettext("level of a region", "smaller unit")


def moving_sentence(name: str, n_moving: int, n_unreviewed: int, is_measured: bool) -> str:
    """Return sentences on how many places move and how many are reviewed; if none moves, on what that means."""
    if n_moving:
        moves = ngettext(
            "The ground moves at one place in %(region)s.",
            "The ground moves at %(number)s places in %(region)s.",
            n_moving,
        ) % {"region": name, "number": whole(n_moving)}
        if not n_unreviewed:
            checked = ngettext("A specialist has checked it.", "Specialists have checked all of them.", n_moving)
        elif n_unreviewed == n_moving:
            checked = ngettext(
                "No specialist has confirmed it yet.", "No specialist has confirmed any of them yet.", n_moving
            )
        else:
            checked = ngettext(
                "%(number)s of them is not confirmed yet.", "%(number)s of them are not confirmed yet.", n_unreviewed
            ) % {"number": whole(n_unreviewed)}
        return f"{moves} {checked}"
    if is_measured:
        return _(
            "No place where the ground moves is known in %(region)s. That does not mean that the ground is "
            "stable everywhere: slow motion, small places and ground without measurements are not seen."
        ) % {"region": name}
    return _("No measurements of %(region)s are loaded here, so nothing is known of how its ground moves.") % {
        "region": name
    }


def year_sentence(year: int, n_found: int, n_finished: int) -> str:
    """Return the numbers of places found and come to rest: 'In 2026, 3 places were found. 1 came to rest.'."""
    found = ngettext("In %(year)s, %(number)s place was found.", "In %(year)s, %(number)s places were found.", n_found)
    if not n_found:
        found = _("In %(year)s, no place was found.")
    rested = ngettext("%(number)s came to rest.", "%(number)s came to rest.", n_finished)
    if not n_finished:
        rested = _("None came to rest.")
    found %= {"year": str(year), "number": whole(n_found)}
    return f"{found} {rested % {'number': whole(n_finished)}}"


def measured_sentence(n_products: int, last_measured: date | None, last_image: date | None) -> str:
    """Return sentences on the last measurement of a region, its velocity fields and its last image; empty if none."""
    parts = []
    if last_measured:
        sentence = ngettext(
            "The last measurement here is of %(day)s, in %(number)s velocity field.",
            "The last measurement here is of %(day)s, in %(number)s velocity fields.",
            n_products,
        )
        parts.append(sentence % {"day": day_words(last_measured), "number": whole(n_products)})
    if last_image:
        parts.append(_("The last radar image is of %(day)s.") % {"day": day_words(last_image)})
    return " ".join(parts)
