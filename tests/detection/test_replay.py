"""Histories that go in product by product lead to the transitions and updates that their files state."""

import pytest

from detection.replay.machine import play
from detection.replay.scenario import scenarios

pytestmark = pytest.mark.django_db
THROUGH_FILES = {"files-of-a-bowl-that-doubles", "files-with-a-new-reference-point"}  # the others by manage.py replay


@pytest.mark.parametrize(
    "scenario", [one for one in scenarios() if not one.files or one.name in THROUGH_FILES], ids=lambda one: one.name
)
def test_a_history_leads_to_its_steps(scenario):
    assert play(scenario).alerts == scenario.alerts


def test_the_suite_is_as_large_as_a_release_asks_for():
    names = [one.name for one in scenarios()]
    assert len(names) == len(set(names)) >= 150
    assert sum(one.anomalous for one in scenarios()) >= 50
