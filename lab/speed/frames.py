"""A frame as the satellite sends it through coherence, change and offsets: peak of memory, time, and kills.

Each task is a process of its own, on a simulated frame and on one of an eighth of its height: memory must not know
which. Then it is killed again and again at moments drawn by chance over the whole run; what comes out must be the same
to the byte. The frame is speckle over smooth ground, made window by window from a few pieces of noise; it says nothing
of accuracy. Its predecessors are one raster of coherence, each read so many columns farther on.

With a folder to keep, what was measured there is not measured again: a benchmark that was interrupted goes on.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterWindow

from ingest.hashing import file_sha256
from ingest.rasters import CACHE_MB
from lab.speed.measure import report
from ml.rasters.windows import Window, cut

SIZE = "4000x3000x4"  # rows, columns, predecessors; a frame of Sentinel-1 against a year is 25000x16500x12
CONTROL = 8  # so many times lower
SEED = 4_711
BLOCK_PX, NOISES = 1024, 8
APART_PX = 512  # columns between what is read for one predecessor and for the next
LOOKS, COHERENCE, SPREAD, STEP = 4, 0.6, 0.06, 0.005
POSTING_DEG = 9e-5
TASKS = ("coherence", "offsets", "change")
FIRST, REPEAT = date(2026, 1, 1), timedelta(days=12)
LOOK_S, REPORT_S = 0.5, 60.0
Float32 = NDArray[np.float32]


class Frame(NamedTuple):
    """Rows and columns, and how many earlier pairs."""

    rows: int
    cols: int
    past: int


class Ended(NamedTuple):
    """What a process took. peak_mb: largest resident set; sha256: of what it wrote, empty where it was killed; pieces:
    that lay there when it ended.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    sha256: str
    pieces: int
    load: float


