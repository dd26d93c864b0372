"""Over-wrapping of slow motion into fringes, for a network trained on fringes.

Anantrasirichai et al. 2019, arXiv:1909.02321, and 2020, arXiv:2005.03221: the line-of-sight displacement over the span
is wrapped as if it were `gain` times as large; results of several gains are merged by their mean (or, here also, their
maximum). This adds no information to the velocities.
"""

import math

import numpy as np

from ml.deformation.gridding.points import Float32

GAINS = (1, 2, 4, 8, 16)
WAVELENGTH_MM = 55.5
YEARS = 5.0  # of a national product's release


def wrap(phase_rad: Float32) -> Float32:
    """Wrap to [−π, π), float32, NaN stays."""
    return np.asarray((phase_rad + np.float32(math.pi)) % np.float32(2 * math.pi) - np.float32(math.pi), np.float32)


def overwrapped(velocity_mm_yr: Float32, gain: float, years: float = YEARS) -> Float32:
    """Return the phase of gain times the displacement velocity · years (+ toward the satellite), rad in [−π, π).

    At gain 1 half a wavelength, 27.75 mm, is one fringe.
    """
    displacement_mm = velocity_mm_yr * np.float32(years)
    return wrap(np.float32(gain * 4 * math.pi / WAVELENGTH_MM) * displacement_mm)
