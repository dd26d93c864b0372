"""Pairs of images: of ground that moves alike, and of speckle with a hole and a border."""

from functools import cache

import numpy as np
from affine import Affine

from ground_motion.rasters.imagery import ImagePair
from lab.simulation.sar.pairs import padded, simulate_pair
from lab.simulation.sar.recipes import even_ground
from lab.simulation.sar.system import GRDH
from lab.simulation.seeds import Purpose, generator


@cache
def pair_of(dx: float, dy: float, gamma: float = 0.9, size: int = 160, scene: int = 1) -> ImagePair:
    rng = generator(Purpose.TEST, "offsets-network", scene)
    field = np.zeros((2, *padded(size)), dtype=np.float32) + np.array([dx, dy], dtype=np.float32)[:, None, None]
    power = simulate_pair(rng, GRDH, even_ground(GRDH, size, gamma), field).power
    return ImagePair(power[0], power[1], Affine.identity(), None)


def speckle() -> ImagePair:
    """Speckle of four looks that both images share, and lose in a quarter; moved by two pixels; a hole and a border."""
    rng = np.random.default_rng(7)
    shared, fresh = (rng.standard_normal((4, 330, 270)) for _ in range(2))
    fresh[:, :165, :135] *= 3
    first, second = (shared**2).mean(axis=0), (np.roll(0.9 * shared + 0.4 * fresh, 2, axis=2) ** 2).mean(axis=0)
    images = [image.astype(np.float32) for image in (first, second)]
    for image in images:
        image[100:130, 90:140] = np.nan
        image[:, -20:] = np.nan
    return ImagePair(images[0], images[1], Affine(10, 0, 500_000, 0, -10, 5_000_000), 32632)
