"""A nation through the detector of deformation: CPU seconds of each stage against gridding in the same run, and memory.

The nation is simulated: 490 by 490 km at ten million points, four fifths of them in towns, with hills and bowls. Each
run is a process of its own (`python -m lab.speed.deformation`). A twenty-fifth of it is also run whole and killed five
times, and both results are compared.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lab.speed.measure import figure, report

POINTS, SIDE_M = 10_000_000, 490_000.0
TOWNS_PER_10_000_KM2, TOWN_M, BOWLS = 17, 3_000.0, 100
SMALLER, KILLS, PIECES = 25, 5, 2  # A killed run is killed whenever it has finished some further pieces.
STAGES = {"grid_robust": "gridding", "best_bowls": "search for bowls", "predict": "network"}  # functions of `infer`
KEY = "bench"


def run(points: int = POINTS) -> dict[str, Any]:
    """Measure a nation with the given number of points; its area follows, so that points stay as dense."""
    whole = _in_own_process("--points", points)
    seconds, gridding = whole["seconds"], whole["seconds"]["gridding"]
    stages = [figure(f"nation: {name}", "CPU s", spent) for name, spent in seconds.items()]
    spent = sum(seconds[name] for name in STAGES.values())
    once, killed = _in_own_process("--points", points // SMALLER), _killed(points // SMALLER)
    rows = [
        *stages,
        figure("nation: gridding, search and network, as multiples of gridding", "times", spent / gridding),
        figure("nation: from points to maps, as a multiple of gridding", "times", seconds["all"] / gridding),
        figure("nation: from points to maps", "s", whole["wall"]),
        figure("nation: peak memory, its points included", "GiB", whole["gib"]),
        figure(f"killed {KILLS} times: the same result", "share", float(killed["hash"] == once["hash"]), KILLS),
    ]
    return report("deformation", rows) | {"note": f"{points:,} points on {whole['cells'] / 1e6:.1f} million cells"}


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "lab.speed.deformation", *map(str, arguments)]


def _in_own_process(*arguments: object) -> dict[str, Any]:
    done = subprocess.run(_command(*arguments), check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _killed(points: int) -> dict[str, Any]:
    """Return the result of a run that was killed KILLS times and resumed."""
    with TemporaryDirectory(prefix="ground-motion-bench-") as folder:
        command, pieces = ("--points", points, "--pieces", folder), Path(folder) / KEY
        for kill in range(1, KILLS + 1):
            with subprocess.Popen(_command(*command), stdout=subprocess.DEVNULL) as process:
                while process.poll() is None and sum(1 for _ in pieces.glob("*@*")) < kill * PIECES:
                    time.sleep(0.05)
                process.kill()
            if process.returncode == 0:
                raise RuntimeError("a run ended before it was killed; use more points")
        return _in_own_process(*command)


def main() -> None:
    """Detect deformation in a nation once; print seconds of each stage, peak memory and the result's hash."""
    from ml.deformation import infer
    from ml.rasters.pieces import Folder, Pieces

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--points", type=int, required=True)
    parser.add_argument("--pieces", type=Path, help="folder from which a killed run resumes")
    args = parser.parse_args()
    spent: dict[str, float] = dict.fromkeys(STAGES.values(), 0.0)

    def timed(stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*inputs: Any, **settings: Any) -> Any:
            started = time.process_time()
            made = work(*inputs, **settings)
            spent[stage] += time.process_time() - started
            return made

        return counted

    for name, stage in STAGES.items():
        setattr(infer, name, timed(stage, getattr(infer, name)))
    nation, pieces = simulated_nation(args.points), Pieces(Folder(args.pieces, KEY)) if args.pieces else None
    started, clock = time.process_time(), time.perf_counter()
    bands = infer.detect_tracks([nation], "model", pieces=pieces).bands()
    spent["all"] = time.process_time() - started
    wall = time.perf_counter() - clock
    seen = hashlib.sha256()
    for plane in bands.values():
        seen.update(plane.tobytes())
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 2**20
    cells = bands["probability"].size
    print(json.dumps({"seconds": spent, "wall": wall, "gib": peak, "cells": cells, "hash": seen.hexdigest()}))


def simulated_nation(points: int, seed: int = 1) -> Any:
    """Simulate a track: towns, white noise of 1 mm/yr, hills, and bowls of 8 mm/yr in its towns."""
    import numpy as np

    from ml.deformation.gridding.points import PointCloud

    rng, side_m = np.random.default_rng(seed), SIDE_M * (points / POINTS) ** 0.5
    centre = rng.uniform(0.02, 0.98, (max(1, round(TOWNS_PER_10_000_KM2 * (side_m / 1e5) ** 2)), 2)) * side_m
    in_towns = points * 4 // 5
    town = rng.integers(0, len(centre), in_towns)
    parts = centre[town] + rng.normal(0, TOWN_M, (in_towns, 2)), rng.uniform(0, side_m, (points - in_towns, 2))
    at = np.concatenate(parts).clip(0, side_m - 0.5)
    rate = rng.normal(0, 1, points).astype(np.float32)
    for middle in centre[: max(1, round(BOWLS * points / POINTS))]:
        near = np.flatnonzero(np.abs(at - middle).max(axis=1) < TOWN_M)
        rate[near] -= (8 * np.exp(-(((at[near] - middle) / 800) ** 2).sum(axis=1))).astype(np.float32)
    height_m = (200 * np.sin(at[:, 0] / 2_000) * np.cos(at[:, 1] / 3_000)).astype(np.float32)
    return PointCloud(at[:, 0] + 4_000_000, at[:, 1] + 2_000_000, rate, 3035, height_m=height_m)


if __name__ == "__main__":
    main()
