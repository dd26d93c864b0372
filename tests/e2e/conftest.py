"""What tests in a browser may ask for besides the fixtures of everybody."""

import pytest

from ml.models import Prediction
from tests import made_pairs


@pytest.fixture
def pair_predictions(transactional_db) -> list[Prediction]:
    """Three made images twelve days apart: coherence, its change and offsets of both pairs, in that order."""
    return made_pairs.make_dates()
