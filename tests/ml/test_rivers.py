"""Rivers of the demo nation run from inland to the sea."""

import json

import numpy as np

from ml.simulation.files.rivers import rivers_of, write_rivers
from ml.simulation.nation import simulate_nation
from tests.makers.small_nation import small


def test_every_river_ends_in_the_sea_or_in_another_and_lies_lower_there(tmp_path):
    nation = simulate_nation(7, small())
    land = nation.region.terrain
    rivers = rivers_of(land, 2)
    height_m = land.height_m[::2, ::2]
    assert len(rivers) >= 4
    passed: set[tuple[int, int]] = set()
    for river in rivers:
        first, last = river.cells[0], river.cells[-1]
        assert np.isnan(height_m[last]) or last in passed
        assert np.nan_to_num(height_m[last]) < height_m[first]
        steps = np.abs(np.diff(np.array(river.cells), axis=0))
        assert steps.max() == 1
        passed |= set(river.cells)
    features = json.loads(write_rivers(nation, tmp_path / "rivers.geojson").read_text())["features"]
    assert {one["properties"]["waterway"] for one in features} <= {"river", "stream"}
    assert len(features) == len(rivers)
