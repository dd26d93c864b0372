"""`deformation-injected`: known motion in still fields (here made ones), and how it is scored, tuned and compared."""

import numpy as np
import pytest
from affine import Affine
from shapely import Point

from lab.deformation.injected import evaluate, places, scenes, surrogates, thresholds
from lab.deformation.injected.evaluate import Entrant, figures_of, gains, measure_scene
from lab.deformation.injected.places import Fold, RealTrack, StillPlace
from lab.deformation.injected.scenes import SHAPES, Motion, Shape, clouds, motion_in, scene_of, with_motion
from lab.deformation.injected.scoring import ground_of, score_motion, score_still
from ml.__main__ import main
from ml.deformation.filters.baseline import MatchedFilterConfig, split_by_sign
from ml.deformation.gridding.points import PointCloud
from ml.deformation.infer import DeformationResult, detect_all_with

SIDE_M, CELL_M = 4_100.0, 100.0
YEARS = np.linspace(0, 4, 30)


def still_track(seed: int, los_up: float, spread_mm_yr: float = 0.5) -> RealTrack:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SIDE_M, (2, 8_000)) + np.array([[400_000.0], [4_000_000.0]])
    rate = rng.normal(0, spread_mm_yr, x.size).astype(np.float32)
    points = PointCloud(x, y, rate, 32633, height_m=np.zeros(x.size, dtype=np.float32))
    series = (rate[:, None] * YEARS + rng.normal(0, 2, (x.size, YEARS.size))).astype(np.float32)
    return RealTrack(points, los_up, YEARS, series)


@pytest.fixture(autouse=True)
def fields(monkeypatch):
    """Two made places: `flat` of two tracks, `quiet` of one."""
    held = {"flat": (still_track(1, 0.8), still_track(2, 0.6)), "quiet": (still_track(3, 1.0),)}
    made = tuple(StillPlace(name, "") for name in held)
    for module in (scenes, evaluate, surrogates):
        monkeypatch.setattr(module, "PLACES", made)
    monkeypatch.setattr(scenes, "place", lambda name: StillPlace(name, ""))
    monkeypatch.setattr(scenes, "residual_tracks", lambda place: held[place.name])
    folds = [Fold("one", ("quiet",), ("flat",)), Fold("two", ("flat",), ("quiet",))]
    monkeypatch.setattr(thresholds, "folds", lambda: folds)
    return held


def sure_of(points: PointCloud, moves, rate_mm_yr) -> DeformationResult:
    """A detector's result that flags the cells where `moves` holds, at their rate."""
    west, top = points.x.min() - 500, points.y.max() + 500
    n = int((SIDE_M + 1_000) / CELL_M)
    x, y = np.meshgrid(west + (np.arange(n) + 0.5) * CELL_M, top - (np.arange(n) + 0.5) * CELL_M)
    maps = split_by_sign(moves(x, y).astype(float), np.asarray(rate_mm_yr(x, y), dtype=np.float32), 0.0, 0.3)
    return DeformationResult(maps, Affine(CELL_M, 0, west, 0, -CELL_M, top), points.epsg)


def test_the_first_scenes_are_the_field_as_it_is_each_track_first_once(fields):
    one, other, turned = (scene_of("flat", number) for number in range(3))
    assert one.as_it_is
    assert other.as_it_is
    np.testing.assert_array_equal(one.tracks[0].points.velocity_mm_yr, fields["flat"][0].points.velocity_mm_yr)
    assert other.tracks[0] is fields["flat"][1]
    assert not turned.as_it_is
    assert 0.45 * 8_000 < turned.tracks[0].points.x.size < 8_000


def test_motion_goes_into_rates_and_series_alike_and_follows_each_line_of_sight():
    still = scene_of("flat", 0)
    motion = Motion(Shape(4.0, 800.0), 402_000.0, 4_002_000.0, -1.0, 0.0)
    moved = with_motion(still, motion)
    for before, after, share in zip(still.tracks, moved.tracks, (1.0, 0.75), strict=True):
        away = np.hypot(after.points.x - motion.x, after.points.y - motion.y)
        added = after.points.velocity_mm_yr - before.points.velocity_mm_yr
        np.testing.assert_allclose(added, -4.0 * share * np.exp(-((away / 800) ** 2)), atol=1e-4)
        slope = np.polyfit(YEARS, (after.displacement_mm - before.displacement_mm).T, 1)[0]
        np.testing.assert_allclose(slope, added, atol=1e-3)


