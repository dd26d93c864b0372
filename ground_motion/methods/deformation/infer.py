"""Common interface of all detectors: points in, maps on a grid out."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray

from ground_motion.methods.deformation import DeformationMethod
from ground_motion.methods.deformation.bowls.detector import LeastSquaresConfig, least_squares, local_motion, propose
from ground_motion.methods.deformation.bowls.edges import CANDIDATE, edges_of
from ground_motion.methods.deformation.bowls.peaks import LOWEST
from ground_motion.methods.deformation.bowls.search import best_bowls
from ground_motion.methods.deformation.classical import ClassicalConfig, classical_maps
from ground_motion.methods.deformation.decision import EvidenceTerms, log_odds
from ground_motion.methods.deformation.filters.background import against_backgrounds
from ground_motion.methods.deformation.filters.baseline import DeformationMaps, LocalRate, logistic, split_by_sign
from ground_motion.methods.deformation.filters.still import StillGround
from ground_motion.methods.deformation.gridding.boxes import Box, common_grid
from ground_motion.methods.deformation.gridding.cells import CELL_M, RobustGrid, grid_robust
from ground_motion.methods.deformation.gridding.points import PointCloud, sorted_points
from ground_motion.methods.deformation.nation import NetworkConfig, predict
from ground_motion.methods.deformation.network import DeformationNetwork
from ground_motion.methods.deformation.overwrapped import OverwrappedConfig, overwrapped_cnn
from ground_motion.methods.deformation.places.causes import load_causes, name_cause
from ground_motion.methods.deformation.places.measure import measure
from ground_motion.methods.deformation.whitening import WhiteningConfig, whitening
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS, KINDS, Area, areas_in, count_within
from ground_motion.rasters.pieces import PieceBands, Pieces
from ground_motion.rasters.windows import Window

Config = ClassicalConfig | WhiteningConfig | LeastSquaresConfig | OverwrappedConfig | NetworkConfig

LIMIT_BAND = "smallest_rate_mm_yr"
NEAR_M = (85.0, 150.0, 300.0, 600.0, 1200.0)  # kernel widths; the narrowest is as wide as a square of 3 x 3 cells
HIGHEST_MM_YR = 50.0  # Higher detection limits are not stated.


class DeformationResult(NamedTuple):
    """Maps (rows, cols) with their position. kinds: name -> probability, None for methods without kinds.

    still_share: share of still cells, 0 if the product's zero is assumed to be still; smallest_rate_mm_yr: rate at
    which nine in ten bowls of about 800 m would be found; None for methods that do not estimate them.
    """

    maps: DeformationMaps
    transform: Affine
    epsg: int
    kinds: dict[str, NDArray[np.float32]] | None = None
    still_share: float | None = None
    smallest_rate_mm_yr: NDArray[np.float32] | None = None

    def bands(self) -> dict[str, NDArray[np.float32]]:
        """Return the bands in the order that the command line promises; the classes add up to the probability."""
        maps, limit = self.maps, self.smallest_rate_mm_yr
        classes = self.kinds or {"subsidence": maps.subsidence, "uplift": maps.uplift}
        bands = {"probability": maps.probability, **classes, "rate_mm_yr": maps.rate_mm_yr}
        return bands if limit is None else bands | {LIMIT_BAND: limit}

    def units(self) -> tuple[str, ...]:
        """Return the units, one for each band."""
        return tuple("mm/yr" if name.endswith("mm_yr") else "1" for name in self.bands())

    def statistics(self, tracks: Iterable[str]) -> dict[str, Any]:
        """Return the summary figures stored with the raster. tracks: their names, in the order of their points."""
        probability = np.nan_to_num(self.maps.probability)
        smallest = self.smallest_rate_mm_yr
        limit = None if smallest is None else smallest[np.isfinite(smallest)]
        return {
            "backgrounds_mm_yr": dict(
                zip(tracks, (round(rate, 3) for rate in self.maps.backgrounds_mm_yr), strict=True)
            ),
            "rate_sigma_mm_yr": round(self.maps.rate_sigma_mm_yr, 3),
            "cells_known": int(np.isfinite(self.maps.probability).sum()),
            "cells_moving": int((probability >= 0.5).sum()),
            "highest_probability": round(float(probability.max()), 4),
            **({} if self.still_share is None else {"still_share": round(self.still_share, 4)}),
            **({} if limit is None or not limit.size else {LIMIT_BAND: round(float(np.median(limit)), 2)}),
        }


def detect_tracks(
    tracks: Sequence[PointCloud], method: str, device: torch.device | None = None, pieces: Pieces | None = None
) -> DeformationResult:
    """Run a detector on the tracks of one place, which share one projected system.

    pieces: store from which a killed run of a method with a network resumes.

    A network and `gls` use all tracks together. Other methods run on each track; the higher probability counts. Raises
    ValueError for an unknown method and InputError if a network's weights are missing.
    """
    row = DeformationMethod.find(method)
    result: DeformationResult = row.function(tracks, row.new_config(), device, pieces)
    return result


def detect_all_with(
    tracks: Sequence[PointCloud], config: Config, device: torch.device | None = None, pieces: Pieces | None = None
) -> DeformationResult:
    """Run the detector of a configuration on the tracks of one place."""
    if isinstance(config, NetworkConfig):
        return decide_with_network(tracks, DeformationNetwork.load(config.weights), device, config, pieces)
    if isinstance(config, LeastSquaresConfig):
        maps, transform, share = least_squares(tracks, config, device)
        return DeformationResult(maps, transform, tracks[0].epsg, still_share=share)
    found = [_one_track_maps(points, config, device) for points in tracks]
    return strongest([DeformationResult(maps, grid.transform, grid.epsg) for maps, grid in found])


def _one_track_maps(
    points: PointCloud, config: ClassicalConfig | WhiteningConfig | OverwrappedConfig, device: torch.device | None
) -> tuple[DeformationMaps, RobustGrid]:
    """Return the maps of one track, with their grid."""
    if isinstance(config, WhiteningConfig):
        grid = grid_robust(points, workers=1)
        return whitening(points, grid, config), grid
    if isinstance(config, OverwrappedConfig):
        grid = grid_robust(points, workers=1)
        return overwrapped_cnn(grid, config, device), grid
    return classical_maps(points, config)


class Look(NamedTuple):
    """Evidence from all tracks of a place, on the cells that their points span, (rows, cols).

    shares: of KINDS, (kinds, rows, cols); rate_mm_yr: of each cell's neighbourhood against the place's background
    (`deformation.filters.background`); smallest_rate_mm_yr: NaN where nothing is detectable; still: level of still
    ground of each track against that; zeros_mm_yr: median background of each track.
    """

    evidence: EvidenceTerms
    shares: NDArray[np.float32]
    rate_mm_yr: NDArray[np.float32]
    smallest_rate_mm_yr: NDArray[np.float32]
    still: list[StillGround]
    zeros_mm_yr: list[float]
    sigma_mm_yr: float
    transform: Affine


def look(
    tracks: Sequence[PointCloud],
    network: DeformationNetwork,
    device: torch.device | None = None,
    config: NetworkConfig | None = None,
    pieces: Pieces | None = None,
) -> Look:
    """Collect the evidence of the noise covariance and the network on all cells covered by any track."""
    cell_m = max([CELL_M, *(float(np.ceil(points.posting_m or 0.0)) for points in tracks)])
    tracks, zeros, spread = against_backgrounds(tracks)
    grids = [grid_robust(points, cell_m) for points in tracks]
    bowls = best_bowls(tracks, device, pieces=pieces, near=[grid.near for grid in grids])
    grids = [grid._replace(near=None) for grid in grids]
    rates, still, sigma_mm_yr = local_motion(bowls, LocalRate(local_scales_m=NEAR_M))
    asked = None if config and config.decision == "network" else propose(bowls, rates)
    maps, lattice = predict(network, grids, device, config, pieces, spread, asked)
    placed = common_grid([grid.transform for grid in grids], [grid.velocity_mm_yr.shape for grid in grids])
    transform, (rows, cols), _ = placed

    def span(of: Affine) -> tuple[EllipsisType, slice, slice]:
        col, row = (round(side) for side in ~of @ (transform.c, transform.f))
        return ..., slice(row, row + rows), slice(col, col + cols)

    here, there = span(bowls.transform), span(lattice.transform)
    rate, limit = rates[here], bowls.detectable_mm_yr[here]
    scale = np.float32(lattice.scale)
    evidence = EvidenceTerms(
        np.where(bowls.score[here] > LOWEST, bowls.score[here], np.float32(np.nan)),
        bowls.radius_m[here],
        bowls.amplitude_mm_yr[here] / scale,
        maps.logit[there],
        rate / scale,
    )
    settings, undone = network.card.settings, all(track.cycles_undone for track in tracks)
    likely = log_odds(evidence, settings, len(tracks), "model", undone) > CANDIDATE
    return Look(
        evidence._replace(patch=edges_of(likely, rate > 0, transform, tracks)),
        maps.shares[there],
        rate,
        np.where(limit < HIGHEST_MM_YR, limit, np.float32(np.nan)),
        still,
        zeros,
        sigma_mm_yr,
        transform,
    )


def decide_with_network(
    tracks: Sequence[PointCloud],
    network: DeformationNetwork,
    device: torch.device | None = None,
    config: NetworkConfig | None = None,
    pieces: Pieces | None = None,
) -> DeformationResult:
    """Decide on each cell of a place from the evidence of all tracks together."""
    config = config or NetworkConfig()
    seen, settings = look(tracks, network, device, config, pieces), network.card.settings
    undone = all(track.cycles_undone for track in tracks)
    probability = logistic(log_odds(seen.evidence, settings, len(tracks), config.decision, undone))
    stands = [zero + still.rate_mm_yr for zero, still in zip(seen.zeros_mm_yr, seen.still, strict=True)]
    maps = split_by_sign(probability, seen.rate_mm_yr, stands, seen.sigma_mm_yr)
    return DeformationResult(
        maps,
        seen.transform,
        tracks[0].epsg,
        dict(zip(KINDS, seen.shares * maps.probability, strict=True)),
        min(still.share for still in seen.still),
        seen.smallest_rate_mm_yr,
    )


class Mosaic(NamedTuple):
    """Bands (rows, cols) of the clusters of a plane, and their stored figures (`ml.runs.stored.clusters_of`)."""

    bands: Mapping[str, NDArray[np.float32]]
    transform: Affine
    statistics: dict[str, Any]


def make_mosaic(
    clusters: Sequence[DeformationResult], tracks: Sequence[Sequence[str]], nulls: Sequence[Mapping[str, Any]] = ()
) -> Mosaic:
    """Put the results of clusters in one plane on one grid, of which only their windows are stored.

    tracks: names of the tracks of each cluster, in the order of their points. nulls: what is expected of noise in each
    (`deformation.product`), nothing where it was not drawn.
    """
    first = clusters[0]
    figures = [
        cluster.statistics(names) | ({"null": null} if null else {})
        for cluster, names, null in zip(clusters, tracks, nulls or [{}] * len(clusters), strict=True)
    ]
    if len(clusters) == 1:
        return Mosaic(first.bands(), first.transform, figures[0])
    (transform, shape, boxes), held, at = _common_grid(clusters), Pieces(), {}
    for number, (cluster, (rows, cols)) in enumerate(zip(clusters, boxes, strict=True)):
        held.store.put(f"cluster@{number}", cluster.bands())
        at[str(number)] = Window(rows.start, cols.start, *cluster.maps.probability.shape)
    parts: list[dict[str, Any]] = [
        {**summary, "window": list(window)} for summary, window in zip(figures, at.values(), strict=True)
    ]
    summed = {name: sum(part[name] for part in parts) for name in ("cells_known", "cells_moving")}
    highest = {name: max(part[name] for part in parts) for name in ("rate_sigma_mm_yr", "highest_probability")}
    statistics = {name: value for name, value in figures[0].items() if name != "null"}
    statistics |= summed | highest | {"clusters": parts}
    return Mosaic(PieceBands(held, "cluster", shape, list(first.bands()), at), transform, statistics)


def flagged_areas(result: DeformationResult, tracks: Sequence[PointCloud]) -> list[tuple[Area, int]]:
    """Return the areas of a result with enough points, measured on these, and their numbers, fastest first."""
    areas = areas_in(result.bands(), result.transform)
    held = [sorted_points(track) for track in tracks] if areas else []
    flagged = [area for area in areas if count_within(area.polygon, held) >= DEFAULT_THRESHOLDS.fewest_points]
    bands, causes = result.bands(), load_causes()
    drawn = [
        name_cause(part._replace(region=number), bands, result.transform, held, causes, result.epsg)
        for number, area in enumerate(flagged, 1)
        for part in measure(area, held, result.maps.backgrounds_mm_yr, flagged)
    ]
    counted = [(area, count_within(area.polygon, held)) for area in drawn]
    return sorted(counted, key=lambda pair: (-abs(pair[0].peak_rate_mm_yr), -pair[0].area_m2))


def strongest(results: list[DeformationResult]) -> DeformationResult:
    """Merge tracks with one system and cell size, transforms whole cells apart; the higher probability counts."""
    if len(results) == 1:
        return results[0]
    transform, shape, windows = _common_grid(results)
    merged = [np.full(shape, np.nan, dtype=np.float32) for _ in range(4)]
    for result, window in zip(results, windows, strict=True):
        stands = merged[0][window]
        better = ~(result.maps.probability <= stands) & ~(np.isnan(result.maps.probability) & np.isfinite(stands))
        for target, source in zip(merged, result.maps[:4], strict=True):
            target[window][better] = source[better]
    loudest = max(result.maps.rate_sigma_mm_yr for result in results)
    backgrounds = tuple(chain.from_iterable(result.maps.backgrounds_mm_yr for result in results))
    maps = results[0].maps._replace(
        probability=merged[0],
        subsidence=merged[1],
        uplift=merged[2],
        rate_mm_yr=merged[3],
        backgrounds_mm_yr=backgrounds,
        rate_sigma_mm_yr=loudest,
    )
    return DeformationResult(maps, transform, results[0].epsg)


def _common_grid(results: Sequence[DeformationResult]) -> tuple[Affine, tuple[int, int], list[Box]]:
    return common_grid([result.transform for result in results], [result.maps.probability.shape for result in results])
