"""`python -m ml coherence`: estimate the coherence of two radar images."""

import argparse

from ground_motion.cli import pair_arguments
from ground_motion.methods.coherence import SAMPLE_WINDOW, SICA, SLACK_PX, WINDOW_PX, CoherenceMethod, window_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m ml coherence`."""
    pair_arguments.add_arguments(parser, "coherence", "C.tif")
    parser.add_argument(
        "--window",
        metavar="RxC",
        help="window over which coherence is estimated, rows x columns, odd numbers of px, such as 3x11 (default: "
        f"{SAMPLE_WINDOW[0]}x{SAMPLE_WINDOW[1]}, classical methods {WINDOW_PX}x{WINDOW_PX}); no effect on {SICA}",
    )
    parser.add_argument(
        "--looks", type=float, metavar="L", help="equivalent number of looks of the images (default: estimated)"
    )


def run(args: argparse.Namespace) -> int:
    """Estimate, write, print a summary. Raises InputError or ValueError for what cannot be used."""
    if args.looks is not None and not 0.5 <= args.looks <= 1000:
        raise ValueError(f"--looks {args.looks:g} is no number of looks")
    window = window_of(args.window) if args.window else None
    from ground_motion.cli import pair_command
    from ground_motion.methods.coherence.infer import estimate_coherence  # Torch takes seconds, and --help needs none.

    return pair_command.run(
        args,
        lambda pair, device, pieces: estimate_coherence(
            pair.kept_in(pieces), args.method, device, window, args.looks, pieces
        ),
        CoherenceMethod.find(args.method).version,
        SLACK_PX,
    )
