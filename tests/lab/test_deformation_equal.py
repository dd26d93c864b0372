"""`deformation-equal`: every method at the same false alarms, its threshold chosen on other places (here made ones)."""

import numpy as np
import pytest
from affine import Affine

from ground_motion.cli.program import main
from ground_motion.methods.deformation import DeformationMethod
from ground_motion.methods.deformation.filters.baseline import split_by_sign
from ground_motion.methods.deformation.gridding.points import PointCloud, sorted_points
from ground_motion.methods.deformation.infer import DeformationResult, detect_tracks
from ground_motion.methods.deformation.null.surrogates import surrogate
from ground_motion.rasters.areas import areas_in, count_within
from lab.deformation.alarms import equal, held, levels
from lab.deformation.alarms.equal import AIM, Bowl, Ground, Job, figures_of, level_at, measure_job, thresholds
from lab.deformation.alarms.held import FILTER
from lab.deformation.alarms.levels import LEVELS, View, view_of
from lab.deformation.frames import frames_of
from lab.deformation.injected import places, scenes
from lab.deformation.injected.places import StillPlace
from lab.deformation.injected.scenes import bowl_in, digest, scene, searched_km2, with_bowl
from lab.deformation.measures.benchmark_tiles import BOWLS, TableBowl, bowl_tile
from lab.results import poisson
from lab.simulation.seeds import Purpose

SIDE_M = 4_100.0


def still_field(seed: int, spread_mm_yr: float = 0.5) -> PointCloud:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SIDE_M, (2, 8_000)) + np.array([[400_000.0], [4_000_000.0]])
    rate = rng.normal(0, spread_mm_yr, x.size).astype(np.float32)
    return PointCloud(x, y, rate, 32633, height_m=np.zeros(x.size, dtype=np.float32))


@pytest.fixture(autouse=True)
def fields(monkeypatch):
    """Two made places: `flat` of two tracks, `quiet` of one."""
    held = {"flat": (still_field(1), still_field(2)), "quiet": (still_field(3),)}
    for module in (scenes, equal):
        monkeypatch.setattr(module, "PLACES", tuple(StillPlace(name, "") for name in held))
    monkeypatch.setattr(scenes, "place", lambda name: StillPlace(name, ""))
    monkeypatch.setattr(scenes, "residual_field", lambda place: held[place.name])
    return held


def test_a_copy_is_turned_and_thinned_and_its_ground_is_the_real_ground(fields):
    turned = scene(2)
    assert turned.place == "flat"
    kept = turned.points.x.size
    assert 0.45 * 8_000 < kept < 8_000
    east, north = turned.turn.ground(turned.points.x, turned.points.y)
    real = {*zip(np.round(fields["flat"][1].x, 3), np.round(fields["flat"][1].y, 3), strict=True)}
    assert {*zip(np.round(east, 3), np.round(north, 3), strict=True)} <= real
    assert searched_km2(fields["flat"][0]) == pytest.approx((SIDE_M + 400) ** 2 / 1e6, rel=0.05)


def test_a_bowl_stands_where_enough_points_see_it_and_not_in_a_field_narrower_than_it(fields):
    still = scene(0)
    for key in equal.SHAPES:
        bowl = bowl_in(still, key, BOWLS[key])
        away = np.hypot(still.points.x - bowl.x, still.points.y - bowl.y)
        assert (away < bowl.radius_m).sum() >= 30
        assert away.min() <= 200
        added = with_bowl(still.points, bowl).velocity_mm_yr - still.points.velocity_mm_yr
        np.testing.assert_allclose(added, bowl.rate_mm_yr * np.exp(-((away / bowl.radius_m) ** 2)), atol=1e-4)
    assert bowl_in(still, "wide", TableBowl(3.0, 4_000.0)) is None


def test_everything_that_is_drawn_is_in_the_hash(fields):
    assert digest(scene(1).points) == digest(scene(1).points)
    points = fields["flat"][0]
    before = digest(points)
    points.height_m[0] += 1
    assert digest(points) != before


@pytest.mark.parametrize("method", ["matched-filter", "ada", "getis-ord", "threshold", "whitening"])
def test_a_raised_threshold_flags_what_the_method_itself_flags_with_that_threshold(method):
    """One run serves all thresholds: at level 0 it is the method as shipped."""
    tile = bowl_tile("deformation-national", "pd_4mm_800m", 3, Purpose.TEST)
    points = equal.cloud(tile.tracks[0])
    view = view_of(method, [points])
    own = levels.detect_all_with([points], DeformationMethod.find(method).new_config())
    held = [sorted_points(points)]
    served = [area for area in areas_in(own.bands(), own.transform) if count_within(area.polygon, held) >= 5]
    assert len(view.flagged(0.0)) == len(served)
    counts = view.counts()
    assert (np.diff(counts) <= 0).all()
    assert counts[0] > 0


