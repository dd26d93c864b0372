"""Maps as SVG: outlines, lines, marks and names around a place. Pure: degrees in, positions and paths out."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from shapely import get_parts
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from ground_motion.core.areas import join_halves, turn_near
from monitor.wording.figures import short

WIDTH = 640  # units of the drawing
FLATTEST, TALLEST = 0.55, 1.0  # limits of height divided by width
KM_PER_DEGREE = 111.32
LETTER, LINE = 6.4, 15.0  # width and height of a letter of a name
SCALE_SHARE = 0.3  # longest scale bar, as a share of the width
SMALLEST = 9.0  # A smaller outline is shown by its mark alone.
RAMP = ("ramp-n4", "ramp-n3", "ramp-n2", "ramp-n1", "ramp-0", "ramp-p1", "ramp-p2", "ramp-p3", "ramp-p4")

Bounds = tuple[float, float, float, float]
Numbers = NDArray[np.float64] | NDArray[np.float32] | NDArray[np.int64]


class Frame(NamedTuple):
    """Box in degrees, and its scale in drawing units per degree (x to the right, y down). height: drawing units."""

    west: float
    north: float
    x_per_degree: float
    y_per_degree: float
    height: int

    @property
    def middle(self) -> float:
        """Return the longitude of the middle of the frame, degrees."""
        return self.west + WIDTH / self.x_per_degree / 2

    @property
    def bounds(self) -> Bounds:
        """Return west, south, east, north of the frame, degrees; beyond 180 where it crosses it."""
        east, south = self.west + WIDTH / self.x_per_degree, self.north - self.height / self.y_per_degree
        return self.west, south, east, self.north

    @property
    def width_km(self) -> float:
        """Return the width of the frame, km."""
        return WIDTH / self.y_per_degree * KM_PER_DEGREE

    def place(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Return x and y of a position, in drawing units."""
        longitude -= 360 * round((longitude - self.middle) / 360)
        return (
            round((longitude - self.west) * self.x_per_degree, 1),
            round((self.north - latitude) * self.y_per_degree, 1),
        )


class Shape(NamedTuple):
    """SVG path with the CSS classes of its style."""

    css: str
    d: str


class Mark(NamedTuple):
    """Mark of an alert. css: classes of its kind and state; form: its shape; text: shown inside it."""

    x: float
    y: float
    css: str
    form: str
    text: str
    title: str
    url: str


class Name(NamedTuple):
    """Name on a map. anchor: the part of the text that is placed at (x, y): start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str


class Scale(NamedTuple):
    """Scale bar: its length in units of the drawing, and its label."""

    width: float
    label: str


class Plan(NamedTuple):
    """Map as shapes, marks, names and a scale."""

    width: int
    height: int
    title: str
    shapes: list[Shape]
    marks: list[Mark]
    names: list[Name]
    scale: Scale | None = None

    @property
    def scale_y(self) -> int:
        """Return y of the scale bar."""
        return self.height - 14

    @property
    def north_x(self) -> int:
        """Return x of the north arrow."""
        return self.width - 22


def frame_around(bounds: Bounds, margin: float = 0.08, least_km: float = 0.01, tallest: float = TALLEST) -> Frame:
    """Return a frame around a box, neither too flat nor too tall. margin: on each side, a share of the longer side."""
    west, south, east, north = bounds
    stretch = max(0.02, math.cos(math.radians((south + north) / 2)))
    width, height = (east - west) * stretch, north - south  # Both are in degrees of latitude.
    around = 2 * margin * max(width, height, 1e-4)
    width, height = max(width + around, (height + around) / tallest, least_km / KM_PER_DEGREE), height + around
    height = max(height, width * FLATTEST)
    per_degree = WIDTH / width
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    return Frame(
        middle_x - width / stretch / 2,
        middle_y + height / 2,
        per_degree * stretch,
        per_degree,
        round(height * per_degree),
    )


def drawn(frame: Frame, css: str, shapes: Iterable[BaseGeometry]) -> list[Shape]:
    """Return one path of all shapes (degrees), or an empty list if there is nothing to draw."""
    path = "".join(_path(frame, part) for shape in shapes for part in get_parts(turn_near(shape, frame.middle)))
    return [Shape(css, path)] if path else []


def rate_dots(x: Numbers, y: Numbers, rates_mm_yr: Numbers, full_mm_yr: float) -> list[Shape]:
    """Return a path of dots for each step of RAMP, whose ends are -full_mm_yr and full_mm_yr. x, y: of each dot."""
    steps = ramp_step(rates_mm_yr, full_mm_yr)
    return [
        Shape(RAMP[step], "".join(f"M{x[i]:g} {y[i]:g}h0" for i in np.flatnonzero(steps == step)))
        for step in np.unique(steps)
    ]


def ramp_step(rates_mm_yr: Numbers | float, full_mm_yr: float) -> NDArray[np.int64]:
    """Return the index of each rate's colour in RAMP, whose ends are -full_mm_yr and full_mm_yr."""
    steps = np.clip(np.rint(4 * np.divide(rates_mm_yr, full_mm_yr)), -4, 4)
    return np.asarray(steps + 4, dtype=np.int64)


