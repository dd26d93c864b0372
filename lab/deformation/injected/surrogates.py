"""Surrogates of real still ground (`ground_motion.methods.deformation.null.surrogates`).

Real fields are few and not wholly still; of surrogates any number can be made.
"""

from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.null.surrogates import surrogate
from lab.deformation.injected.scenes import fields
from lab.simulation.seeds import Purpose, generator

NAME = "deformation-surrogates"
CELL_M = 50.0


def surrogate_field(number: int, purpose: Purpose = Purpose.BENCHMARK) -> tuple[str, PointCloud]:
    """Make a surrogate of a track, with the name of its place; consecutive numbers alternate between places."""
    known = fields()
    name, points = known[number % len(known)]
    return name, points._replace(velocity_mm_yr=surrogate(generator(purpose, NAME, number), points, CELL_M))
