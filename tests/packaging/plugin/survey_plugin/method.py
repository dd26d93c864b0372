"""A method of an agency: ground moves where its rate exceeds a limit."""

from dataclasses import dataclass

import numpy as np

from ml.deformation import DeformationMethod


@dataclass(frozen=True)
class Config:
    """Its limit."""

    limit_mm_yr: float = 5.0


METHODS = (
    DeformationMethod(
        "survey-limit",
        "1",
        "limit of the Survey of Nowhere",
        code="survey_plugin.method:detect",
        config="survey_plugin.method:Config",
    ),
)


def detect(tracks, config, device, pieces):
    """Return the maps of the first track."""
    from ml.deformation.filters.baseline import split_by_sign
    from ml.deformation.gridding.cells import grid_robust
    from ml.deformation.infer import DeformationResult

    grid = grid_robust(tracks[0])
    rate = grid.velocity_mm_yr
    probability = (np.abs(rate) > config.limit_mm_yr).astype(np.float32)
    return DeformationResult(split_by_sign(probability, rate, [0.0 for _ in tracks], 1.0), grid.transform, grid.epsg)
