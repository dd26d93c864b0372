"""Histories that go in product by product lead to the transitions and updates that their files state."""

import pytest

from lab.replay.machine import play
from lab.replay.scenario import Scenario, scenarios

pytestmark = pytest.mark.django_db
MOST_EVENTS = 12  # the others take seconds each: manage.py replay --suite plays them all
PLAYED_HERE = {"files-of-a-bowl-that-doubles", "files-with-a-new-reference-point", "a-surge-that-ends"}


def is_quick(scenario: Scenario) -> bool:
    return scenario.name in PLAYED_HERE or (not scenario.files and len(scenario.events) <= MOST_EVENTS)


@pytest.mark.parametrize("scenario", list(filter(is_quick, scenarios())), ids=lambda one: one.name)
def test_a_history_leads_to_its_steps(scenario):
    assert play(scenario).alerts == scenario.alerts


def test_the_suite_is_as_large_as_a_release_asks_for():
    names = [one.name for one in scenarios()]
    assert len(names) == len(set(names)) >= 150
    assert sum(one.anomalous for one in scenarios()) >= 50