def made_view(logit: np.ndarray, rate: np.ndarray) -> View:
    result = DeformationResult(
        split_by_sign(1 / (1 + np.exp(-logit)), rate.astype(np.float32), [0.0], 1.0),
        Affine(100, 0, 0, 0, -100, 100.0 * len(logit)),
        32633,
    )
    return View(result, 1.0, np.full(logit.shape, 5))


def test_the_limit_is_the_highest_threshold_at_which_an_area_of_the_sign_reaches_the_heart():
    logit = np.full((40, 40), -30.0)
    logit[10:20, 10:20] = 4.2
    logit[25:35, 25:35] = 9.1
    view = made_view(logit, np.where(np.arange(40) < 22, -3.0, 3.0) + np.zeros((40, 1)))
    heart = np.array([1_550.0]), np.array([2_550.0])
    assert view.limit("subsidence", *heart) == 4.0
    assert view.limit("uplift", *heart) == -np.inf
    counts = dict(zip(LEVELS, view.counts(), strict=True))
    assert [counts[at] for at in (0.0, 4.0, 4.5, 9.0, 9.5)] == [2, 2, 1, 1, 0]


def ground(family: str, place: str, km2: float, highest: float | None = None) -> Ground:
    """Ground with one area that is flagged up to a level."""
    return Ground(family, place, km2, ((-np.inf if highest is None else highest) >= LEVELS).astype(int))


def test_the_threshold_of_a_place_is_chosen_on_all_other_places():
    held = [
        ground("still", "still 0", 3_000.0, 1.0),
        ground("still", "still 1", 3_000.0, 6.0),
        ground("real", "flat", 10.0, 9.0),
        ground("surrogates", "flat", 990.0, 12.0),
    ]
    assert level_at(held, 0.5) == 1.5  # three alarms in 7,000 km²
    at = thresholds(held, 0.25)
    assert at("elsewhere") == 9.5
    assert at("flat") == 1.5
    assert at("still 0") == 9.5
    assert level_at(held, 0.01) == 12.5


def test_figures_are_counted_at_the_threshold_of_each_place():
    held = [ground("still", f"still {n}", 1_000.0) for n in range(3)]
    held.append(ground("real", "flat", 10.0, 3.0))
    bowls = [Bowl(key, "bowl 0", (0,), 5.0) for key in equal.SHAPES]
    bowls += [Bowl(f"injected_{key}", "flat", ("flat", 0, 0), -11.5) for key in equal.SHAPES]
    metrics = figures_of([*held, None, *bowls])
    assert metrics["pd_mean"].value == 1
    assert metrics["injected_pd_mean"].value == 1  # without its own alarm nothing holds the threshold up
    assert metrics["false_alarms_per_1000km2"] == poisson(1, 3_010.0)
    assert metrics["real_false_alarms_per_1000km2"].value == 100.0
    assert metrics["pd_3mm_800m_at_0.25"].value == 1
    assert f"pd_3mm_800m_at_{AIM:g}" not in metrics


def test_no_alarm_on_little_ground_proves_little():
    assert poisson(0, 48.8).low == poisson(0, 48.8).value == 0
    assert poisson(0, 48.8).high == pytest.approx(3.689 / 48.8 * 1000, rel=1e-3)
    assert poisson(3, 6_000.0) == pytest.approx((0.5, 0.103, 1.461), abs=2e-3)


def test_every_scene_is_measured_once_and_every_kind_of_it(fields):
    listed = equal.jobs(3)
    assert len({*listed}) == len(listed)
    assert {job.kind for job in listed} == {"still", "surrogates", "real", "bowl", "injected"}
    kinds = [Job("real", 0), Job("surrogates", 1), Job("injected", 0, "pd_4mm_300m"), Job("bowl", 0, "pd_3mm_800m")]
    measured = [measure_job("threshold", Purpose.TEST, kinds, n) for n in range(len(kinds))]
    assert [type(one) for one in measured] == [Ground, Ground, Bowl, Bowl]
    assert [one.place for one in measured] == ["flat", "flat", "flat", "bowl 0"]


def test_products_at_their_own_thresholds_stand_beside_a_filter_that_is_just_silent(fields, monkeypatch):
    counts = np.where(LEVELS < 2, 1, 0)
    ground = [held.Ground("real", 100.0, 0, 0.01, counts), held.Ground("surrogates", 900.0, 1, np.nan, 0 * counts)]
    bowls = [held.Bowl("injected", n % 3, (n,), n < 6, 3.0 if n < 3 else 1.5) for n in range(9)]
    framed = [held.Bowl("framed", n, ("frame", n), True, 4.0 + n) for n in range(3)]
    found = held.figures_of([ground, [], bowls, framed, [5.0], [-3.0]])
    assert (found["injected_filter_level"].value, found["framed_filter_level"].value) == (2.0, 5.0)
    assert found["surrogates_false_areas_per_1000km2"] == poisson(1, 900.0)
    assert found["real_expected_per_1000km2"].value == pytest.approx(0.1)
    assert found["injected_pd_mean"].value == found["framed_filter_pd_mean"].value == pytest.approx(2 / 3)
    for figure in ("injected_filter_pd_mean", "framed_ahead_of_filter"):
        assert found[figure].value == pytest.approx(1 / 3)
    assert found["injected_ahead_of_filter"].low <= found["injected_ahead_of_filter"].value == pytest.approx(1 / 3)
    monkeypatch.setattr(held, "detect_product", lambda tracks, method: (detect_tracks(tracks, FILTER), None))
    kinds = [Job("real", 0), Job("surrogates", 1), Job("injected", 0, "pd_4mm_300m")]
    (one,), (other,), (bowl,) = (held.measure_job(kinds, n, Purpose.TEST) for n in range(3))
    assert (one.found, other.family) == (0, "surrogates")
    assert np.isnan(one.expected)
    assert bowl.found == (bowl.limit >= 0)


