"""Every source, one row each: ground that is known to move, in that source's own unit and sign, comes out in ours.

The rows stand beside their makers: see tests/makers/sources.py.
"""

import inspect
from typing import get_type_hints

import numpy as np
import pytest

from ground_motion.readers.formats import registry
from tests.makers.damage import all_points
from tests.makers.sources import SINKS, every

SOURCES = every()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.format}-{source.component}")
def test_known_motion_comes_out_in_our_unit_and_sign(tmp_path, source):
    path = source.make(tmp_path)
    assert registry.recognise(path) == source.format
    loaded = next(loaded for loaded in all_points(path, source.declared) if loaded.header.component is source.component)
    velocity, header = loaded.columns.velocity_mm_yr, loaded.header
    moves = np.abs(velocity) > 1
    assert moves.sum() >= 10
    assert header.source_format == source.format
    assert velocity[moves] == pytest.approx(source.mm_yr, abs=0.02 if source.mm_yr == SINKS else 50)
    assert (header.technique, header.has_series) == (source.technique, source.series)
    if source.series:
        years = np.array([(day - header.dates[0]).days / 365.25 for day in header.dates])
        series = loaded.columns.displacement_mm[moves][0]
        assert np.polyfit(years, series, 1)[0] == pytest.approx(source.mm_yr, abs=0.2)


def test_every_format_of_velocities_has_a_row():
    assert {*registry.VELOCITY_READERS} <= {source.format for source in SOURCES}


def test_every_reader_has_the_members_of_its_kind_and_their_arguments():
    assert len({reader.ORDER for reader in registry.READERS.values()}) == len(registry.READERS)
    for name, reader in registry.READERS.items():
        kinds = (
            (registry.SceneReader, registry.SCENE_READERS),
            (registry.StationReader, registry.STATION_READERS),
            (registry.VelocityReader, registry.VELOCITY_READERS),
        )
        (kind,) = (kind for kind, readers in kinds if name in readers)
        for member in get_type_hints(registry.Reader):
            assert getattr(reader, member) is not None
        for wanted in (
            one for one in vars(kind).values() if inspect.isfunction(one) and one.__module__ == kind.__module__
        ):
            given = inspect.signature(getattr(reader, wanted.__name__))
            assert [*given.parameters] == [*inspect.signature(wanted).parameters][1:], f"{name}: {wanted.__name__}"
