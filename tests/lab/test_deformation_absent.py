"""Families of errors in `deformation-equal`: nothing moves in them."""

import pytest

from lab.deformation.absent.families import ERRORS, field_tile
from lab.deformation.measures.scoring import truth_of
from lab.simulation.seeds import Purpose


@pytest.mark.parametrize("family", ERRORS)
def test_nothing_moves_in_a_family_of_errors(family):
    for tile in (field_tile(family, number, Purpose.TEST) for number in range(2)):
        truth = truth_of(tile, tile.tracks)
        assert truth.objects == []
        assert truth.hidden == []
        assert not truth.rate_mm_yr.any()
        assert all(not track.truth_mm_yr.any() and track.errors.rate_mm_yr.any() for track in tile.tracks)
