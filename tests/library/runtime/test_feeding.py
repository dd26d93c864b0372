"""Windows are read ahead in their order, in bounded memory, and nothing hangs; a result is the same to the bit."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ground_motion.methods.coherence.infer import estimate_coherence
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.infer import detect_tracks
from ground_motion.methods.offsets.blocks import load
from ground_motion.methods.offsets.infer import track_offsets
from ground_motion.rasters.imagery import ImagePair
from ground_motion.rasters.windows import Window
from ground_motion.runtime.ahead import AT_ONCE, Feed, read_ahead
from ground_motion.runtime.feeding import feed_of, may_hold, window_px
from tests.makers.offset_pairs import speckle
from tests.waiting import HANG_SECONDS

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SAME_IOU = 0.99


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("reader")]


def test_items_come_in_their_order_though_later_ones_are_read_first():
    later = threading.Event()

    def read(number: int) -> int:
        if number == 2:
            later.set()
        assert number or later.wait(HANG_SECONDS)  # the first is read once the third is
        return 10 * number

    assert list(read_ahead(range(9), read, Feed(readers=3))) == [(number, 10 * number) for number in range(9)]
    assert not readers()


@pytest.mark.parametrize(("feed", "most"), [(AT_ONCE, 1), (Feed(readers=1), 3), (Feed(readers=3), 5)])
def test_no_more_is_read_than_is_wanted_soon(feed, most):
    drawn, by = [], set()

    def items() -> Iterator[int]:
        for number in range(20):
            drawn.append(number)
            by.add(threading.current_thread())
            yield number

    for used, _ in enumerate(read_ahead(items(), lambda number: number, feed)):
        assert len(drawn) == min(20, used + most)
    assert by == {threading.current_thread()}  # whoever draws an item may ask the database


@pytest.mark.parametrize("feed", [AT_ONCE, Feed(readers=2)])
def test_what_a_reader_raises_is_raised_at_its_item(feed):
    def read(number: int) -> int:
        if number == 3:
            raise ValueError("the file ends here")
        return number

    with pytest.raises(ValueError, match="the file ends here"):
        list(read_ahead(range(9), read, feed))
    assert not readers()
    rest = read_ahead(range(9), read, feed)
    assert [next(rest)[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the file ends here"):
        next(rest)


def test_one_that_stops_early_waits_for_no_more_than_is_being_read():
    read = []
    begun = read_ahead(range(1000), lambda number: read.append(number), Feed(readers=2))
    next(begun)
    begun.close()
    assert not readers()
    assert len(read) <= 4


def test_only_a_gpu_is_fed_ahead(monkeypatch):
    assert feed_of(CPU) == AT_ONCE
    for n_cores, readers in ((3, 3), (64, 8)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, n=n_cores: set(range(n)))
        assert feed_of(CUDA) == Feed(readers, pinned=True)


@pytest.mark.parametrize(("gib", "side"), [(8, 2048), (80, 4096)])
def test_a_gpu_answers_for_larger_windows(gib, side, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=gib << 30))
    assert window_px(CUDA, 1280) == side
    assert window_px(CPU, 1280) == 1280


@pytest.fixture
def pair() -> ImagePair:
    return speckle()


def bands_of(pair: ImagePair, device: torch.device) -> dict[str, np.ndarray]:
    return {
        f"{method.__name__} {name} {band}": values
        for method, name in (
            (estimate_coherence, "residual-unet"),
            (estimate_coherence, "guarnieri-prati"),
            (track_offsets, "model"),
            (track_offsets, "ncc"),
        )
        for band, values in method(pair, name, device).bands.items()
    }


def test_results_are_the_same_to_the_bit_however_windows_are_read(pair, monkeypatch):
    for module in (
        "ground_motion.methods.coherence.infer",
        "ground_motion.methods.offsets.infer",
        "ground_motion.methods.offsets.network",
    ):
        monkeypatch.setattr(f"{module}.window_px", lambda *_: 128)  # several windows
    expected = bands_of(pair, CPU)
    for module in (
        "ground_motion.methods.coherence.infer",
        "ground_motion.methods.offsets.infer",
        "ground_motion.methods.offsets.blocks",
        "ground_motion.methods.deformation.nation",
    ):
        monkeypatch.setattr(f"{module}.feed_of", lambda _: Feed(readers=3))
    fed_ahead = bands_of(pair, CPU)
    assert all(np.isfinite(values).any() for values in expected.values())
    for name, values in expected.items():
        assert fed_ahead[name].tobytes() == values.tobytes(), name


def test_a_gpu_with_room_for_a_pair_reads_it_once_and_finds_the_same(pair, monkeypatch):
    monkeypatch.setattr("ground_motion.methods.offsets.blocks.LOADED_PX", 100)
    monkeypatch.setenv("ML_PRECISION", "float32")  # bfloat16 rounds by 0.4 %, another way in other windows
    source, read = pair.source(), np.zeros(pair.reference.shape, dtype=int)

    def counted(at: Window) -> np.ndarray:
        read[at.row : at.row + at.rows, at.col : at.col + at.cols] += 1
        return source.read(at)

    whole = load(source._replace(read=counted), CPU, Feed(readers=2))
    assert whole.numpy().tobytes() == np.stack(pair[:2]).tobytes()
    assert (read == 1).all()
    expected = track_offsets(pair, "model", CPU).bands
    monkeypatch.setattr("ground_motion.methods.offsets.blocks.may_hold", lambda *_: True)
    for name, values in track_offsets(pair, "model", CPU).bands.items():
        np.testing.assert_array_equal(np.isfinite(values), np.isfinite(expected[name]), err_msg=name)
        np.testing.assert_allclose(values, expected[name], atol=2e-3, err_msg=name)


def test_a_gpu_holds_no_more_than_a_quarter_of_its_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=8 << 30))
    assert [may_hold(CUDA, n_bytes) for n_bytes in (2 << 30, (2 << 30) + 1)] == [True, False]
    assert not may_hold(CPU, 1)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    assert one.any()
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_finds_what_a_cpu_finds(pair):
    by_cpu, by_gpu = bands_of(pair, CPU), bands_of(pair, CUDA)
    for name, values in by_cpu.items():
        assert iou(np.isfinite(values), np.isfinite(by_gpu[name])) >= SAME_IOU, name
    name = "estimate_coherence residual-unet coherence"
    middle = np.nanmedian(by_cpu[name])
    assert iou(by_cpu[name] > middle, by_gpu[name] > middle) >= SAME_IOU
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 8_000, (2, 12_000))
    velocity = rng.normal(0, 1, x.size) - 15 * np.exp(-(np.hypot(x - 4_000, y - 4_000) ** 2) / 600**2)
    points = PointCloud(x + 4_000_000, y + 2_000_000, velocity.astype(np.float32), 3035)
    moving = [detect_tracks([points], "model", device).maps.probability >= 0.5 for device in (CPU, CUDA)]
    assert iou(*moving) >= SAME_IOU
