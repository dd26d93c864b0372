"""Coverage: the share of an alert's ground on which the result of an image pair has values."""

import math
from collections.abc import Sequence

import numpy as np
from affine import Affine
from django.contrib.gis.geos import MultiPolygon
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely import from_wkb
from shapely.geometry.base import BaseGeometry

from ground_motion.core.geometry import project_geometry
from ground_motion.rasters.windows import Window
from ml.models import ModelVersion, Prediction
from ml.runs.stored import RasterWindows, opened_prediction

MIN_KNOWN = 0.5  # A pair with values in a smaller share of an alert's cells does not show its ground.
BANDS = {ModelVersion.Task.COHERENCE_CHANGE: "change_sigma", ModelVersion.Task.OFFSETS: "dx_px"}


def known_share(*, prediction: Prediction, area: MultiPolygon) -> float:
    """Return the share of an area's cells with a value in a pair's result, 0-1; 0 where it lies outside."""
    band = BANDS[ModelVersion.Task(prediction.run.model_version.task)]
    (values,) = cells_in(prediction=prediction, area=area, bands=[band])
    return float(np.isfinite(values).mean()) if values.size else 0.0


def cells_in(*, prediction: Prediction, area: MultiPolygon, bands: Sequence[str]) -> NDArray[np.float32]:
    """Return bands of a pair's result in an area's cells, (bands, cells), NaN unknown; no cells for an area outside."""
    with opened_prediction(prediction) as raster:
        on_map = project_geometry(from_wkb(bytes(area.wkb)), 4326, raster.epsg)
        part = _window_around(on_map, raster)
        if part is None:
            return np.empty((len(bands), 0), dtype=np.float32)
        grid = raster.transform @ Affine.translation(part.col, part.row)
        inside = geometry_mask([on_map], part[2:], grid, all_touched=True, invert=True)
        return np.stack([raster.read(name, part)[inside] for name in bands])


def _window_around(area: BaseGeometry, raster: RasterWindows) -> Window | None:
    """Return the part of a raster in which an area lies; None where it lies outside."""
    west, south, east, north = area.bounds
    first_col, first_row = ~raster.transform @ (west, north)
    last_col, last_row = ~raster.transform @ (east, south)
    row, col = max(0, math.floor(first_row)), max(0, math.floor(first_col))
    rows = min(raster.shape[0], math.floor(last_row) + 1) - row
    cols = min(raster.shape[1], math.floor(last_col) + 1) - col
    return Window(row, col, rows, cols) if min(rows, cols) > 0 else None
