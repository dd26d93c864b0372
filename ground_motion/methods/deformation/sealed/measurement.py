"""Measurement of one area as a package holds it: facts, raster, points and mean series, from which figures follow."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from shapely import MultiPolygon, unary_union
from shapely.geometry import mapping, shape

from ground_motion.core.areas import area_of
from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.methods.deformation.places.causes import causes_for
from ground_motion.methods.deformation.sealed import OF_MAIN
from ground_motion.methods.deformation.sealed.figures import Flagged, figures_of, main_of, measured_areas, reasons_of
from ground_motion.rasters.areas import Area, AreaThresholds, SortedPoints, areas_in, to_geographic
from ground_motion.rasters.line_of_sight import LineOfSight

COLUMNS = ("x", "y", "velocity_mm_yr", "height_m")
MIN_JOINED_CELLS = 100  # Patches up to this many cells apart may be one area, even in a smaller raster.


class Measurement(NamedTuple):
    """Inputs of one measured area.

    Args:
        facts: epsg, transform, bands (names), thresholds, statistics, weights_sha256, component, dates (first and last
            of the data), tracks (product, direction, line_of_sight, background_mm_yr, and where each is from), flagged
            (place of the area among those that the raster flags), part (place among its redrawn parts), series_dates.
        raster: (bands, rows, cols), NaN unknown.
        points: For each track (n,), with COLUMNS as fields, in the order in which the service read them.
        series: Mean displacement on series_dates, mm; empty without one.
    """

    facts: Mapping[str, Any]
    raster: Float32
    points: Sequence[NDArray[np.void]]
    series: Float32

    def flagged(self) -> Flagged:
        """Return what the raster flags. Raises ValueError for thresholds that would compute for hours."""
        bands = dict(zip(self.facts["bands"], self.raster, strict=True))
        transform = Affine(*self.facts["transform"])
        thresholds = AreaThresholds(**self.facts["thresholds"])
        most_m = max(MIN_JOINED_CELLS, *self.raster.shape[1:]) * transform.a
        if not 0 <= thresholds.joined_m <= most_m:
            raise ValueError(f"patches {thresholds.joined_m} m apart in a raster of {most_m} m")
        areas = areas_in(bands, transform, thresholds)
        return Flagged(areas, bands, transform, self.facts["epsg"])

    def tracks(self) -> list[SortedPoints]:
        """Return the points of each track, as the search had them."""
        sights = (LineOfSight(*sight) if (sight := track["line_of_sight"]) else None for track in self.facts["tracks"])
        return [
            SortedPoints(points["x"], points["y"], points["velocity_mm_yr"], points["height_m"], sight)
            for points, sight in zip(self.points, sights, strict=True)
        ]

    def areas(self, flagged: Flagged, tracks: Sequence[SortedPoints]) -> list[Area]:
        """Return the redrawn and measured parts of the flagged area."""
        causes = causes_for(self.facts["weights_sha256"])
        backgrounds_mm_yr = [track["background_mm_yr"] for track in self.facts["tracks"]]
        return measured_areas(self.facts["flagged"], flagged, tracks, backgrounds_mm_yr, causes)

    def figures(self, area: Area, outline: MultiPolygon, tracks: Sequence[SortedPoints]) -> dict[str, Any]:
        """Return what a package states of a part. outline: of it, in degrees."""
        dates = [date.fromisoformat(day) for day in self.facts["series_dates"]]
        figures = figures_of(
            area, outline, self.facts["epsg"], self.facts["statistics"], (dates, self.series) if dates else None
        )
        reasons = reasons_of(area, tracks, [track["direction"] for track in self.facts["tracks"]])
        names = [track["product"] for track in self.facts["tracks"]]
        shown = [{"product": names[number]} | reason.as_dict() for number, reason in reasons.items()]
        return {**figures, "outline": mapping(outline), "tracks": shown}

    def recomputed(self) -> dict[str, Any]:
        """Compute the figures from the inputs alone. Raises IndexError and others for inputs that fit no area."""
        tracks = self.tracks()
        area = self.areas(self.flagged(), tracks)[self.facts["part"]]
        return self.figures(area, to_geographic(area.polygon, self.facts["epsg"]), tracks)


def alert_figures(measured: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the figures of an alert from (facts, figures) of its measurements: of the main one, and of their union."""
    main = measured[main_of([(facts["component"], figures["peak_rate_mm_yr"]) for facts, figures in measured])][1]
    return {name: main[name] for name in OF_MAIN} | {
        "area_m2": area_of(unary_union([shape(figures["outline"]) for _, figures in measured])),
        "first_motion": min(facts["dates"][0] for facts, _ in measured),
        "last_motion": max(facts["dates"][1] for facts, _ in measured),
    }
