"""`python -m ml deformation`: detect moving areas in a velocity product; writes a probability raster and outlines."""

import argparse
from pathlib import Path

from ground_motion.cli.method_help import add_method
from ground_motion.methods.deformation import DEFAULT_METHOD
from ground_motion.readers.records import Reference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `python -m ml deformation`."""
    parser.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="POINTS.csv|POINTS.shp|POINTS.zip|CUM.h5|VEL.tif",
        help="velocity product; several of one region (its other tracks) are combined",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="P.tif", help="raster to write")
    parser.add_argument("--quicklook", type=Path, metavar="FILE.png", help="picture of the raster to write")
    parser.add_argument("--areas", type=Path, metavar="A.geojson", help="GeoJSON file of the flagged areas to write")
    add_method(parser, "deformation", DEFAULT_METHOD)
    parser.add_argument(
        "--reference",
        choices=[*Reference],
        help="zero of the rates, in place of what the files state: GNSS stations, or a point or mean of the scene",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where the network runs")
    parser.add_argument("--mapping", type=Path, metavar="M.toml", help="names of the columns of a table")
    parser.add_argument("--unit", help="unit of a GeoTIFF or a table: mm/yr, cm/yr or m/yr")
    parser.add_argument(
        "--positive",
        help="positive direction of a GeoTIFF or a table: toward, away (line of sight), up, down, east, west",
    )


def run(args: argparse.Namespace) -> int:
    """Detect moving areas, write the files, print a summary. Raises InputError or ValueError for unusable input."""
    from ground_motion.methods.deformation import files  # Torch takes seconds, and --help needs none.

    return files.run(args)
