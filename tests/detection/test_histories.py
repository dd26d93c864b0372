"""Whatever comes in and whatever people do: no alert is lost or doubled, and no state is impossible."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detection.models import Alert, AlertLife, AlertTransition, AlertUpdate, Detection
from detection.replay.machine import Machine
from detection.replay.scenario import DELAY, WINDOW, Event, Found
from detection.reviews.services import may_take_back
from detection.rules.lifecycle import State, may_become
from detection.rules.updates import MUTED_FOR
from detection.rules.verdicts import Verdict, verdicts_open
from ingest.models import Product

pytestmark = pytest.mark.django_db
PLACES = ({"x_km": 0.0, "size_m": 800}, {"x_km": 1.2, "size_m": 800}, {"x_km": 0.6, "size_m": 2400})

found = st.builds(
    lambda place, rate: Found(**PLACES[place], rate=rate),
    st.integers(0, 2),
    st.sampled_from([-40.0, -20.0, -9.0, -0.4, 6.0]),
)
comings = st.builds(
    lambda days, track, areas, again, covers: ("data", days, track, tuple(areas), again, covers),
    st.sampled_from([1, 20, 40, 200]),
    st.sampled_from([15, 88]),
    st.lists(found, max_size=2),
    st.booleans(),
    st.booleans(),
)
verdicts = st.builds(
    lambda verdict, alert: ("verdict", verdict, alert), st.sampled_from(list(Verdict)), st.integers(1, 2)
)
deletions = st.builds(lambda track: ("delete", track), st.sampled_from([15, 88]))


class _RolledBack(Exception):
    """Ends an example."""


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(st.one_of(comings, comings, comings, verdicts, deletions), min_size=3, max_size=8))
def test_no_history_leads_to_an_impossible_state(history):
    try:
        with transaction.atomic():
            machine, day = Machine(), date(2021, 1, 1)
            for number, deed in enumerate(history):
                day += timedelta(days=deed[1] if deed[0] == "data" else 1)
                known = _codes()
                _do(machine, day, deed, f"network {1 + number % 2}")
                assert known <= _codes()
                _nothing_is_impossible()
            raise _RolledBack
    except _RolledBack:
        pass


def _codes() -> set[str]:
    return {alert.code for alert in Alert.objects.all()}


def _do(machine: Machine, day: date, deed: tuple, method: str) -> None:
    """Do what is possible now; what is not is refused by forms and commands before it comes here."""
    kind, *details = deed
    if kind == "verdict":
        verdict, number = details
        alert = Alert.objects.order_by("pk")[number - 1 : number].first()
        if alert is not None and _is_open(alert, verdict):
            machine.happen(Event(day=day, verdict=verdict, alert=number))
        return
    track = details[1] if kind == "data" else details[0]
    exists = Product.objects.current().filter(track=track).exists()
    if kind == "data":
        _, _, areas, again, covers = details
        event = Event(day=day, data=(day - DELAY - WINDOW, day - DELAY), track=track, areas=areas, covers=covers)
        machine.happen(replace(event, again=again and exists, method=method))
    elif exists:
        machine.happen(Event(day=day, delete=True, track=track))


def _is_open(alert: Alert, verdict: Verdict) -> bool:
    if verdict is not Verdict.TAKEN_BACK:
        return verdict in verdicts_open(State(alert.state))
    last = alert.reviews.filter(takes_back=None).last()
    return last is not None and may_take_back(review=last, alert=alert)


def _nothing_is_impossible() -> None:
    for alert in Alert.objects.all():
        steps = list(alert.transitions.all())
        assert steps[0].from_state == ""
        assert steps[-1].to_state == alert.state
        for before, after in pairwise(steps):
            assert before.to_state == after.from_state
            assert before.created_at <= after.created_at
            assert after.changes_state or hasattr(after, "update")
            assert not after.changes_state or may_become(State(after.from_state), State(after.to_state))
        updates = [step for step in steps if not step.changes_state]
        assert not set(updates) & set(alert.transitions.filter(update=None))
        for before, after in pairwise(updates):
            upward = any(change["cause"] == "severity" for change in after.update.changes)
            assert upward or after.created_at - before.created_at >= MUTED_FOR
        assert alert.state != State.MERGED or alert.relations.count() == 1
        assert AlertLife.objects.filter(alert=alert).count() == 1
    assert not Detection.objects.filter(alert=None).exists()
    assert AlertUpdate.objects.count() == AlertUpdate.objects.values("transition").distinct().count()
    assert AlertTransition.objects.filter(from_state="").count() == Alert.objects.count()
