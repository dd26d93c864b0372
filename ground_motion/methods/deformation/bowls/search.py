"""Bowls in coloured noise by generalised least squares, radius by radius, on cells of a third to half of the radius.

A bowl's amplitude at a place is b' C^-1 y / b' C^-1 b, with the rates y of the cells, the bowl b and the covariance C
of the track's own noise. C^-1 y is solved once for each size of cells by conjugate gradients whose products are
Fourier transforms; its correlation with bowls gives the numerator at all places, and the local information of the cells
the denominator. What is wider than WIDE_CELLS is taken out first, for each size of cells in turn; cells that stand out
count less in it, else slow ground beside a fast slide would seem to move the other way.

A score is how rarely noise would give so large a ratio anywhere: minus the decimal logarithm of the number of such
maxima expected on 1,000 km² of still ground, by the Euler characteristic of a Gaussian field (Adler & Taylor 2007,
Random Fields and Geometry), so that radii and places with few points are judged alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache, lru_cache
from itertools import groupby, product, zip_longest
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import max_pool2d

from ground_motion.methods.deformation.bowls.noise_covariance import (
    NoiseCovariance,
    Pairs,
    fit_noise_covariance,
    pairs_of,
)
from ground_motion.methods.deformation.bowls.peaks import LOWEST, likely, outside, taken_out
from ground_motion.methods.deformation.bowls.pyramid import (
    MARGIN,
    WIDE_CELLS,
    Level,
    Points,
    drop_spikes,
    fours,
    pyramid_of,
)
from ground_motion.methods.deformation.bowls.tail import rescale_by_tail
from ground_motion.methods.deformation.bowls.torus import (
    KEPT,
    apply_spectrum,
    gaussian,
    pad_with_zeros,
    solve,
    subtract_wide,
    variance,
)
from ground_motion.methods.deformation.bowls.views import MIN_POINTS, BowlFits, together
from ground_motion.methods.deformation.gridding.boxes import Box as Core
from ground_motion.methods.deformation.gridding.boxes import boxes, shift, side
from ground_motion.methods.deformation.gridding.cells import CELL_M
from ground_motion.methods.deformation.gridding.despike import Near
from ground_motion.methods.deformation.gridding.points import Float32, PointCloud
from ground_motion.rasters.pieces import Arrays, Pieces, piece_by_piece
from ground_motion.runtime.device import torch_threads
from ground_motion.statistics.robust import MAD_TO_SIGMA

FINEST_M, COARSEST_M = 50.0, 1_600.0
RADII_CELLS, ALSO_FINEST = (3.0, 4.2), 2.0  # radii where a bowl falls to 1/e: 100 m to 6.7 km
CORE, SIZES = 256, 64  # A block has this many cells, without its margin; FFT sizes are multiples of SIZES.
NOISE_SQUARE_M = 25_600.0  # Each square of this side has its own noise covariance.
FLOOR_MM2_YR2 = 0.02  # All points of a cell share this much variance beyond the noise covariance.
OUTLIER, ROUNDS = 2.5, 2  # In each round, cells beyond this many deviations count less.
TURNS = 2  # The second fits the noise without the bowls that the first found; the first leaves out cells of 100 m.
PROPOSED, PROPOSED_CELLS = 0.0, 3  # Cells of FINEST_M are searched this near to wider cells that score above PROPOSED.
AREA_M2 = 1e9
MIN_PLACES = 4.0  # A bowl that fills the ground cannot be told from its level, so a block needs independent places.
# Ratios spread less than 1, as SHARED_MM_YR is mostly too high; this prior counts as 30 places.
USUAL_SPREAD, PRIOR_BOWLS = 0.7, 30.0
FOUND_DECADES, NINE_OF_TEN = 1.5, 1.28  # Bowls of this score are found; this many deviations above it, nine of ten are.
OF_LIMIT_M = (700.0, 1_000.0)  # The smallest detectable rate is stated for bowls of these radii.
NOISES = torch.logspace(-3, 4, 15)  # Information is tabulated for these noises of a cell, (mm/yr)².
# The table integrates over these, 1/radius: a bowl has no higher frequency.
FREQUENCIES = (torch.arange(256) + 0.5) / 256

Strips = dict[str, tuple[int, list[Core]]]


class Bowls(NamedTuple):
    """Best bowl at each place, (rows, cols), on cells of 100 m. Row 0 is in the north.

    score: of the module's head, LOWEST where nothing is known; amplitude_mm_yr: with the product's sign; radius_m.
    detectable_mm_yr: rate at which nine of ten bowls of OF_LIMIT_M are found, inf where none is. tracks: the cells
    of each track, rates against its median (`zeros_mm_yr`) and without what follows the heights.
    """

    score: Float32
    amplitude_mm_yr: Float32
    radius_m: Float32
    detectable_mm_yr: Float32
    transform: Affine
    tracks: tuple[Level, ...]
    zeros_mm_yr: tuple[float, ...]


def best_bowls(
    tracks: Sequence[PointCloud],
    device: torch.device | None = None,
    workers: int = 2,
    pieces: Pieces | None = None,
    near: Sequence[Near | None] = (),
) -> Bowls:
    """Search all tracks of one place, each for itself and together.

    Args:
        tracks: Points of each track, in one projected system.
        device: Where to compute.
        workers: Number of threads.
        pieces: Store from which a killed search resumes.
        near: `neighbours` of each track's points, where they are known.
    """
    device = device or torch.device("cpu")
    posting_m = math.ceil(max(track.posting_m or 0.0 for track in tracks))
    finest_m, shown = (FINEST_M, 1) if posting_m <= CELL_M else (float(posting_m), 0)
    levels = max(1, 1 + int(math.log2(COARSEST_M / finest_m)))
    unit_m = finest_m * 2 ** (levels - 1)
    xs, ys = [track.x for track in tracks], [track.y for track in tracks]
    west, south = (math.floor(min(np.min(at) for at in each) / unit_m) * unit_m for each in (xs, ys))
    east, north = ((math.floor(max(np.max(at) for at in each) / unit_m) + 1) * unit_m for each in (xs, ys))
    shape = (round((north - south) / finest_m), round((east - west) / finest_m))
    kept = [drop_spikes(track, known, workers) for track, known in zip_longest(tracks, near)]
    pyramids = [pyramid_of(points, finest_m, levels, west, north, shape) for points in kept]
    cell_m = finest_m * 2**shown
    transform = Affine(cell_m, 0, west, 0, -cell_m, north)

    def strips(numbers: range, proposed: Tensor | None = None) -> Strips:
        """Return the blocks of some levels by rows; on the finest level, only blocks with a proposed cell."""
        return {
            f"{number}-{row}": (number, list(cores))
            for number in numbers
            for row, cores in groupby(
                _blocks([pyramid[number] for pyramid in pyramids], proposed), lambda core: core[0].start
            )
        }

    def search(stage: str, some: Strips, best: Tensor, proposed: Tensor | None = None) -> None:
        def work(strip: tuple[int, list[Core]]) -> Arrays:
            number, cores = strip
            at = [(pyramid[number], noise) for pyramid, noise in zip(pyramids, noises, strict=True)]
            found = pool.map(lambda core: _search_block(at, still[number][core], core, proposed, device), cores)
            return {str(core[1].start): planes.numpy() for core, planes in zip(cores, found, strict=True)}

        for place, found in piece_by_piece(pieces, stage, some, work):
            number, cores = some[place]
            for core, planes in zip(cores, found.values(), strict=True):
                _lay(best, torch.from_numpy(planes), core, number - shown)

    with torch_threads(1), ThreadPoolExecutor(workers) as pool:  # More threads wait for each other.
        noises = [NoiseCovariances(points, west, north, pool) for points in kept]
        still = _still_levels(torch.ones(shape[0] >> shown, shape[1] >> shown), shown, levels)
        for turn in range(TURNS):
            best = _nothing((shape[0] >> shown, shape[1] >> shown))
            search(f"bowls-{turn}", strips(range(shown if turn else 2 * shown, levels)), best)
            if turn == 0 and (peaks := likely(best, transform)):
                beside = [taken_out(points, peaks) for points in kept]
                noises = [
                    NoiseCovariances(points, west, north, pool, before)
                    for points, before in zip(beside, noises, strict=True)
                ]
                still = _still_levels(outside(peaks, best.shape[1:], transform), shown, levels)
        if shown:
            proposed = max_pool2d((best[:1] > PROPOSED).float(), 2 * PROPOSED_CELLS + 1, 1, PROPOSED_CELLS)[0] > 0
            proposed = proposed.repeat_interleave(2, 0).repeat_interleave(2, 1)
            search("bowls-finest", strips(range(shown), proposed), best, proposed)
    zeros = tuple(float(np.median(track.velocity_mm_yr)) for track in tracks)
    score, amplitude, radius, detectable = (plane.numpy() for plane in best)
    score = rescale_by_tail(score)
    levels_shown = tuple(pyramid[shown] for pyramid in pyramids)
    return Bowls(score, amplitude, radius, detectable, transform, levels_shown, zeros)


def _nothing(shape: Sequence[int], device: torch.device | None = None) -> Tensor:
    """Return empty planes of Bowls, (4, rows, cols), to be filled by the search."""
    best = torch.zeros(4, *shape, device=device)
    best[0], best[3] = LOWEST, torch.inf
    return best


def _still_levels(still: Tensor, shown: int, levels: int) -> list[Tensor]:
    """Return which cells of each level are still, from those that are shown, (rows, cols), 1 or 0."""
    planes = [still.repeat_interleave(2, 0).repeat_interleave(2, 1)] * shown + [still]
    while len(planes) < levels:
        planes.append(fours(planes[-1]) / 4)
    return [plane > 0.5 for plane in planes]


class NoiseCovariances:
    """Noise covariances of one track, one for each square of NOISE_SQUARE_M with points.

    before: those of the same points with other rates; squares whose rates are the same keep their covariances.
    """

    def __init__(
        self, points: Points, west: float, north: float, pool: Executor, before: NoiseCovariances | None = None
    ) -> None:
        x, y, rate, _ = points
        col, row = (
            np.floor((x - west) / NOISE_SQUARE_M).astype(np.int64),
            np.floor((north - y) / NOISE_SQUARE_M).astype(np.int64),
        )
        wide = int(col.max()) + 1
        squares, of = np.unique(row * wide + col, return_inverse=True)
        order = np.argsort(of, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(of))[:-1])
        self.rate_mm_yr = rate
        self.pairs: dict[tuple[int, int], Pairs] = {}  # Both turns use the same pairs.

        def covariance_of(square: tuple[int, int], part: NDArray[np.intp]) -> tuple[int, NoiseCovariance]:
            if before and np.array_equal(before.rate_mm_yr[part], rate[part]):
                return before.covariances[square]
            at = x[part], y[part]
            pairs = before.pairs[square] if before else self.pairs.setdefault(square, pairs_of(*at))
            return len(part), fit_noise_covariance(*at, rate[part], pairs)

        names = [divmod(int(square), wide) for square in squares]
        self.covariances = dict(zip(names, pool.map(covariance_of, names, parts), strict=True))

    def mean_covariance(self, core: tuple[slice, slice], cell_m: float) -> NoiseCovariance | None:
        """Return the mean covariance of the squares that a block of cells lies in, by points; None without points."""
        rows, cols = (
            range(int(part.start * cell_m // NOISE_SQUARE_M), int(-(-part.stop * cell_m // NOISE_SQUARE_M)))
            for part in core
        )
        found = [self.covariances[at] for at in product(rows, cols) if at in self.covariances]
        if not found:
            return None
        weights = [points for points, _ in found]
        parts = np.average([(noise.white_mm2_yr2, *noise.parts_mm2_yr2) for _, noise in found], axis=0, weights=weights)
        return NoiseCovariance(float(parts[0]), tuple(map(float, parts[1:])))


def _blocks(at: Sequence[Level], proposed: Tensor | None) -> Iterator[Core]:
    """Yield the cores of blocks that hold enough points of any track, and a proposed cell."""
    rows, cols = at[0].points.shape
    for row in range(0, rows, CORE):
        for col in range(0, cols, CORE):
            core = slice(row, min(row + CORE, rows)), slice(col, min(col + CORE, cols))
            enough = any(float(level.points[core].sum()) >= MIN_POINTS for level in at)
            if enough and (proposed is None or proposed[core].any()):
                yield core


def _search_block(
    at: Sequence[tuple[Level, NoiseCovariances]],
    still: Tensor,
    core: Core,
    proposed: Tensor | None,
    device: torch.device,
) -> Tensor:
    """Return the planes of Bowls for each cell of a core, (4, rows, cols).

    proposed: only these cells are searched, (rows, cols) of the whole level, and of 2 x 2 cells the best is returned.
    """
    best = _nothing([part.stop - part.start for part in core], device)
    noises = [noise.mean_covariance(core, level.cell_m) for level, noise in at]
    if known := [(level, noise) for (level, _), noise in zip(at, noises, strict=True) if noise]:
        places = _has_points([level for level, _ in known], core)
        if proposed is not None:
            places &= proposed[core]
        _search(known, best, still.to(device), core, boxes(places.numpy(), MARGIN, SIZES), device)
    return (best if proposed is None else _best_of_fours(best)).cpu()


def _has_points(levels: Sequence[Level], core: Core) -> Tensor:
    """Return the cells of a core around which the widest bowl has enough points."""
    outer, size, inner = _widen(core, levels[0].points.shape)
    points = pad_with_zeros(torch.stack([level.points[outer] for level in levels]).sum(dim=0), size)
    radius = RADII_CELLS[-1]
    count = apply_spectrum(points, gaussian(size, radius / 2, points.device))[inner] * math.pi * radius**2 / 2
    return count >= MIN_POINTS


def _widen(core: Core, shape: Sequence[int]) -> tuple[Core, tuple[int, int], Core]:
    """Return a core with its margin, the size of its torus, and where the core lies in it."""
    (rows, row), (cols, col) = (
        (slice(max(0, part.start - MARGIN), min(part.stop + MARGIN, size)), min(MARGIN, part.start))
        for part, size in zip(core, shape, strict=True)
    )
    inner = slice(row, row + core[0].stop - core[0].start), slice(col, col + core[1].stop - core[1].start)
    return (rows, cols), (side(core[0], MARGIN, SIZES), side(core[1], MARGIN, SIZES)), inner


def _search(
    tracks: Sequence[tuple[Level, NoiseCovariance]],
    best: Tensor,
    still: Tensor,
    core: Core,
    places: Sequence[Core],
    device: torch.device,
) -> None:
    """Write the best bowls in a core, (4, rows, cols), found in tracks with their noise in some boxes of it."""
    cell_m = tracks[0][0].cell_m
    radii = ((ALSO_FINEST,) if cell_m == FINEST_M else ()) + RADII_CELLS
    seen = torch.zeros(len(radii), len(tracks), 3, *best.shape[1:], device=device)
    for box in places:
        at = shift(box, core[0].start, core[1].start)
        for number, (level, noise) in enumerate(tracks):
            for planes, view in zip(seen[:, number], _views(level, at, noise, radii, device), strict=True):
                for plane, values in zip(planes, view[:3], strict=True):
                    plane[box] = values
    for radius, of_tracks in zip(radii if places else (), seen, strict=False):
        for view in together([BowlFits(*planes) for planes in of_tracks]):
            _improve(best, view, still, radius, cell_m)


def _improve(best: Tensor, view: BowlFits, still: Tensor, radius: float, cell_m: float) -> None:
    """Replace the bowls of cells in which this radius scores higher."""
    known, amplitude, error = view.known, view.amplitude, view.error
    ratio = torch.where(known, amplitude / error, 0.0)
    area = math.pi * radius**2
    beside = known & still
    if float(beside.sum()) < MIN_PLACES * area:
        beside = known  # If almost everything stands out, it is noise, not motion.
    places = float(beside.sum()) / area
    if places < MIN_PLACES:
        return
    spread = MAD_TO_SIGMA * float(ratio[beside].abs().median())
    spread = math.sqrt((places * spread**2 + PRIOR_BOWLS * USUAL_SPREAD**2) / (places + PRIOR_BOWLS))
    score = (rarity((ratio / spread).abs(), radius * cell_m) - view.against).clamp_min(LOWEST)
    better = known & (score > best[0])
    for plane, values in zip(best, (score, amplitude, radius * cell_m), strict=False):
        plane[better] = values[better] if isinstance(values, Tensor) else values
    if OF_LIMIT_M[0] <= radius * cell_m < OF_LIMIT_M[1]:
        detectable = (_found_at(radius * cell_m) + NINE_OF_TEN) * spread * error
        best[3] = torch.where(known, torch.minimum(best[3], detectable), best[3])


@cache
def _found_at(radius_m: float) -> float:
    """Return the ratio at which a bowl has a score of FOUND_DECADES."""
    ratios = torch.linspace(1, 12, 1_101)
    return float(ratios[int(torch.searchsorted(rarity(ratios, radius_m), FOUND_DECADES))])


def rarity(ratio: Tensor, radius_m: float) -> Tensor:
    """Return minus the decimal logarithm of the maxima expected to exceed a ratio on AREA_M2 of noise.

    The correlation of ratios falls as a Gaussian of the radius: what the whitening changes of it is neglected.
    """
    per_area = AREA_M2 / (radius_m**2 * (2 * math.pi) ** 1.5)
    log = math.log10(2 * per_area) + torch.log10(ratio.clamp_min(1)) - ratio**2 / (2 * math.log(10))
    return -log


def _views(
    level: Level, core: Core, covariance: NoiseCovariance, radii: Sequence[float], device: torch.device
) -> list[BowlFits]:
    """Return a track's view of a core for each radius, (rows, cols)."""
    outer, size, inner = _widen(core, level.points.shape)
    points, rate = (pad_with_zeros(plane[outer].to(device), size) for plane in level[1:])
    spectrum, white = covariance.cell_spectrum(level.cell_m, size, device)
    seen = points > 0
    noise = torch.where(seen, white / points.clamp_min(1) + FLOOR_MM2_YR2, 1.0)
    wide = gaussian(size, WIDE_CELLS, device)
    narrow = spectrum * (1 - wide) ** 2 + 1e-6

    def solved_with(held: Tensor, before: Tensor | None = None) -> Tensor:
        left = subtract_wide(rate, 1 / (held + variance(spectrum, size)), seen, wide)
        return solve(left, held, seen, narrow, before)

    held, solved = noise, solved_with(noise)
    for _ in range(ROUNDS):
        apart = (held * solved).abs() / noise.sqrt()
        held = torch.where(seen, noise * (apart / OUTLIER).clamp_min(1) ** 2, 1.0)
        solved = solved_with(held, solved)
    weighted, of_points = torch.fft.rfft2(solved), torch.fft.rfft2(points)
    of_information = torch.fft.rfft2(torch.where(seen, 1 / held, 0.0))
    views = []
    for radius in radii:
        sum_ = math.pi * radius**2
        bowl, near = (gaussian(size, radius / part, device) for part in (math.sqrt(2), 2))
        along = torch.fft.irfft2(weighted * bowl * (1 - wide), s=size)[inner] * sum_
        local = torch.fft.irfft2(of_information * near, s=size)[inner]
        count = torch.fft.irfft2(of_points * near, s=size)[inner] * (sum_ / 2)
        views.append(
            BowlFits(along, _interpolate(local, _information(covariance, radius, level.cell_m).to(device)), count)
        )
    return views


