"""What tests of pages, tiles and the interface for programs may ask for."""

import pytest

from ml.models import Prediction
from tests.makers import pairs as made_pairs


@pytest.fixture
def pair_predictions(db) -> list[Prediction]:
    """Three simulated images twelve days apart: coherence, its change and offsets of both pairs, in that order."""
    return made_pairs.make_dates()
