"""Detection in a product, at thresholds that the product's own surrogates set.

Ground that surely moves is taken out; then rates are drawn that have the distribution and covariance of the rest but no
motion, and are searched as the product is. The tail of what they reach gives the threshold at which a stated number of
false areas is expected in the product. A product of many cells is sampled: blocks of all kinds of noise are drawn.

Two opinions count, each at its own threshold: the method's own evidence, and the matched filter, which is plain but
finds more on real ground. An area is shown where either exceeds its threshold.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.methods.deformation import DEFAULT_METHOD
from ground_motion.methods.deformation.bowls.edges import CANDIDATE
from ground_motion.methods.deformation.decision import CYCLE_MM_YR, DELAY_MM_YR, SURE
from ground_motion.methods.deformation.filters.background import against_backgrounds
from ground_motion.methods.deformation.filters.baseline import logistic, split_by_sign
from ground_motion.methods.deformation.gridding.boxes import overlap
from ground_motion.methods.deformation.gridding.points import Float32, Float64, PointCloud
from ground_motion.methods.deformation.infer import DeformationResult, detect_tracks
from ground_motion.methods.deformation.null.surrogates import surrogate
from ground_motion.methods.deformation.null.tail import block_maxima, tail_of
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS
from ground_motion.rasters.pieces import Pieces

PER_1000KM2, MOST = 0.1, 0.5  # False areas expected on 1,000 km², and in a whole product at most.
MIN_KM2 = 100.0  # Smaller ground counts as this large: its few draws do not show rarer maxima.
OPINIONS = (DEFAULT_METHOD, "matched-filter")
SURELY, AROUND_CELLS = 6.0, 3  # Cells above these log-odds or beyond all errors, and those near, are not drawn from.
LEAVES = math.log(DEFAULT_THRESHOLDS.leave / (1 - DEFAULT_THRESHOLDS.leave))  # Areas extend to these log-odds.
MIN_STILL = 50  # Tracks with fewer still points are not drawn from.
DRAWN_CELLS, DRAWN_SHARE, MAX_DRAWS = 60_000, 0.1, 8
SIDE_CELLS, GAP_CELLS = 128, 32  # Drawn blocks of a large product, and the empty ground between them.


class Null(NamedTuple):
    """Thresholds from a product's surrogates.

    thresholds: log-odds that each of OPINIONS has to exceed, 0 at least; expected_false_areas: in the whole product
    then, None if too little still ground is left to draw from; km2: ground that was searched; drawn_km2: surrogates;
    tails: the values of each opinion's `Tail`.
    """

    thresholds: tuple[float, ...]
    expected_false_areas: float | None
    km2: float
    drawn_km2: float
    tails: tuple[tuple[float, ...], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the null as JSON."""
        known = self.expected_false_areas
        return {
            "thresholds_log_odds": {name: round(at, 2) for name, at in zip(OPINIONS, self.thresholds, strict=True)},
            "expected_false_areas": None if known is None else float(f"{known:.2g}"),
            "searched_km2": round(self.km2, 1),
            "drawn_km2": round(self.drawn_km2, 1),
            "tails": self.tails,
        }

    def sentence(self) -> str:
        """Return a sentence for people."""
        if self.expected_false_areas is None:
            return "Too little ground stands still for false areas to be estimated from it."
        thresholds = " and ".join(f"{at:.1f} ({name})" for name, at in zip(OPINIONS, self.thresholds, strict=True))
        return f"False areas expected here: {self.expected_false_areas:.2g}, at log-odds above {thresholds}."


def detect_product(
    tracks: Sequence[PointCloud], method: str, device: torch.device | None = None, pieces: Pieces | None = None
) -> tuple[DeformationResult, Null | None]:
    """Detect motion in the tracks of one place as `detect_tracks`, at the product's own thresholds.

    Methods other than the default one are returned as they are, for comparison, without a null.
    """
    result = detect_tracks(tracks, method, device, pieces)
    if method != DEFAULT_METHOD:
        return result, None
    pieces = pieces or Pieces()
    seen = [_log_odds(result), _filtered(tracks, result)]
    null = Null(*pieces.once("null", lambda: _null(tracks, result, seen, device)))
    return _decided(result, seen, null.thresholds), null


def _log_odds(result: DeformationResult) -> Float32:
    """Return the log-odds of a result, (rows, cols), within SURE, NaN unknown."""
    with np.errstate(divide="ignore"):
        odds = np.log(result.maps.probability) - np.log1p(-result.maps.probability)
    return np.asarray(np.clip(odds, -SURE, SURE), dtype=np.float32)


