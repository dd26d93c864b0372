"""Common interface of all detectors: points in, maps on a grid out."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray

from ml.deformation import METHODS, classical
from ml.deformation import VERSIONS as VERSIONS  # for ml.jobs
from ml.deformation.bowls.detector import LeastSquaresConfig, least_squares
from ml.deformation.classical import ClassicalConfig, classical_maps
from ml.deformation.detection_limit import smallest_rate
from ml.deformation.features.channels import STILL_WITHIN_MM_YR
from ml.deformation.filters.baseline import DeformationMaps, background_and_noise
from ml.deformation.gridding.cells import CELL_M, RobustGrid, grid_robust
from ml.deformation.gridding.points import PointCloud, sorted_points
from ml.deformation.nation import NetworkConfig, predict
from ml.deformation.network import DeformationNetwork
from ml.deformation.places.causes import fitted, named
from ml.deformation.places.measure import measure
from ml.deformation.reliability import Reliability, reliability_of
from ml.deformation.whitening import WhiteningConfig, whitening
from ml.rasters.areas import DEFAULT_THRESHOLDS, KINDS, Area, areas_in, by_sign, count_within
from ml.runtime.checkpoints import read_card

Config = ClassicalConfig | WhiteningConfig | LeastSquaresConfig | NetworkConfig

CONFIGS: dict[str, type[Config]] = {
    **classical.CONFIGS,
    "whitening": WhiteningConfig,
    "gls": LeastSquaresConfig,
    "model": NetworkConfig,
}
LIMIT_BAND = "smallest_rate_mm_yr"
WEIGHTS = {"model": "deformation"}  # methods that are networks, and the names of their cards


class DeformationResult(NamedTuple):
    """Maps (rows, cols) with their position. kinds: name -> probability, only of a method that names kinds.

    reliability: calibration of the decision score, for methods where it was measured. still_share: share of still
    cells, 0 if the product's zero is assumed to be still; None for methods that do not estimate it.
    smallest_rate_mm_yr: smallest detectable rate (`detection_limit`), of the network only.
    """

    maps: DeformationMaps
    transform: Affine
    epsg: int
    kinds: dict[str, NDArray[np.float32]] | None = None
    reliability: Reliability | None = None
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

    def statistics(self) -> dict[str, float]:
        """Return the summary figures stored beside the raster."""
        probability = np.nan_to_num(self.maps.probability)
        smallest = self.smallest_rate_mm_yr
        limit = None if smallest is None else smallest[np.isfinite(smallest)]
        return {
            "background_mm_yr": round(self.maps.background_mm_yr, 3),
            "rate_sigma_mm_yr": round(self.maps.rate_sigma_mm_yr, 3),
            "cells_known": int(np.isfinite(self.maps.probability).sum()),
            "cells_moving": int((probability >= 0.5).sum()),
            "highest_probability": round(float(probability.max()), 4),
            **({} if self.still_share is None else {"still_share": round(self.still_share, 4)}),
            **({} if limit is None or not limit.size else {LIMIT_BAND: round(float(np.median(limit)), 2)}),
        }


def parameters(method: str) -> dict[str, Any]:
    """Return the constants of a method, for the record; for a network, also its card's settings."""
    constants = asdict(CONFIGS[method]())
    if method not in WEIGHTS:
        return constants
    card = read_card(WEIGHTS[method])
    return constants | {"network": card.network, "settings": card.settings}


def detect_deformation(
    points: PointCloud, method: str, device: torch.device | None = None, config: Config | None = None
) -> DeformationResult:
    """Run a detector on one track. ValueError for an unknown method. config: replaces the method's default."""
    return detect_tracks([points], method, device, config)


def detect_tracks(
    tracks: Sequence[PointCloud], method: str, device: torch.device | None = None, config: Config | None = None
) -> DeformationResult:
    """Run a detector on every track of one place, all in one projected system.

    A network and `gls` use all tracks together; other methods run on each track, and the surer result counts. Raises
    ValueError for an unknown method and InputError if a network's weights are missing.
    """
    if method not in CONFIGS:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")
    return detect_all_with(tracks, config or CONFIGS[method](), device)


def detect_all_with(
    tracks: Sequence[PointCloud], config: Config, device: torch.device | None = None
) -> DeformationResult:
    """Run the detector that a configuration belongs to on every track of one place."""
    if isinstance(config, NetworkConfig):
        return with_network(tracks, DeformationNetwork.load(config.weights), device, config)
    if isinstance(config, LeastSquaresConfig):
        maps, transform, share = least_squares(tracks, config, device)
        return DeformationResult(maps, transform, tracks[0].epsg, still_share=share)
    return strongest([detect_with(points, config, device) for points in tracks])


def detect_with(points: PointCloud, config: Config, device: torch.device | None = None) -> DeformationResult:
    """Detect deformation in one track."""
    if isinstance(config, NetworkConfig | LeastSquaresConfig):
        return detect_all_with([points], config, device)
    if isinstance(config, WhiteningConfig):
        robust = grid_robust(points, workers=1)
        return DeformationResult(whitening(points, robust, config), robust.transform, robust.epsg)
    maps, grid = classical_maps(points, config)
    return DeformationResult(maps, grid.transform, grid.epsg)


