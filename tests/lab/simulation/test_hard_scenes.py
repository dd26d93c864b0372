"""Hard scenes for training: each kind is whole and has what it is named after."""

import numpy as np
import pytest

from lab.simulation.sar import hard_scenes
from lab.simulation.seeds import Purpose, generator

KINDS = {maker.__name__.strip("_"): maker for maker in hard_scenes.MAKERS}


def pairs(kind: str, number: int = 3, size: int = 64):
    return [KINDS[kind](generator(Purpose.TEST, f"hard-{kind}", scene), size) for scene in range(number)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_whole(kind):
    for pair in pairs(kind):
        assert pair.power.shape == (2, 64, 64)
        assert all(np.isfinite(part).all() for part in pair[:4])
        assert (pair.power > 0).all()