def _filtered(tracks: Sequence[PointCloud], result: DeformationResult) -> Float32:
    """Return the log-odds of the matched filter on the cells of a result, -SURE where it is not used.

    It gets the tracks minus their backgrounds, else every slope of tectonics and delay would be motion. It is used
    where the rates of the result have its sign and the result's evidence, the edges of unwrapping errors included, is
    above CANDIDATE: on real frames this drops what the filter alone shows and no other frame confirms.
    """
    found = detect_tracks(against_backgrounds(tracks)[0], "matched-filter")
    odds = np.full(result.maps.probability.shape, -SURE, dtype=np.float32)
    col, row = (round(offset) for offset in ~result.transform @ (found.transform.c, found.transform.f))
    here, own = overlap((row, col), found.maps.probability.shape, odds.shape)
    agrees = found.maps.rate_mm_yr[own] * result.maps.rate_mm_yr[here] > 0
    agrees &= _log_odds(result)[here] > CANDIDATE
    odds[here] = np.where(agrees, _log_odds(found)[own], -SURE)
    return odds


def _decided(result: DeformationResult, seen: Sequence[Float32], thresholds: Sequence[float]) -> DeformationResult:
    """Return a result whose odds are those of the opinion that exceeds its threshold most."""
    over = [odds - np.float32(threshold) for odds, threshold in zip(seen, thresholds, strict=True)]
    before = result.maps
    probability = np.where(np.isnan(over[0]), np.nan, logistic(np.fmax.reduce(over))).astype(np.float32)
    maps = split_by_sign(probability, before.rate_mm_yr, before.backgrounds_mm_yr, before.rate_sigma_mm_yr)
    kinds = result.kinds
    if kinds:
        total = np.maximum(sum(kinds.values()), np.float32(1e-30))
        kinds = {name: np.asarray(band / total * maps.probability) for name, band in kinds.items()}
    return result._replace(maps=maps, kinds=kinds)


def _null(
    tracks: Sequence[PointCloud], result: DeformationResult, seen: Sequence[Float32], device: torch.device | None
) -> Null:
    """Draw surrogates of a product and return its null; a hash of the product is the seed."""
    rng = np.random.default_rng(np.frombuffer(_digest(tracks), dtype=np.uint32))
    cell_km2 = (result.transform.a / 1000) ** 2
    cells = int(np.isfinite(seen[0]).sum())
    km2 = cells * cell_km2
    level = min(PER_1000KM2 * max(km2, MIN_KM2) / 1000, MOST)
    beyond = DELAY_MM_YR if all(points.cycles_undone for points in tracks) else CYCLE_MM_YR
    moves = (seen[0] > SURELY) | (np.abs(result.maps.rate_mm_yr) >= beyond)
    near = _around(moves) | np.logical_or.reduce([_around(_strongest(odds, _around(moves))) for odds in seen])
    still = _still(tracks, near, result.transform)
    maxima: list[list[Float64]] = [[] for _ in OPINIONS]
    drawn = 0
    for surrogates in _surrogates(rng, still, result, cells):
        found = detect_tracks(surrogates, DEFAULT_METHOD, device)
        unknown = np.isnan(found.maps.probability)
        drawn += int(np.count_nonzero(~unknown))
        for opinion, odds in zip(maxima, (_log_odds(found), _filtered(surrogates, found)), strict=True):
            opinion.append(block_maxima(np.where(unknown, np.float32(np.nan), odds)))
    tails = [tail_of(np.concatenate(opinion), drawn / cells) if drawn else None for opinion in maxima]
    if any(tail is None for tail in tails):
        return Null((0.0, 2 * SURE), None, km2, 0.0)  # Without a null, the filter is not used.
    most = (SURE - 1.0, math.inf)  # A rate beyond all errors is shown in any product.
    thresholds = tuple(
        min(max(0.0, tail.threshold(level / len(tails))), at) for tail, at in zip(tails, most, strict=True) if tail
    )
    expected = sum(tail.expected(at) for tail, at in zip(tails, thresholds, strict=True) if tail)
    return Null(thresholds, expected, km2, drawn * cell_km2, tuple(tuple(tail) for tail in tails if tail))


def _digest(tracks: Sequence[PointCloud]) -> bytes:
    """Return a hash of the positions, to the centimetre, and rates of all tracks."""
    held = hashlib.sha256()
    for points in tracks:
        for values in (points.x, points.y, points.velocity_mm_yr):
            held.update(np.rint(values.astype(np.float64) * 100).astype("<i8").tobytes())
    return held.digest()


