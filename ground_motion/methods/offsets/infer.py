"""One interface for every offset tracker: from a pair to offsets with their uncertainty.

All trackers begin with the same search (offsets.coarse). The network always starts from the offsets found by it;
correlation uses them only where the ground moved too far to be found by a search around 0.
"""

import math
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine
from torch import Tensor

from ground_motion.core.errors import UnusableData
from ground_motion.core.pixel_grids import ALIGNED_PX
from ground_motion.methods.offsets import (
    MAX_SEARCH_PX,
    NEAR_PX,
    POSTING_PX,
    OffsetsMethod,
    baseline,
    coarse,
    network,
    whitened,
)
from ground_motion.methods.offsets.blocks import BLOCK_PX, SQUARE_PX, Textures, textures_of
from ground_motion.methods.offsets.coarse import Reason, Search
from ground_motion.methods.offsets.motion import PixelScale
from ground_motion.methods.offsets.resampling import interpolate_to_posting
from ground_motion.rasters.imagery import Float32, ImagePair, PairSource, pixels_per_cell
from ground_motion.rasters.pieces import Pieces
from ground_motion.rasters.results import RasterResult
from ground_motion.rasters.tiling import Tile, compute_tiles, samples
from ground_motion.rasters.windows import Window
from ground_motion.runtime.device import precision
from ground_motion.runtime.feeding import feed_of, move_to_device, window_px
from ground_motion.runtime.memory import freed_memory_kept

UNITS = ("px", "px", "px", "px", "1")
FEW_SAMPLES = 2  # Samples along each axis; a megapixel of a pair shows what its images share.
FLAT = 1e-6  # An image whose range is a smaller share of its largest value is flat.
REASONS = {
    Reason.TOO_FEW_PIXELS: "too few pixels",
    Reason.NO_TEXTURE: "no texture",
    Reason.BEYOND_REACH: "beyond reach",
    Reason.NO_MATCH: "no match",
}  # Why a node has no value, in words; statistics have the share of each.


class Searched(NamedTuple):
    """A pair after the coarse search with which all methods begin.

    Attributes:
        source: its images, linear power
        sampled: samples of them, (2, rows, cols) each
        textures: what was searched
        found: result of the search
        search_px: reach of the search as it was wanted
        posting_px: spacing of the offsets
        device: where to compute
        pieces: store for the pieces of a large pair
    """

    source: PairSource
    sampled: list[Float32]
    textures: Textures
    found: Search
    search_px: int
    posting_px: int
    device: torch.device
    pieces: Pieces | None


def reach_px(m_per_day: float, scale: PixelScale) -> int:
    """Return how far, px, ground at this speed can move between two images, within the limits of the search."""
    return min(MAX_SEARCH_PX, max(NEAR_PX, math.ceil(m_per_day * scale.days / scale.posting_m)))


@freed_memory_kept()
def track_offsets(
    pair: ImagePair | PairSource,
    method: str,
    device: torch.device,
    search: int = MAX_SEARCH_PX,
    posting: int = POSTING_PX,
    pieces: Pieces | None = None,
) -> RasterResult:
    """Track a pair's offsets tile by tile, in px of the input: columns right, rows down.

    search: its reach, px, which is doubled while there are matches up to twice as far; pieces: the store for the pieces
    of a large pair. ValueError for a pair that is too small or shows no ground.
    """
    source = pair.source() if isinstance(pair, ImagePair) else pair
    row, sampled = OffsetsMethod.find(method), usable_samples(source, posting)
    textures = textures_of(source, device)
    found = coarse.search_pair(textures, search, block=window_px(device, BLOCK_PX), pieces=pieces)
    bands = row.function(row, Searched(source, sampled, textures, found, search, posting, device, pieces))
    statistics = _statistics(bands) | {"reach_px": found.reach_px} | _reasons(bands, found, posting)
    tags = {"kernels_px": " ".join(map(str, row.kernels_px)), "search_px": str(search), "posting_px": str(posting)}
    tags |= {"reach_px": str(found.reach_px)}
    of_network = {"precision": precision(device)} if row.weights else {}
    grid = source.transform @ Affine.scale(posting)
    return RasterResult(
        bands,
        UNITS,
        grid,
        source.epsg,
        tags | of_network,
        statistics,
        parameters={"search_px": search, "reach_px": found.reach_px} | of_network,
        note=_why_nothing(statistics),
    )


def on_the_ground(tracked: RasterResult, apart_px: tuple[float, float]) -> RasterResult:
    """Add to tracked offsets the fraction apart_px by which the secondary's grid lies to the right and below, px."""
    if max(map(abs, apart_px)) < ALIGNED_PX:
        return tracked
    parts = dict(zip(("dx_px", "dy_px"), apart_px, strict=True))
    bands = {name: np.asarray(band + np.float32(parts.get(name, 0.0))) for name, band in tracked.bands.items()}
    tags = tracked.tags | {"grids_apart_px": "{:.4f} {:.4f}".format(*apart_px)}
    return tracked._replace(bands=bands, statistics=tracked.statistics | _statistics(bands), tags=tags)


def node_bands(row: OffsetsMethod, given: Searched) -> dict[str, Float32]:
    """Return the bands of a network, or of the autocorrelation without one, which answer on the nodes of the search."""
    tracker = network.load_shipped(given.device, row.weights)
    tracked = network.track_from(given.source, tracker, given.found, given.pieces, given.textures, given.sampled)
    bands = interpolate_to_posting(tracked, given.source.shape, given.posting_px)
    return {name: band.numpy() for name, band in bands._asdict().items()}


