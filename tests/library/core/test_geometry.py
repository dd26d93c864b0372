"""Middles, zones and outlines on both sides of 180 degrees."""

import numpy as np
import pytest
from pyproj import Geod
from shapely import LineString, MultiPolygon, Point, Polygon, box, get_parts, union_all
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from ground_motion.core.areas import area_of, smooth_steps
from ground_motion.core.geometry import joined_at_180, middle_of, split_at_180, to_degrees, utm_epsg, utm_zone_of
from ground_motion.core.projections import transformer

FIJI = np.array([179.98, 179.99, -180.0, -179.99, -179.98]), np.full(5, -16.8)


def test_the_middle_of_points_on_both_sides_of_180_lies_between_them() -> None:
    longitude, latitude = middle_of(*FIJI)
    assert abs(longitude) == pytest.approx(180.0)
    assert latitude == -16.8


@pytest.mark.parametrize("turn", [-360.0, 0.0, 360.0])
def test_a_whole_turn_of_longitude_changes_no_zone(turn: float) -> None:
    longitude, latitude = np.array([20.79, 20.80, 20.81]) + turn, np.full(3, 26.1)
    assert middle_of(longitude, latitude)[0] == pytest.approx(20.80)
    assert utm_zone_of(longitude, latitude) == utm_epsg(20.80 + turn, 26.1) == 32634


def test_points_across_180_lie_in_the_first_or_the_last_zone() -> None:
    assert utm_zone_of(*FIJI) in {32701, 32760}
    assert utm_epsg(180.0, -16.8) == utm_epsg(-180.0, -16.8) == 32701


def test_a_mistyped_longitude_moves_no_middle() -> None:
    longitude = np.append(np.linspace(12.50, 12.52, 899), 112.5)
    assert middle_of(longitude, np.full(900, 41.9))[0] == pytest.approx(12.51, abs=1e-4)


@pytest.mark.parametrize("turn", [-720, -360, 0, 360])
def test_an_outline_across_180_is_split_into_a_part_on_each_side(turn: int) -> None:
    split = split_at_180(box(179.5 + turn, -17, 180.25 + turn, -16))
    west, east = sorted(split.geoms, key=lambda part: part.bounds[0])
    assert west.bounds == (-180, -17, -179.75, -16)
    assert east.bounds == (179.5, -17, 180, -16)


def test_an_outline_within_180_is_kept_and_one_beyond_is_turned_back() -> None:
    for kept in (box(10, 40, 11, 41), box(179, -17, 180, -16), box(-180, -17, -179, -16), Polygon()):
        assert split_at_180(kept) is kept
    assert split_at_180(box(180, -17, 181, -16)).equals(box(-180, -17, -179, -16))
    assert split_at_180(box(-339.2, 26, -339.1, 27)).bounds == pytest.approx((20.8, 26, 20.9, 27))
    assert split_at_180(Point(540, 1)).equals(Point(-180, 1))


def test_an_outline_that_touches_180_from_beyond_leaves_no_line_on_the_other_side() -> None:
    step = Polygon([(181, 0), (181, 2), (180, 2), (180, 1), (179, 1), (179, 0.5), (180, 0.5), (180, 0)])
    split = split_at_180(step)
    assert isinstance(split, MultiPolygon)
    assert sorted(part.area for part in split.geoms) == pytest.approx([0.5, 2.0])


def test_lines_are_split_as_outlines_are() -> None:
    split = split_at_180(LineString([(179, 0), (181, 0)]))
    assert sorted(part.bounds for part in split.geoms) == [(-180, 0, -179, 0), (179, 0, 180, 0)]


@pytest.mark.parametrize("outline", [box(179.5, -17, 180.25, -16), box(179.5, -17, 179.75, -16), box(-10, 40, 9, 50)])
def test_a_split_outline_can_be_joined_again(outline: BaseGeometry) -> None:
    assert joined_at_180(split_at_180(outline)).equals(outline)


def test_parts_of_one_place_far_from_180_are_not_moved() -> None:
    parts = MultiPolygon([box(-2, 50, -1, 51), box(1, 50, 2, 51)])
    assert joined_at_180(parts) is parts


@pytest.mark.parametrize("epsg", [32760, 32701])
def test_a_square_in_a_plane_across_180_is_split_in_degrees(epsg: int) -> None:
    x, y = transformer(4326, epsg).transform(180.0, -16.8)
    square = to_degrees(box(x - 1000, y - 1000, x + 1000, y + 1000), epsg)
    assert len(square.geoms) == 2
    assert joined_at_180(square).centroid.x == pytest.approx(180.0, abs=1e-3)
    west, _, east, _ = joined_at_180(square).bounds
    assert east - west == pytest.approx(2000 / (111_320 * np.cos(np.radians(16.8))), rel=0.02)


@pytest.mark.parametrize("longitude", [10.0, 179.999])
def test_steps_crumbs_and_small_holes_are_not_drawn_and_the_size_stays(longitude: float) -> None:
    columns = np.arange(-32, 33) * 100.0
    x, y = np.meshgrid(columns, columns)
    cells = (np.hypot(x, y) < 2500) & (np.hypot(x - 500, y) > 700) & (np.hypot(x + 1500, y) > 150)
    cells[0, 0] = True  # a crumb
    squares = [box(x - 50, y - 50, x + 50, y + 50) for x, y in zip(x[cells], y[cells], strict=True)]
    zone = utm_epsg(longitude, 45.0)
    east, north = transformer(4326, zone).transform(longitude, 45.0)
    stepped = to_degrees(translate(union_all(squares), east, north), zone)
    drawn = smooth_steps(stepped)
    assert area_of(drawn) == pytest.approx(np.pi * (2500**2 - 700**2), rel=0.03)
    (whole,) = get_parts(joined_at_180(drawn))
    assert len(whole.interiors) == 1
    assert Geod(ellps="WGS84").geometry_length(whole.exterior) == pytest.approx(2 * np.pi * 2500, rel=0.03)  # not 4/π


def test_an_outline_that_somebody_drew_is_drawn_as_it_is() -> None:
    by_hand = Point(10, 45).buffer(0.1)
    assert smooth_steps(by_hand).equals(by_hand)
