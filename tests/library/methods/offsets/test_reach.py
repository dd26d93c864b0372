"""How far motion is followed, what it costs still ground, and what a result without values says of itself."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine

from ground_motion.cli.program import main
from ground_motion.methods.offsets import coarse
from ground_motion.methods.offsets.blocks import textures_of
from ground_motion.methods.offsets.coarse import Reason
from ground_motion.methods.offsets.infer import reach_px, track_offsets
from ground_motion.methods.offsets.motion import PixelScale
from ground_motion.methods.offsets.resampling import node_means
from ground_motion.rasters.control_points import resampled_to_one_grid
from ground_motion.rasters.imagery import ImagePair
from ground_motion.rasters.windows import Window
from lab.offsets import fast, real_chips
from lab.simulation.sar.pairs import SarPair, padded, simulate_pair
from lab.simulation.sar.recipes import even_ground
from lab.simulation.sar.system import GRDH, Float32
from lab.simulation.seeds import Purpose, generator
from tests.makers.geotiff import write

CPU = torch.device("cpu")
FAR = (31.3, -24.6)  # px, 40 together


def on_pixels(power: Float32) -> ImagePair:
    return ImagePair(power[0], power[1], Affine.identity(), None)


def made(field: Float32, gamma: float, size: int, scene: int = 0) -> SarPair:
    return simulate_pair(generator(Purpose.TEST, "offsets-reach", scene), GRDH, even_ground(GRDH, size, gamma), field)


@cache
def apart(dx: float, dy: float, gamma: float = 0.9, size: int = 320) -> ImagePair:
    """Even ground, moved by whole pixels between two cuts of larger images, and by the rest as the simulator moves."""
    edge = 64
    whole = round(dx), round(dy)
    field = np.zeros((2, *padded(size + 2 * edge)), dtype=np.float32)
    field += np.array([dx - whole[0], dy - whole[1]], dtype=np.float32)[:, None, None]
    power = made(field, gamma, size + 2 * edge).power
    first, second = slice(edge - whole[1], edge - whole[1] + size), slice(edge - whole[0], edge - whole[0] + size)
    return on_pixels(np.stack([power[0, edge:-edge, edge:-edge], power[1, first, second]]))


def still_inside(size: int, dx: float, dy: float, margin: int = 24) -> np.ndarray:
    """Nodes whose ground both images show, with so many px around it."""
    y, x = np.mgrid[4:size:8, 4:size:8]
    ends = margin, size - margin
    parts = [(ends[0] <= part) & (part <= ends[1]) for part in (x, y, x + dx, y + dy)]
    return np.logical_and.reduce(parts)


@pytest.mark.parametrize("method", ["model", "multi-kernel", "ncc", "whitened"])
def test_ground_40_pixels_away_is_found_by_every_method_that_does_not_know_where(method):
    bands = track_offsets(apart(*FAR), method, CPU).bands
    both = still_inside(320, *FAR)
    assert np.isfinite(bands["dx_px"][both]).mean() >= 0.95
    error = np.hypot(bands["dx_px"] - FAR[0], bands["dy_px"] - FAR[1])[both]
    assert np.sqrt(np.nanmean(error**2)) <= 0.1


def plug(size: int, speed_px: float, margin_px: float) -> Float32:
    """A glacier that flows as a plug down the image, 0.3 of it on both sides of the middle; px at the finest cells."""
    rows, cols = (n * fine for n, fine in zip(padded(size), GRDH.fine, strict=True))
    across = np.abs(np.linspace(-0.5, 0.5, cols) * padded(size)[1])
    profile = np.clip((0.3 * size + margin_px - across) / margin_px, 0, 1)
    smooth = profile**2 * (3 - 2 * profile)
    return np.stack([np.zeros((rows, cols)), np.broadcast_to(speed_px * smooth, (rows, cols))]).astype(np.float32)


def test_a_glacier_of_30_m_a_day_is_followed_through_its_margins():
    """36 px in 12 days at 10 m, over still ground; margins in which it shears by more than 0.1 are not asked for."""
    pair = made(plug(640, 36.0, 160.0), 0.85, 640)
    result = track_offsets(on_pixels(pair.power), "model", CPU, reach_px(50, PixelScale(10.0, 12)))
    truth = pair.dy_px.reshape(80, 8, 80, 8)[:, 3:5, :, 3:5].mean(axis=(1, 3))
    sheared = np.abs(np.gradient(truth, axis=1)) / 8
    y, x = np.mgrid[4:640:8, 4:640:8]
    fair = (sheared < 0.1) & (y > 24) & (y + truth < 616) & (x > 24) & (x < 616)
    fast = fair & (truth > 30)
    assert fast.sum() > 1000
    for nodes in (fair, fast):
        assert np.isfinite(result.bands["dy_px"][nodes]).mean() >= 0.95
        error = np.hypot(result.bands["dx_px"], result.bands["dy_px"] - truth)[nodes]
        assert np.sqrt(np.nanmean(error**2)) <= 0.1


def test_a_slide_of_10_m_a_day_is_not_taken_for_still():
    """12 px in 12 days; a search that trusted wide windows alone answered 0 at 0.29 of these nodes."""
    right, wrong, nodes = 0, 0, 0
    for scene in range(4):
        pair = fast.make_pair(generator(Purpose.TEST, "offsets-reach-slide", scene), "landslide", 10)
        bands = track_offsets(on_pixels(pair.power), "model", CPU, fast.SEARCH_PX).bands
        truth = node_means(torch.from_numpy(np.stack([pair.dx_px, pair.dy_px]))).numpy()
        error = np.hypot(bands["dx_px"] - truth[0], bands["dy_px"] - truth[1])[np.hypot(*truth) >= 6]
        right, wrong, nodes = right + (error < 1).sum(), wrong + (error >= 1).sum(), nodes + error.size
    assert wrong < 0.1 * nodes
    assert right > 0.3 * nodes


def test_still_ground_is_the_same_however_far_is_searched():
    pair = apart(0.4, -0.2, size=256)
    near, far = (track_offsets(pair, "model", CPU, search).bands for search in (6, 128))
    for name, band in near.items():
        np.testing.assert_array_equal(far[name], band, err_msg=name)


def test_matches_within_twice_the_reach_widen_it_and_farther_ones_are_named():
    found = track_offsets(apart(3, 8), "model", CPU, search=6)
    assert found.statistics["reach_px"] == found.parameters["reach_px"] == 12
    assert found.parameters["search_px"] == 6
    assert np.nanmedian(found.bands["dy_px"]) == pytest.approx(8, abs=0.02)
    assert found.note == ""
    for method in ("model", "ncc"):
        lost = track_offsets(apart(3, 46), method, CPU, search=6)
        assert lost.statistics["known_share"] == 0
        assert lost.statistics["beyond_reach_share"] > 0.5
        assert lost.note.startswith("no offset is known: beyond reach")
        assert "searched up to 6 px" in lost.note


def test_each_reason_is_distinguished_from_the_others():
    pair = apart(0, 0, size=384)
    reference, secondary = pair.reference.copy(), pair.secondary.copy()
    secondary[:128] = np.nan
    reference[128:256, :256] = secondary[128:256, :256] = 0.1
    secondary[256:] = generator(Purpose.TEST, "offsets-reach", 5).gamma(4.4, 0.2, (128, 384))
    search = coarse.search_pair(textures_of(on_pixels(np.stack([reference, secondary])).source(), CPU), 128)
    reason = search.reason.numpy()
    assert (reason[1:7] == Reason.TOO_FEW_PIXELS).all()
    assert (reason[10:14, 2:13] == Reason.NO_TEXTURE).all()
    assert (reason[10:14, 18:22] == Reason.MATCHED).all()
    assert (reason[19:23, 2:22] == Reason.NO_MATCH).mean() > 0.9
    assert not (reason == Reason.BEYOND_REACH).any()


def test_nothing_is_found_in_noise_however_far_is_searched():
    for scene in (1, 2):
        field = np.zeros((2, *padded(384)), dtype=np.float32)
        result = track_offsets(on_pixels(made(field, 0.0, 384, scene).power), "model", CPU)
        assert result.statistics["known_share"] == 0
        assert result.statistics["no_match_share"] > 0.9
        assert "no match" in result.note


@pytest.mark.parametrize(("m_day", "days", "posting_m", "wanted"), [(50, 12, 10, 60), (5, 12, 10, 6), (50, 12, 3, 128)])
def test_the_reach_follows_from_metres_a_day(m_day, days, posting_m, wanted):
    assert reach_px(m_day, PixelScale(posting_m, days)) == wanted


def written(folder: Path, pair: ImagePair, epsg: int | None = 32633) -> list[str]:
    place = {"crs": f"EPSG:{epsg}", "transform": Affine(10, 0, 5e5, 0, -10, 8e6)}
    place = place if epsg else dict.fromkeys(place)
    paths = [write(folder / f"{n}.tif", image[:192, :192], **place) for n, image in enumerate(pair[:2])]
    return [*map(str, paths), "--out", str(folder / "o.tif")]


def test_the_command_takes_metres_a_day_and_says_why_nothing_is_known(tmp_path, capsys):
    arguments = ["offsets", *written(tmp_path, apart(0, 40, size=192)), "--method", "model"]
    assert main([*arguments, "--reach-m-per-day", "0.5", "--days", "12"]) == 0
    assert "no offset is known: beyond reach" in capsys.readouterr().out
    with rasterio.open(tmp_path / "o.tif") as raster:
        assert raster.tags()["search_px"] == raster.tags()["reach_px"] == "6"
    assert main([*arguments, "--reach-m-per-day", "50", "--days", "12"]) == 0
    with rasterio.open(tmp_path / "o.tif") as raster:
        assert raster.tags()["search_px"] == "60"
        assert np.nanmedian(raster.read(2)) == pytest.approx(40, abs=0.02)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--search", "129"], "--search 129 is not between 1 and 128"),
        (["--reach-m-per-day", "50"], "give both or neither"),
        (["--reach-m-per-day", "50", "--days", "12", "--search", "6"], "give one of them"),
        (["--reach-m-per-day", "-1", "--days", "12"], "are not both positive"),
        (["--reach-m-per-day", "50", "--days", "12"], "not counted in metres"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_reach_that_cannot_be_used_is_refused_in_one_line(tmp_path, capsys, flags, message):
    assert main(["offsets", *written(tmp_path, apart(0, 0, size=192), epsg=None), *flags]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.realdata
def test_real_chips_moved_by_40_pixels_are_known_where_they_are_known_unmoved(real_data):
    """Three places, dates never trained on, side by side; parts of a pixel by the project's own resampling."""
    held = [pair for pair in real_chips.chip_pairs(real_data / "opera_rtc_10sgd") if pair.polarisation == "VV"]
    places = sorted({pair.place for pair in held} - {real_chips.SEA})
    assert len(places) == 3
    chips = [next(pair for pair in held if pair.place == place and not pair.trained_on) for place in places]
    reference, secondary = np.concatenate([pair.log_power for pair in chips], axis=2)
    secondary = real_chips.moved(secondary, 0.3, 0.4)
    rolled = np.roll(secondary, 40, axis=1)
    rolled[:, :40] = np.nan
    still, far = (
        track_offsets(on_pixels(np.exp(np.stack([reference, second]))), "model", CPU).bands
        for second in (secondary, rolled)
    )
    both = np.zeros(still["dx_px"].shape, dtype=bool)
    both[2:-2, 2:-8] = True
    known = both & np.isfinite(still["dx_px"])
    assert known[both].mean() > 0.8
    assert np.isfinite(far["dx_px"][known]).mean() >= 0.95
    for name, shift in (("dx_px", 40), ("dy_px", 0)):
        assert np.sqrt(np.nanmean((far[name] - shift - still[name])[known] ** 2)) <= 0.1


