"""`python -m ml simulate velocity|pair --out DIR`: simulate data with known truth."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ground_motion.simulation.files.scenes import write_pair
from ground_motion.simulation.sar.scenes import simulate_scenes
from ground_motion.simulation.velocity.region import Region, simulate_region
from lab.simulation.region_files import write_region

DEFAULT_SEED = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be simulated: `velocity` and `pair`, each with --seed and --out."""
    kinds = parser.add_subparsers(dest="what", required=True)
    for name, title in {"velocity": "a velocity field", "pair": "two radar images"}.items():
        kind = kinds.add_parser(name, help=title)
        kind.add_argument("--seed", type=int, default=DEFAULT_SEED, help="same seed, same files (default: %(default)s)")
        kind.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to, made if missing")


def run(args: argparse.Namespace) -> int:
    """Simulate and write; returns 0. Raises ValueError for a bad seed or folder."""
    region = simulate_region(args.seed)
    return _pair(region, args.out) if args.what == "pair" else _velocity(region, args.out)


def _velocity(region: Region, out: Path) -> int:
    for path in write_region(region, out):
        print(path)
    for track in region.tracks:
        place = track.geometry
        print(f"track {place.number} ({place.direction}): {len(track)} points, {len(track.dates)} dates")
    for area in region.truths:
        print(f"{area.kind}: {area.rate_mm_yr:+.1f} mm/yr {area.rate_along}, {area.size_m:.0f} m across")
    return 0


def _pair(region: Region, out: Path) -> int:
    """Write the repeat in which the surface changes and the body moves."""
    series = simulate_scenes(region)
    index = series.config.changed_at - 1
    for path in write_pair(series, index, out):
        print(path)
    reference, secondary = series.dates[index : index + 2]
    largest = float(np.hypot(series.dx_px[index], series.dy_px[index]).max())
    print(
        f"{reference:%Y-%m-%d} to {secondary:%Y-%m-%d}, {series.config.posting_m:g} m, moved by up to {largest:.2f} px"
    )
    return 0
