"""Long-wavelength search: from a product's points to regions that move over 5-50 km.

With a reference from stations (the product's own, or loaded ones) the rates are absolute: no mean or plane is removed,
but both are free within the errors of the reference. Without one, rates are relative to the still part of the scene
(`cells.stable_level`), and the slope over the scene has a wider prior, because orbits and plate motion leave one.

A region is confirmed if another track shows its surest bowl, too: errors of two tracks are independent, and a single
one has about one false region on 10,000 km² (docs/models/deformation.md). Unconfirmed regions are not for the public.
"""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from rasterio.features import geometry_mask
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from ground_motion.methods.deformation.gridding.points import Float32, PointCloud
from ground_motion.methods.deformation.wide.cells import WideCells, stable_level, wide_cells
from ground_motion.methods.deformation.wide.noise import noise_of
from ground_motion.methods.deformation.wide.regions import (
    MIN_M2,
    SIGNIFICANT,
    Bowl,
    WideRegion,
    draw_regions,
    find_bowls,
)
from ground_motion.methods.deformation.wide.scores import Prior, Scores
from ground_motion.rasters.areas import to_geographic
from ground_motion.readers.records import Reference

PRIORS = {
    Reference.GNSS: Prior(level_mm_yr=1.0, slope_mm_yr_100km=1.0),
    Reference.LOCAL: Prior(level_mm_yr=1.0, slope_mm_yr_100km=5.0),
}
DATUM = "datum"  # Reference of rates whose datum something outside the file confirms.
ASSUMES = {
    DATUM: "Something outside the file confirms the zero of the rates.",
    Reference.GNSS: "The product is calibrated with GNSS stations: rates are taken as absolute.",
    Reference.LOCAL: "The part of the scene that is nearest to zero is taken for still; its own motion is missing.",
}
MIN_CELLS = 60
SIGNIFICANT_IN_TWO = 3.5  # A bowl is reported from this score on if another track shows it.
# Another track confirms a bowl of this many deviations, and this share of the peak.
CONFIRMING, CONFIRMING_SHARE = 2.0, 0.5
MAX_REPORTED = 0.5  # A region that lies more in areas reported separately is dropped.
SAME_SHARE = 0.5
# One track has this many false regions; their number may exceed it by this many deviations.
FALSE_PER_KM2, CROWDED_SIGMAS = 1e-4, 2.0
log = logging.getLogger(__name__)


class Track(NamedTuple):
    """Points of one track with the reference of their rates.

    level_mm_yr: subtracted to tie them to stations; name: ascending or descending, else that of its file, or empty.
    """

    points: PointCloud
    reference: Reference
    level_mm_yr: float = 0.0
    name: str = ""


class WideFit(NamedTuple):
    """Bowls on the cells of a scene.

    still, beside: (rows, cols), rate of no motion, motion outside the bowls, mm/yr; level_mm_yr: of the product.
    """

    cells: WideCells
    bowls: list[Bowl]
    still: Float32
    beside: Float32
    level_mm_yr: float


class ReferredRegion(NamedTuple):
    """A region, the reference of its rates, and the product's rate that counts as still.

    reference: a Reference, or DATUM; confirmed: whether another track, or its datum, confirms it.
    """

    region: WideRegion
    reference: str
    level_mm_yr: float
    confirmed: bool = False

    def feature(self, epsg: int) -> dict[str, Any]:
        """Return the region as GeoJSON, in degrees. epsg: of the region's system."""
        region = self.region
        return {
            "type": "Feature",
            "geometry": mapping(to_geographic(region.outline, epsg)),
            "properties": {
                "class": region.kind,
                "extent": "region",
                "score": round(region.probability, 4),
                "rate_mm_yr": round(region.rate_mm_yr, 2),
                "peak_rate_mm_yr": round(region.peak_mm_yr, 2),
                "peak_rate_sigma_mm_yr": round(region.sigma_mm_yr, 2),
                "area_m2": round(region.outline.area),
                "core_area_m2": round(region.core.area),
                "reference": str(self.reference),
                "level_mm_yr": round(self.level_mm_yr, 2),
                "confirmed": self.confirmed,
                "assumes": ASSUMES[self.reference],
            },
        }


def wide_regions(tracks: Sequence[Track], reported: Sequence[BaseGeometry] = ()) -> list[ReferredRegion]:
    """Find regions in each track of one place; if regions of two tracks overlap, keep the surer one.

    reported: known areas in the same projected system; see `confirmed_regions`.
    """
    regions = [
        region
        for number, track in enumerate(tracks)
        for region in confirmed_regions(track, [*tracks[:number], *tracks[number + 1 :]], reported)
    ]
    kept: list[ReferredRegion] = []
    for region in sorted(regions, key=lambda referred: -referred.region.score):
        if not any(_same(region.region, other.region) for other in kept):
            kept.append(region)
    return kept


