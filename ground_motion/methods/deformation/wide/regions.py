"""Wide bowls and domes found in the scores one after the other, and joined to regions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely import MultiPolygon, Polygon

from ground_motion.methods.deformation.filters.baseline import logistic
from ground_motion.methods.deformation.gridding.cells import middles
from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.methods.deformation.wide.cells import WideCells, smooth
from ground_motion.methods.deformation.wide.scores import Scores, Shape
from ground_motion.rasters.areas import outline
from ground_motion.rasters.regions import EIGHT
from ground_motion.statistics.robust import MAD_TO_SIGMA

SIGNIFICANT = 4.5  # A bowl is reported from this score on.
SLOWEST_MM_YR = 3.0  # A bowl is reported from this peak on; seams between frames reach 2 mm/yr.
DRAWN_MM_YR = 2.0
MAX_BOWLS = 16
PLACES_FOR_SPREAD = 25.0  # If fewer places fit side by side in a scene, the scatter of a shape's scores is unknown.
WIDEST_SPREAD = 2.0
MIN_M2, MIN_HOLE_M2 = 20e6, 25e6
MAX_DISTANCE_RADII = 1.5  # A bowl is drawn to this many radii from its middle.
SHARP_KM = 1.0  # Rates are smoothed over this width to limit the peak.
SHADOW = 0.5  # A bowl of the other sign at the rim, weaker than this share of the peak, is a misfit of the shape.


class Bowl(NamedTuple):
    """One fitted shape. x_m, y_m: its middle; peak_mm_yr and its standard deviation; score: peak over that, scaled."""

    x_m: float
    y_m: float
    shape: Shape
    peak_mm_yr: float
    sigma_mm_yr: float
    score: float


class WideRegion(NamedTuple):
    """Ground that moves together over kilometres, in the product's system; rates against the reference.

    outline: ground that moves by DRAWN_MM_YR or the noise of its bowls; core: by half of its fastest smoothed rate;
    rate_mm_yr: median of smoothed rates in the outline; peak_mm_yr: of the fitted bowls, within measured rates;
    sigma_mm_yr, score: standard deviation of the surest bowl's peak, and its peak in these; bowls: the surest first.
    """

    outline: Polygon | MultiPolygon
    core: Polygon | MultiPolygon
    rate_mm_yr: float
    peak_mm_yr: float
    sigma_mm_yr: float
    score: float
    bowls: tuple[Bowl, ...]

    @property
    def kind(self) -> str:
        """Kind, one of `ground_motion.rasters.areas.CLASSES`."""
        return "subsidence" if self.peak_mm_yr < 0 else "uplift"

    @property
    def probability(self) -> float:
        """Score on the scale of local areas, one half at the threshold; it is no calibrated probability."""
        return float(logistic(np.array(self.score - SIGNIFICANT)))


def find_bowls(scores: Scores, significant: float = SIGNIFICANT) -> list[Bowl]:
    """Find the surest shape, subtract it, and repeat until no score exceeds `significant`; return all bowls."""
    spreads = {
        shape: _spread(amplitude / sigma, scores.cell_km, shape) for shape, amplitude, sigma in scores.amplitudes()
    }
    bowls: list[Bowl] = []
    for _ in range(MAX_BOWLS):
        places = (_surest(*fitted, spreads[fitted[0]]) for fitted in scores.amplitudes())
        score, shape, row, col = max(places, key=lambda place: place[0])
        if score < significant:
            break
        peak, sigma = scores.fit(shape, row, col)
        scores.take_out(shape, row, col, peak)
        score = abs(peak) / sigma / spreads[shape]
        if score >= significant and abs(peak) >= SLOWEST_MM_YR:  # `amplitudes` only approximates the peak.
            x, y = scores.transform @ (col + 0.5, row + 0.5)
            bowls.append(Bowl(x, y, shape, peak, sigma, score))
    return bowls


def _surest(shape: Shape, amplitude: Float32, sigma: Float32, spread: float) -> tuple[float, Shape, int, int]:
    """Return a shape's highest score, the shape, and row and column of its middle there."""
    score = np.where(np.abs(amplitude) >= SLOWEST_MM_YR, np.abs(amplitude) / (sigma * np.float32(spread)), 0)
    row, col = np.unravel_index(int(np.argmax(score)), score.shape)
    return float(score[row, col]), shape, int(row), int(col)


def _spread(score: Float32, cell_km: float, shape: Shape) -> float:
    """Return the scatter of a shape's scores over a scene, at least 1: of their centre and, limited, of their tails."""
    known = np.abs(score[np.isfinite(score)])
    if known.size * cell_km**2 < PLACES_FOR_SPREAD * np.pi * shape.radius_km**2:
        return 1.0
    return float(np.clip(max(MAD_TO_SIGMA * np.median(known), np.quantile(known, 0.95) / 1.96), 1, WIDEST_SPREAD))


