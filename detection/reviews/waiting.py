"""How long cases wait for a verdict."""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from django.db.models import Min

from detection.models import Alert, Review
from detection.reviews.record import JUDGED
from detection.rules.lifecycle import Source
from detection.rules.severity import Severity
from detection.rules.verdicts import Verdict
from detection.selectors import UNREVIEWED_STATES

DECIDED = (*JUDGED, Verdict.DUPLICATE.value)


class Waiting(NamedTuple):
    """Median and 90th percentile of the time until cases of one severity were decided."""

    severity: str
    decided: int
    median: timedelta
    nine_of_ten: timedelta


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
    rows = []
    for grade in (grade for grade in reversed(Severity) if grade in took):
        half, most = (timedelta(seconds=float(np.quantile(took[grade], share))) for share in (0.5, 0.9))
        rows.append(Waiting(grade, len(took[grade]), half, most))
    return rows


def oldest_waiting(*, simulated: bool) -> tuple[int, datetime | None]:
    """Return the number of waiting cases, and since when the oldest one has been waiting."""
    waiting = Alert.objects.filter(state__in=list(UNREVIEWED_STATES), simulated=simulated)
    return waiting.count(), waiting.aggregate(first=Min("created_at"))["first"]
