"""Pairs of radar images: their coherence, and the offsets between them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio
import torch
import xarray as xr

from ground_motion.core.rasters import CACHE_MB
from ground_motion.methods.coherence import SLACK_PX, CoherenceMethod, window_of
from ground_motion.methods.coherence.infer import estimate_coherence
from ground_motion.methods.offsets import MAX_SEARCH_PX, POSTING_PX, OffsetsMethod
from ground_motion.methods.offsets.infer import on_the_ground, track_offsets
from ground_motion.rasters.pair_files import OpenPair, PairFiles
from ground_motion.rasters.pieces import Pieces
from ground_motion.rasters.results import RasterResult
from ground_motion.rasters.windows import Window
from ground_motion.results import File, Result, raster_dataset
from ground_motion.runtime.device import choose_device
from ground_motion.runtime.methods import MODEL, Method, method_of
from ground_motion.runtime.progress import progress_bar

Work = Callable[[OpenPair, torch.device, Pieces], RasterResult]
MAX_POSTING_PX = 512
LOOKS = (0.5, 1000.0)


@dataclass(frozen=True)
class Pair:
    """Two radar images of the same ground, which are read when they are needed; made by `open_pair`."""

    files: PairFiles

    @cached_property
    def dataset(self) -> xr.Dataset:
        """Images as `reference` and `secondary` (y, x), linear power, float32, NaN where unknown."""
        source = self.files.open(SLACK_PX, lay=True).source
        images = source.read(Window(0, 0, *source.shape))
        bands = dict(zip(("reference", "secondary"), images, strict=True))
        names = f"{self.files.reference.name}, {self.files.secondary.name}"
        return raster_dataset(bands, ("1", "1"), source.transform, source.epsg, {"title": names})

    def quicklook(self, path: File) -> None:
        """Draw both images in decibels and write a PNG. Raises InputError if its folder does not exist."""
        decibels = {f"{name}_db": 10 * np.log10(image) for name, image in self.dataset.data_vars.items()}
        Result(self.dataset.assign(decibels).drop_vars(["reference", "secondary"])).quicklook(path)


def open_pair(reference: File, secondary: File, *, scale: str = "power") -> Pair:
    """Open two radar images, checking every value.

    Args:
        reference: GeoTIFF of the earlier image; band 1 is read.
        secondary: GeoTIFF of the later image, on the same grid, whose edges may differ by 8 pixels. Images in the
            geometry of their swaths are resampled to one grid by their ground control points.
        scale: Scale of the values: power, amplitude or db.

    Raises:
        InputError: If a file cannot be read, has no value, or the grids differ.
    """
    pair = Pair(PairFiles(Path(reference), Path(secondary), scale))
    pair.files.open(SLACK_PX, lay=True)
    return pair


def coherence(
    pair: Pair,
    *,
    method: str = MODEL,
    window: tuple[int, int] | None = None,
    looks: float | None = None,
    device: str = "auto",
) -> Result:
    """Estimate the coherence of a pair of detected images, as `ground-motion coherence` and the service do.

    The variables are `coherence`, 0 to 1, and `coherence_sigma`, one standard deviation, on the grid of the reference.
    The network adds `scatterers_coherence` over a narrow window, with its sigma.

    Args:
        pair: The images.
        method: model (residual-unet), sica-residual-unet, linear-mix, guarnieri-prati, pearson or posterior-mean.
        window: Rows and columns, px, odd, over which coherence is estimated (default: 5 x 5, classical methods 9 x 9).
        looks: Equivalent number of looks of the images, 0.5 to 1000 (default: estimated).
        device: auto, cpu or cuda.

    Raises:
        InputError: If a file cannot be used.
        ValueError: For an unknown method, a window that is none, or images without common ground.

    Sources:
        docs/models/coherence.md; Guarnieri and Prati 1997, doi:10.1109/36.581984.
    """
    _require("looks", looks, *LOOKS)
    sides = None if window is None else window_of(f"{window[0]}x{window[1]}")
    chosen = method_of("coherence", method)
    return _run(
        pair,
        lambda opened, on, pieces: estimate_coherence(opened.kept_in(pieces), chosen, on, sides, looks, pieces),
        CoherenceMethod.find(chosen),
        device,
        slack_px=SLACK_PX,
    )


def offsets(
    pair: Pair,
    *,
    method: str = MODEL,
    posting_px: int = POSTING_PX,
    search_px: int = MAX_SEARCH_PX,
    device: str = "auto",
) -> Result:
    """Track the offsets between two detected images, as `ground-motion offsets` and the service do.

    What stands at column x, row y of the reference stands at x + dx, y + dy in the secondary, on the reference's grid:
    if the grids lie apart by part of a pixel, that part is added. The variables are `dx_px`
    (positive to the right), `dy_px` (positive downward), `sigma_dx_px`, `sigma_dy_px`, px of the images, one standard
    deviation, and `quality`, 0 to 1, on the grid of the reference divided by `posting_px`.

    Args:
        pair: The images.
        method: model, law, cc-res-siamnet, multi-kernel, ncc or whitened.
        posting_px: Spacing of the offsets, 1 to 512 px.
        search_px: How far ground is searched for, 1 to 128 px; matches up to twice as far widen the search.
        device: auto, cpu or cuda.

    Raises:
        InputError: If a file cannot be used, or the grids differ.
        ValueError: For an unknown method, or images that are too small or show no ground.

    Sources:
        docs/models/offsets.md.
    """
    _require("posting_px", posting_px, 1, MAX_POSTING_PX)
    _require("search_px", search_px, 1, MAX_SEARCH_PX)
    chosen = method_of("offsets", method)
    return _run(
        pair,
        lambda opened, on, pieces: on_the_ground(
            track_offsets(opened.kept_in(pieces), chosen, on, search_px, posting_px, pieces), opened.apart_px
        ),
        OffsetsMethod.find(chosen),
        device,
        lay=True,
    )


def _run(
    pair: Pair,
    work: Work,
    method: Method,
    device: str,
    slack_px: int = 0,
    lay: bool = False,
) -> Result:
    """Run a method. slack_px, lay: as in PairFiles.open."""
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), progress_bar(method.task):
        pieces = Pieces()
        result = work(pair.files.open(slack_px, lay), choose_device(device), pieces)
        attributes = result.statistics | result.tags | pair.files.tags(method.name, method.version)
        if result.note:
            attributes["note"] = result.note
        return Result(raster_dataset(dict(result.bands), result.units, result.transform, result.epsg, attributes))


def _require(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name} {value:g} is not between {low:g} and {high:g}")
