"""Histories lead to the steps that their files state; no alert is lost or doubled, and no state is impossible."""

from itertools import pairwise

import pytest

from detection.kinds import row_of
from detection.models import Alert, AlertLife, AlertTransition, AlertUpdate, Detection, GlacierSample
from detection.rules.lifecycle import State, may_become
from detection.rules.updates import MUTED_FOR
from lab.replay.machine import Machine, play
from lab.replay.scenario import scenarios

pytestmark = pytest.mark.django_db


def nothing_is_impossible() -> None:
    beside = ("transitions__update", "transitions__review", "relations", "reviews")
    alerts = Alert.objects.select_related("by_hand").prefetch_related(*beside)
    for alert in alerts:
        steps = list(alert.transitions.all())
        assert steps[0].from_state == ""
        assert steps[-1].to_state == alert.state
        for before, after in pairwise(steps):
            assert before.to_state == after.from_state
            assert before.created_at <= after.created_at
            assert after.changes_state or hasattr(after, "update")
            assert not after.changes_state or may_become(State(after.from_state), State(after.to_state))
        updates = [step for step in steps if not step.changes_state]
        for before, after in pairwise(updates):
            upward = any(change["cause"] == "severity" for change in after.update.changes)
            assert upward or after.created_at - before.created_at >= MUTED_FOR
        woken = [step for step in steps if step.from_state == State.FINISHED and not hasattr(step, "review")]
        assert not (woken and row_of(alert.kind).event)
        assert alert.state != State.MERGED or [one.relation for one in alert.relations.all()].count("merged-into") == 1
        assert (alert.source == "person") == any(one.verdict == "drawn" for one in alert.reviews.all())
        assert alert.source == "computer" or alert.by_hand.kind == alert.kind
    assert sorted(AlertLife.objects.values_list("alert", flat=True)) == sorted(alert.pk for alert in alerts)
    assert not Detection.objects.filter(alert=None).exists()
    assert AlertUpdate.objects.count() == AlertUpdate.objects.values("transition").distinct().count()
    assert AlertTransition.objects.filter(from_state="").count() == Alert.objects.count()
    assert GlacierSample.objects.count() == GlacierSample.objects.values("prediction").distinct().count()


MAX_EVENTS, MAX_QUICK_EVENTS = 12, 2  # The others take a second or more each; manage.py replay --suite plays all.
PLAYED_HERE = {"files-of-a-bowl-that-doubles", "files-with-a-new-reference-point", "a-surge-that-ends"}
PLAYED = [
    pytest.param(one, id=one.name, marks=[pytest.mark.long] if len(one.events) > MAX_QUICK_EVENTS else [])
    for one in scenarios()
    if one.name in PLAYED_HERE or (not one.files and len(one.events) <= MAX_EVENTS)
]


@pytest.mark.parametrize("scenario", PLAYED)
def test_a_history_leads_to_its_steps_and_to_no_impossible_state(scenario, monkeypatch):
    happen, known = Machine.happen, set()

    def happen_and_look(machine, event):
        happen(machine, event)
        steps = {*AlertTransition.objects.values_list("alert", "pk")}
        assert known <= steps
        known.update(steps)
        nothing_is_impossible()

    monkeypatch.setattr(Machine, "happen", happen_and_look)
    assert play(scenario).alerts == scenario.alerts


def test_the_suite_is_as_large_as_a_release_asks_for():
    names = [one.name for one in scenarios()]
    assert len(names) == len(set(names)) >= 150
    assert sum(one.anomalous for one in scenarios()) >= 50
