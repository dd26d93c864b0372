"""Real velocity fields of GROUND_MOTION_DATA by the command line: known motion is found and drawn, still ground is not.

They are checks: nothing is tuned on them. Where their motion is: README of the data folder, and for Offida the fastest
points of the file itself.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from shapely import Point
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from ground_motion.cli.program import main

pytestmark = pytest.mark.realdata

ROOT = Path(__file__).parents[4]
METRES = ROOT / "docs" / "examples" / "columns_in_metres.toml"
PLACES = ROOT / "lab" / "deformation" / "injected" / "mappings"
METRES_PER_DEGREE = 111_320.0


class Flagged(NamedTuple):
    """One area of the command's GeoJSON: its outline in degrees, and its properties."""

    outline: BaseGeometry
    properties: dict

    def away_m(self, longitude: float, latitude: float) -> float:
        """Distance to a place, about."""
        return self.outline.distance(Point(longitude, latitude)) * METRES_PER_DEGREE


def a_slide_or_not_sure(area: Flagged) -> bool:
    """Their files hold neither heights nor two directions: nothing but the shape speaks for a cause."""
    return area.properties["class"] == "landslide" or not area.properties["class_sure"]


@pytest.fixture
def areas_of(real_data, tmp_path):
    """The areas that the command flags in files under `velocity_real`."""

    def run(*names: str, mapping: Path | None = None) -> list[Flagged]:
        outlines, options = tmp_path / "a.geojson", ["--mapping", str(mapping)] if mapping else []
        files = [str(path) for name in names for path in sorted((real_data / "velocity_real").glob(name))]
        assert files
        assert main(["deformation", *files, "--out", str(tmp_path / "p.tif"), "--areas", str(outlines), *options]) == 0
        features = json.loads(outlines.read_text())["features"]
        return [Flagged(shape(feature["geometry"]), feature["properties"]) for feature in features]

    return run


@pytest.mark.parametrize(
    ("name", "mapping"),
    [("cyprus_egms_l2a/*.csv", PLACES / "cyprus.toml"), ("amsterdam_stm/*.csv", PLACES / "amsterdam.toml")],
    ids=["a still town", "a block with rates of half a year"],
)
def test_still_ground_raises_nothing(areas_of, name, mapping):
    assert areas_of(name, mapping=mapping) == []


@pytest.mark.parametrize(("name", "fastest_mm_yr"), [("Maoxian_SBAS.csv", -28.5), ("Maoxian_PS.csv", -26.3)])
def test_both_processings_of_maoxian_show_its_slope_once_and_as_large_as_it_is(areas_of, name, fastest_mm_yr):
    (area,) = areas_of(f"maoxian_slope/{name}")
    assert area.away_m(103.662, 32.080) < 50
    assert area.properties["rate_mm_yr"] < -2
    assert fastest_mm_yr < area.properties["peak_rate_mm_yr"] < fastest_mm_yr / 2  # one point is no peak: they scatter
    assert np.pi / 4 * 585 * 384 / 2 < area.properties["area_m2"] < np.pi / 4 * 585 * 384 * 2
    assert a_slide_or_not_sure(area)


def test_both_slopes_of_offida_are_found_where_almost_everything_moves(areas_of):
    areas = areas_of("offida_slope/*.shp", mapping=METRES)
    for longitude, latitude in ((13.7030, 42.9357), (13.7022, 42.9401)):
        area = min(areas, key=lambda area: area.away_m(longitude, latitude), default=None)
        assert area is not None
        assert area.away_m(longitude, latitude) < 50
        assert area.properties["peak_rate_mm_yr"] < -12
        assert "stands still" in area.properties["assumes"]
        assert a_slide_or_not_sure(area)


@pytest.mark.parametrize(("name", "fastest_mm_yr"), [("Asc", -12.3), ("Desc", -10.0)])
def test_the_weak_motion_of_donana_is_no_more_than_its_points_show(areas_of, name, fastest_mm_yr):
    areas = areas_of(f"donana_psbas/Sentinel_{name}.shp")
    assert len(areas) <= 3
    assert all(fastest_mm_yr < area.properties["peak_rate_mm_yr"] < 0 for area in areas)


@pytest.mark.long
def test_neither_the_fault_nor_the_long_waves_of_the_anatolian_frames_raise_areas(areas_of):
    """One frame of each direction: no place is wider than 300 km²."""
    for frame in ("087A_04904_121313", "167D_04884_131212"):
        areas = areas_of(f"north_anatolia_licsbas/{frame}")
        assert len(areas) <= 10
        assert all(area.properties["area_m2"] < 300e6 for area in areas)
