"""Deformation over a nation: the network against torch.mm, gridding against scipy, all stages, time and memory.

The nation is made: 490 by 490 km in cells of 100 m, ten million points in and between towns, bowls that sink. Whatever
is reported of memory is measured in a process of its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from django.conf import settings
from scipy.interpolate import griddata
from torch import Tensor, nn

from lab.speed.measure import pairs, report, result
from ml.deformation.gridding.cells import CELL_M, Cells, assign_cells, grid_median, grid_robust
from ml.deformation.gridding.interpolation import inverse_distance
from ml.deformation.gridding.points import PointCloud
from ml.deformation.infer import WEIGHTS, flagged_areas, on_grids
from ml.deformation.nation import NetworkConfig
from ml.deformation.network import DeformationNetwork

SIDE_CELLS, POINTS = 4_900, 10_000_000
TOWNS_PER_10_000_KM2 = 17
GRIDDED, HELD_OUT = 1_000_000, 0.01
MM_SIZE = 2_048


def run(side_cells: int = SIDE_CELLS, points: int = POINTS, gridded: int = GRIDDED, rounds: int = 5) -> dict[str, Any]:
    """All figures; smaller numbers are for trying it out."""
    network = DeformationNetwork.load(WEIGHTS["model"])
    rows = [_against_mm(network, bfloat16, rounds) for bfloat16 in (False, True)]
    rows += _gridding(gridded, rounds)
    rows += _nation(side_cells, points)
    return report("deformation", rows)


def made_nation(side_cells: int, points: int, seed: int = 1) -> PointCloud:
    """Four fifths of the points in towns, the rest anywhere; white noise of 1 mm/yr; a hundred bowls; hills."""
    rng = np.random.default_rng(seed)
    side_m = side_cells * CELL_M
    towns = max(1, round(TOWNS_PER_10_000_KM2 * (side_m / 1e5) ** 2))
    centre = rng.uniform(0.02, 0.98, (towns, 2)) * side_m
    in_town = points * 4 // 5
    town = rng.integers(0, towns, in_town)
    xy = np.concatenate(
        [
            centre[town] + rng.normal(0, 3_000, (in_town, 2)),
            rng.uniform(0, side_m, (points - in_town - 2, 2)),
            [[0.5, 0.5], [side_m - 0.5, side_m - 0.5]],
        ]
    ).clip(0, side_m - 0.5)
    velocity = rng.normal(0, 1, points).astype(np.float32)
    for east, north in centre[:100]:
        near = np.flatnonzero(np.abs(xy - (east, north)).max(axis=1) < 3_000)
        away = np.hypot(*(xy[near] - (east, north)).T)
        velocity[near] += (-8 * np.exp(-((away / 800) ** 2))).astype(np.float32)
    height_m = (200 * np.sin(xy[:, 0] / 2_000) * np.cos(xy[:, 1] / 3_000)).astype(np.float32)
    return PointCloud(xy[:, 0] + 4_000_000, xy[:, 1] + 2_000_000, velocity, 3035, height_m=height_m)


def _against_mm(network: DeformationNetwork, bfloat16: bool, rounds: int) -> dict[str, Any]:
    """The network's arithmetic in one window against one large product of matrices in the same precision."""
    side = NetworkConfig().core_cells + 2 * network.halo_cells
    image = torch.rand(1, network.module.channels, side, side).contiguous(memory_format=torch.channels_last)
    module = network.module.to(memory_format=torch.channels_last)
    kind = torch.bfloat16 if bfloat16 else torch.float32
    left, right = (torch.rand(MM_SIZE, MM_SIZE, dtype=kind) for _ in range(2))
    operations = operations_of(module, image)
    times_mm = max(1, round(operations / (2 * MM_SIZE**3)))

    def ours() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            module(image, 1)

    def control() -> None:
        for _ in range(times_mm):
            torch.mm(left, right)

    mine, theirs = pairs(ours, control, rounds)
    per_operation = (
        [seconds / operations for seconds in mine],
        [seconds / (times_mm * 2 * MM_SIZE**3) for seconds in theirs],
    )
    name = "bfloat16" if bfloat16 else "float32"
    cells = image.shape[-1] ** 2 / 1e6
    what = (
        f"network in {name}, one window of {side} x {side} cells: {cells / np.median(mine):.2f} Mpx/s, "
        f"{operations / image.shape[-1] ** 2 / 1e3:.0f} kFLOP a cell (control: torch.mm of {MM_SIZE})"
    )
    return result(what, "GFLOP/s", *per_operation, amount=1e-9)


