"""Instruments of coherence: baseline methods, a real pair in blocks, real series that are judged."""

import json
from datetime import date, timedelta
from functools import partial

import numpy as np
import pytest
import rasterio

from ground_motion.cli.program import main
from ground_motion.methods.coherence import NETWORK
from ground_motion.methods.coherence.confirm import HIGH_SIGMA, LOW_SIGMA
from ground_motion.methods.coherence.network import load_shipped
from ground_motion.methods.coherence.registration import facts_of
from ground_motion.runtime.methods import methods
from lab import compare_command
from lab.coherence import evaluate
from lab.coherence.change import chips
from lab.coherence.change import evaluate as change_evaluate
from lab.coherence.change.chips import THRESHOLDS, Judged, chosen
from lab.coherence.real import evaluate as real_evaluate
from lab.coherence.real.evaluate import Block, blocks_of, correlation, measured, rmse, tuned
from lab.coherence.training.task import stretch
from lab.simulation.sar.pairs import sample_coherence
from lab.simulation.sar.series import EVENT_PX
from lab.simulation.seeds import Purpose

torch = pytest.importorskip("torch")
CPU = torch.device("cpu")


# ---- baseline methods ----


def test_methods_compared_at_once_have_the_figures_of_each_by_itself(monkeypatch, tmp_path, capsys):
    written = tmp_path / "both.json"
    options = ["--benchmark", evaluate.STRUCTURED, "--size", "2", "--json", str(written)]
    monkeypatch.setattr("sys.argv", ["compare", "guarnieri-prati", "pearson", *options])
    compare_command.main("lab.coherence.compare", evaluate.BENCHMARKS)
    together = json.loads(written.read_text())
    (benchmark,) = (one for one in evaluate.BENCHMARKS if one.name == evaluate.STRUCTURED)
    alone = benchmark.evaluate("pearson", 2)
    assert together["methods"]["pearson"]["metrics"] == {name: one._asdict() for name, one in alone.items()}
    assert together["truth_sha256"] == benchmark.truth_sha256(2)


@pytest.mark.parametrize("method", [name for name, row in methods("coherence").items() if not row.weights])
def test_a_pixel_of_misregistration_costs_a_baseline_method_little(method):
    straight, shifted = (
        np.concatenate([evaluate.errors_of(evaluate.STRUCTURED, by, [method], scene)[method] for scene in range(4)])
        for by in (0.0, 1.0)
    )
    assert np.sqrt((shifted[:, 0] ** 2).mean()) < 1.2 * np.sqrt((straight[:, 0] ** 2).mean())


# ---- sigma ----


def test_sigma_holds_on_pairs_that_did_not_calibrate_it():
    network, windows = load_shipped(CPU), (None, (5, 5), (3, 11))
    over = {window: [] for window in windows}
    for scene in range(12):
        make = evaluate.make_structured if scene % 2 else evaluate.make_even
        pair = make(0.5, scene, Purpose.TEST)
        power = torch.from_numpy(pair.power)
        estimates = network.estimate(power, facts_of([power], pair.looks), windows)
        for window, (values, sigma) in zip(windows, estimates, strict=True):
            true = sample_coherence(pair.moments, window) if window else pair.gamma
            over[window].append((np.abs(values.numpy() - true) / sigma.numpy())[8:-8:4, 8:-8:4].ravel())
    for window, ratios in over.items():
        assert 0.58 <= (np.concatenate(ratios) <= 1).mean() <= 0.80, window


def test_a_sigma_that_is_twice_too_small_is_stretched_by_two():
    rng = np.random.default_rng(1)
    sigma = np.exp(rng.uniform(-4, -1, 20_000))
    factor, power = stretch(np.column_stack([rng.normal(0, 2 * sigma), sigma]).astype(np.float32))
    assert factor == pytest.approx(2, rel=0.1)
    assert power == pytest.approx(1, abs=0.04)


# ---- a real pair in blocks ----


def block(seed: int, error: float) -> Block:
    rng = np.random.default_rng(seed)
    true = rng.uniform(0.3, 0.9, 400)
    rows = np.column_stack([true + rng.normal(0, error, 400), np.full(400, error), true])
    return Block(rows, np.array_split(rows, 4))


