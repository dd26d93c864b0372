"""Ground that does not fit into one window: seams, tracks that end, devices. The network has random weights."""

import numpy as np
import pytest
import torch
from affine import Affine

from ground_motion.methods.deformation import infer, nation
from ground_motion.methods.deformation.features.channels import CHANNELS
from ground_motion.methods.deformation.features.surroundings import REACH_CELLS
from ground_motion.methods.deformation.filters.still import StillGround
from ground_motion.methods.deformation.gridding.boxes import Proposed
from ground_motion.methods.deformation.gridding.cells import RobustGrid
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.nation import SILENT, NetworkConfig, predict, windows
from ground_motion.methods.deformation.network import REACH_M, DeformationNetwork, make_lattice
from ground_motion.networks.deformation_unet import DeformationUnet
from ground_motion.rasters.areas import KINDS, areas_in
from ground_motion.rasters.pieces import Arrays, Memory, Pieces
from ground_motion.runtime.checkpoints import Card
from ground_motion.runtime.progress import listening

WIDTHS = (8, 8, 8, 8)
FARTHEST = 144 + REACH_CELLS  # The network looks no farther than 144 cells, its input no farther than REACH_CELLS.


@pytest.fixture(autouse=True)
def full_precision(monkeypatch):
    """Windows of different sizes agree to the last digits only in float32."""
    monkeypatch.setenv("ML_PRECISION", "float32")


@pytest.fixture(scope="module")
def network() -> DeformationNetwork:
    """Every weight at random, so that it looks as far as it can; of a gain that keeps probabilities from 0 and 1."""
    generator = torch.Generator().manual_seed(0)
    module = DeformationUnet(CHANNELS, widths=WIDTHS)
    with torch.no_grad():
        for name, weights in module.named_parameters():
            fan = weights[0].numel() if weights.dim() > 1 else 8
            gain = 0.1 if name.startswith("head") else 1.6
            weights.copy_(torch.randn(weights.shape, generator=generator) * (gain / fan**0.5))
    network_alone = {"rarity": 0.0, "wide": 0.0, "network": 1.0, "rate": 0.0, "patch": 0.0, "offset": 0.0}
    shape = {"channels": CHANNELS, "widths": list(WIDTHS)}
    settings = {"decision": {key: {"1": network_alone, "2": network_alone} for key in ("model", "network")}}
    made = DeformationNetwork(Card("deformation", "random", "0", shape, settings), module)
    made.halo_cells = FARTHEST
    return made