def confirmed_regions(
    track: Track, others: Sequence[Track], reported: Sequence[BaseGeometry] = ()
) -> list[ReferredRegion]:
    """Find regions of a track; each states whether any of `others`, tracks of the same ground, shows it.

    The ground inside areas that are `reported` already is left out, so that a region is motion beside them. A region is
    dropped if they cover half of it, or if it is the rim of one. If there are too many that no other track shows
    (`is_crowded`), those are left out, with a warning. The surest come first.
    """
    fit = fit_wide(track.points, track.reference, reported, SIGNIFICANT_IN_TWO if others else SIGNIFICANT)
    drawn = draw_regions(fit.bowls, fit.cells, fit.still, fit.beside)
    found = [region for region in drawn if not is_reported(region, reported)]
    seen = [scores for other in others if found and (scores := scene(other.points, other.reference, reported).scores)]
    level = fit.level_mm_yr + track.level_mm_yr
    known = [
        ReferredRegion(region, track.reference, level, any(shows(scores, region.bowls[0]) for scores in seen))
        for region in found
    ]
    alone = [referred for referred in known if not referred.confirmed and referred.region.score >= SIGNIFICANT]
    cut_out = sum(area.area >= MIN_M2 for area in reported)
    if is_crowded([referred.region for referred in alone], cut_out, fit.cells):
        log.warning("Left out %d wide regions that one track alone shows: more than its noise explains", len(alone))
        alone = []
    return sorted(
        [*(referred for referred in known if referred.confirmed), *alone], key=lambda referred: -referred.region.score
    )


def is_crowded(regions: Sequence[WideRegion], cut_out: int, cells: WideCells) -> bool:
    """Return whether regions that one track alone shows rise and sink, and are more than its noise would give.

    Delay and tectonics outside the noise model look like motion. cut_out: number of wide reported areas.
    """
    expected = float(np.count_nonzero(cells.known)) * cells.cell_km**2 * FALSE_PER_KM2
    signs = {bool(region.peak_mm_yr > 0) for region in regions}
    return len(signs) > 1 and len(regions) + cut_out > expected + CROWDED_SIGMAS * expected**0.5


def shows(scores: Scores, bowl: Bowl) -> bool:
    """Return whether a scene shows a bowl of another one with its sign, beyond the noise and half as fast."""
    col, row = (int(np.floor(at)) for at in ~scores.transform @ (bowl.x_m, bowl.y_m))
    if not scores.covers(bowl.shape, row, col):
        return False
    peak, sigma = scores.fit(bowl.shape, row, col)
    return peak / bowl.peak_mm_yr >= max(CONFIRMING_SHARE, CONFIRMING * sigma / abs(bowl.peak_mm_yr))


def _same(region: WideRegion, other: WideRegion) -> bool:
    """Return whether regions are of one kind and share half of the smaller."""
    smaller = min(region.outline.area, other.outline.area)
    return region.kind == other.kind and region.outline.intersection(other.outline).area >= SAME_SHARE * smaller


def fit_wide(
    points: PointCloud, reference: Reference, reported: Sequence[BaseGeometry] = (), significant: float = SIGNIFICANT
) -> WideFit:
    """Find bowls that score at least `significant`; return them with their cells and the background motion."""
    cells, level, scores = scene(points, reference, reported)
    nothing = np.zeros_like(cells.rate_mm_yr)
    if scores is None:
        return WideFit(cells, [], nothing, nothing, 0.0)
    bowls = find_bowls(scores, significant)
    beside = scores.background()
    if reference is Reference.LOCAL:
        return WideFit(cells, bowls, np.float32(level) + beside, nothing, level)
    return WideFit(cells, bowls, nothing, beside, level)


class WideScene(NamedTuple):
    """Cells of a scene outside reported areas, its level, and the scores of shapes; None with too few cells."""

    cells: WideCells
    level_mm_yr: float
    scores: Scores | None


def scene(points: PointCloud, reference: Reference, reported: Sequence[BaseGeometry] = ()) -> WideScene:
    """Prepare the search of a scene. reported: areas that are left out."""
    cells = wide_cells(points)
    if reported:
        inside = geometry_mask(reported, cells.rate_mm_yr.shape, cells.transform, invert=True)
        cells = cells._replace(rate_mm_yr=np.where(inside, np.float32(np.nan), cells.rate_mm_yr))
    if np.count_nonzero(cells.known) < MIN_CELLS:
        return WideScene(cells, 0.0, None)
    noise = noise_of(cells.rate_mm_yr, cells.cell_km)
    level = stable_level(cells, float(np.sqrt(noise.long_mm2_yr2))) if reference is Reference.LOCAL else 0.0
    return WideScene(cells, level, Scores(cells, level, noise, PRIORS[reference]))


def is_reported(region: WideRegion, reported: Sequence[BaseGeometry]) -> bool:
    """Return whether a region is mostly reported, or the rim of reported areas: they cover half of its convex hull."""
    hull = region.outline.convex_hull
    near = [area for area in reported if area.intersects(hull)]
    inside = shapely.union_all(near).intersection(hull).area if near else 0.0
    return bool(inside >= MAX_REPORTED * hull.area)