def test_the_window_of_a_block_is_chosen_without_it():
    tried = {5: [block(1, 0.3), block(2, 0.3), block(3, 0.01)], 9: [block(4, 0.1), block(5, 0.1), block(6, 0.4)]}
    assert tuned(tried, lambda rows: -rmse(rows)) == [5, 5, 9]
    figures = measured(tried, 3)
    chosen_rows = np.concatenate([tried[5][0].rows, tried[5][1].rows, tried[9][2].rows])
    assert figures["rmse"].value == pytest.approx(rmse(chosen_rows))
    assert figures["r"].low <= figures["r"].value <= figures["r"].high
    assert {"rmse_block_01", "r_block_03", "window_px_r"} <= set(figures)


def test_a_sigma_that_is_too_small_everywhere_is_right_where_the_other_blocks_correct_it():
    blocks = [block(seed, 0.1) for seed in range(6)]
    small = [one._replace(rows=one.rows * [1, 0.5, 1]) for one in blocks]
    figures = measured({5: small}, 6)
    assert figures["within_68"].value < 0.45
    assert figures["within_68_left_out"].value == pytest.approx(0.683, abs=0.02)
    assert figures["within_95_left_out"].value == pytest.approx(0.95, abs=0.02)


@pytest.fixture
def made_folder(tmp_path, monkeypatch):
    """A pair as the real one lies there, of simulated ground."""
    folder = tmp_path / "pairs_real" / "morocco_s1"
    folder.mkdir(parents=True)
    pair = evaluate.make_structured(0.0, 2, Purpose.TEST)
    planes = (*np.sqrt(pair.power), sample_coherence(pair.moments, real_evaluate.STATED))
    for name, values in zip((*real_evaluate.IMAGES, real_evaluate.TRUTH), planes, strict=True):
        profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "height": 128, "width": 128}
        transform = rasterio.Affine(1e-4, 0, -8.8, 0, -1e-4, 31.8)
        with rasterio.open(folder / name, "w", crs="EPSG:4326", transform=transform, **profile) as raster:
            values = values.astype(np.float32)
            values[:40, :40] = 0  # no data: one block of sixteen, and part of others
            raster.write(values, 1)
    monkeypatch.setenv("GROUND_MOTION_DATA", str(tmp_path))
    real_evaluate.real_pair.cache_clear()
    yield folder
    real_evaluate.real_pair.cache_clear()


def test_blocks_hold_what_is_known_and_know_no_gap(made_folder):
    pair = real_evaluate.real_pair()
    blocks = blocks_of(pair, pair.truth, np.zeros_like(pair.truth))
    assert len(blocks) == 15
    assert all(np.isfinite(one.rows).all() for one in blocks)
    assert rmse(np.concatenate([one.rows for one in blocks])) == 0
    assert correlation(blocks[5].rows) == pytest.approx(1)


@pytest.mark.parametrize("method", [NETWORK, "guarnieri-prati"])
def test_a_real_pair_is_measured_under_the_names_of_the_contract(method, made_folder, tmp_path):
    out = tmp_path / "r.json"
    arguments = ["--benchmark", "coherence-real", "--method", method, "--size", "2", "--json", str(out)]
    assert main(["evaluate", "coherence", *arguments]) == 0
    metrics = json.loads(out.read_text())["metrics"]
    wanted = {"rmse", "r", "within_68", "within_95", "rmse_averaged", "r_averaged_estimated", "rmse_block_02"}
    assert wanted <= set(metrics)
    assert "rmse_block_03" not in metrics


@pytest.mark.realdata
def test_the_network_is_nearer_to_a_real_coherence_than_the_best_window(real_files):
    sample, baseline = (
        measured(real_evaluate.tried_windows(method, real_evaluate.real_pair()), real_evaluate.BLOCKS_KNOWN)
        for method in (NETWORK, "guarnieri-prati")
    )
    assert len([name for name in sample if name.startswith("rmse_block")]) == real_evaluate.BLOCKS_KNOWN
    assert sample["rmse"].value < 0.9 * baseline["rmse"].value  # measured: 0.84
    assert sample["r"].value > baseline["r"].value + 0.05  # measured: +0.10


@pytest.mark.realdata
def test_the_real_pair_is_still_the_same(real_files):
    digest = "77dd65edddc2f69045c5c8dbae173b15619b72b8d174fa6b46ac873ad6da032d"
    assert real_evaluate.truth_sha256(real_evaluate.BLOCKS_KNOWN) == digest


