"""Whether a pair of images has a value for the ground of an alert."""

import numpy as np
from django.contrib.gis.geos import MultiPolygon
from rasterio.features import geometry_mask
from shapely import from_wkb, transform

from ingest.projections import transformer
from ml.models import ModelVersion, Prediction
from ml.stored import read_prediction

BANDS = {ModelVersion.Task.COHERENCE_CHANGE: "change_sigma", ModelVersion.Task.OFFSETS: "dx_px"}


def known_share(*, prediction: Prediction, area: MultiPolygon) -> float:
    """Share of an area's cells for which the result of a pair has a value, 0-1; 0 where it lies outside."""
    raster = read_prediction(prediction)
    on_map = transform(from_wkb(bytes(area.wkb)), transformer(4326, raster.epsg).transform, interleaved=False)
    inside = geometry_mask([on_map], raster.shape, raster.transform, all_touched=True, invert=True)
    values = raster.bands[BANDS[ModelVersion.Task(prediction.run.model_version.task)]][inside]
    return float(np.isfinite(values).mean()) if values.size else 0.0
