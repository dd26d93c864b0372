"""`python -m lab.deformation.tilts`: do the intervals of median, peak and tilt hold what was simulated?

On tiles of the national benchmark's kind. Every object that moves by 4 mm/yr or more, with a radius of 250 m or more,
is measured on the points of one track from its true outline, as if a detector had flagged it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from shapely import contains_xy

from lab.deformation.benchmark_tiles import NATIONAL, cloud, field_tile
from lab.deformation.scoring import BoolMap, within_reach
from lab.deformation.shapes import NTH_FASTEST, SMALLEST_M, true_shape
from lab.results import write
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import CELL_M, CELLS, SourceTruth, Tile, TileTrack
from ml.deformation.places.measure import measure
from ml.rasters.areas import Area, Place, SortedPoints, outline
from ml.statistics.intervals import Float64, Interval, bootstrap_over, proportion

LEAST_MM_YR = 4.0
FEWEST_POINTS = 30
WITHIN_90 = 1.645  # standard deviations


class Measured(NamedTuple):
    """Shares of the truth, and whether the 90 % interval holds it."""

    median: float
    median_held: float
    peak: float
    peak_held: float
    tilt: float
    tilt_held: float


class Truth(NamedTuple):
    """Of one object. sign: of its motion; rate_mm_yr: of every cell times sign; known: cells near points."""

    sign: float
    peak_mm_yr: float
    rate_mm_yr: Float64
    known: BoolMap


def truth_of(tile: Tile, track: TileTrack, source: SourceTruth) -> Truth | None:
    """None for what is too slow, too small or has too few points."""
    row, col = tile.terrain.cell_of(track.x_m, track.y_m)
    points = np.zeros((CELLS, CELLS), dtype=bool)
    points[row, col] = True
    known, sign = within_reach(points, CELL_M), float(np.sign(source.peak_mm_yr))
    rate = sign * source.rate_mm_yr.astype(np.float64)
    inside = np.sort(rate[row, col][source.mask[row, col]])
    if inside.size < FEWEST_POINTS or inside[-NTH_FASTEST] < LEAST_MM_YR:
        return None
    peak = float(inside[-NTH_FASTEST])
    shape = true_shape(peak, rate, known, tile.transform)
    return Truth(sign, peak, rate, known) if shape.radius_m >= SMALLEST_M else None


def drawn_place(tile: Tile, track: TileTrack, source: SourceTruth, truth: Truth) -> tuple[Area, Place] | None:
    """The fastest place that is drawn on the object, with its area."""
    polygon = outline(source.mask, tile.transform, 0.0)
    peak = truth.sign * truth.peak_mm_yr
    flagged, seen = Area(polygon, "subsidence", 1.0, peak / 2, peak, polygon.area), cloud(track)
    drawn = measure(flagged, [SortedPoints(seen.x, seen.y, seen.velocity_mm_yr, seen.height_m)], 0.0)
    places = [(area, place) for area in drawn for place in area.places if place.tilt is not None]
    return max(places, key=lambda one: abs(one[1].peak.value), default=None)


def measured(tile: Tile, track: TileTrack, source: SourceTruth) -> Measured | None:
    """None for what is not measured."""
    truth = truth_of(tile, track, source)
    drawn = truth and drawn_place(tile, track, source, truth)
    if truth is None or not drawn:
        return None
    area, place = drawn
    x, y = tile.transform @ np.array(np.meshgrid(np.arange(CELLS) + 0.5, np.arange(CELLS) + 0.5))
    inside = contains_xy(area.polygon, x, y) & truth.known
    around = contains_xy(place.half.buffer(0.5 * np.sqrt(place.half.area / np.pi)), x, y) & truth.known
    if place.tilt is None or not inside.any() or not around.any():
        return None
    median, steep = float(np.median(truth.rate_mm_yr[inside])), steepest_slope(truth.rate_mm_yr, around)
    rate, sigma = truth.sign * area.rate_mm_yr, area.rate_sigma_mm_yr or 0.0
    peak, low, high = (truth.sign * one for one in place.peak)
    return Measured(
        rate / median,
        abs(rate - median) <= WITHIN_90 * sigma,
        peak / truth.peak_mm_yr,
        low <= truth.peak_mm_yr <= high,
        place.tilt.value / steep,
        place.tilt.low <= steep <= place.tilt.high,
    )


def steepest_slope(rate_mm_yr: Float64, where: BoolMap) -> float:
    """Between neighbouring cells, mm/yr per m."""
    down, right = np.gradient(rate_mm_yr, CELL_M)
    return float(np.hypot(down, right)[where].max())


def tile_rows(purpose: Purpose, number: int) -> Float64:
    """Rows (objects, 6) of one tile's first track."""
    tile = field_tile(NATIONAL, number, purpose)
    track = tile.tracks[0]
    rows = [measured(tile, track, source) for source in tile.truths(track.geometry.los)]
    return np.array([row for row in rows if row], dtype=np.float64).reshape(-1, 6)


def figures(rows: list[Float64]) -> dict[str, Interval]:
    """Errors as shares of the truth, medians over objects, and the shares of objects that the intervals hold."""
    table = np.concatenate(rows)
    found: dict[str, Interval] = {}
    for at, name in enumerate(("median", "peak", "tilt")):
        off = [part[:, [2 * at]] - 1 for part in rows]
        found[f"{name}_error"] = bootstrap_over(off, lambda part: float(np.median(np.abs(part))))
        found[f"{name}_bias"] = bootstrap_over(off, lambda part: float(np.median(part)))
        found[f"{name}_within_90"] = proportion(int(table[:, 2 * at + 1].sum()), len(table))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tiles", type=int, default=300)
    parser.add_argument("--purpose", choices=["VALIDATION", "BENCHMARK"], default="BENCHMARK")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    rows = [one for number in range(args.tiles) if len(one := tile_rows(Purpose[args.purpose], number))]
    objects = sum(len(one) for one in rows)
    metrics = {"measured": figures(rows)}
    write(args.json, "lab.deformation.tilts", metrics, {}, task="deformation", benchmark="tilts", objects=objects)


if __name__ == "__main__":
    main()