@pytest.mark.long
@pytest.mark.realdata
def test_sea_ice_is_resampled_to_one_grid_and_tracked_over_the_whole_overlap(real_data, tmp_path, capsys):
    """Two images in the geometry of their swaths, 4 hours apart; no truth."""
    folder = real_data / "pairs_real" / "sea_ice_2016"
    if not folder.is_dir():
        pytest.skip(f"there are no images of sea ice at {folder}")
    reference, secondary = (folder / f"{name}.tif" for name in SEA_ICE)
    assert main(["offsets", str(reference), str(secondary), "--out", str(tmp_path / "drift.tif")]) == 0
    assert "laid on one grid of 39.9 m, EPSG:5041, by their ground control points" in capsys.readouterr().out
    resampled = resampled_to_one_grid(reference, secondary, "power")
    shown = np.isfinite(resampled.read(Window(0, 0, *resampled.shape))).all(axis=0)
    with rasterio.open(tmp_path / "drift.tif") as raster:
        dx, dy = raster.read([1, 2])
    both = shown[: 8 * dx.shape[0], : 8 * dx.shape[1]].reshape(dx.shape[0], 8, dx.shape[1], 8).all(axis=(1, 3))
    assert np.isfinite(dx[both]).mean() >= 0.8
    drift_m = 39.9 * np.hypot(dx, dy)
    assert np.nanmedian(drift_m) == pytest.approx(394, abs=20)
    assert np.nanpercentile(np.abs(drift_m - np.nanmedian(drift_m)), 99) < 160


SEA_ICE = ("S1B_EW_GRDM_1SDH_20161005T101835", "S1A_EW_GRDM_1SDH_20161005T142446")  # the earlier first
