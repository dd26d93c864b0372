"""`deformation-places`: real fields held against a table of what is right; made fields here, but for one test."""

import numpy as np
import pytest
from shapely import Point

from ground_motion.core.errors import InputError
from ground_motion.methods.deformation.gridding.points import PointCloud, project
from ground_motion.rasters.areas import KINDS, Area, PeakRate, Place
from lab.deformation import real_fields
from lab.deformation.frames import Verdict, frames_of, judge, judged_ground, km2
from lab.deformation.real_fields import Shown, figures_of, judged, show, table, tracks_of
from lab.results import poisson

LONGITUDE, LATITUDE, EPSG = 33.0, 40.0, 32636
(EAST,), (NORTH,), *_ = project(np.array([LONGITUDE]), np.array([LATITUDE]), np.zeros(1, np.float32), epsg=EPSG)
EXPECTED = {"longitude": LONGITUDE, "latitude": LATITUDE, "within_m": 500, "peak_mm_yr": -20}


def frame(rate_mm_yr: float, direction: str = "ascending", east_m: float = 0.0, noise_mm_yr: float = 1.0) -> PointCloud:
    """A frame of 40 km with a place of 2 km that moves in the middle of the first one, on a slope of the whole."""
    rng = np.random.default_rng([ord(direction[0]), round(east_m)])
    x, y = (each.ravel() for each in np.meshgrid(np.arange(-20e3, 20e3, 500), np.arange(-20e3, 20e3, 500)))
    x = x + east_m
    rate = np.where(np.hypot(x, y) < 2_000, rate_mm_yr, 0.0) + 3.0 + y / 20e3 + rng.normal(0, noise_mm_yr, x.size)
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
    ("others", "verdict"),
    [
        ([frame(-9.0)], "confirmed"),
        ([frame(0.0)], "excluded"),
        ([frame(0.0, "descending")], "excluded"),
        ([frame(9.0)], "excluded"),
        ([frame(9.0, "descending")], "unjudged"),  # Ground that moves sideways looks so from the other side.
        ([frame(0.0), frame(-9.0, "descending")], "unjudged"),
        ([frame(0.0, noise_mm_yr=60.0)], "unjudged"),
        ([frame(0.0, east_m=21_000.0)], "unjudged"),
        ([], "unjudged"),
    ],
)
def test_an_overlapping_frame_confirms_or_excludes_what_it_sees_well_enough(others, verdict):
    own, *beside = frames_of([frame(-20.0), *others])
    assert judge(area().polygon, own, beside) == verdict
    one = judged(shown(area()), [shown(track=other) for other in others])
    assert (one.confirmed, one.excluded) == (verdict == Verdict.CONFIRMED, verdict == Verdict.EXCLUDED)
    assert one.false == one.excluded


def test_noise_is_excluded_and_motion_confirmed_as_often_as_stated():
    """Places of 2 km without motion in either frame, and places that move in both by twice the error."""
    own, other = (frame(0.0, side, noise_mm_yr=8.0) for side in ("ascending", "descending"))
    rng, verdicts = np.random.default_rng(4), {0.0: [], -8.0: []}
    for rate, found in verdicts.items():
        for _ in range(60):
            at = rng.uniform(-8e3, 8e3, 2)
            moved = [
                points._replace(
                    velocity_mm_yr=points.velocity_mm_yr
                    + np.float32(rate) * (np.hypot(points.x - EAST - at[0], points.y - NORTH - at[1]) < 2_000)
                )
                for points in (own, other)
            ]
            found.append(judge(area(at=tuple(at)).polygon, *(lambda one, *rest: (one, rest))(*frames_of(moved))))
    assert verdicts[0.0].count(Verdict.CONFIRMED) <= 60 * 0.05 * 2.5
    assert verdicts[-8.0].count(Verdict.EXCLUDED) <= 60 * 0.05
    assert verdicts[-8.0].count(Verdict.CONFIRMED) >= 50


def test_still_ground_is_judged_where_another_frame_sees_it_still():
    calm = frame(0.0, "descending", noise_mm_yr=0.3), frame(0.0, east_m=21_000.0, noise_mm_yr=0.3)
    own, still, far = frames_of([frame(0.0), *calm])
    everywhere, in_part = (km2(own, judged_ground(own, [other])) for other in (still, far))
    assert km2(own, judged_ground(own, [])) == 0
    assert 1_000 < everywhere <= 1_600
    assert 400 < in_part < 800
    own, still, moving, noisy = frames_of([frame(0.0), calm[0], frame(-20.0), frame(0.0, noise_mm_yr=60.0)])
    assert judged_ground(own, [still])[40, 40]
    assert not judged_ground(own, [moving])[40, 40]
    assert km2(own, judged_ground(own, [noisy])) == 0


def test_figures_are_of_all_fields_and_of_each():
    one = shown(area(), expected=[EXPECTED], known=True, track=frame(-20.0))._replace(expected=0.5)
    other = shown(area(), group="g", track=frame(-18.0))._replace(expected=0.1)
    beside = shown(group="g", track=frame(0.0, "descending", noise_mm_yr=0.3))
    for number, each in enumerate((other, beside)):
        each.field["name"] = ("other", "beside")[number]
    metrics = figures_of([one, None, other, beside])
    assert metrics["false_areas_per_1000km2"].value == pytest.approx(1 / 3)
    assert metrics["places_found"].value == metrics["peaks_right"].value == 1
    assert metrics["areas_confirmed"].value == 0
    assert metrics["fields_right_share"].value == pytest.approx(2 / 3)
    assert metrics["other_false"].value == metrics["other_excluded"].value == 1
    assert (metrics["known_km2"].value, metrics["known_false_areas"].value) == (1_000.0, 0)
    assert metrics["frames_false_areas"] == metrics["judged_false_areas"] == poisson(1, 1_000.0)
    assert 0.5 < metrics["judged_expected_false_areas"].value <= 0.6
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
