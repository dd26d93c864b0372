"""`python -m ml offsets`: track the offsets between two radar images."""

import argparse

from ml.offsets.baseline import POSTING_PX, SEARCH_PX
from ml.offsets.infer import METHODS, VERSIONS, track_offsets
from ml.rasters import pair_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pair_command.add_arguments(parser, "offsets", METHODS, "O.tif")
    parser.add_argument(
        "--posting", type=int, default=POSTING_PX, metavar="N", help="spacing of the offsets, px (default: %(default)s)"
    )
    parser.add_argument(
        "--search", type=int, default=SEARCH_PX, metavar="N", help="largest offset, px (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Track, write, print a summary. Raises InputError or ValueError for what cannot be used."""
    if not 1 <= args.posting <= 512:
        raise ValueError(f"--posting {args.posting} is not between 1 and 512")
    if not 1 <= args.search <= 64:
        raise ValueError(f"--search {args.search} is not between 1 and 64")
    return pair_command.run(
        args,
        lambda pair, device: track_offsets(pair, args.method, device, args.search, args.posting),
        VERSIONS[args.method],
    )
