"""Agreement between reviewers, and how long cases wait for a verdict."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Min

from detection.models import Alert, Proposal, Review, SecondLook
from detection.reviews.audit import audit_write
from detection.reviews.record import JUDGED
from detection.rules.lifecycle import Source
from detection.rules.severity import Severity
from detection.rules.verdicts import Verdict
from detection.selectors import UNREVIEWED_STATES, reviews_standing
from ground_motion.statistics.intervals import Interval, jeffreys

DECIDED = (*JUDGED, Verdict.DUPLICATE.value)


class Agreement(NamedTuple):
    """Agreement of second opinions on verdicts of one kind; share with its 95 % interval, 0-1."""

    verdict: str
    agreed: int
    looked: int
    share: Interval


class Waiting(NamedTuple):
    """Median and 90th percentile of the time until cases of one severity were decided."""

    severity: str
    decided: int
    median: timedelta
    nine_of_ten: timedelta


def verdict_standing(*, alert: Alert) -> Review | None:
    """Return the standing verdict by which the alert is confirmed or rejected, if there is one."""
    return next((review for review in reviews_standing(alert=alert) if review.verdict in JUDGED), None)


def second_look_record(*, alert: Alert, reviewer: User, agrees: bool) -> SecondLook:
    """Save whether another person agrees with the standing verdict, replacing that person's earlier opinion.

    ValueError if no verdict stands, or it is the person's own.
    """
    review = verdict_standing(alert=alert)
    if review is None:
        raise ValueError("there is no verdict to look at")
    if review.reviewer_id == reviewer.pk:
        raise ValueError("a second look is somebody else's")
    look, _ = SecondLook.objects.update_or_create(review=review, reviewer=reviewer, defaults={"agrees": agrees})
    detail = f"{review.verdict}: {'agrees' if agrees else 'disagrees'}"
    audit_write(actor=reviewer, action="review.second-look", subject=alert.code, detail=detail)
    return look


def agreement() -> list[Agreement]:
    """Return how often second opinions agreed with verdicts, by kind of verdict.

    A verdict taken back or reversed by another person, or a declined confirmation, counts as disagreement.
    Each person counts once for each verdict; changes to one's own verdict do not count.
    """
    opinions: dict[tuple[int, int | None], tuple[str, bool]] = {}
    reviews = Review.objects.filter(verdict__in=JUDGED).order_by("alert_id", "id")
    rows = list(reviews.values_list("pk", "alert_id", "verdict", "reviewer", "taken_back_by__reviewer"))
    for pk, _alert, verdict, reviewer, taken_back_by in rows:
        if taken_back_by is not None and taken_back_by != reviewer:
            opinions[pk, taken_back_by] = verdict, False
    for (pk, alert, verdict, reviewer, taken_back_by), (_pk, next_alert, turned, other, _by) in pairwise(rows):
        if alert == next_alert and turned != verdict and other != reviewer and taken_back_by is None:
            opinions[pk, other] = verdict, False
    for pk, person, verdict, agrees in SecondLook.objects.values_list(
        "review", "reviewer", "review__verdict", "agrees"
    ):
        opinions.setdefault((pk, person), (verdict, agrees))
    declined = Proposal.objects.filter(outcome=Proposal.Outcome.DECLINED, change__isnull=True)
    for pk, person in declined.values_list("pk", "decided_by"):
        opinions[-pk, person] = Verdict.CONFIRM.value, False
    looked = Counter(verdict for verdict, _agrees in opinions.values())
    agreed = Counter(verdict for verdict, agrees in opinions.values() if agrees)
    return [Agreement(judged, agreed[judged], n, jeffreys(agreed[judged], n)) for judged, n in sorted(looked.items())]


def time_to_review(*, since: datetime, simulated: bool) -> list[Waiting]:
    """Return the time from first detection to first standing verdict by severity, strongest first."""
    decided = (
        Review.objects.filter(verdict__in=DECIDED, taken_back_by=None, alert__simulated=simulated)
        .filter(alert__source=Source.COMPUTER)
        .values("alert", "alert__severity", "alert__created_at")
        .annotate(first=Min("created_at"))
        .filter(first__gte=since)
        .order_by()
    )
    took: dict[str, list[float]] = {}
    for row in decided:
        took.setdefault(row["alert__severity"], []).append((row["first"] - row["alert__created_at"]).total_seconds())
    return [
        Waiting(grade, len(took[grade]), _share_within(took[grade], 0.5), _share_within(took[grade], 0.9))
        for grade in reversed(Severity)
        if grade in took
    ]


def oldest_waiting(*, simulated: bool) -> tuple[int, datetime | None]:
    """Return the number of waiting cases, and since when the oldest one has been waiting."""
    waiting = Alert.objects.filter(state__in=list(UNREVIEWED_STATES), simulated=simulated)
    return waiting.count(), waiting.aggregate(first=Min("created_at"))["first"]


def _share_within(seconds: list[float], share: float) -> timedelta:
    return timedelta(seconds=float(np.quantile(seconds, share)))