def _around(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells within AROUND_CELLS of flagged ones, (rows, cols)."""
    return np.asarray(ndimage.binary_dilation(cells, iterations=AROUND_CELLS))


def _strongest(odds: Float32, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the area with the highest odds outside of known motion, (rows, cols); none if nothing would be shown.

    A product's clearest area is judged by the rest of the product, else a bowl that fills it would hide itself.
    """
    left = np.where(known | np.isnan(odds), -SURE, odds)
    at = np.unravel_index(int(left.argmax()), left.shape)
    if left[at] <= 0:
        return np.zeros(odds.shape, dtype=bool)
    labels, _ = ndimage.label(left > LEAVES, np.ones((3, 3)))
    return np.asarray(labels == labels[at])


def _still(tracks: Sequence[PointCloud], near: NDArray[np.bool_], transform: Affine) -> list[PointCloud]:
    """Return the points outside of some cells, (rows, cols), of tracks with enough of them."""
    parts = []
    for points in tracks:
        row, col = _cells_of(points, transform)
        inside = (row >= 0) & (col >= 0) & (row < near.shape[0]) & (col < near.shape[1])
        moving = np.zeros(points.x.size, dtype=bool)
        moving[inside] = near[row[inside], col[inside]]
        parts.append(points.part(np.flatnonzero(~moving)))
    return [points for points in parts if points.x.size >= MIN_STILL]


def _cells_of(points: PointCloud, transform: Affine) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the row and the column of each point, (n,), also outside the grid."""
    col, row = (np.floor(side).astype(np.intp) for side in ~transform @ (points.x, points.y))
    return row, col


def _surrogates(
    rng: np.random.Generator, still: Sequence[PointCloud], result: DeformationResult, cells: int
) -> Iterator[list[PointCloud]]:
    """Yield surrogates of a product, each a list of tracks: of all its ground, or one of some blocks if it is large."""
    wanted = max(DRAWN_CELLS, DRAWN_SHARE * cells)
    if still and cells > wanted:
        yield _sampled(rng, still, result, wanted)
    elif still and cells:  # No cell is known where points lie too far apart.
        for _ in range(min(MAX_DRAWS, math.ceil(wanted / cells))):
            yield [points._replace(velocity_mm_yr=surrogate(rng, points)) for points in still]


def _sampled(
    rng: np.random.Generator, still: Sequence[PointCloud], result: DeformationResult, wanted: float
) -> list[PointCloud]:
    """Return surrogates of some blocks, put side by side with a gap, because what is between costs time.

    Blocks are drawn in the order of their noise at equal steps of known cells: all kinds are there by their share.
    """
    chosen = _blocks(rng, result, wanted)
    cell_m, wide = result.transform.a, math.ceil(math.sqrt(len(chosen)))
    tracks = []
    for points in still:
        row, col = (at // SIDE_CELLS for at in _cells_of(points, result.transform))
        parts = []
        for number, (down, right) in enumerate(chosen):
            own = points.part(np.flatnonzero((row == down) & (col == right)))
            if own.x.size >= MIN_STILL:
                to_row, to_col = (at * (SIDE_CELLS + GAP_CELLS) for at in divmod(number, wide))
                east, south = (to_col - right * SIDE_CELLS) * cell_m, (to_row - down * SIDE_CELLS) * cell_m
                parts.append(own._replace(x=own.x + east, y=own.y - south, velocity_mm_yr=surrogate(rng, own)))
        if parts:
            heights = None if points.height_m is None else np.concatenate([own.height_m for own in parts])
            x, y, rate = (np.concatenate([own[axis] for own in parts]) for axis in range(3))
            tracks.append(points._replace(x=x, y=y, velocity_mm_yr=rate, height_m=heights))
    return tracks


def _blocks(rng: np.random.Generator, result: DeformationResult, wanted: float) -> list[tuple[int, int]]:
    """Return rows and columns, counted in blocks, of blocks that hold about as many known cells as wanted."""
    rate = result.maps.rate_mm_yr
    rows, cols = (-(-size // SIDE_CELLS) for size in rate.shape)
    at = list(np.ndindex(rows, cols))
    blocks = [rate[r * SIDE_CELLS : (r + 1) * SIDE_CELLS, c * SIDE_CELLS : (c + 1) * SIDE_CELLS] for r, c in at]
    held = [block[np.isfinite(block)] for block in blocks]
    count = np.array([values.size for values in held])
    spread = np.array([np.median(np.abs(values)) if values.size else 0.0 for values in held])
    order = np.argsort(spread, kind="stable")
    until = np.cumsum(count[order])
    number = math.ceil(wanted / ((count**2).sum() / count.sum()))  # A drawn block has more cells than the usual one.
    steps = (np.arange(number) + rng.random()) * until[-1] / number
    chosen = order[np.unique(np.searchsorted(until, steps, side="right"))]
    return [at[int(number)] for number in chosen]
