"""Steepest tilt of a place: the yearly difference in motion between two ends of an object, per length.

Buildings, pipes and rails are harmed by differences over their length more than by the rate itself (Burland & Wroth
1974). In every conditional simulation of the field a plane is fitted around each cell, and the steepest one is taken.
"""

import numpy as np
from scipy.spatial import cKDTree

from ground_motion.methods.deformation.gridding.points import Float64
from ground_motion.methods.deformation.places.peak import Cells
from ground_motion.rasters.areas import Tilt

NEIGHBOURS = 9  # A plane is fitted to this many cells.
MIN_CELLS = 6
SPREAD = 0.25  # Added to the simulations' spread of the logarithm, it makes nine in ten intervals right.
WITHIN_90 = 1.645


def steepest(cells: Cells, fields: Float64) -> Tilt | None:
    """Return the largest slope of fields (cells, draws), mm/yr; None with too few cells."""
    if cells.x.size < MIN_CELLS:
        return None
    at = np.column_stack([cells.x, cells.y])
    _, near = cKDTree(at).query(at, k=min(NEIGHBOURS, cells.x.size))
    offset = at[near] - at[near].mean(axis=1, keepdims=True)  # (cells, k, 2)
    plane = np.linalg.pinv(offset)  # (cells, 2, k)
    slopes = np.linalg.norm(plane @ fields[near], axis=1)  # (cells, draws), mm/yr per m
    logs = np.log(slopes.max(axis=0))
    middle, spread = float(np.median(logs)), float(np.hypot(np.std(logs), SPREAD))
    low, value, high = (float(np.exp(middle + step * spread)) for step in (-WITHIN_90, 0.0, WITHIN_90))
    return Tilt(value, low, high)
