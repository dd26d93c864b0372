"""The order of the review queue; lists of alerts: filters, numbers and months; the record of verdicts, and labels."""

import json
from datetime import UTC, date, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.utils import timezone
from scipy.stats import beta
from shapely import from_wkb

from detection.lists import Period, alert_counts, alerts_matching, alerts_within, monthly_counts
from detection.models import Alert, AlertTransition
from detection.reviews.queue import Wanted, cases_wanted, sort_cases
from detection.reviews.record import judgements, oldest_waiting, precision
from detection.reviews.services import review_take_back
from detection.rules.verdicts import Verdict
from ground_motion.core.errors import InputError
from ground_motion.readers.tables import geoparquet
from ground_motion.statistics.intervals import jeffreys
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


def test_days_of_a_period_are_both_included_and_all_numbers_come_from_one_query(make_alert, django_assert_num_queries):
    alert = make_alert(state="first")
    Alert.objects.update(created_at=datetime(2026, 5, 4, 23, 59, tzinfo=UTC))
    for found, there in (
        (Period(date(2026, 5, 4), date(2026, 5, 4)), True),
        (Period(date(2026, 5, 5), None), False),
        (Period(None, date(2026, 5, 3)), False),
    ):
        assert alerts_matching(found=found).filter(pk=alert.pk).exists() == there
    region = make_region().outline
    for state in ("first", "rejected"):
        make_alert(state=state)
    make_alert(longitude=5.0)
    with django_assert_num_queries(1):
        counts = alert_counts(alerts=alerts_within(area=region))
    assert {(one.state, one.n) for one in counts} == {("first", 2), ("rejected", 1)}


def test_the_last_standing_verdict_counts_once_and_one_taken_back_does_not(make_alert, anna):
    alerts = [make_alert(longitude=place, kind="subsidence" if place < 2 else "uplift") for place in range(5)]
    say(alerts[0], Verdict.CONFIRM, anna)
    say(alerts[0], Verdict.REJECT, anna)  # thought better of
    say(alerts[1], Verdict.CONFIRM, anna)
    review_take_back(review=say(alerts[2], Verdict.CONFIRM, anna), reviewer=anna)
    say(alerts[3], Verdict.FIELD_VISIT, anna)
    AlertTransition.objects.create(alert=alerts[4], from_state="first", to_state="provisional", reason="seen again")
    Alert.objects.filter(pk=alerts[4].pk).update(state="provisional")
    alerts[4].refresh_from_db()
    say(alerts[4], Verdict.CONFIRM, anna)
    standing = list(judgements())
    said = {review.alert_id: (review.verdict, review.found_as) for review in standing}
    assert said == {
        alerts[0].pk: ("reject", "first"),
        alerts[1].pk: ("confirm", "first"),
        alerts[4].pk: ("confirm", "provisional"),
    }
    by_kind = {one.group: one[1:3] for one in precision(standing, lambda review: review.alert.kind)}
    assert by_kind == {"subsidence": (1, 2), "uplift": (1, 1)}
    assert oldest_waiting(simulated=False)[0] == 2
    assert oldest_waiting(simulated=True) == (0, None)


@pytest.mark.parametrize(("right", "judged"), [(0, 4), (4, 4), (31, 38)])
def test_the_interval_of_a_share_is_that_of_jeffreys(right, judged):
    share = jeffreys(right, judged)
    low, high = beta.ppf([0.025, 0.975], right + 0.5, judged - right + 0.5)
    assert share.value == right / judged
    assert share.low == pytest.approx(low if right else 0.0)
    assert share.high == pytest.approx(high if right < judged else 1.0)


def test_labels_can_be_traced_and_carry_no_name(watched_region, anna, tmp_path, capsys):
    first, second = Alert.objects.filter(extent="local").order_by("id")[:2]
    say(first, Verdict.CONFIRM, anna)
    say(second, Verdict.REJECT, anna)
    path = tmp_path / "labels.parquet"
    call_command("labels", path)
    table = pq.read_table(path)
    rows = {(row["alert"], row["input_sha256"]): row for row in table.to_pylist()}
    detections = [*first.detections.all(), *second.detections.all()]
    assert f"{len(detections)} labels" in capsys.readouterr().out
    assert len(rows) == table.num_rows == len(detections)
    for detection in detections:
        run = detection.scan.prediction.run
        row = rows[detection.alert.code, run.input_sha256]
        assert row["verdict"] == ("confirm" if detection.alert_id == first.pk else "reject")
        assert from_wkb(row["geometry"]).equals(from_wkb(bytes(detection.area.wkb)))
        assert (row["rate_mm_yr"], row["n_points"]) == (detection.rate_mm_yr, detection.n_points)
        assert (row["track"], row["source_sha256"]) == (run.product.track, [run.product.file_sha256])
        assert (row["first_date"], row["last_date"]) == (run.product.dates[0], run.product.dates[-1])
        assert json.loads(row["thresholds"]) == detection.scan.thresholds
    assert b"anna" not in path.read_bytes()
    assert "anna" not in str(rows)
    with pytest.raises(InputError, match="its geometries are MultiPolygon, not points"):
        geoparquet.source(path)  # the service's own reader understands the metadata, and wants points
