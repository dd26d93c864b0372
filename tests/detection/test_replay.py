"""Histories that go in product by product lead to the transitions and updates that their files state."""

import pytest

from detection.replay.machine import play
from detection.replay.scenario import scenarios

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda one: one.name)
def test_a_history_leads_to_its_steps(scenario):
    assert play(scenario).alerts == scenario.alerts
