"""Real velocity fields of GROUND_MOTION_DATA by the command line: known motion is found and drawn, still ground is not.

They are checks: nothing is tuned on them. Where their motion is: README of the data folder, and for Offida the fastest
points of the file itself.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy import ndimage
from shapely import Point, contains_xy
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from ingest.formats import open_velocity_field
from ml.__main__ import main
from ml.rasters.regions import EIGHT

pytestmark = pytest.mark.realdata

ROOT = Path(__file__).parents[3]
STAMPS, P_SBAS, METRES = (
    ROOT / "docs" / "examples" / f"{name}.toml" for name in ("stamps_export", "p_sbas", "columns_in_metres")
)
PLACES = ROOT / "lab" / "deformation" / "injected" / "mappings"
METRES_PER_DEGREE = 111_320.0


class Flagged(NamedTuple):
    """One area of the command's GeoJSON: its outline in degrees, and its properties."""

    outline: BaseGeometry
    properties: dict

    def away_m(self, longitude: float, latitude: float) -> float:
        """Distance to a place, about."""
        return self.outline.distance(Point(longitude, latitude)) * METRES_PER_DEGREE


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
    (area,) = areas_of(f"maoxian_slope/{name}", mapping=STAMPS)
    assert area.away_m(103.662, 32.080) < 50
    assert area.properties["rate_mm_yr"] < -2
    assert fastest_mm_yr < area.properties["peak_rate_mm_yr"] < fastest_mm_yr / 2  # one point is no peak: they scatter
    assert np.pi / 4 * 585 * 384 / 2 < area.properties["area_m2"] < np.pi / 4 * 585 * 384 * 2


def test_both_slopes_of_offida_are_found_where_almost_everything_moves(areas_of):
    areas = areas_of("offida_slope/*.shp", mapping=METRES)
    for longitude, latitude in ((13.7030, 42.9357), (13.7022, 42.9401)):
        area = min(areas, key=lambda area: area.away_m(longitude, latitude), default=None)
        assert area is not None
        assert area.away_m(longitude, latitude) < 50
        assert area.properties["peak_rate_mm_yr"] < -12
        assert "stands still" in area.properties["assumes"]


@pytest.mark.parametrize(("name", "fastest_mm_yr"), [("Asc", -12.3), ("Desc", -10.0)])
def test_the_weak_motion_of_donana_is_no_more_than_its_points_show(areas_of, name, fastest_mm_yr):
    areas = areas_of(f"donana_psbas/Sentinel_{name}.shp", mapping=P_SBAS)
    assert len(areas) <= 3
    assert all(fastest_mm_yr < area.properties["peak_rate_mm_yr"] < 0 for area in areas)


def test_few_areas_of_the_anatolian_frames_contradict_what_overlapping_frames_show(areas_of, real_data):
    """The ascending ones: a tenth of what a threshold of 8 mm/yr flags there and the other does not flag as well."""
    folder = real_data / "velocity_real" / "north_anatolia_licsbas"
    frames = {path.name: _cells(path) for path in sorted(folder.glob("*A_*"))}
    flagged = {name: [area.outline for area in areas_of(f"north_anatolia_licsbas/{name}")] for name in frames}
    by_threshold = {name: _fast_regions(cells, 8.0) for name, cells in frames.items()}
    assert _unconfirmed(by_threshold, frames) > 100
    assert _unconfirmed(flagged, frames) <= _unconfirmed(by_threshold, frames) / 10


class Cells(NamedTuple):
    """What one frame measured, (n,) each: degrees, mm/yr."""

    longitude: np.ndarray
    latitude: np.ndarray
    velocity_mm_yr: np.ndarray


def _cells(path: Path) -> Cells:
    batches = list(open_velocity_field(path).batches())
    columns = (np.concatenate([getattr(batch, name) for batch in batches]) for name in Cells._fields)
    return Cells(*columns)


def _fast_regions(cells: Cells, limit_mm_yr: float) -> list[BaseGeometry]:
    """Outlines of connected cells beyond a rate against the frame's median, by sign."""
    step = 0.01
    col, row = (np.rint((values - values.min()) / step).astype(int) for values in cells[:2])
    rate = np.zeros((row.max() + 1, col.max() + 1))
    rate[row, col] = cells.velocity_mm_yr - np.median(cells.velocity_mm_yr)
    outlines = []
    for sign in (-1, 1):
        labels, n = ndimage.label(sign * rate >= limit_mm_yr, structure=EIGHT)
        for at_row, at_col in (np.nonzero(labels == label) for label in range(1, n + 1)):
            places = np.column_stack([at_col, at_row]) * step + (cells.longitude.min(), cells.latitude.min())
            outlines.append(
                shape({"type": "MultiPoint", "coordinates": places.tolist()}).buffer(step / 2, cap_style="square")
            )
    return outlines


def _unconfirmed(flagged: dict[str, list[BaseGeometry]], frames: dict[str, Cells]) -> int:
    """Areas where another frame has cells too, and no frame flags any of them."""
    count = 0
    for name, outlines in flagged.items():
        others = [other for other in frames if other != name]
        for outline in outlines:
            seen = any(contains_xy(outline, *frames[other][:2]).any() for other in others)
            count += seen and not any(outline.intersects(area) for other in others for area in flagged[other])
    return count