def test_a_shape_stands_where_enough_points_see_it_and_not_in_a_field_narrower_than_it(fields, monkeypatch):
    still = scene_of("flat", 3)
    for key, shape in SHAPES.items():
        motion = motion_in(still, key)
        points = still.tracks[0].points
        away = np.hypot(points.x - motion.x, points.y - motion.y)
        assert (away < shape.radius_m).sum() >= 30
        assert away.min() <= 200
    block = tuple(
        track._replace(points=track.points._replace(x=track.points.x % 250, y=track.points.y % 80))
        for track in fields["flat"]
    )
    monkeypatch.setattr(scenes, "residual_tracks", lambda place: block)
    assert motion_in(scene_of("flat", 0), "pd_4mm_300m") is None


def test_flagging_the_truth_finds_and_measures_it_and_a_wrong_sign_finds_nothing():
    still = scene_of("flat", 0)
    motion = Motion(SHAPES["pd_4mm_800m"], 402_000.0, 4_002_000.0, -1.0, 0.0)
    moved = with_motion(still, motion)
    tracks = clouds(moved)[:1]

    def fast(x, y):
        return np.abs(motion.rate_mm_yr(x, y)) >= 2

    right = score_motion("pd_4mm_800m", sure_of(tracks[0], fast, motion.rate_mm_yr), moved, tracks, motion)
    assert right.detected == 1
    assert right.iou > 0.8
    assert right.error.iou_half > 0.8
    assert right.error.ratio == pytest.approx(1, abs=0.15)
    wrong = sure_of(tracks[0], fast, lambda x, y: -motion.rate_mm_yr(x, y))
    assert score_motion("pd_4mm_800m", wrong, moved, tracks, motion).detected == 0


def test_an_area_on_a_still_field_is_a_false_alarm_on_its_real_ground():
    scene = scene_of("flat", 4)
    tracks = clouds(scene)[:1]
    spot = Point(402_000, 4_002_000).buffer(400)

    def flagged(x, y):
        return np.hypot(x - spot.centroid.x, y - spot.centroid.y) < 400

    still = score_still(sure_of(tracks[0], flagged, lambda x, y: np.full(x.shape, 5.0)), scene, tracks)
    assert sum(still.alarms.values()) == 1
    (block,) = still.alarms
    assert block in still.ground_km2
    assert sum(ground_of(scene, tracks).values()) == pytest.approx((SIDE_M + 400) ** 2 / 1e6, rel=0.05)


def measured(*entrants: Entrant, size: int = 4):
    return [measure_scene(entrants, number) for number in range(size)]


def of_everywhere(name: str, config) -> Entrant:
    return Entrant(name, dict.fromkeys(("flat", "quiet"), config))


def test_figures_are_counted_by_shape_place_and_tracks_and_no_alarm_on_little_ground_proves_little():
    scores = measured(of_everywhere("matched-filter", MatchedFilterConfig()))
    metrics = figures_of(scores, 0)
    assert metrics["pd_4mm_800m"].value == 1
    assert metrics["pd_3mm_300m"].value < 1
    assert metrics["false_alarms_per_1000km2"].value == 0
    assert metrics["flat_pd_3mm_800m"].value == 1
    assert "both_pd_3mm_800m" in metrics
    assert "both_quiet_pd_3mm_800m" not in metrics
    assert 0.5 < metrics["median_iou"].value <= 1
    rate, ground = metrics["false_alarms_per_1000km2"], metrics["ground_km2"].value
    assert rate.low == rate.value == 0
    assert rate.high == pytest.approx(3.689 / ground * 1000, rel=1e-3)  # of Poisson's law
    assert ground == pytest.approx(2 * (SIDE_M + 400) ** 2 / 1e6, rel=0.05)  # each place once, whatever its copies


def test_gains_are_paired_and_none_over_itself():
    entrants = [of_everywhere("matched-filter", MatchedFilterConfig(score_at_half=at)) for at in (4.8, 1e6)]
    scores = measured(*entrants)
    assert all(gain == (0, 0, 0) for gain in gains(scores, 0, 0).values())
    over = gains(scores, 0, 1)
    assert over["pd_4mm_800m"] == (1, 1, 1)
    assert figures_of(scores, 1)["pd_4mm_800m"].value == 0


def test_a_threshold_is_the_lowest_that_keeps_the_training_places_still(fields, monkeypatch):
    quiet = thresholds.tuned("matched-filter", Fold("one", ("quiet",), ("flat",)), copies=3)
    at = fields["quiet"][0].points
    lump = 5 * np.exp(-(((at.x - 402_000) ** 2 + (at.y - 4_002_000) ** 2) / 300**2))
    moving = fields["quiet"][0]._replace(
        points=at._replace(velocity_mm_yr=(at.velocity_mm_yr + lump).astype(np.float32))
    )
    monkeypatch.setattr(scenes, "residual_tracks", lambda place: (moving,))
    loud = thresholds.tuned("matched-filter", Fold("one", ("quiet",), ("flat",)), copies=3)
    assert quiet.score_at_half < 4.8 < loud.score_at_half


