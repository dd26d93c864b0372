"""Offset trackers on one pair, in megapixels a second; the control is batched-FFT correlation on the same device.

`scripts/bench` never imports torch, so the times are taken in a process of their own (`python -m lab.speed.offsets`).
The pair is a simulated one (GRDH, gamma 0.7), repeated to the wanted size while it is read, so that memory is the
tracker's. Reading files and writing the raster are left out.
"""

import argparse
import json
import resource
import subprocess
import sys
from typing import Any

from lab.speed.measure import report, result, seconds

SIZE_PX, PIECE_PX, POSTING_PX = 2048, 256, 8
METHODS = ("model", "ncc", "multi-kernel")


def run(rounds: int = 5, size: int = SIZE_PX) -> dict[str, Any]:
    """Time network, one window and four windows in turn; measure the network's memory, also at four times the area."""
    measured, megapixels = _in_own_process("--size", size, "--rounds", rounds), size**2 / 1e6
    times, where = measured["seconds"], f"{megapixels:.1f} Mpx, {measured['device']}; control: one window of 32 px"
    rows = [
        result(f"offsets: {name}, {where}", "Mpx/s", times[method], times["ncc"], megapixels)
        for name, method in (("network", "model"), ("multi-kernel correlation", "multi-kernel"))
    ]
    small, large = ([_in_own_process("--memory", "--size", px)["mib"]] for px in (size, 2 * size))
    rows.append(result("offsets: network, peak memory at four times the area; control: at one", "MiB", large, small))
    return report("offsets", rows)


def _in_own_process(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "lab.speed.offsets", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Track pairs and print seconds of each method in each round, or the peak memory of the network alone."""
    import numpy as np
    from affine import Affine

    from lab.simulation.sar.recipes import constant_shift
    from lab.simulation.seeds import Purpose, generator
    from ml.offsets.infer import track_offsets
    from ml.rasters.imagery import PairSource
    from ml.runtime.device import choose_device

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--size", type=int, required=True, help="px a side")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--memory", action="store_true")
    args = parser.parse_args()
    device = choose_device("auto")
    power = constant_shift(generator(Purpose.TEST, "offsets-timing", 0), 0.7, PIECE_PX).power

    def track(method: str, size: int) -> None:
        def read(at):
            rows, cols = (np.arange(first, first + n) % PIECE_PX for first, n in ((at.row, at.rows), (at.col, at.cols)))
            return power[:, rows][:, :, cols]

        track_offsets(PairSource((size, size), Affine.identity(), None, read), method, device, posting=POSTING_PX)

    if args.memory:
        track("model", args.size)
        print(json.dumps({"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    for method in METHODS:
        track(method, 2 * PIECE_PX)  # warms up
    times: dict[str, list[float]] = {method: [] for method in METHODS}
    for turn in range(args.rounds):
        for method in METHODS if turn % 2 == 0 else METHODS[::-1]:
            times[method].append(seconds(lambda method=method: track(method, args.size)))
    print(json.dumps({"device": str(device), "seconds": times}))


if __name__ == "__main__":
    main()
