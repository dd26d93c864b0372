"""`deformation-foreign`: every family does what it says, nothing in it is seen by training, every method is scored."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lab.deformation.foreign import compare, evaluate, nuisances
from lab.deformation.foreign.families import FAMILIES, NUISANCES
from lab.deformation.foreign.fields import slope_of_step
from lab.deformation.foreign.objects import OBJECTS, FaultHalfDome, NestedBowls, PanelRow, Ring, Strip, TunnelLine
from lab.deformation.foreign.tiles import BOWLS, NAME, bowl_tiles, field_tile
from lab.deformation.measures.benchmark_tiles import NATIONAL, still_tile
from lab.deformation.measures.scoring import truth_of
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import make_tile
from ml.__main__ import main
from ml.deformation.filters.baseline import ThresholdConfig
from ml.simulation.ground.frame import Offset
from ml.simulation.ground.terrain import LandCover
from ml.simulation.velocity.nuisance import Errors

HERE = Offset(0.0, 0.0)


@pytest.fixture(scope="module")
def national():
    return still_tile(NATIONAL, 0, Purpose.TEST)


def tiles_of(family, count=4):
    return [field_tile(family, number, Purpose.TEST) for number in range(count)]


def of_rate(tile, rate_mm_yr):
    """The tile with the same error at every point."""
    tracks = tuple(
        track._replace(errors=Errors(np.full(track.x_m.size, rate_mm_yr), track.errors.yearly_mm, ()))
        for track in tile.tracks
    )
    return replace(tile, tracks=tracks)


def added(family, number=0):
    """What a family adds to the errors of its own still tile, for each track; and the tile."""
    config_rng, tile_rng, error_rng = generator(Purpose.TEST, f"{NAME} {family}", number).spawn(3)
    config = FAMILIES[family].configure(config_rng)
    still = of_rate(make_tile(tile_rng, config), 0.0)
    disturbed = FAMILIES[family].disturb(error_rng, still)
    return disturbed, [track.errors.rate_mm_yr for track in disturbed.tracks]


def test_land_cover_bias_is_half_to_one_and_a_half_mm_a_year_and_not_in_town():
    for number in range(3):
        tile, errors = added("landcover", number)
        for track, error in zip(tile.tracks, errors, strict=True):
            biased = error != 0
            assert 0.5 <= np.abs(error[biased]).min() <= np.abs(error[biased]).max() <= 1.5
            assert not biased[track.cover == LandCover.TOWN].any()
            assert 0.15 < biased[track.cover == LandCover.OPEN].mean() < 0.9
        assert np.unique(np.round(errors[0][errors[0] != 0], 6)).size > 2  # several uses


@pytest.mark.parametrize(
    ("change", "cycle_mm"), [("unwrapping", nuisances.C_BAND_CYCLE_MM), ("lband", nuisances.L_BAND_CYCLE_MM)]
)
def test_wrong_regions_are_off_by_whole_cycles_over_the_span(change, cycle_mm):
    off = []
    for number in range(8):
        tile, _ = added(change, number)
        rng = generator(Purpose.TEST, "cycles", number)
        off.append(nuisances.whole_cycles(rng, tile, tile.tracks[0], cycle_mm) * tile.config.years / cycle_mm)
    cycles = np.concatenate(off)
    assert np.abs(cycles - np.rint(cycles)).max() < 1e-9
    assert {1.0} <= {*np.abs(np.rint(cycles))} <= {0.0, 1.0, 2.0}


def test_a_step_between_seasons_becomes_the_rate_that_least_squares_fit():
    years = np.linspace(0, 6, 3_001)
    for at_share in (0.1, 0.5, 0.75):
        series = np.where(years > at_share * 6, nuisances.C_BAND_CYCLE_MM, 0.0)
        fitted = np.polyfit(years, series, 1)[0]
        assert slope_of_step(nuisances.C_BAND_CYCLE_MM, at_share, 6.0) == pytest.approx(fitted, rel=0.01)


def test_a_processor_smooths_motion_as_it_smooths_errors():
    smooth = bowl_tiles("smoothed", 0, Purpose.TEST)["pd_4mm_300m"]
    track = smooth.tracks[0]
    assert 0.5 < np.abs(track.truth_mm_yr).max() < 4.0
    assert np.array_equal(track.x_m, field_tile("smoothed", 0, Purpose.TEST).tracks[0].x_m)
    assert np.ptp(track.errors.rate_mm_yr - field_tile("smoothed", 0, Purpose.TEST).tracks[0].errors.rate_mm_yr) == 0


def test_errors_grow_as_one_over_the_span_and_so_do_the_bowls_of_short_series():
    short, long = tiles_of("short"), tiles_of("long")
    scatter = {
        name: np.median([np.median(np.abs(tile.tracks[0].errors.rate_mm_yr)) for tile in tiles])
        for name, tiles in (("short", short), ("long", long))
    }
    assert 5 < scatter["short"] / scatter["long"] < 25
    assert all(0.5 <= tile.config.years <= 1.0 for tile in short)
    assert {tile.config.years for tile in long} == {8.0}
    for key, tile in bowl_tiles("short", 0, Purpose.TEST).items():
        rate = abs(tile.sources[0].peak_mm_yr) * tile.tracks[0].geometry.los.up
        assert rate * tile.config.years == pytest.approx(5 * BOWLS[key].rate_mm_yr)
    for key, tile in bowl_tiles("long", 0, Purpose.TEST).items():
        rate = abs(tile.sources[0].peak_mm_yr) * tile.tracks[0].geometry.los.up
        assert rate == pytest.approx(BOWLS[key].rate_mm_yr)


@pytest.mark.parametrize("family", NUISANCES)
def test_nothing_moves_in_a_family_of_nuisances(family):
    for tile in tiles_of(family, 2):
        truth = truth_of(tile, tile.tracks)
        assert truth.objects == []
        assert truth.hidden == []
        assert not truth.rate_mm_yr.any()
        assert all(not track.truth_mm_yr.any() and track.errors.rate_mm_yr.any() for track in tile.tracks)


@pytest.mark.parametrize("family", OBJECTS)
def test_an_object_moves_as_fast_as_it_says_and_can_be_detected(family):
    seen = 0
    for tile in tiles_of(family):
        (source,), (motion,) = tile.sources, tile.motions
        fastest = motion.speed_mm_yr().max()
        assert 0.2 * abs(source.peak_mm_yr) < fastest < 1.5 * abs(source.peak_mm_yr)
        seen += len(truth_of(tile, tile.tracks).objects)
        assert np.percentile(motion.speed_mm_yr(), 20) < 1.0  # most of the tile is still
    assert seen >= 3


def up(source, east, north):
    return source.motion_at(np.array(east, dtype=float), np.array(north, dtype=float), None).up_mm_yr


def test_shapes_are_those_of_their_names():
    row = PanelRow(HERE, -20.0, 0.0, 1_500.0, 40.0, (Strip(-200.0, 250.0, 1.0), Strip(200.0, 250.0, 0.5)))
    first, pillar, second = up(row, [-200, 0, 200], [0, 0, 0])
    assert (first, second) == pytest.approx((-20.0, -10.0), rel=0.02)
    assert abs(pillar) < 2
    drift = row.motion_at(np.array([-320.0, -80.0]), np.zeros(2), None).east_mm_yr
    assert drift[0] > 1 > -1 > drift[1]  # both edges toward the middle of the panel
    dome = FaultHalfDome(HERE, 8.0, 0.0, 2_000.0, 1_500.0, 40.0, 0.0)
    left, right, far = up(dome, [-100, 100, 1_500], [0, 0, 0])
    assert abs(left) < 0.1 < 7 < right < 8
    assert abs(far) < 1e-9
    inside, on, beyond = up(Ring(HERE, -9.0, 1_000.0, 200.0, 90.0, 0.0), [0, 1_000, 2_500], [0, 0, 0])
    assert on == pytest.approx(-9.0)
    assert abs(inside) < 0.01 > abs(beyond)
    line = TunnelLine(HERE, -6.0, (Offset(-2_000, 0), Offset(2_000, 0)), 200.0)
    assert up(line, [0, 1_900], [0, 0]) == pytest.approx([-6.0, -6.0])
    assert abs(up(line, [0], [1_000])[0]) < 0.1
    nested = NestedBowls(HERE, -20.0, -5.0, 2_000.0, Offset(500, 0), 300.0)
    core, rim, out = up(nested, [500, -500, 2_100], [0, 0, 0])
    assert core == pytest.approx(-20.0)
    assert -5 < rim < -4
    assert out == 0


def test_lobes_move_down_their_slope():
    (source,) = field_tile("lobes", 1, Purpose.TEST).sources
    tile = field_tile("lobes", 1, Purpose.TEST)
    (motion,) = tile.motions
    fast = motion.speed_mm_yr() > 0.5 * motion.speed_mm_yr().max()
    assert (motion.up_mm_yr[fast] < 0).all()
    assert source.kind == "landslide"


def test_the_truth_of_the_benchmark_is_frozen():
    """A change that fails here needs a new version of the benchmark and new figures."""
    assert evaluate.truth_sha256(1) == evaluate.FROZEN_SHA256[1]


@pytest.fixture(scope="module")
def measured():
    return evaluate.measure([ThresholdConfig(), ThresholdConfig()], 1, Purpose.TEST, processes=1)


def test_every_family_is_scored_under_its_name(measured):
    metrics = evaluate.figures_of(measured, 0)
    names = {"false_alarms_per_1000km2", "object_f1", "median_iou", "both_object_recall", *BOWLS}
    names |= {f"{both}{family}_false_alarms_per_1000km2" for family in FAMILIES for both in ("", "both_")}
    names |= {f"{family}_{key}" for family in NUISANCES for key in BOWLS}
    names |= {
        f"{both}{family}_{name}" for family in OBJECTS for name in ("recall", "median_iou") for both in ("", "both_")
    }
    assert names <= set(metrics)
    assert all(interval.low <= interval.value <= interval.high for interval in metrics.values())
    assert set(evaluate.gains(measured, 0, 1)) == set(BOWLS)
    assert all(gain.value == 0 for gain in evaluate.gains(measured, 0, 1).values())


def test_the_commands_measure_it(measured, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(evaluate, "measure", lambda configs, size, **_: measured)
    out = tmp_path / "result.json"
    arguments = ["--benchmark", NAME, "--method", "threshold", "--size", "1", "--json", str(out)]
    assert main(["evaluate", "deformation", *arguments]) == 0
    result = json.loads(out.read_text())
    assert (result["benchmark"], result["truth_sha256"]) == (NAME, evaluate.FROZEN_SHA256[1])
    comparable = compare.BENCHMARKS[NAME]._replace(measure=lambda *_, **__: measured)
    monkeypatch.setitem(compare.BENCHMARKS, NAME, comparable)
    monkeypatch.setattr(
        "sys.argv", ["compare", "threshold", "threshold", "--benchmark", NAME, "--size", "1", "--json", str(out)]
    )
    compare.main()
    compared = json.loads(out.read_text())
    assert compared["truth_sha256"] == result["truth_sha256"]
    assert compared["methods"]["threshold"]["metrics"].keys() == result["metrics"].keys()
