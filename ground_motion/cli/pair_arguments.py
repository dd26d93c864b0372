"""Options that `python -m ml coherence` and `python -m ml offsets` share; importing them imports no torch."""

import argparse
from pathlib import Path

from ground_motion.cli.method_help import add_method
from ground_motion.readers.images.scenes import SCALES
from ground_motion.runtime.methods import shipped_method


def add_arguments(parser: argparse.ArgumentParser, task: str, out: str) -> None:
    """Declare the arguments on a pair. out: help text of --out."""
    parser.add_argument("reference", type=Path, metavar="REF.tif", help="earlier image")
    parser.add_argument("secondary", type=Path, metavar="SEC.tif", help="later image, of the same posting")
    parser.add_argument("--out", type=Path, required=True, metavar=out, help="raster to write")
    parser.add_argument("--quicklook", type=Path, metavar="FILE.png", help="picture of the result to write")
    parser.add_argument(
        "--scale", choices=SCALES, default="power", help="scale of the images' values (default: %(default)s)"
    )
    add_method(parser, task, shipped_method(task).name)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where the network runs")
