"""Figures of a moving area from its raster, points and mean series. The search and `verify` call the same functions."""

from collections.abc import Mapping, Sequence
from datetime import date
from math import hypot
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from shapely import MultiPolygon

from ground_motion.core.areas import area_of, polygons_of
from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.methods.deformation.places.causes import Causes, name_cause
from ground_motion.methods.deformation.places.measure import measure
from ground_motion.rasters.areas import Area, SortedPoints, place_as_dict
from ground_motion.statistics.reasons import TrackReason, track_reason
from ground_motion.statistics.series import fit_series

MeanSeries = tuple[Sequence[date], NDArray[np.floating]]  # The dates, and the mean displacement on each in mm.
COMPONENT_RANK = {"up": 2, "los": 1}  # The figures of an alert are of the highest; other components have 0.


class Flagged(NamedTuple):
    """Areas that the raster flags, and the raster. bands: name -> (rows, cols); areas: in its system, EPSG `epsg`."""

    areas: Sequence[Area]
    bands: Mapping[str, Float32]
    transform: Affine
    epsg: int


def measured_areas(
    number: int,
    flagged: Flagged,
    tracks: Sequence[SortedPoints],
    backgrounds_mm_yr: Sequence[float],
    causes: Causes | None,
) -> list[Area]:
    """Redraw a flagged area by its points, measure the parts of it, and name their causes.

    Args:
        number: Place of the area in flagged.areas; the others belong to no background.
        flagged: What the raster flags.
        tracks: Points in and around the area, in the system of the raster.
        backgrounds_mm_yr: Rate of still ground in each track, used if too few points are around.
        causes: Coefficients of the network that made the raster, if there are any.
    """
    areas = measure(flagged.areas[number], tracks, backgrounds_mm_yr, flagged.areas)
    return [name_cause(area, flagged.bands, flagged.transform, tracks, causes, flagged.epsg) for area in areas]


def figures_of(
    area: Area, outline: MultiPolygon, epsg: int, statistics: Mapping[str, Any], series: MeanSeries | None
) -> dict[str, Any]:
    """Return the figures of a measured area by their names, rates in mm/yr.

    outline: of the area, in degrees; series: the mean inside it, whose own error widens the rate's.
    """
    strongest = area.places[0].peak if area.places else None
    fit = fit_series(*series) if series else None
    between = area.rate_sigma_mm_yr or statistics["rate_sigma_mm_yr"]
    return {
        "score": area.score,
        "rate_mm_yr": area.rate_mm_yr,
        "rate_sigma_mm_yr": hypot(between, fit.rate_sigma_mm_yr if fit else 0.0),
        "peak_rate_mm_yr": area.peak_rate_mm_yr,
        "peak_low_mm_yr": strongest.low if strongest else None,
        "peak_high_mm_yr": strongest.high if strongest else None,
        # Far clusters lie in a plane that changes sizes, so use the true area.
        "area_m2": area_of(outline) if "window" in statistics else area.area_m2,
        "class_shares": {name: round(share, 4) for name, share in area.kinds.items()},
        "places": [place_as_dict(place, epsg) for place in area.places],
    }


def reasons_of(area: Area, tracks: Sequence[SortedPoints], directions: Sequence[str]) -> dict[int, TrackReason]:
    """Return number of a track -> how it shows the motion, beginning with the track that gave the rates."""
    numbers = (area.track, *(number for number in range(len(tracks)) if number != area.track))
    shape = polygons_of(area.polygon)
    return {
        number: track_reason(
            directions[number], shape, tracks[number].x, tracks[number].y, tracks[number].velocity_mm_yr
        )
        for number in numbers
    }


def main_of(measured: Sequence[tuple[str, float]]) -> int:
    """Return which of several measurements, (component, peak rate), gives the figures of their alert."""
    return max(range(len(measured)), key=lambda at: (COMPONENT_RANK.get(measured[at][0], 0), abs(measured[at][1])))
