"""`deformation-places`: real fields held against a table of what is right; made fields here, but for one test."""

import numpy as np
import pytest
from shapely import Point

from ground_motion.core.errors import InputError
from ground_motion.methods.deformation.gridding.points import PointCloud, project
from ground_motion.rasters.areas import KINDS, Area, PeakRate, Place
from lab.deformation import real_fields
from lab.deformation.real_fields import Shown, figures_of, judged, show, table, tracks_of

LONGITUDE, LATITUDE, EPSG = 33.0, 40.0, 32636
(EAST,), (NORTH,), *_ = project(np.array([LONGITUDE]), np.array([LATITUDE]), np.zeros(1, np.float32), epsg=EPSG)
EXPECTED = {"longitude": LONGITUDE, "latitude": LATITUDE, "within_m": 500, "peak_mm_yr": -20}


def frame(rate_mm_yr: float, direction: str = "ascending", east_m: float = 0.0) -> PointCloud:
    """A frame of 40 km with a place of 2 km that moves in the middle of the first one, on a slope of the whole."""
    x, y = (each.ravel() for each in np.meshgrid(np.arange(-20e3, 20e3, 500), np.arange(-20e3, 20e3, 500)))
    x = x + east_m
    rate = np.where(np.hypot(x, y) < 2_000, rate_mm_yr, 0.0) + 3.0 + y / 20e3
    return PointCloud(EAST + x, NORTH + y, rate.astype(np.float32), EPSG, 500.0, direction=direction)


def area(peak_mm_yr=-20.0, radius_m=2_000.0, at=(0.0, 0.0), kinds=None) -> Area:
    outline = Point(EAST + at[0], NORTH + at[1]).buffer(radius_m)
    place = Place(outline, outline, outline, PeakRate(peak_mm_yr, peak_mm_yr, peak_mm_yr))
    kind = max(kinds, key=kinds.get) if kinds else "subsidence"
    return Area(outline, kind, 0.9, peak_mm_yr / 2, peak_mm_yr, outline.area, kinds or {}, (place,))


def shown(*areas: Area, track=None, **field) -> Shown:
    return Shown({"name": "made", **field}, [*areas], 1_000.0, track or frame(-20.0))


def test_an_expected_place_is_found_with_its_sign_and_its_peak_within_a_quarter():
    for peak, found, right in ((-20.0, 1, 1), (-15.5, 1, 1), (-14.0, 1, 0), (20.0, 0, 0)):
        verdict = judged(shown(area(peak), expected=[EXPECTED]), [])
        assert (verdict.found, verdict.peaks) == (found, right)
    beside_it = judged(shown(area(at=(5_000.0, 0.0)), expected=[EXPECTED]), [])
    assert beside_it.found == 0
    fastest_first = judged(shown(area(-8.0), area(-19.0), expected=[EXPECTED]), [])
    assert fastest_first.peaks == 1


def test_what_is_not_expected_is_false_only_where_all_motion_is_known():
    other = area(at=(9_000.0, 0.0))
    assert judged(shown(area(), other, expected=[EXPECTED], known=True), []).false == 1
    assert judged(shown(area(), other, expected=[EXPECTED]), []).false == 0
    assert judged(shown(known=True, max_areas=0), []).right
    assert not judged(shown(area(), known=True, max_areas=0), []).right


def test_an_area_may_have_the_names_that_the_table_allows():
    slide = {"landslide": 0.6, "uplift": 0.4}  # too little for a name
    mine = {"mining_subsidence": 0.9, "uplift": 0.1}
    allowed = ["landslide", "not_sure"]
    assert judged(shown(area(kinds=slide), kinds=allowed), []).right
    assert not judged(shown(area(kinds=mine), kinds=allowed), []).right
    assert judged(shown(area(kinds=mine)), []).right


