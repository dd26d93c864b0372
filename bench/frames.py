"""A frame as the satellite sends it through coherence, change and offsets: peak of memory, time, and kills.

Each task is a process of its own, on a simulated frame of two heights: memory must not know which. Then it is killed
again and again at moments drawn by chance; what comes out must be the same to the byte. The frame is speckle over
smooth ground, made window by window; it says nothing of accuracy.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterWindow

from bench.measure import report
from ingest.hashing import file_sha256
from ingest.rasters import CACHE_MB
from ml.rasters.windows import Window, cut

SIZE = "4000x3000x4"  # rows, columns, predecessors; a frame of Sentinel-1 against a year is 25000x16500x12
SEED = 4_711
BLOCK_PX = 1024
LOOKS, COHERENCE, SPREAD, STEP = 4, 0.6, 0.06, 0.005
POSTING_DEG = 9e-5
TASKS = ("coherence", "change", "offsets")
FIRST, REPEAT = date(2026, 1, 1), timedelta(days=12)
DEADLINE_S = 24 * 3600
Float32 = NDArray[np.float32]


class Frame(NamedTuple):
    """Rows and columns, and how many earlier pairs."""

    rows: int
    cols: int
    past: int


class Ended(NamedTuple):
    """What a process took. peak_mb: largest resident set; sha256: of what it wrote, empty where it was killed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    sha256: str


