"""Pairs of images of ground that moves alike."""

from functools import cache

import numpy as np
from affine import Affine

from lab.simulation.sar.pairs import padded, simulate_pair
from lab.simulation.sar.recipes import even_ground
from lab.simulation.sar.system import GRDH
from lab.simulation.seeds import Purpose, generator
from ml.rasters.imagery import ImagePair


@cache
def pair_of(dx: float, dy: float, gamma: float = 0.9, size: int = 160, scene: int = 1) -> ImagePair:
    rng = generator(Purpose.TEST, "offsets-network", scene)
    field = np.zeros((2, *padded(size)), dtype=np.float32) + np.array([dx, dy], dtype=np.float32)[:, None, None]
    power = simulate_pair(rng, GRDH, even_ground(GRDH, size, gamma), field).power
    return ImagePair(power[0], power[1], Affine.identity(), None)