def correlation_bands(row: OffsetsMethod, given: Searched) -> dict[str, Float32]:
    """Return the bands of normalised cross-correlation with the windows of a method."""
    search, posting = min(given.search_px, NEAR_PX), given.posting_px
    shared = median(pixels_per_cell(torch.from_numpy(sample).to(given.device)) for sample in given.sampled)

    def track(power: Tensor, start: Tensor | None) -> baseline.Offsets:
        return baseline.track(power, row.kernels_px, search, posting, shared, row.chance_margin, start)

    return _tile_by_tile(given, track, baseline.reach(row.kernels_px, search, posting))


def correlated_whitened(row: OffsetsMethod, given: Searched) -> dict[str, Float32]:
    """Return the bands of whitened correlation."""
    search, posting = min(given.search_px, NEAR_PX), given.posting_px
    sampled = [torch.from_numpy(sample).to(given.device) for sample in given.sampled]
    correlation, shared = whitened.autocorrelation(sampled), median(map(pixels_per_cell, sampled))

    def track(power: Tensor, start: Tensor | None) -> baseline.Offsets:
        return whitened.track(power, correlation, search, posting, shared, start)

    return _tile_by_tile(given, track, whitened.reach(search, posting))


def _tile_by_tile(
    given: Searched, track: Callable[[Tensor, Tensor | None], baseline.Offsets], reach: int
) -> dict[str, Float32]:
    """Return the bands of a correlation, each tile searched around 0 or where the coarse search found fast motion.

    track: linear power (2, rows, cols) and the start of each node, px, to its offsets; reach: halo of a tile, px.
    """
    far, posting, device = coarse.far_starts(given.found), given.posting_px, given.device

    def work(images: Float32, tile: Tile) -> dict[str, Float32]:
        start = None if far is None else _values_at_nodes(far, tile.outer, posting).to(device)
        tracked = track(move_to_device(images, device), start)
        within = (torch.stack([tracked.dx_px, tracked.dy_px]).abs() <= given.found.reach_px + 1).all(dim=0)
        bands = {name: torch.where(within, band, torch.nan).cpu().numpy() for name, band in tracked._asdict().items()}
        return tile.own(bands, posting)

    halo = reach + (0 if far is None else int(far.abs().max()))
    return dict(compute_tiles(given.source, work, halo, posting, pieces=given.pieces, feed=feed_of(device)))


def _values_at_nodes(squares: torch.Tensor, at: Window, posting: int) -> torch.Tensor:
    """Return for each node of a window the value of the square in which it lies. squares: (..., rows, cols)."""
    row, col = (
        ((torch.arange(max(1, size // posting)) * posting + posting // 2 + first) // SQUARE_PX).clamp_max(most - 1)
        for size, first, most in zip((at.rows, at.cols), (at.row, at.col), squares.shape[-2:], strict=True)
    )
    return squares[..., row[:, None], col]


def _reasons(bands: dict[str, Float32], found: Search, posting: int) -> dict[str, float]:
    """Return reason -> share of nodes that have no value for it; a match that was rejected counts as no match."""
    unknown = np.isnan(bands["dx_px"])
    rows, cols = unknown.shape
    why = _values_at_nodes(found.reason, Window(0, 0, rows * posting, cols * posting), posting).numpy()
    why = np.where(why == Reason.MATCHED, Reason.NO_MATCH, why)
    shares = {name: float((unknown & (why == reason)).mean()) for reason, name in REASONS.items()}
    return {f"{name.replace(' ', '_')}_share": round(share, 4) for name, share in shares.items() if share > 0}


def _why_nothing(statistics: dict[str, float]) -> str:
    """Return a sentence on why no offset is known; empty if some are."""
    if statistics["known_share"] > 0:
        return ""
    shares = {name: statistics.get(f"{name.replace(' ', '_')}_share", 0.0) for name in REASONS.values()}
    parts = [f"{name} {share:.0%}" for name, share in sorted(shares.items(), key=lambda item: -item[1]) if share > 0]
    return f"no offset is known: {', '.join(parts)} (searched up to {statistics['reach_px']:g} px)"


def _statistics(bands: dict[str, Float32]) -> dict[str, float]:
    known = np.isfinite(bands["dx_px"])
    statistics = {"known_share": round(float(known.mean()), 4)}
    if known.any():
        length = np.hypot(bands["dx_px"], bands["dy_px"])[known]
        statistics |= {
            "median_dx_px": round(float(np.median(bands["dx_px"][known])), 4),
            "median_dy_px": round(float(np.median(bands["dy_px"][known])), 4),
            "median_length_px": round(float(np.median(length)), 4),
            "largest_length_px": round(float(length.max()), 4),
        }
    return statistics


def usable_samples(source: PairSource, posting: int) -> list[Float32]:
    """Return samples of a pair, more where a few do not show enough. UnusableData, with the reason, if none does."""
    if min(source.shape) < posting:
        raise UnusableData(f"the images ({source.shape}) are smaller than one posting of {posting} px")
    try:
        return _usable(samples(source, FEW_SAMPLES))
    except UnusableData:
        return _usable(samples(source))


def _usable(sampled: list[Float32]) -> list[Float32]:
    if not any(np.isfinite(sample).all(axis=0).any() for sample in sampled):
        raise UnusableData(
            "nowhere do both images show most of the ground: they do not overlap, or one is empty; "
            "choose two images of the same track and frame"
        )
    for index, name in enumerate(("reference", "secondary")):
        values = np.concatenate([sample[index][np.isfinite(sample[index])] for sample in sampled])
        if float(np.ptp(values)) <= FLAT * float(values.max()):
            raise UnusableData(
                f"the {name} has the same value ({values[0]:g}) everywhere; check its band and its scale"
            )
    return sampled
