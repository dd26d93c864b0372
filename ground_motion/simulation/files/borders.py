"""The coast and the provinces of the demo nation as files."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely import get_coordinates, get_exterior_ring, segmentize, transform, voronoi_polygons
from shapely.geometry import MultiPoint, Point, Polygon, shape

from ground_motion.simulation.files.nation import write_features
from ground_motion.simulation.ground.frame import Offset, to_geographic
from ground_motion.simulation.nation import CITY, COUNTRY, MINING_TOWN, VALLEY, Nation


class Province(NamedTuple):
    """A part of the country with its own code: all ground that is closer to its seat than to any other seat."""

    name: str
    code: str
    seat: Offset


PROVINCES = (
    Province("Marnshire", "VM-MA", CITY),
    Province("Corrowdale", "VM-CO", MINING_TOWN),
    Province("Linderland", "VM-LI", VALLEY),
    Province("Skarnland", "VM-SK", Offset(11_000.0, 14_000.0)),
    Province("Middle Marches", "VM-MM", Offset(-1_500.0, -500.0)),
)


def write_border(nation: Nation, path: Path) -> Path:
    """Write the coast as the border of the country, exact to about 200 m."""
    return write_features(path, [(_to_degrees(_coast(nation)), {"name": COUNTRY, "level": 0, "type": "country"})])


def write_provinces(nation: Nation, path: Path) -> Path:
    """Write the provinces. Each is the part of the country that is closer to its seat than to any other seat."""
    frame, coast = nation.region.terrain.frame, _coast(nation)
    east_m, north_m = (np.array(part) for part in zip(*(province.seat for province in PROVINCES), strict=True))
    seats = [Point(*seat) for seat in zip(*frame.to_grid(east_m, north_m), strict=True)]
    around = voronoi_polygons(MultiPoint(seats), extend_to=coast)
    cells = [transform(segmentize(cell, 500.0), _winding) for cell in around.geoms]
    features = []
    for province, seat in zip(PROVINCES, seats, strict=True):
        outline = next(cell for cell in cells if cell.covers(seat)).intersection(coast)
        part = max(getattr(outline, "geoms", [outline]), key=lambda piece: piece.area)
        properties = {"name": province.name, "code": province.code, "level": 1, "country": COUNTRY}
        features.append((_to_degrees(part), properties))
    return write_features(path, features)


def _coast(nation: Nation) -> Polygon:
    """Return the largest island in metres of the grid."""
    land = nation.region.terrain
    grid = Affine(land.posting_m, 0, land.west_m, 0, -land.posting_m, land.top_m)
    dry = np.isfinite(land.height_m).astype(np.uint8)
    pieces = [shape(outline) for outline, value in shapes(dry, transform=grid, connectivity=4) if value]
    return Polygon(get_exterior_ring(max(pieces, key=lambda piece: piece.area).simplify(150.0)))


def _winding(places_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return border points (n, 2), m, shifted to an irregular course; the shift depends on the place only."""
    x, y = places_m.T
    return np.column_stack([x + 700 * np.sin(y / 1_700) + 250 * np.sin(y / 600), y + 700 * np.sin(x / 1_900)])


def _to_degrees(outline: Polygon) -> Polygon:
    easting_m, northing_m = (part for part in get_coordinates(get_exterior_ring(outline)).T)
    return Polygon(np.column_stack(to_geographic(easting_m, northing_m)))
