"""`python -m ml deformation`: a velocity product in, a probability raster and areas out, no database."""

import argparse
import json
import time
from pathlib import Path

from shapely.geometry import mapping

from ingest.errors import InputError
from ingest.hashing import file_sha256
from ingest.rasters import write_cog
from ml.areas import to_geographic
from ml.deformation.infer import (
    METHODS,
    UNITS,
    VERSIONS,
    DeformationResult,
    detect_deformation,
    flagged_areas,
    strongest,
)
from ml.deformation.inputs import read_points
from ml.deformation.points import PointCloud
from ml.device import choose_device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, metavar="POINTS.csv|POINTS.zip|CUM.h5|VEL.tif")
    parser.add_argument("--out", type=Path, required=True, metavar="P.tif")
    parser.add_argument("--areas", type=Path, metavar="A.geojson", help="also write the flagged areas")
    parser.add_argument("--method", choices=METHODS, default="matched-filter")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--unit", help="of a GeoTIFF: mm/yr, cm/yr or m/yr")
    parser.add_argument("--positive", help="of a GeoTIFF: toward or away (line of sight), up, down, east, west")


def run(args: argparse.Namespace) -> int:
    """Detect, write, say what was found. Raises InputError or ValueError for what cannot be used."""
    for target in filter(None, (args.out, args.areas)):
        if not target.parent.is_dir():
            raise InputError(target, "its folder does not exist", "Make the folder first")
    device, started = choose_device(args.device), time.monotonic()
    tracks = read_points(args.input, args.unit, args.positive)
    result = strongest([detect_deformation(points, args.method, device) for points in tracks])
    tags = {
        "method": args.method,
        "model_version": f"{args.method} {VERSIONS[args.method]}",
        "input_sha256": file_sha256(args.input),
        "input_name": args.input.name,
        "sign": "positive toward the satellite (or up, or east)",
    }
    write_cog(args.out, result.bands(), result.transform, result.epsg, UNITS, tags)
    n_areas = _write_areas(args.areas, result, tracks) if args.areas else None
    points = sum(track.x.size for track in tracks)
    found = "" if n_areas is None else f", {n_areas} areas -> {args.areas}"
    seconds = time.monotonic() - started
    print(f"{args.input.name}: {points:,} points, {args.method} on {device}, {seconds:.1f} s -> {args.out}{found}")
    return 0


def _write_areas(path: Path, result: DeformationResult, tracks: list[PointCloud]) -> int:
    features = [
        {
            "type": "Feature",
            "geometry": mapping(to_geographic(area.polygon, result.epsg)),
            "properties": {
                "class": area.kind,
                "score": round(area.score, 4),
                "rate_mm_yr": round(area.rate_mm_yr, 2),
                "peak_rate_mm_yr": round(area.peak_rate_mm_yr, 2),
                "area_m2": round(area.area_m2),
                "n_points": n_points,
            },
        }
        for area, n_points in flagged_areas(result, tracks)
    ]
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    partial.replace(path)
    return len(features)
