"""Bowls in coloured noise by generalised least squares, radius by radius, on cells of a third to half of the radius.

A bowl's amplitude at a place is b' C^-1 y / b' C^-1 b, with the rates y of the cells, the bowl b and the covariance C
of the track's own noise law. C^-1 y is solved once for each size of cells by conjugate gradients whose products are
Fourier transforms; its correlation with bowls gives the numerator at all places, and the local information of the cells
the denominator. What is wider than WIDE_CELLS is taken out first, for each size of cells in turn.

A score is how rarely noise would give so large a ratio anywhere: minus the decimal logarithm of the number of such
maxima expected on 1,000 km² of still ground, by the Euler characteristic of a Gaussian field (Adler & Taylor 2007,
Random Fields and Geometry), so that radii and places with few points are judged alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from itertools import groupby, product
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray
from torch import Tensor

from ml.deformation.bowls.noise_law import NoiseLaw, fit_noise_law
from ml.deformation.bowls.peaks import LOWEST, likely, outside, taken_out
from ml.deformation.bowls.pyramid import MARGIN, WIDE_CELLS, Level, Points, fours, pyramid_of, without_spikes
from ml.deformation.bowls.tail import on_own_tail
from ml.deformation.bowls.torus import filtered, gaussian, padded, solve, variance, without_wide
from ml.deformation.gridding.cells import CELL_M
from ml.deformation.gridding.points import Float32, PointCloud
from ml.rasters.pieces import Arrays, Pieces, piece_by_piece
from ml.runtime.device import torch_threads
from ml.statistics.robust import MAD_TO_SIGMA

FINEST_M, COARSEST_M = 50.0, 1_600.0
RADII_CELLS, ALSO_FINEST = (3.0, 4.2), 2.0  # radii where a bowl falls to 1/e: 100 m to 6.7 km
CORE, SIZES = 256, 60  # cells of a block, without its margin; its torus has a multiple of these
LAW_M = 25_600.0  # side of the squares that have a noise law each
FEWEST_POINTS = 5.0  # under a bowl
SHARED_MM_YR = 0.3  # of what all cells under a bowl share beyond the law
FLOOR_MM2_YR2 = 0.02  # of what all points of a cell share beyond the law
OUTLIER, ROUNDS = 2.5, 2  # deviations beyond which a cell counts less; times that it is looked at
TURNS = 2  # the second, with a law fitted without bowls found in the first, which leaves out cells of FINEST_M
AREA_M2 = 1e9
FEWEST_PLACES = 4.0  # independent places of a block: a bowl that fills the ground cannot be told from its level
USUAL_SPREAD, PRIOR_BOWLS = 0.7, 30.0  # of ratios, as SHARED_MM_YR is mostly too high; places by which it counts
SHOWN_ELSEWHERE = 0.3  # of a bowl, that every other track of the ground shows at least, with either sign
MOST_AGAINST = 3.0  # decades: a slope that slides along one line of sight is hidden from the other
FOUND_DECADES, NINE_OF_TEN = 1.5, 1.28  # score of a bowl that is found; deviations above it where nine of ten are
OF_LIMIT_M = (700.0, 1_000.0)  # radii of the bowls for which the smallest detectable rate is stated
NOISES = torch.logspace(-3, 4, 15)  # of a cell, (mm/yr)², for which information is tabulated


class View(NamedTuple):
    """Bowls of one radius, (rows, cols): numerator, its variance (the information), number of points.

    against: decades by which other tracks contradict them.
    """

    along: Tensor
    information: Tensor
    points: Tensor
    against: Tensor | float = 0.0

    @property
    def known(self) -> Tensor:
        """Where enough points lie under the bowl."""
        return (self.points >= FEWEST_POINTS) & (self.information > 0)

    @property
    def amplitude(self) -> Tensor:
        """Fitted amplitude, mm/yr."""
        return self.along / self.information.clamp_min(1e-9)

    @property
    def error(self) -> Tensor:
        """Standard deviation of the amplitude, mm/yr."""
        return (1 / self.information.clamp_min(1e-9) + SHARED_MM_YR**2).sqrt()


class Bowls(NamedTuple):
    """Best bowl at each place, (rows, cols), on cells of 100 m. Row 0 is in the north.

    score: of the module's head, LOWEST where nothing is known; amplitude_mm_yr: with the product's sign; radius_m.
    detectable_mm_yr: rate of a bowl of about 800 m at which nine of ten are found, inf where none is. tracks: the cells
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
    tracks: Sequence[PointCloud], device: torch.device | None = None, workers: int = 2, pieces: Pieces | None = None
) -> Bowls:
    """Search all tracks of one place, each for itself and together. tracks: in one projected system, with points.

    pieces: store from which a killed search resumes.
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
    kept = [without_spikes(track) for track in tracks]
    pyramids = [pyramid_of(points, finest_m, levels, west, north, shape) for points in kept]
    strips = {
        f"{number}-{row}": (number, list(cores))
        for number in range(levels)
        for row, cores in groupby(_blocks([pyramid[number] for pyramid in pyramids]), lambda core: core[0].start)
    }
    wide = {place: strip for place, strip in strips.items() if strip[0] >= shown}
    cell_m = finest_m * 2**shown
    transform = Affine(cell_m, 0, west, 0, -cell_m, north)

    def work(strip: tuple[int, list[tuple[slice, slice]]]) -> Arrays:
        number, cores = strip
        at = [(pyramid[number], law) for pyramid, law in zip(pyramids, laws, strict=True)]
        found = pool.map(lambda core: _of_block(at, still[number][core], core, number < shown, device), cores)
        return {str(core[1].start): planes.numpy() for core, planes in zip(cores, found, strict=True)}

    with torch_threads(1), ThreadPoolExecutor(workers) as pool:  # more threads wait for each other
        laws = [Laws(points, west, north, pool) for points in kept]
        still = _on_levels(torch.ones(shape[0] >> shown, shape[1] >> shown), shown, levels)
        for turn in range(TURNS):
            best, some = _nothing((shape[0] >> shown, shape[1] >> shown)), strips if turn else wide
            for place, found in piece_by_piece(pieces, f"bowls-{turn}", some, work):
                number, cores = some[place]
                for core, planes in zip(cores, found.values(), strict=True):
                    _lay(best, torch.from_numpy(planes), core, number - shown)
            if turn == 0 and (peaks := likely(best, transform)):
                beside = [taken_out(points, peaks) for points in kept]
                laws = [Laws(points, west, north, pool, before) for points, before in zip(beside, laws, strict=True)]
                still = _on_levels(outside(peaks, best.shape[1:], transform), shown, levels)
    zeros = tuple(float(np.median(track.velocity_mm_yr)) for track in tracks)
    score, amplitude, radius, detectable = (plane.numpy() for plane in best)
    score = on_own_tail(score)
    levels_shown = tuple(pyramid[shown] for pyramid in pyramids)
    return Bowls(score, amplitude, radius, detectable, transform, levels_shown, zeros)


def _nothing(shape: Sequence[int], device: torch.device | None = None) -> Tensor:
    """Return the planes of Bowls, (4, rows, cols), before anything is found."""
    best = torch.zeros(4, *shape, device=device)
    best[0], best[3] = LOWEST, torch.inf
    return best


def _on_levels(still: Tensor, shown: int, levels: int) -> list[Tensor]:
    """Return which cells of each level are still, from those that are shown, (rows, cols), 1 or 0."""
    planes = [still.repeat_interleave(2, 0).repeat_interleave(2, 1)] * shown + [still]
    while len(planes) < levels:
        planes.append(fours(planes[-1]) / 4)
    return [plane > 0.5 for plane in planes]


class Laws:
    """Noise laws of one track, one for each square of LAW_M with points.

    before: of the same points with other rates; squares whose rates are the same keep their laws.
    """

    def __init__(self, points: Points, west: float, north: float, pool: Executor, before: Laws | None = None) -> None:
        x, y, rate, _ = points
        col, row = np.floor((x - west) / LAW_M).astype(np.int64), np.floor((north - y) / LAW_M).astype(np.int64)
        wide = int(col.max()) + 1
        squares, of = np.unique(row * wide + col, return_inverse=True)
        order = np.argsort(of, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(of))[:-1])
        self.rate_mm_yr = rate

        def law_of(square: tuple[int, int], part: NDArray[np.intp]) -> tuple[int, NoiseLaw]:
            if before and np.array_equal(before.rate_mm_yr[part], rate[part]):
                return before.laws[square]
            return len(part), fit_noise_law(x[part], y[part], rate[part])

        names = [divmod(int(square), wide) for square in squares]
        self.laws = dict(zip(names, pool.map(law_of, names, parts), strict=True))

    def around(self, core: tuple[slice, slice], cell_m: float) -> NoiseLaw | None:
        """Return the mean law of the squares that a block of cells lies in, by points; None without points."""
        rows, cols = (range(int(part.start * cell_m // LAW_M), int(-(-part.stop * cell_m // LAW_M))) for part in core)
        found = [self.laws[at] for at in product(rows, cols) if at in self.laws]
        if not found:
            return None
        weights = [points for points, _ in found]
        parts = np.average([(law.white_mm2_yr2, *law.parts_mm2_yr2) for _, law in found], axis=0, weights=weights)
        return NoiseLaw(float(parts[0]), tuple(map(float, parts[1:])))


def _blocks(at: Sequence[Level]) -> Iterator[tuple[slice, slice]]:
    """Yield the cores of blocks that hold enough points of any track."""
    rows, cols = at[0].points.shape
    for row in range(0, rows, CORE):
        for col in range(0, cols, CORE):
            core = slice(row, min(row + CORE, rows)), slice(col, min(col + CORE, cols))
            if any(float(level.points[core].sum()) >= FEWEST_POINTS for level in at):
                yield core


def _of_block(
    at: Sequence[tuple[Level, Laws]], still: Tensor, core: tuple[slice, slice], halved: bool, device: torch.device
) -> Tensor:
    """Return the planes of Bowls for each cell of a core, (4, rows, cols); `halved`: for squares of 2 x 2 cells."""
    best = _nothing([part.stop - part.start for part in core], device)
    laws = [law.around(core, level.cell_m) for level, law in at]
    known = [(level, law) for (level, _), law in zip(at, laws, strict=True) if law]
    if known and (within := _with_points([level for level, _ in known], core)):
        rows, cols = (slice(c.start + w.start, c.start + w.stop) for c, w in zip(core, within, strict=True))
        _search(known, best[:, *within], still[within].to(device), (rows, cols), device)
    return (_best_of_fours(best) if halved else best).cpu()


def _with_points(levels: Sequence[Level], core: tuple[slice, slice]) -> tuple[slice, slice] | None:
    """Return the part of a core, in even cells, outside of which no bowl has enough points; None if none has."""
    outer, size, inner = _around(core, levels[0].points.shape)
    points = padded(torch.stack([level.points[outer] for level in levels]).sum(dim=0), size)
    radius = RADII_CELLS[-1]
    count = filtered(points, gaussian(size, radius / 2, points.device))[inner] * math.pi * radius**2 / 2
    enough = count >= FEWEST_POINTS
    if not enough.any():
        return None
    ends = ((each[0], each[-1]) for each in (enough.any(dim=dim).nonzero()[:, 0].tolist() for dim in (1, 0)))
    evens = (slice(first // 2 * 2, last // 2 * 2 + 2) for first, last in ends)
    rows, cols = (slice(*part.indices(length)[:2]) for part, length in zip(evens, enough.shape, strict=True))
    return rows, cols


def _around(
    core: tuple[slice, slice], shape: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[int, ...], tuple[slice, ...]]:
    """Return a core with its margin, the size of its torus, and where the core lies in it."""
    outer = tuple(
        slice(max(0, part.start - MARGIN), min(part.stop + MARGIN, size))
        for part, size in zip(core, shape, strict=True)
    )
    size = tuple(-(-(part.stop - part.start + MARGIN) // SIZES) * SIZES for part in outer)
    return outer, size, tuple(slice(c.start - o.start, c.stop - o.start) for c, o in zip(core, outer, strict=True))


def _search(
    tracks: Sequence[tuple[Level, NoiseLaw]],
    best: Tensor,
    still: Tensor,
    core: tuple[slice, slice],
    device: torch.device,
) -> None:
    """Write the best bowls in a core, (4, rows, cols), found in tracks with their laws."""
    cell_m = tracks[0][0].cell_m
    outer, size, inner = _around(core, tracks[0][0].points.shape)
    radii = ((ALSO_FINEST,) if cell_m == FINEST_M else ()) + RADII_CELLS
    seen = [_views(level, outer, size, law, radii, device) for level, law in tracks]
    for radius, of_tracks in zip(radii, zip(*seen, strict=True), strict=True):
        for view in _together([View(*(plane[inner] for plane in view[:3])) for view in of_tracks]):
            _improve(best, view, still, radius, cell_m)


def _together(views: Sequence[View]) -> list[View]:
    """Return the views of the tracks, and of all of them together, each with what the other tracks say against it."""
    if len(views) < 2:
        return [*views]
    against = [[_contradiction(one, other) for other in views if other is not one] for one in views]
    alone = [view._replace(against=torch.stack(said).amax(dim=0)) for view, said in zip(views, against, strict=True)]
    sums = (torch.stack(planes).sum(dim=0) for planes in list(zip(*views, strict=True))[:3])
    return [*alone, View(*sums, torch.stack([view.against for view in alone]).amax(dim=0))]


def _contradiction(one: View, other: View) -> Tensor:
    """Return by how many decades another track contradicts a bowl: it should show SHOWN_ELSEWHERE of it, up or down.

    Where the other has too few points it says nothing.
    """
    (seen, error), (shown, spread) = ((one.amplitude.abs(), one.error), (other.amplitude.abs(), other.error))
    missing = (SHOWN_ELSEWHERE * seen - shown).clamp_min(0)
    decades = missing**2 / (spread**2 + (SHOWN_ELSEWHERE * error) ** 2) / (2 * math.log(10))
    return torch.where(other.known & one.known, decades.clamp_max(MOST_AGAINST), 0.0)


def _improve(best: Tensor, view: View, still: Tensor, radius: float, cell_m: float) -> None:
    """Replace the bowls of cells in which this radius scores higher."""
    known, amplitude, error = view.known, view.amplitude, view.error
    ratio = torch.where(known, amplitude / error, 0.0)
    beside = known & still
    places = float(beside.sum()) / (math.pi * radius**2)
    if places < FEWEST_PLACES:
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
    level: Level,
    outer: tuple[slice, ...],
    size: tuple[int, ...],
    law: NoiseLaw,
    radii: Sequence[float],
    device: torch.device,
) -> list[View]:
    """Return a track's view of a block for each radius, (rows, cols) of the torus."""
    points, rate = (padded(plane[outer].to(device), size) for plane in level[1:])
    spectrum, white = law.on_cells(level.cell_m, (size[0], size[1]), device)
    seen = points > 0
    noise = torch.where(seen, white / points.clamp_min(1) + FLOOR_MM2_YR2, 1.0)
    wide = gaussian(size, WIDE_CELLS, device)
    left = without_wide(rate, 1 / (noise + variance(spectrum, size)), seen, wide)
    narrow = spectrum * (1 - wide) ** 2 + 1e-6
    held = noise
    solved = solve(left, held, seen, narrow)
    for _ in range(ROUNDS):
        apart = (held * solved).abs() / noise.sqrt()
        held = torch.where(seen, noise * (apart / OUTLIER).clamp_min(1) ** 2, 1.0)
        solved = solve(left, held, seen, narrow, solved)
    weighted, of_points = torch.fft.rfft2(solved), torch.fft.rfft2(points)
    of_information = torch.fft.rfft2(torch.where(seen, 1 / held, 0.0))
    views = []
    for radius in radii:
        sum_ = math.pi * radius**2
        bowl = gaussian(size, radius / math.sqrt(2), device) * sum_ * (1 - wide)
        along = torch.fft.irfft2(weighted * bowl, s=size)
        local = torch.fft.irfft2(of_information * gaussian(size, radius / 2, device), s=size)
        table = torch.stack([variance(bowl**2 / (narrow + noise_of), size) for noise_of in NOISES])
        information = _interpolated(local, table)
        count = torch.fft.irfft2(of_points * gaussian(size, radius / 2, device), s=size) * sum_ / 2
        views.append(View(along, information, count))
    return views


def _interpolated(information: Tensor, table: Tensor) -> Tensor:
    """Return the table's value, given at NOISES, for cells with a local mean of information."""
    steps = (3 - torch.log10(information.clamp_min(1e-6))) * (len(NOISES) - 1) / 7
    low = steps.floor().clamp(0, len(NOISES) - 2).long()
    part = (steps - low).clamp(0, 1)
    logs = table.log()
    return torch.exp(logs[low] * (1 - part) + logs[low + 1] * part)


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
