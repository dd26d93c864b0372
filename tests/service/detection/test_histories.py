"""Histories lead to the steps that their files state; no alert is lost or doubled, and no state is impossible."""

import json
from datetime import date, timedelta
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detection.kinds import Kind, row_of
from detection.models import Alert, AlertLife, AlertTransition, AlertUpdate, Detection, GlacierSample
from detection.reviews.drawn import Drawn, alert_draw
from detection.reviews.services import may_take_back
from detection.rules.lifecycle import State, may_become
from detection.rules.updates import MUTED_FOR
from detection.rules.verdicts import Verdict, verdicts_open
from ingest.models import Product, ScenePair
from lab.replay.machine import Machine, clock_at, goes_on_as, play
from lab.replay.scenario import DELAY, REPEAT_DAYS, WINDOW, Event, Found, Measure, scenarios, square

pytestmark = pytest.mark.django_db
PLACES = ({"x_km": 0.0, "size_m": 800}, {"x_km": 1.2, "size_m": 800}, {"x_km": 0.6, "size_m": 2400})
VALUES = {
    Measure.VELOCITY: [-40.0, -20.0, -9.0, -0.4, 6.0],
    Measure.CHANGE: [-9.0, -5.0],
    Measure.OFFSETS: [0.3, 1.5],
    Measure.GLACIER: [0.4, 2.5, 3.0],
}
SERIES = [{}, {}, {"accelerating_since": date(2020, 6, 1)}, {"at_rest_since": date(2018, 6, 1)}]


def areas(measure: Measure) -> st.SearchStrategy:
    found = st.builds(
        lambda place, value: Found(**PLACES[place], value=value, sigma=0.8 if measure is Measure.VELOCITY else 0.05),
        st.integers(0, 2),
        st.sampled_from(VALUES[measure]),
    )
    return st.lists(found, min_size=int(measure is Measure.GLACIER), max_size=2)


def comings(measure: Measure, days: list[int]) -> st.SearchStrategy:
    """Data that come in: how many days after the last event, how often in a row, and what they show."""
    return st.fixed_dictionaries(
        {
            "measure": st.just(measure),
            "areas": areas(measure),
            "track": st.sampled_from([15, 88]),
            "again": st.booleans(),
            "points": st.sampled_from([50, 50, 0]),
            "series": st.sampled_from(SERIES),
            "days": st.sampled_from(days),
            "times": st.sampled_from([1, 1, 9] if measure is Measure.GLACIER else [1, 3]),
        }
    )


verdicts = st.builds(
    lambda verdict, alert: ("verdict", verdict, alert), st.sampled_from(list(Verdict)), st.integers(1, 3)
)
drawings = st.builds(lambda place, kind: ("draw", place, kind), st.integers(0, 2), st.sampled_from(list(Kind)))
deletions = st.builds(lambda track: ("delete", track), st.sampled_from([15, 88]))
DEEDS = (
    comings(Measure.VELOCITY, [1, 20, 40, 200]),
    comings(Measure.VELOCITY, [20, 200]),
    comings(Measure.CHANGE, [12, 48]),
    comings(Measure.OFFSETS, [12, 60]),
    comings(Measure.GLACIER, [12]),
    verdicts,
    drawings,
    deletions,
)


class _RolledBack(Exception):
    """Ends an example."""


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(st.one_of(*DEEDS), min_size=4, max_size=9))
def test_no_history_leads_to_an_impossible_state(history):
    try:
        with transaction.atomic():
            machine, day = Machine(), date(2021, 1, 1)
            for number, deed in enumerate(history):
                known, steps = _codes(), set(AlertTransition.objects.values_list("pk", flat=True))
                day = _do(machine, day, deed, f"network {1 + number % 2}")
                assert known <= _codes()
                assert steps <= set(AlertTransition.objects.values_list("pk", flat=True))
                _nothing_is_impossible()
            raise _RolledBack
    except _RolledBack:
        pass