# ---- confirmation, judged where it was not chosen ----


def place(share_of: dict[tuple[float, float], float]) -> Judged:
    days = [date(2024, 1, 1), date(2024, 1, 13)]
    return Judged({both: [dict.fromkeys(days, share_of.get(both, 0.0))] for both in THRESHOLDS}, {}, True)


def test_thresholds_are_those_that_find_most_where_little_is_confirmed_else_the_stricter():
    found = np.linspace(0.9, 0.5, len(THRESHOLDS))
    quiet, loud = place({}), place({THRESHOLDS[0]: 0.01, THRESHOLDS[1]: 0.0001})
    assert chosen([quiet], found) == THRESHOLDS[0]
    assert chosen([quiet, loud], found) == THRESHOLDS[1]
    assert chosen([place(dict.fromkeys(THRESHOLDS, 0.5))], found) == THRESHOLDS[-1]
    assert chosen([quiet], np.ones(len(THRESHOLDS))) == THRESHOLDS[-1]


def test_an_event_that_is_put_into_a_series_changes_no_brightness_and_is_coherent_with_itself():
    rng = np.random.default_rng(3)
    texture = np.exp(np.add.outer(np.linspace(0, 3, 100), np.linspace(0, 2, 100)))
    still = rng.gamma(4, 0.25, (100, 100))  # ground whose speckle never changes
    power = (texture * (0.9 * still + 0.1 * rng.gamma(4, 0.25, (12, 100, 100)))).astype(np.float32)
    days = [date(2024, 1, 1) + 12 * n * timedelta(days=1) for n in range(12)]
    first, at, changed = chips.inserted(np.random.default_rng(1), days, power)
    there = tuple(slice(corner, corner + EVENT_PX) for corner in at)
    assert 8 <= first <= 9
    np.testing.assert_array_equal(changed[:first], power[:first])
    outside = np.ones((100, 100), dtype=bool)
    outside[there] = False
    np.testing.assert_array_equal(changed[:, outside], power[:, outside])
    logs = np.log(changed[(slice(None), *there)] / texture[there])
    assert abs(logs[first:].mean() - logs[:first].mean()) < 0.1
    assert abs(np.corrcoef(logs[first - 1].ravel(), logs[first].ravel())[0, 1]) < 0.2
    assert np.corrcoef(logs[first].ravel(), logs[first + 1].ravel())[0, 1] > 0.8


def test_series_for_choosing_are_not_those_of_the_benchmark_and_stay_the_same():
    """Where this fails, thresholds were chosen on other series: choose anew, or undo it."""
    of = partial(change_evaluate.truth_sha256, change_evaluate.CONFIRMED, chips.SERIES)
    assert of(Purpose.VALIDATION) == "f9fe538050ce59c536a84ab631b27c78c85319b14497902deaf131650f2a31db"
    assert of(Purpose.VALIDATION) != of(Purpose.BENCHMARK)
    one, other = (
        change_evaluate.make_series("change-confirmed", 0, purpose)
        for purpose in (Purpose.VALIDATION, Purpose.BENCHMARK)
    )
    assert not np.array_equal(one.power, other.power)


@pytest.mark.realdata
def test_a_place_is_judged_with_thresholds_chosen_on_the_others(real_files, monkeypatch):
    folder = real_files / "opera_rtc_10sgd"
    assert len(list(folder.glob("*.tif"))) > 100
    monkeypatch.setattr(chips, "THRESHOLDS", [(HIGH_SIGMA, LOW_SIGMA), (5.0, 3.0)])
    monkeypatch.setattr(chips, "POLARISATIONS", ("VV",))  # detection/test_pair_alerts.py sees the same land in VH.
    monkeypatch.setattr(chips, "SERIES", 2)
    monkeypatch.setattr(chips, "EVENTS", 2)
    figures = chips.evaluate(NETWORK, 3)
    assert figures["confirmed_share_shipped"].value <= 0.0002
    assert figures["confirmed_share"].value <= 0.0002
    assert figures["inserted_found_share_shipped"].value > 0.35  # measured on both polarisations: 0.54
    assert HIGH_SIGMA <= figures["high_sigma"].low <= figures["high_sigma"].high <= 5.0
