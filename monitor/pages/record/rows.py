"""How right the alerts were, in words: shares with their intervals by kind, state and year, and the list behind."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.kinds import KIND_LABELS
from detection.models import Review
from detection.reviews.record import Precision, n_unjudged, precision
from detection.rules.verdicts import Verdict
from monitor.wording.cards.cards import alert_cards
from monitor.wording.figures import whole
from monitor.wording.states import VERDICT_HEADINGS, in_language

FOUND_AS = {"first": gettext_lazy("found in one data set"), "provisional": gettext_lazy("found in two data sets")}


class Group(NamedTuple):
    """The rows of one table. heading: of its first column."""

    heading: str
    rows: list[dict[str, Any]]


def record_of(reviews: Sequence[Review], simulated: bool) -> dict[str, Any]:
    """Return the whole record of alerts on real, or on simulated data."""
    own = [review for review in reviews if review.alert.simulated == simulated]
    return {
        "simulated": simulated,
        "total": next((_row(one) for one in precision(own, lambda review: "")), None),
        "n_unjudged": n_unjudged(simulated=simulated),
        "groups": [
            Group(_("Kind"), _rows(precision(own, lambda review: str(KIND_LABELS[review.alert.kind])))),
            Group(_("Before the review"), _rows(precision(own, found_words))),
            Group(
                _("Year"),
                _rows(sorted(precision(own, lambda review: f"{review.alert.created_at:%Y}"), reverse=True)),
            ),
        ],
    }


def judged_rows(reviews: Sequence[Review]) -> list[dict[str, Any]]:
    """Return each judged alert with its verdict, without names of persons."""
    cards = alert_cards([review.alert for review in reviews])
    return [
        {
            "card": card,
            "verdict": VERDICT_HEADINGS[review.verdict],
            "right": review.verdict == Verdict.CONFIRM,
            "reason": in_language(review.reason.label),
            "found": found_words(review),
            "judged_on": review.created_at,
        }
        for review, card in zip(reviews, cards, strict=True)
    ]


def found_words(review: Review) -> str:
    """Return in how many data sets an alert was found before its review, in words."""
    return str(FOUND_AS[review.found_as])


def interval_words(low: float, high: float) -> str:
    """Return the 95 % interval of a share: 'of 100 such alerts 71 to 93 were right'."""
    # Translators: the ends of an interval, "of 100 such alerts 71 to 93 were right"
    return _("of 100 such alerts %(low)s to %(high)s were right") % {"low": whole(100 * low), "high": whole(100 * high)}


def _rows(shares: Iterable[Precision]) -> list[dict[str, Any]]:
    return [_row(one) for one in shares]


def _row(one: Precision) -> dict[str, Any]:
    return one._asdict() | {"words": interval_words(one.share.low, one.share.high)}
