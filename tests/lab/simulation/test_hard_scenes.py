"""Hard scenes for training: each kind is whole and has what it is named after."""

import numpy as np
import pytest

from lab.simulation.sar import hard_scenes
from lab.simulation.sar.pairs import simulate_pair
from lab.simulation.sar.recipes import even_ground
from lab.simulation.sar.system import System
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


@pytest.mark.parametrize(("sampled", "looks"), [(True, 2.0), (False, 2.9)])
def test_sampled_power_has_the_speckle_of_its_looks(sampled, looks):
    system = System(10.0, (1.0, 1.0), 2, 0.0, sampled)
    assert system.equivalent_looks == pytest.approx(looks, abs=0.6)
    ground = even_ground(system, 128, 0.9)
    rng = generator(Purpose.TEST, "hard-sampled", 0)
    power = simulate_pair(rng, system, ground, np.zeros_like(ground.power)).power
    assert power.shape == (2, 128, 128)
    assert power.mean() ** 2 / power.var() == pytest.approx(system.equivalent_looks, rel=0.1)


def test_beyond_a_front_nothing_coheres():
    shares = [float((pair.gamma < 0.05).mean()) for pair in pairs("front", 4)]
    assert all(0.02 < share < 0.98 for share in shares)


def test_long_pixels_shrink_motion_along_one_axis_and_streaks_move_rows():
    spreads = [sorted((float(pair.dx_px.std()), float(pair.dy_px.std()))) for pair in pairs("long_pixels", 12)]
    varied = [(low, high) for low, high in spreads if high > 0.01]
    assert varied
    assert np.median([low / high for low, high in varied]) < 0.7
    assert all(float(pair.dy_px.std()) > 0.02 for pair in pairs("distorted", 4))