def grid(rows: int, cols: int, seed: int = 0, west: float = 4_600_000.0, north: float = 1_741_000.0) -> RobustGrid:
    """Ground of which a third of the cells hold points, in patches, with a hole in which nothing is known."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(0.4, (rows, cols)).astype(np.int32)
    count[rows // 3 : rows // 2, cols // 3 : cols // 2] = 0
    known = count > 0
    velocity = np.where(known, rng.normal(0, 3, (rows, cols)), np.nan).astype(np.float32)
    mad = np.where(known, rng.uniform(0, 2, (rows, cols)), np.nan).astype(np.float32)
    transform = Affine(100, 0, west, 0, -100, north)
    height = np.where(known, rng.normal(300, 60, (rows, cols)), np.nan).astype(np.float32)
    return RobustGrid(velocity, count, mad, transform, 3035, velocity + mad, height)


def differ(one: np.ndarray, other: np.ndarray) -> float:
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    return float(np.nanmax(np.abs(one - other)))


def test_no_cell_knows_how_the_ground_was_cut(network):
    ground = grid(330, 270)
    whole, _ = predict(network, [ground], config=NetworkConfig(core_cells=10_000))
    assert np.nanstd(whole.logit) > 0.05  # there is something to differ in
    for core in (160, 192):
        cut, _ = predict(network, [ground], config=NetworkConfig(core_cells=core))
        assert differ(whole.logit, cut.logit) <= 1e-3
        assert differ(whole.shares, cut.shares) <= 1e-3


def test_a_product_that_begins_elsewhere_gives_the_same_for_the_same_ground(network, monkeypatch):
    """Seven cells fewer in the west, eleven in the north. Its background, measured on each product, is left out."""
    monkeypatch.setattr("ground_motion.methods.deformation.network.still_ground", lambda *grid: StillGround(0.0, 1.0))
    monkeypatch.setattr("ground_motion.methods.deformation.network.noise_scale", lambda *_: 1.0)
    ground = grid(640, 640)
    less_of = {name: plane[11:, 7:] for name, plane in ground._asdict().items() if isinstance(plane, np.ndarray)}
    part = ground._replace(**less_of, transform=ground.transform @ Affine.translation(7, 11))
    whole, lattice = predict(network, [ground])
    less, other = predict(network, [part])
    offset = (lattice.transform.f - other.transform.f) / 100, (other.transform.c - lattice.transform.c) / 100
    row, col = (round(cells) for cells in offset)
    moved = whole.logit[row : row + less.logit.shape[0], col : col + less.logit.shape[1]]
    inner = slice(FARTHEST + 16, -FARTHEST)
    assert np.isfinite(less.logit[inner, inner]).sum() > 1_000
    assert differ(moved[inner, inner], less.logit[inner, inner]) <= 1e-3


def test_where_a_second_track_ends_the_first_goes_on_alone_whatever_the_cut(network):
    ground, second = grid(300, 400), grid(300, 120, seed=1)  # the second sees the western 12 km only
    alone, _ = predict(network, [ground])
    both, lattice = predict(network, [ground, second], config=NetworkConfig(core_cells=160))
    other, _ = predict(network, [ground, second], config=NetworkConfig(core_cells=224))
    assert differ(both.logit, other.logit) <= 1e-3
    offset = [round((lattice.transform.f - make_lattice([ground]).transform.f) / 100)]
    assert offset == [0]
    first = round((ground.transform.c - lattice.transform.c) / 100)
    east = slice(first + 120 + 11, first + 380)  # beyond a kilometre from its last points
    assert differ(both.logit[:, east], alone.logit[:, east]) <= 1e-3
    west = slice(first + 16, first + 100)
    assert np.nanmax(np.abs(both.logit[:, west] - alone.logit[:, west])) > 0.01


def test_windows_without_ground_are_not_looked_at():
    ground = grid(320, 320)
    empty = ground._replace(
        velocity_mm_yr=np.where(np.arange(320) < 160, ground.velocity_mm_yr, np.nan).astype(np.float32),
        n_points=np.where(np.arange(320) < 160, ground.n_points, 0).astype(np.int32),
    )
    tracks = make_lattice([empty]).tracks
    asked = (tracks[0].distance_m <= REACH_M).reshape(len(tracks[0].distance_m) // 32, 32, -1, 32).any(axis=(1, 3))
    windows_cut = list(windows(tracks, asked, halo=32, core_cells=64))
    assert max(window.core[1].start for window in windows_cut) <= 160
    assert all((side.stop - side.start) % 16 == 0 for window in windows_cut for side in window.outer)


def test_the_network_is_asked_only_near_what_is_proposed(network):
    """A window ends at a square of 32 cells; elsewhere its log-odds never flag, and no kind is likelier."""
    ground = grid(300, 300)
    whole, lattice = predict(network, [ground])
    cells = np.zeros((300, 300), dtype=bool)
    cells[40, 250] = True
    near, _ = predict(network, [ground], proposed=Proposed(cells, ground.transform))
    asked = np.isfinite(near.logit) & (near.logit != SILENT)
    col, row = (round(at) for at in ~lattice.transform @ (ground.transform.c, ground.transform.f))
    assert asked[row + 33 : row + 48, col + 243 : col + 258].any()
    assert asked.sum() <= 4 * 32 * 32
    np.testing.assert_array_equal(np.isnan(near.logit), np.isnan(whole.logit))
    assert np.abs(near.logit - whole.logit)[asked].max() <= 1e-3
    np.testing.assert_allclose(near.shares[:, near.logit == SILENT], 1 / len(KINDS))


def test_what_lies_beyond_a_window_hardly_changes_cells_that_may_move():
    shipped, noise = DeformationNetwork.load(), grid(330, 270)
    row, col = np.mgrid[:330, :270] % 60 - 30  # a bowl every 6 km
    rate = (0.1 * noise.velocity_mm_yr - 6 * np.exp(-(row**2 + col**2) / 10**2)).astype(np.float32)
    ground = noise._replace(velocity_mm_yr=rate, raw_mm_yr=rate, mad_mm_yr=0 * rate)
    whole, _ = predict(shipped, [ground], config=NetworkConfig(core_cells=10_000))
    cut, _ = predict(shipped, [ground], config=NetworkConfig(core_cells=96))
    may_move = np.nan_to_num(whole.logit, nan=-9) > -2
    assert may_move.sum() > 100
    assert np.abs(whole.logit - cut.logit)[may_move].max() < 0.5


def test_progress_is_reported_from_nothing_to_all(network):
    shares: list[float] = []
    with listening(shares.append):
        predict(network, [grid(200, 200)], config=NetworkConfig(core_cells=64))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) >= 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here, so none can run out of memory")
def test_memory_that_runs_out_means_fewer_windows_and_at_last_the_cpu(network, little_gpu_memory):
    """The errors are those of CUDA's allocator, which is allowed a part of the card."""
    images = torch.zeros(4, CHANNELS, 512, 512)
    torch.cuda.reset_peak_memory_stats()
    runner = nation._Runner(network, torch.device("cuda"), NetworkConfig(batch=1))
    expected = runner.run(images, 1)
    one_bytes = torch.cuda.max_memory_reserved()
    little_gpu_memory(2 * one_bytes)
    runner = nation._Runner(network, torch.device("cuda"), NetworkConfig(batch=4))
    fewer = runner.run(images, 1)
    assert (runner.device.type, runner.batch < 4) == ("cuda", True)
    little_gpu_memory(one_bytes // 4)
    runner = nation._Runner(network, torch.device("cuda"), NetworkConfig(batch=4))
    on_cpu = runner.run(images, 1)
    assert runner.device.type == "cpu"
    for answers in (fewer, on_cpu):
        torch.testing.assert_close(torch.stack(answers), torch.stack(expected), atol=1e-3, rtol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")
def test_cpu_and_gpu_flag_the_same_ground(network):
    ground = grid(600, 500)
    one, _ = predict(network, [ground])
    other, _ = predict(network, [ground], torch.device("cuda"), NetworkConfig(core_cells=128))
    flagged = [np.nan_to_num(maps.logit) >= 0 for maps in (one, other)]
    assert (flagged[0] & flagged[1]).sum() / (flagged[0] | flagged[1]).sum() >= 0.99


def cloud(seed: int = 0, n: int = 6_000, side_m: float = 5_000.0) -> PointCloud:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, side_m, (2, n)) + np.array([[4_600_040.0], [1_740_030.0]])
    return PointCloud(x, y, rng.normal(0, 1, n).astype(np.float32), 3035)


def test_half_of_the_digits_change_the_log_odds_less_than_a_retraining_would(monkeypatch):
    ground, shipped = grid(200, 200), DeformationNetwork.load()
    exact, _ = predict(shipped, [ground])
    monkeypatch.setenv("ML_PRECISION", "auto")
    lower, _ = predict(shipped, [ground])
    off = np.abs(exact.logit - lower.logit)
    assert np.nanmax(off) < 0.5
    assert np.nanmedian(off) < 0.05


class Killed(Memory):
    """Store that fails after some pieces; the next attempt finds what was stored."""

    left = 0

    def put(self, name: str, arrays: Arrays) -> None:
        if not self.left:
            raise OSError("killed")
        self.left -= 1
        super().put(name, arrays)


def test_a_search_killed_five_times_gives_the_same(network):
    tracks, store, attempts = [cloud(n=20_000, side_m=12_000), cloud(1, n=20_000, side_m=12_000)], Killed(), 0
    everywhere = NetworkConfig(core_cells=64, decision="network")
    whole = infer.decide_with_network(tracks, network, config=everywhere)
    while True:
        store.left, attempts = 3, attempts + 1
        try:
            result = infer.decide_with_network(tracks, network, config=everywhere, pieces=Pieces(store))
            break
        except OSError:
            assert attempts < 50
    assert attempts > 5
    for name, plane in whole.bands().items():
        np.testing.assert_array_equal(result.bands()[name], plane)


def test_the_bands_add_up_and_span_the_cells_of_the_points(network):
    points = cloud()
    result = infer.decide_with_network([points], network)
    bands = result.bands()
    assert list(bands) == ["probability", *KINDS, "rate_mm_yr", "smallest_rate_mm_yr"]
    assert result.units() == ("1",) * 6 + ("mm/yr",) * 2
    np.testing.assert_allclose(sum(bands[name] for name in KINDS), bands["probability"], atol=1e-5)
    rows, cols = bands["probability"].shape
    assert result.transform.c == np.floor(points.x.min() / 100) * 100
    assert result.transform.f == np.floor(points.y.max() / 100) * 100 + 100
    assert max(rows, cols) <= 51
    assert {area.kind for area in areas_in(bands, result.transform)} <= set(KINDS)


def test_tracks_on_different_cells_are_put_on_one_grid(network):
    """A gridded product of 130 m beside points: both on 130 m."""
    fine, coarse = cloud(), cloud(1)._replace(posting_m=130.0)
    result = infer.decide_with_network([fine, coarse], network)
    assert result.transform.a == 130.0