def operations_of(module: nn.Module, image: Tensor) -> int:
    """Multiplications and additions of all convolutions in one forward pass."""
    counted = 0

    def count(layer: nn.Module, _inputs: Any, output: Tensor) -> None:
        nonlocal counted
        assert isinstance(layer, nn.Conv2d)  # noqa: S101 (hooked on these only)
        counted += 2 * output.numel() * layer.weight[0].numel()

    hooks = [layer.register_forward_hook(count) for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    with torch.inference_mode():
        module(image, 1)
    for hook in hooks:
        hook.remove()
    return counted


def _gridding(points: int, rounds: int) -> list[dict[str, Any]]:
    """Bin, then fill, against scipy's linear interpolation between scattered points; and which is closer to truth."""
    cloud = made_nation(round((points / POINTS) ** 0.5 * SIDE_CELLS), points)
    held = np.random.default_rng(2).random(points) < HELD_OUT
    held[-2:] = False  # the corners
    known = PointCloud(cloud.x[~held], cloud.y[~held], cloud.velocity_mm_yr[~held], cloud.epsg)
    cells = assign_cells(known.x, known.y)
    errors: dict[str, float] = {}

    def check(name: str, grid: np.ndarray) -> None:
        col = ((cloud.x[held] - cells.transform.c) / CELL_M).astype(int)
        row = ((cells.transform.f - cloud.y[held]) / CELL_M).astype(int)
        inside = (row >= 0) & (row < cells.shape[0]) & (col >= 0) & (col < cells.shape[1])
        off = grid[row[inside], col[inside]] - cloud.velocity_mm_yr[held][inside]
        errors[name] = float(np.sqrt(np.nanmean(off**2)))

    times = pairs(
        lambda: check("ours", inverse_distance(grid_median(known).velocity_mm_yr)),
        lambda: check("scipy", _by_scipy(known, cells)),
        min(rounds, 3),
    )
    what = f"gridding {points:,} points to {cells.shape[0]} x {cells.shape[1]} cells, filled (control: scipy.griddata)"
    error = {
        "what": f"root mean square of {int(held.sum()):,} points left out, against their cells (control: scipy's)",
        "value": round(errors["ours"], 3),
        "unit": "mm/yr",
        "control": round(errors["scipy"], 3),
        "ratio": round(errors["ours"] / errors["scipy"], 3),
        "n": 1,
        "low": None,
        "high": None,
    }
    return [result(what, "points/s", *times, amount=points), error]


def _by_scipy(points: PointCloud, cells: Cells) -> np.ndarray:
    rows, cols = cells.shape
    x = cells.transform.c + CELL_M * (np.arange(cols) + 0.5)
    y = cells.transform.f - CELL_M * (np.arange(rows) + 0.5)
    at = np.column_stack([points.x, points.y])
    return np.asarray(griddata(at, points.velocity_mm_yr, tuple(np.meshgrid(x, y)), method="linear"))


_NATION = """
import json, sys
from pathlib import Path
import ml  # before numpy, as python -m ml
print(json.dumps(timed_nation(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
"""


def _nation(side_cells: int, points: int) -> list[dict[str, Any]]:
    with TemporaryDirectory(prefix="ground-motion-bench-") as folder:
        command = [sys.executable, "-c", _NATION, str(side_cells), str(points), folder]
        measured = subprocess.run(command, cwd=settings.BASE_DIR, check=True, capture_output=True, text=True)
    measured = json.loads(measured.stdout.splitlines()[-1])
    what = f"a simulated nation of {side_cells**2 / 1e6:.1f} M cells and {points:,} points"
    stages, network = measured["seconds"], measured["seconds"]["network"]
    others = sum(seconds for name, seconds in stages.items() if name != "network")
    rows = [
        _figure(f"{what}: from points to raster and areas", "s", sum(stages.values())),
        _figure(f"{what}: peak memory, its points included", "GiB", measured["peak_gib"]),
        _figure(f"{what}: gridding", "s", stages["gridding"]),
        _figure(f"{what}: peak memory after gridding", "GiB", measured["gridding_gib"]),
        _figure(f"{what}: every stage but the network, as a share of its time", "", others / network),
    ]
    return rows + [_figure(f"{what}: {name}", "s", seconds) for name, seconds in stages.items() if name != "gridding"]


def timed_nation(side_cells: int, points: int, folder: Path) -> dict[str, Any]:
    """Seconds of each stage, in this process, and its peak memory. The same steps as `python -m ml deformation`."""
    from ingest.rasters import write_cog

    cloud, network = made_nation(side_cells, points), DeformationNetwork.load(WEIGHTS["model"])
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        started = time.monotonic()
        detection = work()
        seconds[name] = time.monotonic() - started
        return detection

    grid = timed("gridding", lambda: grid_robust(cloud))
    after_gridding = _peak_gib()
    inside = _Watch(network)
    detection = timed("network", lambda: on_grids([grid], network))
    seconds["background, windows, reading out"] = seconds["network"] - inside.seconds
    seconds["network"] = inside.seconds
    timed(
        "raster",
        lambda: write_cog(
            folder / "p.tif", detection.bands(), detection.transform, detection.epsg, detection.units(), {}
        ),
    )
    areas = timed("areas", lambda: flagged_areas(detection, [cloud]))
    return {"seconds": seconds, "peak_gib": _peak_gib(), "gridding_gib": after_gridding, "areas": len(areas)}


class _Watch:
    """Adds up the time that a network's forward passes take."""

    def __init__(self, network: DeformationNetwork) -> None:
        self.seconds, self._started = 0.0, 0.0
        network.module.register_forward_pre_hook(self._begin)
        network.module.register_forward_hook(self._end)

    def _begin(self, *_: Any) -> None:
        self._started = time.monotonic()

    def _end(self, *_: Any) -> None:
        self.seconds += time.monotonic() - self._started


def _peak_gib() -> float:
    """Of this process, as it reports it: ru_maxrss of a child begins with its parent's peak."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def _figure(what: str, unit: str, value: float) -> dict[str, Any]:
    nothing = dict.fromkeys(("control", "ratio", "low", "high"))
    return {"what": what, "value": round(value, 3), "unit": unit, **nothing, "n": 1}