def test_frames_that_judge_each_other_show_the_bowls_put_into_them_and_silence_the_filter(monkeypatch):
    rng = np.random.default_rng(2)
    x, y = (each.ravel() for each in np.meshgrid(np.arange(0, 90e3, 1_000), np.arange(0, 90e3, 1_000)))
    quiet, loud = (PointCloud(x, y, rng.normal(0, s, x.size).astype(np.float32), 32633, 1_000.0) for s in (0.1, 0.4))
    false_mm_yr = np.where(np.hypot(x - 45e3, y - 45e3) < 5e3, -8, 0).astype(np.float32)
    loud = loud._replace(velocity_mm_yr=loud.velocity_mm_yr + false_mm_yr, direction="ascending")
    own, beside = frames_of([loud, quiet._replace(direction="descending")])
    frame = held.Overlapping("made", loud, own, [beside])
    monkeypatch.setattr(held, "overlapping", lambda: [frame])
    monkeypatch.setattr(held, "detect_product", lambda tracks, method: (detect_tracks(tracks, FILTER), None))
    jobs = [Job("frames", 0), Job("framed", 0)]
    (silent,), bowls = (held.measure_job(jobs, n, Purpose.TEST) for n in range(2))
    highest = held._filtered(loud)._highest()
    assert 0 < silent <= highest + 0.5  # An area that the other frame excludes stands up to there.
    assert 3 <= len({bowl.unit for bowl in bowls}) == len(bowls) <= held.FRAMED_BOWLS
    assert [bowl.found for bowl in bowls if bowl.shape == 0] == [True] * sum(bowl.shape == 0 for bowl in bowls)


def semivariance(points: PointCloud, rate: np.ndarray, lag_m: float) -> float:
    """Of points about lag_m east of each other."""
    order = np.argsort(points.x)
    near = np.searchsorted(points.x[order], points.x + lag_m)
    other = order[near.clip(max=order.size - 1)]
    close = (near < order.size) & (np.abs(points.y[other] - points.y) < lag_m)
    return float(np.mean((rate[close] - rate[other[close]]) ** 2) / 2)


def test_a_surrogate_has_the_rates_and_the_covariance_of_the_field_but_not_its_motion(fields):
    points = fields["quiet"][0]
    rng = np.random.default_rng(5)
    waves = np.sin(points.x / 120) + np.sin(points.y / 170)
    bowl = -8 * np.exp(-((points.x - 402_000) ** 2 + (points.y - 4_002_000) ** 2) / 500**2)
    rate = (rng.normal(0, 0.3, points.x.size) + waves + bowl).astype(np.float32)
    drawn = surrogate(rng, points._replace(velocity_mm_yr=rate), 50.0)
    np.testing.assert_array_equal(np.sort(drawn), np.sort(rate))
    heart = np.hypot(points.x - 402_000, points.y - 4_002_000) < 200
    assert rate[heart].mean() < -5
    assert abs(drawn[heart].mean()) < 3
    for lag_m in (60.0, 200.0):
        assert semivariance(points, drawn, lag_m) == pytest.approx(semivariance(points, rate, lag_m), rel=0.35)


@pytest.mark.realdata
def test_the_scenes_are_frozen(real_data, monkeypatch):
    """A change of places, readers or scenes that fails here needs a new version of the benchmark and new figures."""
    monkeypatch.undo()
    monkeypatch.setenv("GROUND_MOTION_DATA", str(real_data))
    places.residual_field.cache_clear()
    assert equal.truth_sha256(equal.SIZE) == equal.FROZEN_SHA256


def test_without_the_real_data_the_command_says_what_to_set(monkeypatch, tmp_path, capsys):
    monkeypatch.undo()
    monkeypatch.setenv("GROUND_MOTION_DATA", str(tmp_path / "nowhere"))
    places.residual_field.cache_clear()
    out = tmp_path / "figures.json"
    command = ["evaluate", "deformation", "--benchmark", "deformation-equal", "--method", "threshold", "--size", "1"]
    assert main([*command, "--json", str(out)]) != 0
    assert "GROUND_MOTION_DATA" in capsys.readouterr().err
    assert not out.exists()
