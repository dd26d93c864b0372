"""The order of the review queue."""

from datetime import timedelta

import pytest
from django.utils import timezone

from detection.models import Alert, AlertExposure
from detection.reviews.queue import Wanted, cases_wanted, in_order
from detection.rules.lifecycle import State
from detection.rules.queue import priority
from detection.rules.severity import Severity

USUAL = {
    "severity": Severity.MODERATE,
    "exposure_weight": 1,
    "state": State.PROVISIONAL,
    "score": 0.8,
    "days_waiting": 5,
}


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


@pytest.mark.django_db
def test_the_queue_is_in_that_order_in_one_query(make_alert, anna, django_assert_num_queries):
    now = timezone.now()
    old, strong, built, plain = (make_alert(severity=one) for one in ("moderate", "strong", "moderate", "moderate"))
    Alert.objects.filter(pk=old.pk).update(created_at=now - timedelta(days=45))
    AlertExposure.objects.create(alert=built, weight=2)
    with django_assert_num_queries(1):
        found = in_order(cases=cases_wanted(wanted=Wanted(), person=anna, now=now), now=now)
    assert found == [old.pk, strong.pk, built.pk, plain.pk]  # 2.5 of age; twice the severity, twice the exposure
