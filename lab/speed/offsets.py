"""Offset trackers on one pair, in megapixels a second; the control is OpenCV's `matchTemplate` on the same nodes.

The control finds whole pixels only, with one window of CONTROL_PX and the range that the trackers search everywhere,
and with as many threads. `scripts/bench` never imports torch, so the times are taken in a process of their own (`python
-m lab.speed.offsets`). The pair is a simulated one (GRDH, gamma 0.7), repeated to the wanted size while it is read, so
that memory is the tracker's. Reading files and writing the raster are left out.
"""

import argparse
import json
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from lab.speed.measure import report, result, seconds

SIZE_PX, PIECE_PX, POSTING_PX = 2048, 256, 8
CONTROL, CONTROL_PX = "opencv", 32
METHODS = ("model", "ncc", "multi-kernel", CONTROL)


def run(rounds: int = 5, size: int = SIZE_PX) -> dict[str, Any]:
    """Time the trackers and the control in turn; measure the network's memory, also at four times the area."""
    measured, megapixels = _in_own_process("--size", size, "--rounds", rounds), size**2 / 1e6
    times = measured["seconds"]
    where = f"{megapixels:.1f} Mpx, {measured['device']}; control: OpenCV's matchTemplate, {CONTROL_PX} px"
    named = {"network": "model", "one window of 32 px": "ncc", "multi-kernel correlation": "multi-kernel"}
    rows = [
        result(f"offsets: {name}, {where}", "Mpx/s", times[method], times[CONTROL], megapixels)
        for name, method in named.items()
    ]
    small, large = ([_in_own_process("--memory", "--size", px)["mib"]] for px in (size, 2 * size))
    rows.append(result("offsets: network, peak memory at four times the area; control: at one", "MiB", large, small))
    return report("offsets", rows)


def _in_own_process(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "lab.speed.offsets", *map(str, arguments)]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def whole_pixels(power: Any, search: int, threads: int) -> Any:
    """Match whole pixels by OpenCV at the trackers' nodes, (2, nodes, nodes), px right and down.

    power: (2, rows, cols), linear, all known; search: largest offset, px.
    """
    import cv2

    cv2.setNumThreads(1)  # A window is too small for several threads.
    before, wide = CONTROL_PX // 2 - POSTING_PX // 2, CONTROL_PX // 2 + search
    reference, secondary = (np.pad(np.sqrt(image), wide, mode="reflect") for image in power)
    rows, cols = (n // POSTING_PX for n in power.shape[1:])
    found = np.empty((2, rows, cols), dtype=np.float32)

    def match(row: int) -> None:
        top = row * POSTING_PX - before + wide
        for col in range(cols):
            left = col * POSTING_PX - before + wide
            window = reference[top : top + CONTROL_PX, left : left + CONTROL_PX]
            around = secondary[top - search : top + CONTROL_PX + search, left - search : left + CONTROL_PX + search]
            surface = cv2.matchTemplate(around, window, cv2.TM_CCOEFF_NORMED)
            found[:, row, col] = cv2.minMaxLoc(surface)[3]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(match, range(rows)))
    return found - search


def main() -> None:
    """Track pairs and print seconds of each method in each round, or the peak memory of the network alone."""
    import torch
    from affine import Affine

    from ground_motion.methods.offsets import NEAR_PX
    from ground_motion.methods.offsets.infer import track_offsets
    from ground_motion.rasters.imagery import PairSource
    from ground_motion.rasters.windows import Window
    from ground_motion.runtime.device import choose_device
    from lab.simulation.sar.recipes import constant_shift
    from lab.simulation.seeds import Purpose, generator

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--size", type=int, required=True, help="px a side")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--memory", action="store_true")
    args = parser.parse_args()
    device = choose_device("auto")
    power = constant_shift(generator(Purpose.TEST, "offsets-timing", 0), 0.7, PIECE_PX).power

    def read(at: Window) -> Any:
        rows, skip = np.arange(at.row, at.row + at.rows) % PIECE_PX, at.col % PIECE_PX
        return np.tile(power[:, rows], -(-(skip + at.cols) // PIECE_PX))[:, :, skip : skip + at.cols]

    def track(method: str, size: int) -> None:
        if method == CONTROL:
            whole_pixels(read(Window(0, 0, size, size)), NEAR_PX, torch.get_num_threads())
        else:
            track_offsets(PairSource((size, size), Affine.identity(), None, read), method, device, posting=POSTING_PX)

    if args.memory:
        track("model", args.size)
        print(json.dumps({"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    for method in METHODS:
        track(method, 2 * PIECE_PX)  # This call warms up.
    times: dict[str, list[float]] = {method: [] for method in METHODS}
    for turn in range(args.rounds):
        for method in METHODS if turn % 2 == 0 else METHODS[::-1]:
            times[method].append(seconds(partial(track, method, args.size)))
    print(json.dumps({"device": str(device), "seconds": times}))


if __name__ == "__main__":
    main()
