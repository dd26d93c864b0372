"""Offset trackers on one pair, in megapixels a second; the control is batched-FFT correlation on the same device.

Measured in a process of its own: this one never imports torch.
"""

import json
import subprocess
import sys
from typing import Any

from lab.speed.measure import report, result

SIZE_PX = 2048
POSTING_PX = 8


def run(rounds: int = 5, size: int = SIZE_PX) -> dict[str, Any]:
    """Time the network, one window and many windows in turn; the network's memory at one and at four times the area."""
    command = [sys.executable, "-m", "lab.offsets.timing", "--size", str(size), "--rounds", str(rounds)]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    times, megapixels = measured["seconds"], size**2 / 1e6
    where = f"{megapixels:.1f} Mpx, posting {POSTING_PX}, {measured['device']}"
    rows = [
        result(f"{name}, {where}; control: one window of 32 px", "Mpx/s", times[method], times["ncc"], megapixels)
        for name, method in (("network", "model"), ("four windows", "multi-kernel"))
    ]
    if "opencv" in times:
        what = f"one window of 32 px, {where}; control: OpenCV's matchTemplate, whole pixels only"
        rows.append(result(what, "Mpx/s", times["ncc"], times["opencv"], megapixels))
    small, large = measured["memory_mib"]
    rows.append(result("network, peak memory at four times the area; control: at one", "MiB", [large], [small]))
    return report("offsets", rows)