def run(rounds: int = 5, size: str = SIZE, tasks: Sequence[str] = TASKS, folder: Path | None = None) -> dict[str, Any]:
    """Make a frame and a lower one, put both through the tasks, kill each task on the first so many times."""
    frame = Frame(*map(int, size.split("x")))
    lower = frame._replace(rows=frame.rows // CONTROL)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        kept = folder or Path(temporary)
        for of in (lower, frame):
            _made(kept / str(of.rows), of)
        for task in tasks:
            (low,) = _ended(task, kept / str(lower.rows), lower, [])
            (whole,) = _ended(task, kept / str(frame.rows), frame, [])
            killed = _ended(task, kept / str(frame.rows), frame, _moments(rounds, whole.cpu_s))
            megapixels = frame.rows * frame.cols / 1e6
            peak = max(one.peak_mb for one in (whole, *killed))
            rows += [
                _row(f"{task}: peak of memory, an eighth of the height as control", peak, "MB", low.peak_mb),
                _row(f"{task}: time at a load of {whole.load:.0f}", whole.wall_s / megapixels, "s/Mpx"),
                _row(f"{task}: computing time", whole.cpu_s / megapixels, "s/Mpx"),
                _row(f"{task}: killed {rounds} times, same bytes", float(killed[-1].sha256 == whole.sha256), "of 1"),
                _row(f"{task}: computing time with the kills", sum(one.cpu_s for one in killed) / megapixels, "s/Mpx"),
            ]
    return report(f"frames of {size}", rows)


def _made(folder: Path, frame: Frame) -> None:
    """Make a frame where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "made").exists():
        _say(f"{folder.name}: making the frame")
        write_frame(folder, frame)
        (folder / "made").touch()


def _moments(kills: int, whole_s: float) -> list[float]:
    """After how much computing time each process is killed: by chance over a whole run, whose parts they do.

    It is not measured by the clock: on a busy machine, or one that was paused, a run would end before its kills.
    """
    draw = random.Random(SEED)  # noqa: S311
    at = sorted(draw.uniform(0, whole_s) for _ in range(kills))
    return [late - early for early, late in pairwise([0.0, *at])]


def _say(what: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {what}", file=sys.stderr, flush=True)  # noqa: DTZ005


def _row(what: str, value: float, unit: str, control: float | None = None) -> dict[str, Any]:
    ratio = None if control is None else round(value / control, 3)
    held = None if control is None else round(control, 3)
    return {"what": what, "value": round(value, 3), "unit": unit, "control": held, "ratio": ratio, "n": 1} | {
        "low": round(value, 3),
        "high": round(value, 3),
    }


def _ended(task: str, folder: Path, frame: Frame, after_s: Sequence[float]) -> list[Ended]:
    """Run a task again and again, killed after so much computing each time, then to its end; or what was noted."""
    out = folder / f"{task}-{'killed' if after_s else 'whole'}.tif"
    notes, pieces = out.with_suffix(".json"), out.with_name(f".{out.name}.pieces")
    ended = [Ended(*one) for one in json.loads(notes.read_text())] if notes.exists() else []
    if not ended:
        shutil.rmtree(pieces, ignore_errors=True)
    for seconds in [*after_s, None][len(ended) :]:
        ended.append(_process(task, folder, frame, out, seconds))
        notes.write_text(json.dumps(ended))
    return ended


def _process(task: str, folder: Path, frame: Frame, out: Path, after_s: float | None) -> Ended:
    """A task in a process of its own, to its end or for so many seconds of computing."""
    command = [sys.executable, "-m", "ml", task, str(folder / "reference.tif"), str(folder / "secondary.tif")]
    command += ["--out", str(out), "--scale", "amplitude", *(["--search", "12"] if task == "offsets" else [])]
    if task == "change":
        command = [sys.executable, "-m", "lab.speed.frames", str(folder), str(out), str(frame.past)]
    name = f"{frame.rows} rows: {out.stem}"
    _say(f"{name}: begun" + ("" if after_s is None else f", to be killed after computing for {after_s:.0f} s"))
    started, killed, reported = time.perf_counter(), False, 0.0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    watched = psutil.Process(process.pid)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        wall_s = time.perf_counter() - started
        if pid:
            break
        if after_s is not None and not killed and sum(watched.cpu_times()[:2]) >= after_s:
            process.send_signal(signal.SIGKILL)
            killed = True
        if wall_s - reported >= REPORT_S:
            reported = wall_s
            _say(f"{name}: {wall_s:.0f} s, pieces: {_pieces(out)}")
        time.sleep(LOOK_S)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not killed:
        raise RuntimeError(f"{task} ended with {process.returncode}")
    stages, sha256 = _pieces(out), "" if killed else file_sha256(out)
    if not killed:
        out.unlink()  # a frame is many gigabytes
    ended = Ended(
        wall_s,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        sha256,
        sum(stages.values()),
        os.getloadavg()[1],
    )
    _say(f"{name}: {'killed' if killed else 'done'}, {ended}, pieces: {stages}")
    return ended


def _pieces(out: Path) -> dict[str, int]:
    """How many pieces of each stage lie beside a result that is being made."""
    found = out.with_name(f".{out.name}.pieces").glob("*/*@*")
    return dict(sorted(Counter(path.name.partition("@")[0] for path in found).items()))


# ---- what is simulated ----


def write_frame(folder: Path, frame: Frame) -> None:
    """The pair, reference.tif and secondary.tif, its coherence, own.tif, and that of its predecessors, past.tif."""
    shape = frame.rows, frame.cols
    swath = {
        "driver": "GTiff",
        "dtype": "uint16",
        "nodata": 0,
        "gcps": _control_points(shape),
        "crs": CRS.from_epsg(4326),
    }
    grid = {"driver": "GTiff", "dtype": "float32", "nodata": np.nan, "crs": CRS.from_epsg(32632)}
    grid |= {"transform": Affine(10, 0, 500_000, 0, -10, 5_800_000)}
    wide = frame.rows, frame.cols + (frame.past - 1) * APART_PX
    rng = np.random.default_rng(SEED)
    powers = [_powers(rng) for _ in range(NOISES)]
    spreads = SPREAD * rng.standard_normal((NOISES, BLOCK_PX, BLOCK_PX), dtype=np.float32)
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), ExitStack() as stack:
        pair = [
            stack.enter_context(rasterio.open(folder / f"{name}.tif", "w", **swath, **_tiled(shape, 1)))
            for name in ("reference", "secondary")
        ]
        own = stack.enter_context(rasterio.open(folder / "own.tif", "w", **grid, **_tiled(shape, 2)))
        past = stack.enter_context(rasterio.open(folder / "past.tif", "w", **grid, **_tiled(wide, 2)))
        for at in cut(wide, BLOCK_PX).values():
            here, number = _window(at), (5 * at.row + 3 * at.col) // BLOCK_PX
            past.write(_coherence(spreads[number % NOISES], at, lost=False), [1, 2], window=here)
        for at in cut(shape, BLOCK_PX).values():
            here, number = _window(at), (3 * at.row + 5 * at.col) // BLOCK_PX
            for raster, power in zip(pair, powers[number % NOISES], strict=True):
                raster.write(_amplitude(power, at), 1, window=here)
            own.write(_coherence(spreads[number % NOISES].T, at, lost=True), [1, 2], window=here)


def _window(at: Window) -> RasterWindow:
    return RasterWindow(at.col, at.row, at.cols, at.rows)


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


def _powers(rng: np.random.Generator) -> Float32:
    """Speckle of two images that are coherent, about 1: (2, BLOCK_PX, BLOCK_PX)."""
    parts = rng.standard_normal((LOOKS, 2, 2, BLOCK_PX, BLOCK_PX), dtype=np.float32)
    parts[:, 1] = COHERENCE * parts[:, 0] + np.sqrt(1 - COHERENCE**2) * parts[:, 1]
    return np.asarray((parts**2).mean(axis=(0, 2)))


def _amplitude(power: Float32, at: Window) -> NDArray[np.uint16]:
    return np.asarray(100 * np.sqrt(power[: at.rows, : at.cols] * _ground(at)) + 1, dtype=np.uint16)


def _coherence(spread: Float32, at: Window, lost: bool) -> Float32:
    """Coherence and its sigma, rounded so that files stay small; lost: here and there, in squares across seams."""
    values = COHERENCE + spread[: at.rows, : at.cols]
    if lost:
        row, col = np.ogrid[at.row : at.row + at.rows, at.col : at.col + at.cols]
        here = (row // 2048 % 4 == 0) & (col // 2048 % 4 == 0)
        values -= np.where(here & (row // 200 % 5 == 0) & (col // 100 % 10 == 0), 0.4, 0).astype(np.float32)
    held = np.round(values.clip(0, 1) / STEP) * STEP
    return np.stack([held, np.full_like(held, SPREAD)]).astype(np.float32)


# ---- change, which has no command line ----


def change(folder: Path, out: Path, past: int) -> None:
    """The change of a frame's coherence against its predecessors', its pieces beside the result.

    Two of these stand for changes of pairs beside it.
    """
    import torch

    from ml.coherence.change import Stack
    from ml.coherence.compared import Beside, Compared, compared
    from ml.rasters.imagery import open_pair
    from ml.rasters.pieces import Folder, Pieces
    from ml.rasters.results import write_result

    days = [FIRST + number * REPEAT for number in range(4)]
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), ExitStack() as stack:
        own = stack.enter_context(rasterio.open(folder / "own.tif"))
        earlier = stack.enter_context(rasterio.open(folder / "past.tif"))

        def history(at: Window) -> tuple[Float32, Float32]:
            both = np.empty((past, 2, at.rows, at.cols), dtype=np.float32)
            for number, one in enumerate(both):
                earlier.read(out=one, window=_window(at._replace(col=at.col + number * APART_PX)))
            return both[:, 0], both[:, 1]

        def beside(number: int, at: Window) -> tuple[Float32, Float32]:
            coherence = _read(earlier, at._replace(col=at.col + number * APART_PX))[0]
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
    return np.asarray(raster.read(window=_window(at)))


if __name__ == "__main__":
    change(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
