"""`python -m ml simulate velocity --seed 7 --out DIR`: a made region with a known truth, as files."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.simulation.region_files import write_region
from ml.simulation.velocity import simulate_region

DEFAULT_SEED = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be simulated: `velocity`, with --seed and --out."""
    velocity = parser.add_subparsers(dest="what", required=True).add_parser("velocity", help="a velocity field")
    velocity.add_argument("--seed", type=int, default=DEFAULT_SEED, help="same seed, same files (default: %(default)s)")
    velocity.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to, made if missing")


def run(args: argparse.Namespace) -> int:
    """Simulate a region and write it; returns 0. Raises ValueError for a bad seed or folder."""
    region = simulate_region(args.seed)
    for path in write_region(region, args.out):
        print(path)
    for track in region.tracks:
        place = track.geometry
        print(f"track {place.number} ({place.direction}): {len(track)} points, {len(track.dates)} dates")
    for area in region.truths:
        print(f"{area.kind}: {area.rate_mm_yr:+.1f} mm/yr {area.rate_along}, {area.size_m:.0f} m across")
    return 0