def test_a_networks_threshold_is_tuned_in_the_same_way(monkeypatch):
    monkeypatch.setattr(
        thresholds, "detect_all_with", lambda tracks, config: detect_all_with(tracks, MatchedFilterConfig())
    )
    fold = Fold("one", ("quiet",), ("flat",))
    assert thresholds.raised_by(fold, copies=2) < 0
    monkeypatch.setattr(thresholds, "_flags", lambda result, points: True)
    assert thresholds.raised_by(fold, copies=2) == thresholds.RAISED[-1]


def test_each_place_runs_with_the_threshold_tuned_without_it(monkeypatch):
    monkeypatch.setattr(
        thresholds, "tuned", lambda method, fold, **_: MatchedFilterConfig(score_at_half=float(len(fold.training[0])))
    )
    configs = evaluate.entrant("matched-filter").configs
    assert {name: config.score_at_half for name, config in configs.items()} == {"flat": 5.0, "quiet": 4.0}


def test_everything_that_is_drawn_is_in_the_hash(monkeypatch, fields):
    digests = {number: evaluate._scene_digest(number) for number in range(4)}
    assert len({*digests.values()}) == 4
    assert evaluate._scene_digest(2) == digests[2]
    points = fields["flat"][0].points
    points.height_m[0] += 1
    assert evaluate._scene_digest(0) != digests[0]


@pytest.mark.realdata
def test_the_scenes_of_the_real_places_are_frozen(real_data, monkeypatch):
    """A change of places, readers or scenes that fails here needs a new version of the benchmark and new figures."""
    monkeypatch.undo()
    monkeypatch.setenv("GROUND_MOTION_DATA", str(real_data))
    for benchmark in (evaluate, surrogates):
        for size, frozen in benchmark.FROZEN_SHA256.items():
            if size < 100:
                assert benchmark.truth_sha256(size) == frozen


def test_without_the_real_data_the_command_says_what_to_set(monkeypatch, tmp_path, capsys):
    monkeypatch.undo()
    monkeypatch.setenv("GROUND_MOTION_DATA", str(tmp_path / "nowhere"))
    places.residual_tracks.cache_clear()
    out = tmp_path / "figures.json"
    command = ["evaluate", "deformation", "--benchmark", "deformation-injected", "--method", "model", "--size", "1"]
    assert main([*command, "--json", str(out)]) != 0
    assert "GROUND_MOTION_DATA" in capsys.readouterr().err
    assert not out.exists()


def semivariance(points: PointCloud, rate: np.ndarray, lag_m: float) -> float:
    """Of points about lag_m east of each other."""
    order = np.argsort(points.x)
    near = np.searchsorted(points.x[order], points.x + lag_m)
    other = order[near.clip(max=order.size - 1)]
    close = (near < order.size) & (np.abs(points.y[other] - points.y) < lag_m)
    return float(np.mean((rate[close] - rate[other[close]]) ** 2) / 2)


def test_a_surrogate_has_the_rates_and_the_covariance_of_the_field_but_not_its_motion(fields):
    points = fields["quiet"][0].points
    rng = np.random.default_rng(5)
    waves = np.sin(points.x / 120) + np.sin(points.y / 170)
    bowl = -8 * np.exp(-((points.x - 402_000) ** 2 + (points.y - 4_002_000) ** 2) / 500**2)
    rate = (rng.normal(0, 0.3, points.x.size) + waves + bowl).astype(np.float32)
    drawn = surrogates.surrogate(rng, points._replace(velocity_mm_yr=rate))
    np.testing.assert_array_equal(np.sort(drawn), np.sort(rate))
    heart = np.hypot(points.x - 402_000, points.y - 4_002_000) < 200
    assert rate[heart].mean() < -5
    assert abs(drawn[heart].mean()) < 3
    for lag_m in (60.0, 200.0):
        assert semivariance(points, drawn, lag_m) == pytest.approx(semivariance(points, rate, lag_m), rel=0.35)


def test_surrogates_have_no_series_and_every_area_on_them_is_a_false_alarm(monkeypatch):
    scene = surrogates.surrogate_scene(0)
    assert all(track.displacement_mm is None for track in scene.tracks)
    assert surrogates.truth_sha256(2) == surrogates.truth_sha256(2)

    def ones(x, y):
        return np.ones(x.shape)

    everywhere = Entrant("model", dict.fromkeys(("flat", "quiet"), None))
    monkeypatch.setattr(Entrant, "detect", lambda self, place, tracks: sure_of(tracks[0], ones, ones))
    one, both = surrogates.measure_scene(everywhere, 0)
    figures = evaluate.false_alarms([one, both])
    assert sum(one.alarms.values()) == 1
    assert figures["false_alarms_per_1000km2"].value == pytest.approx(2000 / figures["ground_km2"].value)
