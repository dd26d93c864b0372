"""The order of the review queue, by importance and time; lists of alerts: filters, numbers, and months."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from detection.lists import Period, alert_counts, alerts_matching, alerts_within, monthly_counts
from detection.models import Alert, AlertTransition
from detection.reviews.queue import Wanted, cases_wanted, sort_cases
from detection.reviews.services import review_take_back
from detection.rules.verdicts import Verdict
from tests.makers.regions import make_region
from tests.makers.reviews import say

pytestmark = pytest.mark.django_db


def test_the_queue_is_by_importance_and_time_without_a_look_in_one_query(make_alert, anna, django_assert_num_queries):
    now = timezone.now()
    steps = {"old minor": 2.9, "strong": 5.0, "moderate": 3.0, "old moderate": 3.5, "at rest": -38.0, "judged": 4.9}
    made = {name: make_alert() for name in (*steps, "visited")}
    say(made["visited"], Verdict.FIELD_VISIT, anna)
    review_take_back(review=say(made["judged"], Verdict.CONFIRM, anna), reviewer=anna)
    for name, alert in made.items():
        age = timedelta(days=1000 if "old" in name or name in ("at rest", "judged") else 0)
        Alert.objects.filter(pk=alert.pk).update(importance=steps.get(name, 9.0), created_at=now - age)
    with django_assert_num_queries(1):
        found = sort_cases(cases=cases_wanted(wanted=Wanted(), person=anna, now=now), now=now)
    order = ["old moderate", "strong", "old minor", "judged", "moderate", "at rest", "visited"]
    assert [next(name for name in made if made[name].pk == number) for number in found] == order


@pytest.mark.parametrize(("days", "steps"), [(15, 0.5), (30, 1.0), (60, 2.0), (3000, 2.0)])
def test_thirty_days_without_a_look_count_a_step_and_sixty_or_more_two(make_alert, anna, days, steps):
    now, (waiting, just_behind, just_before) = timezone.now(), (make_alert() for _ in range(3))
    Alert.objects.filter(pk=waiting.pk).update(importance=2.0, created_at=now - timedelta(days=days))
    for alert, more in ((just_behind, -0.01), (just_before, 0.01)):
        Alert.objects.filter(pk=alert.pk).update(importance=2.0 + steps + more, created_at=now)
    found = sort_cases(cases=cases_wanted(wanted=Wanted(), person=anna, now=now), now=now)
    assert found == [just_before.pk, waiting.pk, just_behind.pk]


def step(alert: Alert, to_state: str, day: str, first: bool = False) -> None:
    before = "" if first else alert.state
    made = AlertTransition.objects.create(alert=alert, from_state=before, to_state=to_state, reason="made")
    AlertTransition.objects.filter(pk=made.pk).update(created_at=datetime.fromisoformat(day).replace(tzinfo=UTC))
    Alert.objects.filter(pk=alert.pk).update(state=to_state)
    alert.state = to_state


def test_months_count_what_was_found_what_ended_and_what_is_left(make_alert):
    region = make_region().outline
    lives = (
        (("first", "2025-11-03"), ("finished", "2026-02-10"), ("first", "2026-03-31")),  # wakes up
        (("first", "2026-01-31"), ("confirmed", "2026-02-01")),
        (("first", "2026-02-01"), ("rejected", "2026-03-01")),  # never was one
    )
    for life in lives:
        alert = make_alert()
        alert.transitions.all().delete()
        for number, (state, day) in enumerate(life):
            step(alert, state, day, first=number == 0)
    far = make_alert(longitude=5.0)
    far.transitions.all().delete()
    step(far, "first", "2026-01-01", first=True)
    among = list(alerts_within(area=region).values_list("pk", flat=True))
    months = monthly_counts(among=among, until=date(2026, 3, 15), n_months=4)
    assert [one.first_day.month for one in months] == [12, 1, 2, 3]
    assert [one.found for one in months] == [0, 1, 0, 0]
    assert [one.finished for one in months] == [0, 0, 1, 0]
    assert [one.living for one in months] == [1, 2, 1, 2]


def test_days_of_a_period_are_both_included(make_alert):
    alert = make_alert()
    Alert.objects.update(created_at=datetime(2026, 5, 4, 23, 59, tzinfo=UTC))
    for found, there in (
        (Period(date(2026, 5, 4), date(2026, 5, 4)), True),
        (Period(date(2026, 5, 5), None), False),
        (Period(None, date(2026, 5, 3)), False),
    ):
        assert alerts_matching(found=found).filter(pk=alert.pk).exists() == there


def test_all_numbers_come_from_one_query(make_alert, django_assert_num_queries):
    region = make_region().outline
    for state in ("first", "first", "rejected"):
        make_alert(state=state)
    make_alert(longitude=5.0)
    with django_assert_num_queries(1):
        counts = alert_counts(alerts=alerts_within(area=region))
    assert {(one.state, one.n) for one in counts} == {("first", 2), ("rejected", 1)}
