"""The order of the review queue; lists of alerts: filters, numbers, and how many there were month by month."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from detection.lists import Period, alert_counts, alerts_matching, alerts_within, monthly_counts
from detection.models import Alert, AlertExposure, AlertTransition
from detection.reviews.queue import Wanted, cases_wanted, in_order
from detection.rules.lifecycle import State
from detection.rules.queue import priority
from detection.rules.severity import Severity
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
USUAL = {"severity": Severity.MODERATE, "exposure_weight": 1, "state": State.PROVISIONAL, "score": 0.8}
USUAL |= {"days_waiting": 5}


@pytest.mark.parametrize(
    "change", [{"severity": Severity.STRONG}, {"exposure_weight": 2}, {"score": 0.9}, {"days_waiting": 6}]
)
def test_each_factor_alone_brings_a_case_forward(change):
    assert priority(**USUAL | change) > priority(**USUAL)


def test_one_data_set_less_puts_a_case_back_and_what_is_not_known_counts_least():
    assert priority(**USUAL | {"state": State.FIRST}) == pytest.approx(0.6 * priority(**USUAL))
    unknown = priority(**USUAL | {"exposure_weight": None, "score": None})
    assert unknown == priority(**USUAL | {"exposure_weight": 0, "score": 0.0})


def test_no_minor_case_waits_for_ever_behind_moderate_ones_and_none_overtakes_a_strong_one():
    old = priority(**USUAL | {"severity": Severity.MINOR, "days_waiting": 10_000})
    assert old > priority(**USUAL | {"days_waiting": 0})
    assert old < priority(**USUAL | {"severity": Severity.STRONG, "days_waiting": 0})


def test_the_queue_is_in_that_order_in_one_query(make_alert, anna, django_assert_num_queries):
    now = timezone.now()
    old, strong, built, plain = (make_alert(severity=one) for one in ("moderate", "strong", "moderate", "moderate"))
    Alert.objects.filter(pk=old.pk).update(created_at=now - timedelta(days=45))
    AlertExposure.objects.create(alert=built, weight=2)
    with django_assert_num_queries(1):
        found = in_order(cases=cases_wanted(wanted=Wanted(), person=anna, now=now), now=now)
    assert found == [old.pk, strong.pk, built.pk, plain.pk]  # 2.5 of age; twice the severity, twice the exposure


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
