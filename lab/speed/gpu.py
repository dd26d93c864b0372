"""Networks on a GPU, beside products of matrices and batched FFT correlation there, and what the host does for them.

Without a GPU only the host's side is measured: images are read as for one, and a sink that returns at once takes its
place. Wall-clock rates of readers say little where others use the machine, so processor time is reported as well.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import rasterio
import torch
from affine import Affine
from rasterio.windows import Window as RasterWindow
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from lab.speed.deformation import made_nation
from lab.speed.frames import Float32, Frame, write_frame
from lab.speed.measure import pairs, report, result, seconds
from ml.coherence import infer as coherence
from ml.coherence import network as coherence_network
from ml.deformation.gridding.cells import RobustGrid, grid_robust
from ml.deformation.infer import WEIGHTS, on_grids
from ml.deformation.network import DeformationNetwork
from ml.networks.deformation_unet import THRESHOLDS_MM_YR
from ml.offsets import infer as offsets
from ml.offsets.blocks import loaded
from ml.rasters.imagery import PairSource, open_pair
from ml.rasters.pieces import Folder, Pieces
from ml.rasters.results import RasterResult, write_result
from ml.rasters.tiling import Tile, over_tiles, tiles
from ml.rasters.windows import Window, inner
from ml.runtime.ahead import Feed
from ml.runtime.device import precision
from ml.runtime.feeding import ON_A_LARGE_CARD_PX

SIZE = "6144x6144"
SIDE_CELLS, POINTS = 1_000, 400_000
BANDS = ("coherence", "coherence_sigma", "sample_coherence", "sample_coherence_sigma")
AIM_MPX_S = 200
MM_SIZE = 4_096
STILL_LOGIT = -10.0
PLACE = Affine(10, 0, 500_000, 0, -10, 5_800_000)


class Timed(NamedTuple):
    """Some work, and its megapixels."""

    work: Callable[[], object]
    mega: float


def run(rounds: int = 3, size: str = SIZE, side_cells: int = SIDE_CELLS, points: int = POINTS) -> dict[str, Any]:
    """size: rows x columns of the pair."""
    rows, cols = map(int, size.split("x")[:2])
    with TemporaryDirectory(prefix="ground-motion-bench-") as temporary:
        folder = Path(temporary)
        write_frame(folder, Frame(rows, cols, 1))
        paths = folder / "reference.tif", folder / "secondary.tif"
        pair, grid = open_pair(*paths, "amplitude"), grid_robust(made_nation(side_cells, points))
        found = [*_reading(pair, paths, rounds), _writing(pair, folder), _host_of_deformation(grid)]
        if torch.cuda.is_available():
            found += on_device(pair, grid, torch.device("cuda"), rounds)
            note = f"{torch.cuda.get_device_name()}; host's side with a sink in place of the GPU"
        else:
            note = "no GPU: the host's side alone, a sink in place of the GPU"
    cores = len(os.sched_getaffinity(0))
    note += f"; {size} px as uint16 in DEFLATE; {cores} cores; control: decoding alone, by as many threads"
    return report("gpu", found) | {"note": note}


# ---- the host's side ----


def _reading(pair: PairSource, paths: tuple[Path, Path], rounds: int) -> list[dict[str, Any]]:
    mega = pair.shape[0] * pair.shape[1] / 1e6
    halo, side = coherence_network.shipped(torch.device("cpu")).halo_px(), ON_A_LARGE_CARD_PX
    found = []
    for readers in sorted({1, len(os.sched_getaffinity(0))}):
        feed = Feed(readers, pinned=torch.cuda.is_available())

        def decoded(readers: int = readers) -> None:
            with ThreadPoolExecutor(readers) as pool:
                list(pool.map(lambda tile: _decoded(paths, tile.outer), tiles(pair.shape, halo, core=side)))

        def for_coherence(feed: Feed = feed) -> None:
            over_tiles(pair, lambda *_: {}, halo, core=side, feed=feed)

        def for_offsets(feed: Feed = feed) -> None:
            loaded(pair, torch.device("cpu"), feed)

        by = f"{readers} reader{'s' * (readers > 1)}"
        for name, work in (("coherence", for_coherence), ("offsets", for_offsets)):
            found.append(result(f"{name}: images read, {by}", "Mpx/s", *pairs(work, decoded, rounds), amount=mega))
            if readers == 1:
                used = [[_cores(Timed(one, mega)) for _ in range(rounds)] for one in (work, decoded)]
                found.append(result(f"{name}: cores that reading takes at {AIM_MPX_S} Mpx/s", "cores", *used))
    return found


def _decoded(paths: tuple[Path, Path], at: Window) -> None:
    for path in paths:
        with rasterio.open(path) as raster:
            raster.read(1, window=RasterWindow(at.col, at.row, at.cols, at.rows))


def _cores(timed: Timed) -> float:
    """Processor time, of all threads, as cores that AIM_MPX_S takes: it hardly knows who else uses the machine."""
    started = time.process_time()
    timed.work()
    return (time.process_time() - started) * AIM_MPX_S / timed.mega


def _writing(pair: PairSource, folder: Path) -> dict[str, Any]:
    """What comes back of a quarter of the pair, into pieces and from these into a raster."""
    shape = pair.shape[0] // 4, pair.shape[1]
    bands: dict[str, Float32] = {
        name: np.random.default_rng(number).random(shape, dtype=np.float32) for number, name in enumerate(BANDS)
    }

    def written() -> None:
        def work(_: Float32, tile: Tile) -> dict[str, Float32]:
            part = inner(tile.core, Window(0, 0, *shape))
            return {name: band[part] for name, band in bands.items()}

        pieces = Pieces(Folder(folder / "pieces", "a"))
        quarter = PairSource(shape, PLACE, 32632, lambda _: np.ones((2, 1, 1), dtype=np.float32))
        laid = over_tiles(quarter, work, 0, core=ON_A_LARGE_CARD_PX, pieces=pieces)
        write_result(folder / "out.tif", RasterResult(laid, ("1",) * len(BANDS), PLACE, 32632, {}, {}), {})

    cores = _cores(Timed(written, shape[0] * shape[1] / 1e6))
    return _row(f"coherence: cores that its four bands as pieces and raster take at {AIM_MPX_S} Mpx/s", cores, "cores")


class Sink(nn.Module):
    """In place of the deformation network: nothing moves."""

    def __init__(self, channels: int, kinds: int) -> None:
        super().__init__()
        self.channels, self.kinds = channels, kinds

    def forward(self, image: Tensor, tracks: int = 1) -> Tensor:
        still = image.new_zeros(1, len(THRESHOLDS_MM_YR) + self.kinds + 1, 1, 1)
        still[:, : len(THRESHOLDS_MM_YR)] = STILL_LOGIT
        return still.expand(len(image) // tracks, -1, *image.shape[2:])


def _host_of_deformation(grid: RobustGrid) -> dict[str, Any]:
    network = DeformationNetwork.load(WEIGHTS["model"])
    network.module = Sink(network.module.channels, network.module.kinds)  # type: ignore[assignment]
    cores = _cores(Timed(lambda: on_grids([grid], network), grid.velocity_mm_yr.size / 1e6))
    what = f"deformation: cores that all but its network, gridding and areas takes at {AIM_MPX_S} million cells/s"
    return _row(what, cores, "cores")


def _row(what: str, value: float, unit: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("control", "ratio", "low", "high"))
    return {"what": what, "value": round(value, 3), "unit": unit, **nothing, "n": 1}


# ---- a GPU ----


def on_device(pair: PairSource, grid: RobustGrid, device: torch.device, rounds: int) -> list[dict[str, Any]]:
    """Each task on a device beside torch.mm of as many operations; offsets beside batched FFT correlation; host's share
    of the time: in which no kernel runs.
    """
    mega, deformation = pair.shape[0] * pair.shape[1] / 1e6, DeformationNetwork.load(WEIGHTS["model"])
    tasks = {
        "coherence": Timed(lambda: coherence.estimate_coherence(pair, coherence.NETWORK, device), mega),
        "offsets": Timed(lambda: offsets.track_offsets(pair, offsets.NETWORK, device), mega),
        "deformation": Timed(lambda: on_grids([grid], deformation, device), grid.velocity_mm_yr.size / 1e6),
    }
    found = []
    for name, timed in tasks.items():
        lower = precision(device) == "bfloat16" and name != "deformation"
        product = _product(_operations(timed.work), torch.bfloat16 if lower else torch.float32, device)
        what = f"{name} on {device.type}; control: torch.mm of as many operations"
        found.append(result(what, "Mpx/s", *pairs(timed.work, product, rounds), amount=timed.mega))
        share = _host_share(timed.work)
        found.append(_row(f"{name} on {device.type}: host's share", share, ""))
    fft = pairs(tasks["offsets"].work, lambda: offsets.track_offsets(pair, "ncc", device), rounds)
    found.append(result(f"offsets on {device.type}; control: batched FFT correlation", "Mpx/s", *fft, amount=mega))
    return found


def _operations(work: Callable[[], object]) -> int:
    """Multiplications and additions of convolutions and products."""
    with FlopCounterMode(display=False) as counted:
        work()
    return int(counted.get_total_flops())


def _product(operations: int, kind: torch.dtype, device: torch.device) -> Callable[[], object]:
    """As many operations in products of large matrices, to a whole number of them; waits for its end."""
    side = MM_SIZE
    while side > 64 and 2 * side**3 > operations:
        side //= 2
    left, right = (torch.rand(side, side, dtype=kind, device=device) for _ in range(2))

    def work() -> float:
        for _ in range(max(1, round(operations / (2 * side**3)))):
            product = torch.mm(left, right)
        return float(product[0, 0])

    return work


def _host_share(work: Callable[[], object]) -> float:
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        wall_s = seconds(work)
    busy_s = sum(event.self_device_time_total for event in seen.key_averages()) / 1e6
    return round(1 - busy_s / wall_s, 3)
