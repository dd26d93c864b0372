"""Quality of reviews, without names: agreement between reviewers, time to a verdict, precision by kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from detection.reviews.agreement import Agreement, agreement, oldest_waiting, time_to_review
from detection.reviews.record import judgements
from monitor.pages.alerts.choice import SEVERITIES
from monitor.pages.record.views import record_of
from monitor.wording.dates import duration_words
from monitor.wording.figures import whole
from monitor.wording.states import VERDICT_FORMS

if TYPE_CHECKING:
    from detection.reviews.record import JudgedReview

LOOKED_BACK = timedelta(days=365)


def quality_context() -> dict[str, Any]:
    """Return the context of the page on the quality of reviews."""
    reviews = list(judgements())
    return {
        "agreement": [_agreement(one) for one in agreement()],
        "parts": [part for part in (_part(reviews, simulated) for simulated in (False, True)) if part["anything"]],
    }


def _agreement(one: Agreement) -> dict[str, Any]:
    ends = {"low": whole(100 * one.share.low), "high": whole(100 * one.share.high)}
    # Translators: the ends of an interval
    words = _("of 100 second opinions %(low)s to %(high)s would agree") % ends
    return one._asdict() | {"title": VERDICT_FORMS[one.verdict]["title"], "words": words}


def _part(reviews: Sequence[JudgedReview], simulated: bool) -> dict[str, Any]:
    n_waiting, oldest = oldest_waiting(simulated=simulated)
    times = time_to_review(since=timezone.now() - LOOKED_BACK, simulated=simulated)
    kinds = record_of(reviews, simulated=simulated)["groups"][0]
    return {
        "simulated": simulated,
        "n_waiting": n_waiting,
        "oldest": oldest,
        "times": [
            {
                "severity": dict(SEVERITIES)[time.severity],
                "decided": time.decided,
                "median": duration_words(time.median.total_seconds()),
                "nine_of_ten": duration_words(time.nine_of_ten.total_seconds()),
            }
            for time in times
        ],
        "kinds": kinds,
        "anything": bool(n_waiting or times or kinds["rows"]),
    }
