"""A method of an agency: ground moves where its rate exceeds a limit."""

from dataclasses import dataclass

import numpy as np

from ground_motion.methods.deformation import DeformationMethod


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
    from ground_motion.methods.deformation.filters.baseline import split_by_sign
    from ground_motion.methods.deformation.gridding.cells import grid_robust
    from ground_motion.methods.deformation.infer import DeformationResult

    grid = grid_robust(tracks[0])
    rate = grid.velocity_mm_yr
    probability = (np.abs(rate) > config.limit_mm_yr).astype(np.float32)
    return DeformationResult(split_by_sign(probability, rate, [0.0 for _ in tracks], 1.0), grid.transform, grid.epsg)
