"""How well reviewing goes, in words: agreement between people, time to a verdict, precision by kind. No names."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from detection.reviews.agreement import agreement, oldest_waiting, time_to_review
from detection.reviews.record import judgements
from monitor.alerts.choice import SEVERITIES
from monitor.record.rows import interval_words, record_of
from monitor.wording.dates import duration_words
from monitor.wording.states import VERDICT_FORMS

LOOKED_BACK = timedelta(days=365)


def quality_context() -> dict[str, Any]:
    reviews = list(judgements())
    return {
        "agreement": [_agreement(one) for one in agreement()],
        "parts": [part for part in (_part(reviews, simulated) for simulated in (False, True)) if part["anything"]],
    }


def _agreement(one) -> dict[str, Any]:
    share = interval_words_of_opinions(one.share.low, one.share.high)
    return one._asdict() | {"title": VERDICT_FORMS[one.verdict]["title"], "words": share}


def _part(reviews, simulated: bool) -> dict[str, Any]:
    n_waiting, oldest = oldest_waiting(simulated=simulated)
    times = time_to_review(since=timezone.now() - LOOKED_BACK, simulated=simulated)
    kinds = record_of(reviews, simulated=simulated)["groups"][0]
    return {
        "simulated": simulated,
        "n_waiting": n_waiting,
        "oldest": oldest,
        "times": [
            {
                "severity": dict(SEVERITIES)[one.severity],
                "decided": one.decided,
                "median": duration_words(one.median.total_seconds()),
                "nine_of_ten": duration_words(one.nine_of_ten.total_seconds()),
            }
            for one in times
        ],
        "kinds": kinds,
        "anything": bool(n_waiting or times or kinds.rows),
    }
