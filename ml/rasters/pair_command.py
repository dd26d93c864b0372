"""Command of a method on two files: `python -m ml coherence` and `python -m ml offsets`."""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Sequence

import rasterio
import torch

from core.errors import InputError
from core.rasters import CACHE_MB
from ingest.readers.files import file_sha256
from ml.rasters.control_points import has_control_points, in_pieces, resampled_to_one_grid
from ml.rasters.geotiffs import open_pair
from ml.rasters.imagery import PairSource
from ml.rasters.pieces import Folder, Pieces
from ml.rasters.results import RasterResult, write_result
from ml.runtime.code_version import code_version
from ml.runtime.device import choose_device, precision

Method = Callable[[PairSource, torch.device, Pieces], RasterResult]


def run(args: argparse.Namespace, method: Method, version: str, slack_px: int = 0, lay: bool = False) -> int:
    """Run a method on two files, write the result, print a summary. slack_px: as in open_pair; lay: resample swaths.

    Pieces are kept beside the result until it is written, so that a command that was killed can be given again to
    continue. InputError or ValueError for unusable input.
    """
    if not args.out.parent.is_dir():
        raise InputError(args.out, "its folder does not exist", "Make the folder first")
    device, started = choose_device(args.device), time.monotonic()
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
        lay = lay and all(map(has_control_points, (args.reference, args.secondary)))
        if lay:
            pair = resampled_to_one_grid(args.reference, args.secondary, args.scale)
            print(
                f"The images are in the geometry of their swaths: both were laid on one grid of {pair.transform.a:g} "
                f"m, EPSG:{pair.epsg}, by their ground control points."
            )
        else:
            pair = open_pair(args.reference, args.secondary, args.scale, slack_px)
        sha256 = pair_sha256(file_sha256(args.reference), file_sha256(args.secondary))
        tags = {
            "method": args.method,
            "model_version": f"{args.method} {version}",
            "input_sha256": sha256,
            "reference": args.reference.name,
            "secondary": args.secondary.name,
        }
        folder = _folder(args, [sha256, version, code_version(), str(device), precision(device)])
        try:
            pieces = Pieces(folder)
            result = method(in_pieces(pair, pieces) if lay else pair, device, pieces)
            write_result(args.out, result, tags)
        except ValueError:  # the command will not be continued
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
    given = {name: str(value) for name, value in vars(args).items() if name not in ("out", "run")}
    key = hashlib.sha256(json.dumps([given, facts], sort_keys=True).encode()).hexdigest()
    return Folder(args.out.with_name(f".{args.out.name}.pieces"), key[:16])


def pair_sha256(reference_sha256: str, secondary_sha256: str) -> str:
    """Return one hash for two inputs, in their order."""
    return hashlib.sha256(f"{reference_sha256} {secondary_sha256}".encode()).hexdigest()
