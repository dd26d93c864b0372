"""Command of a method on two files: `python -m ml coherence` and `python -m ml offsets`."""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Sequence

import rasterio
import torch

from ground_motion.core.rasters import CACHE_MB
from ground_motion.rasters.pair_files import OpenPair, PairFiles
from ground_motion.rasters.pieces import Folder, Pieces
from ground_motion.rasters.results import RasterResult, require_outputs, write_result
from ground_motion.runtime.code_version import code_version
from ground_motion.runtime.device import choose_device, precision
from ground_motion.runtime.progress import progress_bar

Method = Callable[[OpenPair, torch.device, Pieces], RasterResult]


def run(args: argparse.Namespace, method: Method, version: str, slack_px: int = 0, lay: bool = False) -> int:
    """Run a method on two files, write the result, print a summary. slack_px: as in open_pair; lay: resample swaths.

    Pieces beside the result let a killed command continue. InputError or ValueError for unusable input.
    """
    require_outputs(raster=args.out, picture=args.quicklook)
    device, started = choose_device(args.device), time.monotonic()
    files = PairFiles(args.reference, args.secondary, args.scale)
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), progress_bar(args.command):
        pair = files.open(slack_px, lay)
        if pair.resampled:
            print(
                "The images are in the geometry of their swaths: both were laid on one grid of "
                f"{pair.source.transform.a:g} m, EPSG:{pair.source.epsg}, by their ground control points."
            )
        tags = files.tags(args.method, version)
        folder = _folder(args, [tags["input_sha256"], version, code_version(), str(device), precision(device)])
        try:
            pieces = Pieces(folder)
            result = method(pair, device, pieces)
            write_result(args.out, result, tags)
            if args.quicklook:
                from ground_motion.rasters.quicklook import draw  # Matplotlib takes a second.

                draw(args.quicklook, result.bands, result.transform, result.epsg, tags["model_version"])
        except ValueError:  # Not in the main thread: the command cannot be resumed.
            folder.close()
            raise
        folder.close()
    summary = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in result.statistics.items())
    print(f"{args.method} on {device}, {time.monotonic() - started:.1f} s: {summary} -> {args.out}")
    if result.note:
        print(result.note)
    return 0


def _folder(args: argparse.Namespace, facts: Sequence[str]) -> Folder:
    """Return the folder of this command's pieces; pieces made with other options, inputs or code are deleted."""
    given = {name: str(value) for name, value in vars(args).items() if name not in ("out", "quicklook", "run")}
    key = hashlib.sha256(json.dumps([given, facts], sort_keys=True).encode()).hexdigest()
    return Folder(args.out.with_name(f".{args.out.name}.pieces"), key[:16])