@lru_cache(maxsize=KEPT)
def _information(covariance: NoiseCovariance, radius: float, cell_m: float) -> Tensor:
    """Return the information of a bowl in cells with each of NOISES: an integral over the radial frequency."""
    frequency = FREQUENCIES / radius
    narrow = 1 - torch.exp(-2 * (math.pi * WIDE_CELLS * frequency) ** 2)
    bowl = math.pi * radius**2 * torch.exp(-((math.pi * radius * frequency) ** 2)) * narrow
    noise = covariance.radial_spectrum(frequency, cell_m) * narrow**2 + 1e-6 + NOISES[:, None]
    return (2 * math.pi * frequency * bowl**2 / noise).sum(dim=1) / (len(FREQUENCIES) * radius)


def _interpolate(information: Tensor, table: Tensor) -> Tensor:
    """Return the table's value, given at NOISES, for cells with a local mean of information."""
    steps = (3 - torch.log10(information.clamp_min(1e-6))) * ((len(NOISES) - 1) / 7)
    low = steps.long().clamp_(0, len(NOISES) - 2)
    logs = table.log()
    return torch.exp(logs[low] + (steps - low).clamp_(0, 1) * logs.diff()[low])


def _best_of_fours(found: Tensor) -> Tensor:
    """Return the planes of the best of each 2 x 2 cells, (4, rows / 2, cols / 2)."""
    rows, cols = found.shape[1] // 2, found.shape[2] // 2
    fours = found.reshape(4, rows, 2, cols, 2).permute(0, 1, 3, 2, 4).reshape(4, rows, cols, 4)
    return fours.gather(3, fours[:1].argmax(dim=3, keepdim=True).expand(4, -1, -1, -1))[..., 0]


def _lay(best: Tensor, found: Tensor, core: tuple[slice, slice], doublings: int) -> None:
    """Write a block's bowls where their score is the highest so far. doublings: of the cells shown; -1: halves."""
    if doublings > 0:
        found = found.repeat_interleave(2**doublings, 1).repeat_interleave(2**doublings, 2)
    times = 2.0**doublings
    target = best[:, *(slice(int(part.start * times), int(part.stop * times)) for part in core)]
    target[:3] = torch.where(found[0] > target[0], found[:3], target[:3])
    target[3] = torch.minimum(target[3], found[3])
