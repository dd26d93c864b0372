"""Railways for tests: a file with a line, and a product whose points show a step along it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from pyproj import Transformer
from shapely import LineString

from ingest.models import Product
from ingest.products.services import product_load
from monitor.models.lines import Line
from monitor.models.subscriptions import Membership
from monitor.subscribers.organisations import lines
from monitor.subscribers.organisations.line_readings import line_read, lines_due
from tests.makers.generic import COMMERCIAL, csv_text
from tests.makers.living import DECLARED, TRACK

TO_DEGREES = Transformer.from_crs(32633, 4326, always_xy=True)
EAST, NORTH = 500_000.0, 5_540_000.0
LENGTH_M, STEP_M, STEP_MM_YR = 3000.0, 1500.0, -30.0
LIMIT_MM_M_YR = 0.5
WISH = {"name": "Coal line", "kind": "rail", "half_width_m": 3.0, "first_station_m": 11_000.0}
WISH |= {"limit_mm_m_yr": LIMIT_MM_M_YR}
FORM = {"name": "Coal line", "kind": "rail", "width_m": "6", "first_km": "11", "limit_mm_m_yr": "0,5"}


def degrees(x, y) -> list[tuple[float, float]]:
    """Longitude and latitude of places in metres from the middle of the simulated line's beginning."""
    place = TO_DEGREES.transform(EAST + np.asarray(x), NORTH + np.asarray(y))
    return [(round(longitude, 8), round(latitude, 8)) for longitude, latitude in zip(*place, strict=True)]


def line_file(*pieces) -> bytes:
    """GeoJSON of a line 3 km long to the east, or of pieces (start and end in metres)."""
    lines = [degrees(np.linspace(*ends, 4), np.zeros(4)) for ends in pieces or [(0, LENGTH_M)]]
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": line}} for line in lines
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def make_line(owner: Membership, **wish) -> Line:
    """The line of an owner's organisation, not read yet."""
    course = LineString(degrees(np.linspace(0, LENGTH_M, 4), np.zeros(4)))
    wish = WISH | wish
    return lines.line_add(organisation=owner.organisation, course=course, length_m=LENGTH_M, **wish)


def read(line: Line) -> None:
    """Read every line that is due, as a worker does."""
    for due in lines_due():
        line_read(line=due)
    line.refresh_from_db()


def load_points(
    folder: Path, step_mm_yr: float = STEP_MM_YR, gap_m: tuple[float, float] = (2400, 2700), track: int = TRACK
) -> Product:
    """A product of points along the line, every twelve metres, and beside it; behind the step the line sinks.

    One of the same points and the same track is a newer version; one of another track is another data set.
    """
    rng = np.random.default_rng(4)
    on = np.arange(0, LENGTH_M, 12.0)
    on = on[(on < gap_m[0]) | (on > gap_m[1])]
    beside = rng.uniform(0, gap_m[0], 60)
    x = np.concatenate([on + rng.normal(0, 3, on.size), beside])
    y = np.concatenate([rng.normal(0, 5, on.size), rng.choice([-1, 1], 60) * rng.uniform(15, 40, 60)])
    rate = np.concatenate([np.where(on > STEP_M, step_mm_yr, 0.0), np.zeros(60)]) + rng.normal(0, 1.5, x.size)
    places = degrees(x, y)
    table = {
        COMMERCIAL["id"]: [f"P{number}" for number in range(x.size)],
        COMMERCIAL["lon"]: [longitude for longitude, _ in places],
        COMMERCIAL["lat"]: [latitude for _, latitude in places],
        COMMERCIAL["velocity"]: rate.round(2).tolist(),
        **{f"D{2020 + year}0101": (year * rate).round(2).tolist() for year in range(6)},
    }
    path = folder / f"rail{step_mm_yr:g}.csv"
    path.write_text(csv_text(table))
    declared = replace(DECLARED.declared, track=track)
    return product_load(path=path, submission=replace(DECLARED, declared=declared))