def is_small(frame: Frame, shape: BaseGeometry, smallest: float = SMALLEST) -> bool:
    """Return whether an outline would be smaller than `smallest` drawing units in both directions."""
    west, south, east, north = join_halves(shape).bounds
    return max((east - west) * frame.x_per_degree, (north - south) * frame.y_per_degree) < smallest


def names_on(
    frame: Frame,
    places: Sequence[tuple[str, float, float]],
    taken: Sequence[tuple[float, float]],
    most: int,
    size: float = 1.0,
) -> list[Name]:
    """Return at most `most` names that fit the frame and overlap neither each other nor the taken positions."""
    # places: (name, longitude, latitude), by priority; taken: x, y in drawing units; size: factor of the letters.
    boxes = [(x - 10, y - 10, x + 10, y + 10) for x, y in taken]
    names: list[Name] = []
    for text, longitude, latitude in places:
        x, y = frame.place(longitude, latitude)
        reach = size * LETTER * len(text)
        left = x + reach + 8 > WIDTH
        west, east = (x - reach - 8, x + 4) if left else (x - 4, x + reach + 8)
        north, south = y - size * LINE / 2, y + size * LINE / 2
        inside = west > 0 and east < WIDTH and north > 0 and south < frame.height
        if inside and not any(west < e and w < east and north < s and n < south for w, n, e, s in boxes):
            boxes.append((west, north, east, south))
            names.append(Name(x, y, text, "end" if left else "start"))
        if len(names) == most:
            break
    return names


def scale_of(frame: Frame) -> Scale:
    """Return the longest scale bar of 1, 2 or 5 times a power of ten that fits SCALE_SHARE of the width."""
    reach = SCALE_SHARE * frame.width_km
    power = 10.0 ** math.floor(math.log10(reach))
    km = next(factor * power for factor in (5, 2, 1) if factor * power <= reach)
    label = f"{short(km)} km" if km >= 1 else f"{short(1000 * km)} m"
    return Scale(round(WIDTH * km / frame.width_km, 1), label)


def _path(frame: Frame, part: BaseGeometry) -> str:
    if isinstance(part, Polygon):
        rings = [ring.coords for ring in (part.exterior, *part.interiors)]
        return "".join(f"{_line(frame, ring)}Z" for ring in rings if len(ring) > 2)
    return _line(frame, part.coords) if isinstance(part, LineString) and not part.is_empty else ""


def _line(frame: Frame, places: Iterable[Sequence[float]]) -> str:
    points = [frame.place(longitude, latitude) for longitude, latitude, *_ in places]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
