"""`python -m lab.offsets.timing`: seconds of each tracker on the same pair in turn, and memory, as JSON.

The pair is a simulated one (GRDH, gamma 0.7), repeated to the wanted size while it is read, so that
memory is that of the tracker. Reading files and writing the raster are left out. Where OpenCV is installed (the extra
`bench`), its matchTemplate stands beside: one window, whole pixels only, no peak ratio.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray

from lab.simulation.sar.recipes import constant_shift
from lab.simulation.seeds import Purpose, generator
from ml.offsets.baseline import POSTING_PX, SEARCH_PX
from ml.offsets.infer import METHODS, track_offsets
from ml.rasters.imagery import Float32, PairSource
from ml.rasters.windows import Window
from ml.runtime.device import choose_device

try:
    import cv2
except ImportError:
    cv2 = None

PIECE_PX = 256
OPENCV, OPENCV_WINDOW_PX = "opencv", 32


def repeated(size: int) -> PairSource:
    """A pair of size x size px without a file."""
    power = constant_shift(generator(Purpose.TEST, "offsets-timing", 0), 0.7, PIECE_PX).power

    def read(at: Window) -> Float32:
        rows, cols = (np.arange(first, first + n) % PIECE_PX for first, n in ((at.row, at.rows), (at.col, at.cols)))
        return power[:, rows][:, :, cols]

    return PairSource((size, size), Affine.identity(), None, read)


def by_opencv(power: Float32) -> NDArray[np.float32]:
    """Whole-pixel offsets (2, rows, cols), dx then dy, at every POSTING_PX; power: (2, rows, cols), linear."""
    first, second = np.log(power).astype(np.float32)
    half, far = OPENCV_WINDOW_PX // 2, OPENCV_WINDOW_PX // 2 + SEARCH_PX
    rows, cols = (range(far, n - far + 1, POSTING_PX) for n in first.shape)
    results = np.empty((2, len(rows), len(cols)), dtype=np.float32)
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            template = first[row - half : row + half, col - half : col + half]
            place = second[row - far : row + far, col - far : col + far]
            score = cv2.matchTemplate(place, template, cv2.TM_CCOEFF_NORMED)
            results[:, i, j] = np.array(cv2.minMaxLoc(score)[3]) - SEARCH_PX
    return results


def seconds(method: str, size: int, device: torch.device) -> float:
    """Of one pair of size x size px."""
    source = repeated(size)
    if method == OPENCV:
        power = source.read(Window(0, 0, size, size))
        cv2.setNumThreads(torch.get_num_threads())
        started = time.perf_counter()
        by_opencv(power)
        return time.perf_counter() - started
    started = time.perf_counter()
    track_offsets(source, method, device)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def times(methods: list[str], size: int, rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of every method, one after the other in each round, after one round to warm up on a small pair."""
    for method in methods:
        seconds(method, 2 * PIECE_PX, device)
    results: dict[str, list[float]] = {method: [] for method in methods}
    for turn in range(rounds):
        for method in methods if turn % 2 == 0 else methods[::-1]:
            results[method].append(seconds(method, size, device))
    return results


def memory_mib(method: str, size: int) -> float:
    """Highest resident memory of a process of its own that tracks one pair of size x size px."""
    command = [sys.executable, "-m", "lab.offsets.timing", "--alone", method, "--size", str(size)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096, help="px a side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["model", "ncc", "multi-kernel"])
    parser.add_argument("--alone", choices=METHODS, help="print only the memory, MiB, of this method")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    if args.alone:
        seconds(args.alone, args.size, device)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    results = times([*args.methods, *([OPENCV] if cv2 else [])], args.size, args.rounds, device)
    memory = [memory_mib("model", size) for size in (args.size, 2 * args.size)] if "model" in args.methods else []
    print(json.dumps({"size": args.size, "device": str(device), "seconds": results, "memory_mib": memory}))


if __name__ == "__main__":
    main()
