"""`python -m ml offsets`: track the offsets between two radar images."""

import argparse
from typing import TYPE_CHECKING

from ground_motion.cli import pair_arguments
from ground_motion.core.errors import InputError
from ground_motion.methods.offsets import MAX_SEARCH_PX, POSTING_PX, OffsetsMethod

if TYPE_CHECKING:
    from ground_motion.rasters.imagery import PairSource


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m ml offsets`."""
    pair_arguments.add_arguments(parser, "offsets", "O.tif")
    parser.add_argument(
        "--posting", type=int, default=POSTING_PX, metavar="N", help="spacing of the offsets, px (default: %(default)s)"
    )
    parser.add_argument(
        "--search",
        type=int,
        metavar="N",
        help=f"reach, px; matches up to twice as far widen it, up to {MAX_SEARCH_PX} (default: {MAX_SEARCH_PX})",
    )
    parser.add_argument("--reach-m-per-day", type=float, metavar="M", help="in place of --search: the fastest motion")
    parser.add_argument("--days", type=int, metavar="D", help="between the images, for --reach-m-per-day")


def run(args: argparse.Namespace) -> int:
    """Track, write, print a summary. Raises InputError or ValueError for what cannot be used."""
    if not 1 <= args.posting <= 512:
        raise ValueError(f"--posting {args.posting} is not between 1 and 512")
    if args.search is not None and not 1 <= args.search <= MAX_SEARCH_PX:
        raise ValueError(f"--search {args.search} is not between 1 and {MAX_SEARCH_PX}")
    if (args.reach_m_per_day is None) != (args.days is None):
        raise ValueError("--reach-m-per-day and --days go together: give both or neither")
    if args.reach_m_per_day is not None and args.search is not None:
        raise ValueError("--search and --reach-m-per-day say the same: give one of them")
    if args.days is not None and not (args.days >= 1 and args.reach_m_per_day > 0):
        raise ValueError(f"--reach-m-per-day {args.reach_m_per_day:g} and --days {args.days} are not both positive")
    from ground_motion.cli import pair_command
    from ground_motion.methods.offsets.infer import (  # Torch takes seconds, and --help needs none.
        on_the_ground,
        track_offsets,
    )

    return pair_command.run(
        args,
        lambda pair, device, pieces: on_the_ground(
            track_offsets(pair.kept_in(pieces), args.method, device, _search(args, pair.source), args.posting, pieces),
            pair.apart_px,
        ),
        OffsetsMethod.find(args.method).version,
        lay=True,
    )


def _search(args: argparse.Namespace, pair: "PairSource") -> int:
    """Return the reach of the search in pixels. InputError if it is given in metres, but pixels are not in metres."""
    if args.days is None:
        return args.search or MAX_SEARCH_PX
    from rasterio.crs import CRS

    from ground_motion.methods.offsets.infer import reach_px
    from ground_motion.methods.offsets.motion import PixelScale

    if pair.epsg is None or CRS.from_epsg(pair.epsg).is_geographic:
        raise InputError(args.reference, "its pixels are not counted in metres", "Give --search in pixels")
    return reach_px(args.reach_m_per_day, PixelScale(abs(pair.transform.a), args.days))