def test_too_many_or_too_large_areas_are_not_right():
    wide = area(radius_m=12_000.0)
    verdict = judged(shown(wide, max_area_km2=300), [])
    assert (verdict.false, verdict.within) == (1, False)
    assert verdict.largest_km2 == pytest.approx(452, rel=0.01)
    several = [area(at=(at, 0.0)) for at in (0.0, 6_000.0, 12_000.0)]
    assert not judged(shown(*several, max_areas_per_1000km2=2), []).within
    assert judged(shown(*several, max_areas=3), []).within


@pytest.mark.parametrize(
    ("rate_mm_yr", "direction", "counts"),
    [
        (-9.0, "ascending", (1, 1, 0, 0)),
        (-3.0, "ascending", (1, 0, 0, 0)),  # neither shows it nor contradicts it
        (9.0, "ascending", (1, 0, 1, 1)),
        (9.0, "descending", (1, 0, 1, 0)),  # ground that moves sideways looks so from the other side
    ],
)
def test_an_overlapping_frame_confirms_or_contradicts_against_the_ground_around(rate_mm_yr, direction, counts):
    other = shown(track=frame(rate_mm_yr, direction)._replace(epsg=EPSG))
    verdict = judged(shown(area()), [other])
    assert (verdict.covered, verdict.confirmed, verdict.contradicted, verdict.false) == counts


def test_a_frame_that_does_not_cover_an_area_has_no_say():
    assert judged(shown(area()), [shown(track=frame(20.0, east_m=21_000.0))]).covered == 0


def test_figures_are_of_all_fields_and_of_each():
    one = shown(area(), expected=[EXPECTED], known=True, group="g", track=frame(-20.0))
    other = shown(area(), area(at=(9_000.0, 0.0)), known=True, group="g", track=frame(-18.0))
    other.field["name"] = "other"
    metrics = figures_of([one, None, other])
    assert metrics["false_areas_per_1000km2"].value == 1.0
    assert metrics["places_found"].value == metrics["peaks_right"].value == 1
    assert metrics["areas_confirmed"].value == pytest.approx(2 / 3)
    assert metrics["fields_right_share"].value == 0.5
    assert metrics["other_false"].value == 2
    with pytest.raises(InputError, match="none of the fields"):
        figures_of([None])


def test_a_field_without_data_is_left_out_and_says_why(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("GROUND_MOTION_DATA", str(tmp_path))
    assert show("threshold", 0) is None
    assert "anatolia_014a: left out" in capsys.readouterr().out


def test_files_can_be_left_out_of_a_folder(tmp_path):
    product = tmp_path / "product"
    product.mkdir()
    for name in ("vel", "vel.filt.mskd"):
        (product / name).touch()
    with real_fields._without(product, ["*.filt*"]) as kept:
        assert [path.name for path in kept.iterdir()] == ["vel"]


def test_every_field_of_the_table_says_what_is_right_and_why():
    fields = table()
    assert len({field["name"] for field in fields}) == len(fields)
    known = {"name", "files", "mapping", "without", "group", "known", "expected", "kinds", "source"}
    known |= {"max_areas", "max_area_km2", "max_areas_per_1000km2"}
    for field in fields:
        assert set(field) <= known
        assert len(field["source"]) > 10
        assert set(field.get("kinds", ())) <= {*KINDS, real_fields.NOT_SURE}
        assert all("peak_mm_yr" in place or "rises" in place for place in field.get("expected", ()))


@pytest.mark.realdata
def test_the_smallest_real_fields_are_judged(real_files):
    numbers = {field["name"]: number for number, field in enumerate(table())}
    metrics = figures_of(show("model", numbers[name]) for name in ("maoxian_sbas", "cyprus", "amsterdam"))
    assert metrics["maoxian_sbas_found"].value == 1
    assert metrics["cyprus_right"].value == metrics["amsterdam_right"].value == 1
    unfiltered = table()[numbers["campi_flegrei_unfiltered"]]
    assert float(np.median(tracks_of(unfiltered)[0].velocity_mm_yr)) == pytest.approx(-22.9, abs=0.5)
