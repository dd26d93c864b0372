"""`python -m ml coherence`: estimate the coherence of two radar images."""

import argparse

from ml.coherence import COMPARABLE, METHODS, TRUTHS, VERSIONS, WINDOW_PX
from ml.rasters import pair_arguments

SLACK_PX = 8  # grids of one product cut twice differ by a few pixels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m ml coherence`."""
    pair_arguments.add_arguments(parser, "coherence", METHODS, "C.tif")
    parser.add_argument(
        "--window",
        type=int,
        default=WINDOW_PX,
        metavar="N",
        help="window of the classical estimators, px (default: %(default)s)",
    )
    parser.add_argument(
        "--looks", type=float, metavar="L", help="equivalent number of looks of the images (default: estimated)"
    )
    parser.add_argument(
        "--truth",
        choices=TRUTHS,
        default=COMPARABLE,
        help="which of the network's two coherences is band 1, the other follows: of the scatterers, or of a window as "
        "complex images give it (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Estimate, write, print a summary. Raises InputError or ValueError for what cannot be used."""
    if args.window < 3 or args.window % 2 == 0:
        raise ValueError(f"--window {args.window} is not an odd number of at least 3")
    if args.looks is not None and not 0.5 <= args.looks <= 1000:
        raise ValueError(f"--looks {args.looks:g} is no number of looks")
    from ml.coherence.infer import estimate_coherence  # torch takes seconds, and --help needs none
    from ml.rasters import pair_command

    return pair_command.run(
        args,
        lambda pair, device, pieces: estimate_coherence(
            pair, args.method, device, args.window, args.looks, args.truth, pieces
        ),
        VERSIONS[args.method],
        SLACK_PX,
    )