def draw_regions(
    bowls: Sequence[Bowl], cells: WideCells, still_mm_yr: Float32, beside_mm_yr: Float32
) -> list[WideRegion]:
    """Join bowls of one sign whose outlines touch to regions, the surest first.

    still_mm_yr: (rows, cols), what counts as still in each cell; beside_mm_yr: (rows, cols), motion beside the bowls.
    """
    bowls = [bowl for number, bowl in enumerate(bowls) if not _is_shadow(bowl, bowls[:number])]
    field = _Field(cells, still_mm_yr, beside_mm_yr)
    masks = [field.inside(bowl) for bowl in bowls]
    groups = _touching(bowls, masks)
    regions = [_region([bowls[i] for i in group], [masks[i] for i in group], field) for group in groups]
    return sorted(filter(None, regions), key=lambda region: -region.score)


class _Field:
    """Smoothed rates of a scene, against the reference, with the positions of its cells."""

    def __init__(self, cells: WideCells, still_mm_yr: Float32, beside_mm_yr: Float32) -> None:
        self.transform, self.known, self.beside = cells.transform, cells.known, beside_mm_yr
        rate = cells.rate_mm_yr - still_mm_yr
        self.smooth, self.sharp = smooth(rate, cells.cell_km), smooth(rate, cells.cell_km, SHARP_KM)
        self.x, self.y = middles(self.transform, self.smooth.shape)

    def model(self, bowl: Bowl) -> Float32:
        """Return the fitted shape over the scene, mm/yr."""
        east, south = np.asarray(self.x - bowl.x_m) / 1000, np.asarray(bowl.y_m - self.y) / 1000
        return np.asarray(bowl.peak_mm_yr * bowl.shape.at(south, east), dtype=np.float32)

    def inside(self, bowl: Bowl) -> NDArray[np.bool_]:
        """Flag cells that move with a bowl: faster than 2 mm/yr and than the bowl's sigma, within the bowl's shape."""
        level = min(max(DRAWN_MM_YR, bowl.sigma_mm_yr), abs(bowl.peak_mm_yr) / 2)
        reach = np.exp(-(MAX_DISTANCE_RADII**2)) * abs(bowl.peak_mm_yr)
        return np.asarray(self.faster(bowl, level) & (np.abs(self.model(bowl)) >= reach))

    def faster(self, bowl: Bowl, level: float) -> NDArray[np.bool_]:
        return np.asarray(self.smooth * np.sign(bowl.peak_mm_yr) >= level, dtype=np.bool_)


def _is_shadow(bowl: Bowl, surer: Sequence[Bowl]) -> bool:
    """Return whether a bowl is only a residual at the rim of a surer one."""
    return any(
        bowl.peak_mm_yr * other.peak_mm_yr < 0
        and abs(bowl.peak_mm_yr) < SHADOW * abs(other.peak_mm_yr)
        and np.hypot(bowl.x_m - other.x_m, bowl.y_m - other.y_m)
        < 1000 * (MAX_DISTANCE_RADII * other.shape.radius_km + bowl.shape.radius_km)
        for other in surer
    )


def _touching(bowls: list[Bowl], masks: list[NDArray[np.bool_]]) -> list[list[int]]:
    """Return indices of bowls of one sign whose masks share cells, directly or through others."""
    groups: list[list[int]] = []
    for number, (bowl, mask) in enumerate(zip(bowls, masks, strict=True)):
        touched = [
            group
            for group in groups
            if any(bowls[i].peak_mm_yr * bowl.peak_mm_yr > 0 and (masks[i] & mask).any() for i in group)
        ]
        groups = [group for group in groups if group not in touched]
        groups.append(sorted([number, *(i for group in touched for i in group)]))
    return groups


def _region(bowls: list[Bowl], masks: list[NDArray[np.bool_]], field: _Field) -> WideRegion | None:
    """Describe a region; None where too little ground moves with the bowls."""
    labels, _ = ndimage.label(np.logical_or.reduce(masks), structure=EIGHT)
    large = np.bincount(labels.ravel()) >= MIN_M2 / field.transform.a**2
    mask = (labels > 0) & large[labels]
    if not (mask & field.known).any():
        return None
    main = max(bowls, key=lambda bowl: bowl.score)
    sign = np.sign(main.peak_mm_yr)
    seen = mask & field.known
    fitted, measured = ((sign * rate)[seen].max() for rate in (sum(map(field.model, bowls), field.beside), field.sharp))
    peak = sign * float(min(fitted, measured))
    core = mask & field.faster(main, float((sign * field.smooth)[mask].max()) / 2)
    return WideRegion(
        outline(mask, field.transform, MIN_HOLE_M2),
        outline(core, field.transform, MIN_HOLE_M2),
        float(np.median(field.smooth[mask])),
        peak,
        main.sigma_mm_yr,
        main.score,
        tuple(sorted(bowls, key=lambda bowl: -bowl.score)),
    )
