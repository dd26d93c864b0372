"""One interface for all estimators of coherence: from a pair to coherence and its uncertainty."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import torch

from ground_motion.methods.coherence import SAMPLE_WINDOW, WINDOW_PX, CoherenceMethod, baseline, network
from ground_motion.methods.coherence.features import SCATTERERS, Facts, temporal
from ground_motion.methods.coherence.registration import RESAMPLED_PX, facts_of, resample
from ground_motion.networks.coherence_heads import Window
from ground_motion.networks.residual_unet import REACH_PX
from ground_motion.rasters.imagery import Float32, ImagePair, PairSource
from ground_motion.rasters.pieces import Pieces, blocks_of
from ground_motion.rasters.results import RasterResult
from ground_motion.rasters.tiling import Tile, compute_tiles, squares
from ground_motion.rasters.windows import inner
from ground_motion.runtime.ahead import Feed
from ground_motion.runtime.box_mean import Size, sides
from ground_motion.runtime.device import precision, shared_threads
from ground_motion.runtime.feeding import feed_of, move_to_device, window_px
from ground_motion.runtime.memory import freed_memory_kept
from ground_motion.statistics.quantiles import MEDIAN, quantile

TILE_PX = 1280  # A network on a CPU reads tiles of this side.
MAX_WORKERS = 2  # The number of tiles that a CPU computes at once; each holds its features in memory.
WHOLE_PX = 8  # Halos are multiples of it, so that the layers of low resolution lie on the same pixels in every tile.
MIN_POWER = 1e-9

Bands = dict[str, Float32]
Work = Callable[[Float32, Tile], Bands]
Estimator = Callable[[torch.Tensor, Size, baseline.Speckle], baseline.Estimate]


@freed_memory_kept()
def estimate_coherence(
    pair: ImagePair | PairSource,
    method: str,
    device: torch.device,
    window: Size | None = None,
    looks: float | None = None,
    pieces: Pieces | None = None,
) -> RasterResult:
    """Register a pair and estimate its coherence, 0-1, tile by tile.

    The bands are coherence and coherence_sigma; networks that take a window add those of the scatterers, in which
    change is sought.

    Args:
        pair: Images after the first two are earlier ones of the track, used only by networks that take a window.
        method: Name of the method. ValueError if it is unknown, or if the pair has no ground.
        device: Where to compute.
        window: Odd sides, px, over which coherence is estimated; by default SAMPLE_WINDOW for networks, WINDOW_PX for
            classical methods. SICA always has SAMPLE_WINDOW.
        looks: None to estimate the looks as well.
        pieces: Store for the pieces of a large pair.
    """
    row = CoherenceMethod.find(method)
    source = pair.source() if isinstance(pair, ImagePair) else pair
    kept = Pieces() if pieces is None else pieces

    @cache
    def read() -> list[Float32]:
        return squares(source)

    def sample_tensors() -> list[torch.Tensor]:
        return [torch.from_numpy(sample[:2]).to(device) for sample in read()]

    facts = Facts(**kept.once("facts", lambda: facts_of(sample_tensors(), looks)._asdict()))
    if row.weights:
        over = sides(window or SAMPLE_WINDOW) if row.window_is_input else SAMPLE_WINDOW
        levels = kept.once("levels", lambda: _levels([sample[_history_indexes(len(sample))] for sample in read()]))
        windows = (over, SCATTERERS) if row.window_is_input else (over,)
        work = _network_work(row.function(device, row.weights), facts, levels, windows, device)
        core = _alike(max(source.shape), window_px(device, TILE_PX))
        halo = -(-(REACH_PX + RESAMPLED_PX + max(over) // 2) // WHOLE_PX) * WHOLE_PX
        with shared_threads(device, MAX_WORKERS) as workers:
            feed = Feed(workers, computes=True) if workers > 1 else feed_of(device)
            bands = compute_tiles(source, work, halo, core=core, pieces=pieces, feed=feed)
        record = {"precision": precision(device)}
        tags = _tags(facts, over) | record
        return _result(source, bands, facts.looks, tags)._replace(parameters=record)
    speckle = baseline.Speckle(*kept.once("speckle", lambda: baseline.speckle_of(sample_tensors(), looks)))
    over = sides(window or WINDOW_PX)
    used = 1.0 if row.one_look else speckle.looks
    halo = max(over) // 2 + baseline.BRIGHT_WINDOW + RESAMPLED_PX
    bands = compute_tiles(
        source, _window_work(row.function, over, speckle, facts, device), halo, pieces=pieces, feed=feed_of(device)
    )
    return _result(source, bands, used, _tags(facts, over))


def _alike(size: int, most: int) -> int:
    """Return the side of tiles, px, so that none is a mere strip whose halo is wider than itself."""
    return -(-size // -(-size // most) // WHOLE_PX) * WHOLE_PX


def _history_indexes(images: int) -> list[int]:
    """Return the indexes of reference and earlier images, for `temporal`; none without earlier ones."""
    return [0, *range(2, images)] if images > 2 else []


def _levels(images: Sequence[Float32]) -> list[float]:
    """Return the median log power of each image. images: samples (n, rows, cols), see `_history_indexes`."""
    medians = [np.nanmedian(np.log(np.maximum(image, MIN_POWER)), axis=(1, 2)) for image in images if len(image)]
    return np.nanmedian(medians, axis=0).tolist() if medians else []


def _network_work(
    ready: network.CoherenceNetwork,
    facts: Facts,
    levels: Sequence[float],
    windows: Sequence[Window | None],
    device: torch.device,
) -> Work:
    def work(images: Float32, tile: Tile) -> Bands:
        on_place = move_to_device(images, device)
        history = on_place[_history_indexes(len(on_place))]
        past = temporal(torch.log(history.clamp_min(MIN_POWER)), levels) if levels else None
        within = inner(tile.core, tile.outer)
        sample, *of_scatterers = ready.estimate(on_place[:2], facts, windows, past, within)
        return _bands(sample) | (_bands(of_scatterers[0], "scatterers_") if of_scatterers else {})

    return work


def _window_work(
    estimate: Estimator, window: Window, speckle: baseline.Speckle, facts: Facts, device: torch.device
) -> Work:
    def work(images: Float32, tile: Tile) -> Bands:
        power = resample(move_to_device(images[:2], device), facts.shift_px)
        return tile.own(_bands(estimate(power, window, speckle)))

    return work


def _bands(pair_estimate: baseline.Estimate, prefix: str = "") -> Bands:
    return {
        f"{prefix}coherence": pair_estimate.coherence.cpu().numpy(),
        f"{prefix}coherence_sigma": pair_estimate.sigma.cpu().numpy(),
    }


def _tags(facts: Facts, window: Window) -> dict[str, str]:
    """Return the secondary's registration and the window for the raster's tags."""
    shift = {"shift_rows_px": f"{facts.shift_px[0]:.3f}", "shift_cols_px": f"{facts.shift_px[1]:.3f}"}
    return shift | {"window_px": f"{window[0]}x{window[1]}"}


def _result(source: PairSource, bands: Mapping[str, Float32], looks: float, tags: dict[str, str]) -> RasterResult:
    n, total = 0, 0.0
    for _, part in blocks_of(bands):
        if "coherence" in part:
            known = part["coherence"][np.isfinite(part["coherence"])]
            n, total = n + known.size, total + float(known.sum(dtype=np.float64))
    sigma = quantile(lambda: (part["coherence_sigma"] for _, part in blocks_of(bands) if part), MEDIAN)
    statistics = {
        "looks": round(looks, 2),
        "known_share": round(n / (source.shape[0] * source.shape[1]), 4),
        "mean_coherence": round(total / n, 4) if n else 0.0,
        "median_sigma": round(sigma or 0.0, 4),
    }
    units = ("1",) * len(bands)
    return RasterResult(bands, units, source.transform, source.epsg, tags | {"looks": f"{looks:.2f}"}, statistics)
