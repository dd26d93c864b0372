"""Standing verdicts and how long cases wait for one; the precision of detection. For public record and training."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from statistics import mean
from typing import TYPE_CHECKING, NamedTuple, TypedDict, TypeVar

import numpy as np
from django.db.models import Min, OuterRef, QuerySet, Subquery

from detection.models import Alert, AlertTransition, Detection, Review
from detection.rules.lifecycle import Source
from detection.rules.severity import Severity
from detection.rules.verdicts import Verdict
from detection.selectors import UNREVIEWED_STATES
from ground_motion.core.errors import promised
from ground_motion.statistics.intervals import Interval, jeffreys

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    JudgedReview = WithAnnotations[Review, "Judged"]

Row = TypeVar("Row", bound=Review)
JUDGED = (Verdict.CONFIRM.value, Verdict.REJECT.value)
SCORES = (0.0, 0.5, 0.7, 0.85, 0.95)  # Classes of scores in the reliability diagram begin at these.


class Judged(TypedDict):
    """What `judgements` adds to each review."""

    found_as: str
    score: float | None


class Precision(NamedTuple):
    """Numbers of confirmed and judged alerts in one group, and their ratio with its 95 % interval, 0-1."""

    group: str
    confirmed: int
    judged: int
    share: Interval


class Waiting(NamedTuple):
    """Median and 90th percentile of the time until cases of one severity were decided."""

    severity: str
    decided: int
    median: timedelta
    nine_of_ten: timedelta


def judgements(*, source: Source = Source.COMPUTER) -> QuerySet[JudgedReview]:
    """Return the standing verdict on each alert of a source, latest first.

    A drawn alert counts as judged once it is confirmed. Columns: found_as, the alert's state before any review; score,
    0-1, of the first detection.
    """
    verdicts = JUDGED if source is Source.COMPUTER else (*JUDGED, Verdict.DRAWN.value)
    standing = Review.objects.filter(verdict__in=verdicts, taken_back_by=None, alert__source=source)
    if source is Source.PERSON:
        standing = standing.exclude(alert__state__in=UNREVIEWED_STATES)
    latest = standing.order_by("alert_id", "-created_at", "-id").distinct("alert_id").values("pk")
    before = AlertTransition.objects.filter(
        alert=OuterRef("alert"),
        to_state__in=[state.value for state in UNREVIEWED_STATES],
        id__lt=OuterRef("transition"),
    ).order_by("-id")
    found_as = Subquery(before.values("to_state")[:1])
    score = Subquery(Detection.objects.filter(alert=OuterRef("alert")).order_by("id").values("score")[:1])
    reviews = Review.objects.filter(pk__in=latest).annotate(found_as=found_as, score=score)
    return reviews.select_related("alert", "transition").order_by("-created_at", "-id")


def precision(reviews: Iterable[Row], group_of: Callable[[Row], str]) -> list[Precision]:
    """Return the share of confirmed alerts in each group, the largest group first."""
    judged: Counter[str] = Counter()
    confirmed: Counter[str] = Counter()
    for review in reviews:
        group = group_of(review)
        judged[group] += 1
        confirmed[group] += review.verdict == Verdict.CONFIRM
    return [Precision(group, confirmed[group], n, jeffreys(confirmed[group], n)) for group, n in judged.most_common()]


def reliability(reviews: Iterable[JudgedReview]) -> list[tuple[float, Precision]]:
    """Return mean score, 0-1, and precision of the alerts in each class of SCORES. reviews: of `judgements`."""
    grouped: dict[str, list[float]] = defaultdict(list)
    scored = [review for review in reviews if review.score is not None]

    def group_of(review: JudgedReview) -> str:
        return str(bisect_right(SCORES, promised(review.score)))

    for review in scored:
        grouped[group_of(review)].append(promised(review.score))
    return [(mean(grouped[row.group]), row) for row in precision(scored, group_of)]


def time_to_review(*, since: datetime, simulated: bool) -> list[Waiting]:
    """Return the time from first detection to first standing verdict by severity, strongest first."""
    decided = (
        Review.objects.filter(verdict__in=(*JUDGED, Verdict.DUPLICATE), taken_back_by=None, alert__simulated=simulated)
        .filter(alert__source=Source.COMPUTER)
        .values("alert", "alert__severity", "alert__created_at")
        .annotate(first=Min("created_at"))
        .filter(first__gte=since)
        .order_by()
    )
    took: dict[str, list[float]] = {}
    for row in decided:
        took.setdefault(row["alert__severity"], []).append((row["first"] - row["alert__created_at"]).total_seconds())
    rows = []
    for grade in (grade for grade in reversed(Severity) if grade in took):
        half, most = (timedelta(seconds=float(np.quantile(took[grade], share))) for share in (0.5, 0.9))
        rows.append(Waiting(grade, len(took[grade]), half, most))
    return rows


def oldest_waiting(*, simulated: bool) -> tuple[int, datetime | None]:
    """Return the number of waiting cases, and since when the oldest one has been waiting."""
    waiting = Alert.objects.filter(state__in=list(UNREVIEWED_STATES), simulated=simulated)
    return waiting.count(), waiting.aggregate(first=Min("created_at"))["first"]
