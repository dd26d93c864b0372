"""A pair's change of coherence, its confirmation, and its backscatter, computed in pieces to save memory."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine

from ground_motion.methods.coherence.change import MARGIN_PX, Stack, scaled_change
from ground_motion.methods.coherence.confirm import PairChange, Patches, Span, confirm, joined_patches, patches_of
from ground_motion.rasters.imagery import Float32, PairSource, box_mean
from ground_motion.rasters.pieces import Arrays, PieceBands, Pieces
from ground_motion.rasters.results import RasterResult
from ground_motion.rasters.windows import Window, cut, grown, inner
from ground_motion.statistics.quantiles import MEDIAN

RATIO_PX = 7  # Where plants keep coherence low, only backscatter shows a change; it is averaged over this window.
TO_DECIBEL = 10 / np.log(10)
PIECE_PX = 1024  # A piece with twelve predecessors and twenty other pairs takes about a gigabyte.
UNITS = {
    "change_sigma": "1",
    "coherence_before": "1",
    "coherence_after": "1",
    "area_sigma": "1",
    "confirmed_sigma": "1",
    "onset_day": "days since 1970-01-01",
    "confidence": "1",
    "backscatter_change_db": "dB",
}


class Beside(NamedTuple):
    """Change of another pair. read: window -> change_sigma and the coherence before, (rows, cols) each."""

    reference: date
    secondary: date
    read: Callable[[Window], tuple[Float32, Float32]]


class Compared(NamedTuple):
    """A pair, and the predecessors and other pairs that it is compared with.

    stack: past and present coherence; dates: of the pair's images; beside: the other pairs; area_sigma: window -> sigma
    of the mean coherence over a small area; images: the pair itself.
    """

    stack: Stack
    n_past: int
    dates: Span
    beside: Sequence[Beside]
    area_sigma: Callable[[Window], Float32]
    images: PairSource


def compare(these: Compared, transform: Affine, epsg: int, device: torch.device, pieces: Pieces) -> RasterResult:
    """Return the change of a pair: against its past, confirmed, and in backscatter. ValueError for few predecessors."""
    at = cut(these.stack.shape, PIECE_PX)
    whole = PieceBands(pieces, "change", these.stack.shape, list(UNITS), at)
    if not (pieces.complete("statistics") and pieces.complete("change", at)):
        weather = _compute(these, at, device, pieces)
        pieces.once("statistics", lambda: _statistics(whole) | {"weather": round(weather, 4)})
    statistics = pieces.once("statistics", dict)
    pieces.drop("scale", "ratio", "patches")
    tags = {"weather": f"{statistics['weather']:.4f}"}
    return RasterResult(whole, tuple(UNITS.values()), transform, epsg, tags, statistics)


def _compute(these: Compared, at: Mapping[str, Window], device: torch.device, pieces: Pieces) -> float:
    """Compute all pieces; return the change of coherence that weather caused in the whole scene."""
    shape = these.stack.shape
    change = scaled_change(these.stack, these.n_past, pieces, at)

    pieces.each("ratio", at, lambda here: {"ratio_db": ratio_db(these.images, here, device)})
    places = {place: place for place in at}
    parts = {place: inner(here, grown(here, MARGIN_PX, shape)) for place, here in at.items()}

    def coherence_before(place: str) -> list[Float32]:
        return [change.read(place, at[place])[1], *(pair.read(at[place])[1] for pair in these.beside)]

    levels = [level or 0.0 for level in pieces.quantiles("before-level", places, coherence_before, MEDIAN)]

    def evidence(place: str) -> list[PairChange]:
        wide = grown(at[place], MARGIN_PX, shape)
        own = PairChange(*these.dates, change.read(place, wide)[0], levels[0])
        beside = zip(these.beside, levels[1:], strict=True)
        return [own, *(PairChange(pair.reference, pair.secondary, pair.read(wide)[0], level) for pair, level in beside)]

    (usual,) = pieces.quantiles("ratio-median", places, lambda place: [pieces.get("ratio", place)["ratio_db"]], MEDIAN)

    def edges(place: str) -> Arrays:
        return patches_of(evidence(place), parts[place], at[place][:2], these.dates)._asdict()

    pieces.each("patches", places, edges)

    def join_patches() -> dict[str, list[list[int]]]:
        patches = {place: Patches(**pieces.get("patches", place)) for place in at}
        return {place: each.tolist() for place, each in joined_patches(patches).items()}

    elsewhere = pieces.once("joined", join_patches)

    def bands(place: str) -> Arrays:
        here, joined_here = at[place], np.array(elsewhere[place], dtype=np.int64).reshape(-1, 2)
        event = confirm(evidence(place), span=these.dates, part=parts[place], joined=joined_here)
        ratio = pieces.get("ratio", place)["ratio_db"] - np.float32(usual or 0.0)
        values = (*change.read(place, here), these.area_sigma(here), *event, ratio)
        return {name: band for name, band in zip(UNITS, values, strict=True) if np.isfinite(band).any()}

    pieces.each("change", places, bands)
    return change.weather


def ratio_db(source: PairSource, at: Window, device: torch.device) -> Float32:
    """Return the ratio of secondary to reference, dB, averaged over RATIO_PX: (rows, cols) of a part, NaN unknown."""
    outer = grown(at, RATIO_PX // 2, source.shape)
    log = torch.log(torch.from_numpy(source.read(outer)).to(device).clamp_min(1e-9))
    ratio = box_mean(log[1:] - log[:1], RATIO_PX)[0] * TO_DECIBEL
    known = torch.isfinite(log).all(dim=0)
    change: Float32 = torch.where(known, ratio, torch.nan)[inner(at, outer)].cpu().numpy()
    return change


def _statistics(bands: PieceBands) -> dict[str, float]:
    n, known, sure, lowest = 0, 0, 0, np.inf
    for at, part in bands.blocks():
        n += at.rows * at.cols
        if "change_sigma" not in part:
            continue
        where = np.isfinite(part["change_sigma"])
        known += int(where.sum())
        lowest = min(lowest, float(part["change_sigma"][where].min()))
        if "confidence" in part:
            sure += int(np.isfinite(part["confidence"][where]).sum())
    return {
        "known_share": round(known / n, 4),
        "lowest_sigma": round(lowest, 2) if known else 0.0,
        "confirmed_share": round(sure / known, 6) if known else 0.0,
    }