def _codes() -> set[str]:
    return {alert.code for alert in Alert.objects.all()}


def _do(machine: Machine, day: date, deed: dict | tuple, method: str) -> date:
    """Do what is possible now, and return the day; what is not is refused by forms and commands before it comes."""
    if isinstance(deed, dict):
        for _ in range(deed["times"]):
            day += timedelta(days=deed["days"])
            _bring(machine, day, deed, method)
        return day
    day += timedelta(days=1)
    kind, *details = deed
    if kind == "verdict":
        verdict, number = details
        alert = Alert.objects.order_by("pk")[number - 1 : number].first()
        if alert is not None and _is_open(alert, verdict):
            machine.happen(Event(day=day, verdict=verdict, alert=number))
    elif kind == "draw":
        _draw(machine, day, *details)
    elif Product.objects.current().filter(track=details[0]).exists():
        machine.happen(Event(day=day, delete=True, track=details[0]))
    return day


def _draw(machine: Machine, day: date, place: int, kind: str) -> None:
    """A person draws a place, and knows of all others that are there."""
    west, south, east, north = square(PLACES[place]["x_km"], 0.0, PLACES[place]["size_m"])
    ring = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    outline = json.dumps({"type": "Polygon", "coordinates": [ring]})
    machine.wait_until(day)
    with clock_at(day):
        drawn = Drawn(kind=kind, severity="moderate", outline=outline, seen_on=day, reason="told")
        alert_draw(drawn=drawn, by=machine.reviewer, known=_codes())


def _bring(machine: Machine, day: date, deed: dict, method: str) -> None:
    values = {name: deed[name] for name in ("measure", "track", "points", "series")}
    if deed["measure"] is Measure.VELOCITY:
        exists = Product.objects.current().filter(track=deed["track"]).exists()
        data = day - DELAY - WINDOW, day - DELAY
    else:
        exists = ScenePair.objects.filter(reference__track=deed["track"]).exists()
        data = day - timedelta(days=REPEAT_DAYS), day
    found = tuple(deed["areas"]) if deed["points"] or deed["measure"] is Measure.GLACIER else ()
    machine.happen(Event(day=day, data=data, areas=found, again=deed["again"] and exists, method=method, **values))


def _is_open(alert: Alert, verdict: Verdict) -> bool:
    if verdict is Verdict.DUPLICATE and goes_on_as(alert) is None:
        return False
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
        woken = [step for step in steps if step.from_state == State.FINISHED and not hasattr(step, "review")]
        assert not (woken and row_of(alert.kind).event)
        assert alert.state != State.MERGED or alert.relations.filter(relation="merged-into").count() == 1
        assert AlertLife.objects.filter(alert=alert).count() == 1
        assert (alert.source == "person") == alert.reviews.filter(verdict="drawn").exists()
        assert alert.source == "computer" or alert.by_hand.kind == alert.kind
    assert not Detection.objects.filter(alert=None).exists()
    assert AlertUpdate.objects.count() == AlertUpdate.objects.values("transition").distinct().count()
    assert AlertTransition.objects.filter(from_state="").count() == Alert.objects.count()
    assert GlacierSample.objects.count() == GlacierSample.objects.values("prediction").distinct().count()


MAX_EVENTS = 12  # the others take seconds each: manage.py replay --suite plays them all
PLAYED_HERE = {"files-of-a-bowl-that-doubles", "files-with-a-new-reference-point", "a-surge-that-ends"}


QUICK = [one for one in scenarios() if one.name in PLAYED_HERE or (not one.files and len(one.events) <= MAX_EVENTS)]


@pytest.mark.parametrize("scenario", QUICK, ids=lambda one: one.name)
def test_a_history_leads_to_its_steps(scenario):
    assert play(scenario).alerts == scenario.alerts


def test_the_suite_is_as_large_as_a_release_asks_for():
    names = [one.name for one in scenarios()]
    assert len(names) == len(set(names)) >= 150
    assert sum(one.anomalous for one in scenarios()) >= 50