def with_network(
    tracks: Sequence[PointCloud],
    network: DeformationNetwork,
    device: torch.device | None = None,
    config: NetworkConfig | None = None,
) -> DeformationResult:
    """Detect deformation with a network in all tracks together, on all cells covered by any of them."""
    cell_m = max([CELL_M, *(float(np.ceil(points.posting_m or 0.0)) for points in tracks)])
    return on_grids([grid_robust(points, cell_m) for points in tracks], network, device, config)


def on_grids(
    grids: Sequence[RobustGrid],
    network: DeformationNetwork,
    device: torch.device | None = None,
    config: NetworkConfig | None = None,
) -> DeformationResult:
    """Detect deformation in tracks that are gridded already, all of one cell size."""
    cell_m = grids[0].cell_m
    sigmas = [background_and_noise(grid.velocity_mm_yr, STILL_WITHIN_MM_YR)[1] for grid in grids]
    maps, lattice = predict(network, grids, device, config)
    top = max(grid.transform.f for grid in grids)
    left = min(grid.transform.c for grid in grids)
    bottom = min(grid.transform.f - cell_m * grid.velocity_mm_yr.shape[0] for grid in grids)
    right = max(grid.transform.c + cell_m * grid.velocity_mm_yr.shape[1] for grid in grids)
    row, col = round((lattice.transform.f - top) / cell_m), round((left - lattice.transform.c) / cell_m)
    spanned = slice(row, row + round((top - bottom) / cell_m)), slice(col, col + round((right - left) / cell_m))
    probability, rate = maps.probability[spanned], maps.rate_mm_yr[spanned]
    away, toward = by_sign(probability, rate)
    sigma = float(network.card.settings.get("rate_sigma_mm_yr", max(sigmas)))
    seen = [track.velocity_mm_yr for track in lattice.tracks], [track.n_points for track in lattice.tracks]
    smallest = smallest_rate(*seen, cell_m, lattice.scale)[spanned]
    return DeformationResult(
        DeformationMaps(probability, away, toward, rate, lattice.still[0].rate_mm_yr, sigma),
        lattice.transform @ Affine.translation(col, row),
        lattice.epsg,
        dict(zip(KINDS, (plane[spanned] for plane in maps.class_probability), strict=True)),
        reliability_of(network.card.settings, len(grids)),
        min(still.share for still in lattice.still),
        smallest,
    )


def flagged_areas(result: DeformationResult, tracks: Sequence[PointCloud]) -> list[tuple[Area, int]]:
    """Return the areas of a result that hold enough points, with their number, strongest first.

    Extent and rate of each area are then measured on the points (`ml.deformation.places`).
    """
    areas = areas_in(result.bands(), result.transform)
    held = [sorted_points(track) for track in tracks] if areas else []
    flagged = [area for area in areas if count_within(area.polygon, held) >= DEFAULT_THRESHOLDS.fewest_points]
    bands, causes = result.bands(), fitted()
    drawn = [
        named(part._replace(region=number), bands, result.transform, held, causes)
        for number, area in enumerate(flagged, 1)
        for part in measure(area, held, result.maps.background_mm_yr)
    ]
    counted = [(area, count_within(area.polygon, held)) for area in drawn]
    return sorted(counted, key=lambda pair: (-abs(pair[0].peak_rate_mm_yr), -pair[0].area_m2))


def strongest(results: list[DeformationResult]) -> DeformationResult:
    """Merge the results of several tracks; where they overlap, the higher probability counts.

    All must share one projected system and cell size; transforms differ by whole cells.
    """
    if len(results) == 1:
        return results[0]
    west = min(r.transform.c for r in results)
    north = max(r.transform.f for r in results)
    cell = results[0].transform.a
    places = [(round((north - r.transform.f) / cell), round((r.transform.c - west) / cell)) for r in results]
    shapes = [r.maps.probability.shape for r in results]
    rows = max(row + shape[0] for (row, _), shape in zip(places, shapes, strict=True))
    cols = max(col + shape[1] for (_, col), shape in zip(places, shapes, strict=True))
    merged = [np.full((rows, cols), np.nan, dtype=np.float32) for _ in range(4)]
    for result, (row, col), shape in zip(results, places, shapes, strict=True):
        window = (slice(row, row + shape[0]), slice(col, col + shape[1]))
        stands = merged[0][window]
        better = ~(result.maps.probability <= stands) & ~(np.isnan(result.maps.probability) & np.isfinite(stands))
        for target, source in zip(merged, result.maps[:4], strict=True):
            target[window][better] = source[better]
    loudest = max(results, key=lambda r: r.maps.rate_sigma_mm_yr)
    probability, subsidence, uplift, rate = merged
    maps = DeformationMaps(
        probability, subsidence, uplift, rate, loudest.maps.background_mm_yr, loudest.maps.rate_sigma_mm_yr
    )
    return DeformationResult(maps, Affine(cell, 0, west, 0, -cell, north), results[0].epsg)
