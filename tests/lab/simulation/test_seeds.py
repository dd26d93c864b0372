"""No benchmark can be seen by training: their scenes are drawn from other numbers."""

import pytest

from lab.simulation.seeds import Purpose, generator


def test_a_scene_is_the_same_whoever_draws_it_and_no_other_purpose_or_name_draws_it():
    drawn = {
        (purpose, name, scene): generator(purpose, name, scene).bytes(16)
        for purpose in Purpose
        for name in ("deformation-national", "offsets-fields")
        for scene in range(50)
    }
    assert len({*drawn.values()}) == len(drawn)
    assert generator(Purpose.BENCHMARK, "offsets-fields", 7).bytes(16) == drawn[Purpose.BENCHMARK, "offsets-fields", 7]


def test_there_is_no_scene_before_the_first():
    with pytest.raises(ValueError, match="less than 0"):
        generator(Purpose.TEST, "x", -1)