def run(rounds: int = 5, size: str = SIZE, tasks: Sequence[str] = TASKS) -> dict[str, Any]:
    """Make a frame and one of half its height, put both through the tasks, kill each task so many times."""
    frame = Frame(*map(int, size.split("x")))
    half = frame._replace(rows=frame.rows // 2)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for of in (half, frame):
            (folder / str(of.rows)).mkdir()
            write_frame(folder / str(of.rows), of)
        for task in tasks:
            low = _ended(task, folder / str(half.rows), half, "calm")
            calm = _ended(task, folder / str(frame.rows), frame, "calm")
            same = _killed(task, folder / str(frame.rows), frame, rounds, calm)
            megapixels = frame.rows * frame.cols / 1e6
            rows += [
                _row(f"{task}: peak of memory, half the height as control", calm.peak_mb, "MB", low.peak_mb),
                _row(f"{task}: time on this machine", calm.wall_s / megapixels, "s/Mpx"),
                _row(f"{task}: computing time", calm.cpu_s / megapixels, "s/Mpx"),
                _row(f"{task}: killed {rounds} times, same bytes", float(same), "of 1"),
            ]
    return report(f"frames of {size}", rows)


def _row(what: str, value: float, unit: str, control: float | None = None) -> dict[str, Any]:
    ratio = None if control is None else round(value / control, 3)
    held = None if control is None else round(control, 3)
    return {"what": what, "value": round(value, 3), "unit": unit, "control": held, "ratio": ratio, "n": 1} | {
        "low": round(value, 3),
        "high": round(value, 3),
    }


def _killed(task: str, folder: Path, frame: Frame, kills: int, calm: Ended) -> bool:
    draw = random.Random(SEED)  # noqa: S311
    for _ in range(kills):
        _ended(task, folder, frame, "killed", draw.uniform(0.1, 0.9) * calm.wall_s)
    return _ended(task, folder, frame, "killed").sha256 == calm.sha256


def _ended(task: str, folder: Path, frame: Frame, name: str, after_s: float | None = None) -> Ended:
    """Run a task in a process of its own, to its end or for so many seconds."""
    out = folder / f"{task}-{name}.tif"
    command = [sys.executable, "-m", "ml", task, str(folder / "reference.tif"), str(folder / "secondary.tif")]
    command += ["--out", str(out), "--scale", "amplitude", *(["--search", "12"] if task == "offsets" else [])]
    if task == "change":
        command = [sys.executable, "-m", "bench.frames", str(folder), str(out), str(frame.past)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    if after_s is not None:
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        return Ended(time.perf_counter() - started, 0.0, 0.0, "")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{task} ended with {process.returncode}")
    wall_s = time.perf_counter() - started
    return Ended(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, file_sha256(out))


# ---- what is simulated ----


def write_frame(folder: Path, frame: Frame) -> None:
    """The pair, reference.tif and secondary.tif, and coherence of its predecessors and itself, past-N.tif."""
    shape = frame.rows, frame.cols
    swath = {
        "driver": "GTiff",
        "dtype": "uint16",
        "nodata": 0,
        "gcps": _control_points(shape),
        "crs": CRS.from_epsg(4326),
    }
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), ExitStack() as stack:
        pair = [
            stack.enter_context(rasterio.open(folder / f"{name}.tif", "w", **swath, **_tiled(shape, 1)))
            for name in ("reference", "secondary")
        ]
        grid = {"driver": "GTiff", "dtype": "float32", "nodata": np.nan, "crs": CRS.from_epsg(32632)}
        grid |= {"transform": Affine(10, 0, 500_000, 0, -10, 5_800_000)}
        past = [
            stack.enter_context(rasterio.open(folder / f"past-{number}.tif", "w", **grid, **_tiled(shape, 2)))
            for number in range(frame.past + 1)
        ]
        for at in cut(shape, BLOCK_PX).values():
            window = RasterWindow(at.col, at.row, at.cols, at.rows)
            rng = np.random.default_rng([SEED, at.row, at.col])
            for raster, amplitude in zip(pair, _amplitudes(rng, at), strict=True):
                raster.write(amplitude, 1, window=window)
            for number, raster in enumerate(past):
                raster.write(_coherence(rng, at, lost=number == frame.past), [1, 2], window=window)
        for raster in past:
            raster.descriptions = ("coherence", "coherence_sigma")


def _tiled(shape: tuple[int, int], count: int) -> dict[str, Any]:
    size = {"height": shape[0], "width": shape[1], "count": count}
    return size | {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "DEFLATE", "zlevel": 1}


def _control_points(shape: tuple[int, int]) -> list[GroundControlPoint]:
    at = [np.linspace(0, size, 10) for size in shape]
    return [
        GroundControlPoint(row, col, 9 + POSTING_DEG * (col + 0.1 * row), 52 - POSTING_DEG * row)
        for row in at[0]
        for col in at[1]
    ]


def _ground(at: Window) -> Float32:
    """Smooth, and the same wherever it is cut: (rows, cols), about 1."""
    row, col = np.ogrid[at.row : at.row + at.rows, at.col : at.col + at.cols]
    return np.asarray(1 + 0.5 * np.sin(row / 37) * np.cos(col / 53), dtype=np.float32)


def _amplitudes(rng: np.random.Generator, at: Window) -> NDArray[np.uint16]:
    parts = rng.standard_normal((LOOKS, 2, 2, at.rows, at.cols), dtype=np.float32)
    parts[:, 1] = COHERENCE * parts[:, 0] + np.sqrt(1 - COHERENCE**2) * parts[:, 1]
    power = (parts**2).mean(axis=(0, 2)) * _ground(at)
    return np.asarray(100 * np.sqrt(power) + 1, dtype=np.uint16)


def _coherence(rng: np.random.Generator, at: Window, lost: bool) -> Float32:
    """Coherence and its sigma, rounded so that files stay small; lost: in squares that lie across seams."""
    values = COHERENCE + SPREAD * rng.standard_normal((at.rows, at.cols), dtype=np.float32)
    if lost:
        row, col = np.ogrid[at.row : at.row + at.rows, at.col : at.col + at.cols]
        values -= np.where((row // 200 % 5 == 0) & (col // 100 % 10 == 0), 0.4, 0).astype(np.float32)
    held = np.round(values.clip(0, 1) / STEP) * STEP
    return np.stack([held, np.full_like(held, SPREAD)]).astype(np.float32)


# ---- change, which has no command line ----


def change(folder: Path, out: Path, past: int) -> None:
    """The change of the last of the coherence rasters in a folder against the others, its pieces beside the result.

    Two of the others stand for changes of pairs beside it.
    """
    import torch

    from ml.coherence.change import Stack
    from ml.coherence.compared import Beside, Compared, compared
    from ml.rasters.imagery import open_pair
    from ml.rasters.pieces import Folder, Pieces
    from ml.rasters.results import write_result

    days = [FIRST + number * REPEAT for number in range(4)]
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), ExitStack() as stack:
        rasters = [stack.enter_context(rasterio.open(folder / f"past-{number}.tif")) for number in range(past + 1)]
        own = rasters[-1]

        def history(at: Window) -> tuple[Float32, Float32]:
            both = np.empty((past, 2, at.rows, at.cols), dtype=np.float32)
            for one, raster in zip(both, rasters[:-1], strict=True):
                raster.read(out=one, window=RasterWindow(at.col, at.row, at.cols, at.rows))
            return both[:, 0], both[:, 1]

        def beside(number: int, at: Window) -> tuple[Float32, Float32]:
            coherence = _read(rasters[number], at)[0]
            return (_read(own, at)[0] - coherence) / np.float32(SPREAD), coherence

        these = Compared(
            Stack(own.shape, history, lambda at: _read(own, at)[0]),
            past,
            (days[1], days[2]),
            [
                Beside(days[number], days[number + 2], lambda at, number=number: beside(number, at))
                for number in range(2)
            ],
            lambda at: _read(own, at)[1],
            open_pair(folder / "reference.tif", folder / "secondary.tif", "amplitude"),
        )
        key = hashlib.sha256(str([*map(str, days), past]).encode()).hexdigest()[:16]
        pieces = Folder(out.with_name(f".{out.name}.pieces"), key)
        result = compared(these, own.transform, own.crs.to_epsg(), torch.device("cpu"), Pieces(pieces))
        write_result(out, result, {"input_sha256": key})
        pieces.close()


def _read(raster: DatasetReader, at: Window) -> Float32:
    return np.asarray(raster.read(window=RasterWindow(at.col, at.row, at.cols, at.rows)))


if __name__ == "__main__":
    change(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
