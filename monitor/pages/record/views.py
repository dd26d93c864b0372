"""Views of the public record: how often alerts were right, and the list of judged alerts as CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from detection.kinds import KIND_LABELS
from detection.models import Alert, Detection, Review
from detection.reviews.record import Precision, judgements, oldest_waiting, precision, reliability
from detection.rules.lifecycle import Source
from detection.rules.verdicts import Verdict
from detection.selectors import UNREVIEWED_STATES
from ingest.models import SimulatedTruth
from ml.models import LivingSeries
from monitor.maps.rasters.answers import csv_response
from monitor.web.request_limits import REPORTS, costly
from monitor.wording.cards.cards import alert_cards
from monitor.wording.families.changes import right_sentence
from monitor.wording.figures import cell_text, whole
from monitor.wording.states import VERDICT_HEADINGS, in_language

if TYPE_CHECKING:
    from detection.reviews.record import JudgedReview

FOUND_AS = {"first": gettext_lazy("found in one data set"), "provisional": gettext_lazy("found in two data sets")}
PER_PAGE = 50
COLUMNS = ("alert", "kind", "place", "simulated", "first_seen", "found_as", "judged_on", "verdict", "reason", "page")


def record_of(reviews: Sequence[JudgedReview], simulated: bool) -> dict[str, Any]:
    """Return the precision of alerts on real or simulated data: in total, by kind, state before review and year."""
    own = [review for review in reviews if review.alert.simulated == simulated]
    return {
        "simulated": simulated,
        "total": next((_row(one) for one in precision(own, lambda review: "")), None),
        "n_unjudged": oldest_waiting(simulated=simulated)[0],
        "provisional": _provisional(simulated),
        "reliability": [_dot(score, one) for score, one in sorted(reliability(own))],
        "groups": [
            {"heading": heading, "rows": [_row(share) for share in shares]}
            for heading, shares in (
                (_("Kind"), precision(own, lambda review: str(KIND_LABELS[review.alert.kind]))),
                (_("Before the review"), precision(own, found_words)),
                (_("Year"), sorted(precision(own, lambda review: f"{review.alert.created_at:%Y}"), reverse=True)),
            )
        ],
    }


def _provisional(simulated: bool) -> str:
    """Return how right provisional values of new passes were, over all releases; empty before one replaced any."""
    replaced = LivingSeries.objects.filter(product__simulated=simulated, difference__isnull=False)
    known = [one for one in replaced.values_list("difference", flat=True) if one]
    n = sum(one["n"] for one in known)
    return right_sentence(math.sqrt(sum(one["n"] * one["within_mm"] ** 2 for one in known) / n), n) if n else ""


def truth_judgements() -> list[JudgedReview]:
    """Return the verdicts that simulated alerts would get by their truth, unsaved, with the columns of `judgements`."""
    if not SimulatedTruth.objects.exists():
        return []
    score = Detection.objects.filter(alert=OuterRef("pk")).order_by("id").values("score")[:1]
    moves = Exists(SimulatedTruth.objects.filter(outline__intersects=OuterRef("area")))
    alerts = Alert.objects.filter(simulated=True, source=Source.COMPUTER, state__in=UNREVIEWED_STATES)
    rows: list[JudgedReview] = []
    for alert in alerts.annotate(score=Subquery(score), moves=moves).defer("area"):
        row: Any = Review(alert=alert, verdict=Verdict.CONFIRM if alert.moves else Verdict.REJECT)
        vars(row).update(found_as=alert.state, score=alert.score)
        rows.append(row)
    return rows


def found_words(review: JudgedReview) -> str:
    """Describe the number of data sets in which an alert was found before its review."""
    return str(FOUND_AS[review.found_as])


def _row(one: Precision) -> dict[str, Any]:
    ends = {"low": whole(100 * one.share.low), "high": whole(100 * one.share.high)}
    # Translators: the ends of an interval, "of 100 such alerts 71 to 93 were right"
    words = _("of 100 such alerts %(low)s to %(high)s were right") % ends
    return one._asdict() | ends | {"right": round(100 * one.confirmed / one.judged), "words": words}


def _dot(score: float, one: Precision) -> dict[str, Any]:
    """Return a point of the reliability diagram, all in %: mean score, share of right alerts from low to high."""
    parts = {"sure": score, "right": one.confirmed / one.judged, "low": one.share.low, "high": one.share.high}
    return {name: round(100 * value) for name, value in parts.items()} | {"judged": one.judged}


@require_safe
def record(request: HttpRequest) -> HttpResponse:
    """Show the public record: the share of alerts that were right, and the judged alerts.

    While no simulated alert has been judged, all of them are compared with what was simulated (by_truth).
    """
    reviews = list(judgements())
    records = [record_of(reviews, simulated=False), record_of(reviews, simulated=True)]
    if not records[1]["total"]:
        records[1] = record_of(truth_judgements(), simulated=True) | {"by_truth": True}
    page = Paginator(reviews, PER_PAGE).get_page(request.GET.get("page"))
    judged = [
        {
            "card": card,
            "verdict": VERDICT_HEADINGS[review.verdict],
            "right": review.verdict == Verdict.CONFIRM,
            "reason": in_language(review.reason.label),
            "found": found_words(review),
            "judged_on": review.created_at,
        }
        for review, card in zip(page, alert_cards([review.alert for review in page]), strict=True)
    ]
    context = {
        "records": [one for one in records if one["total"] or one["n_unjudged"] or not one["simulated"]],
        "page": page,
        "judged": judged,
    }
    return render(request, "pages/record/record.html", context)


@costly(REPORTS)
@require_safe
def record_csv(request: HttpRequest) -> HttpResponse:
    """Answer with the judged alerts as CSV, one row each, the latest verdict first."""
    reviews, rows = list(judgements()), [COLUMNS]
    for review, card in zip(reviews, alert_cards([review.alert for review in reviews]), strict=True):
        simulated, first_seen = "yes" if card.simulated else "no", f"{card.first_seen:%Y-%m-%d}"
        alert = (card.code, card.kind, cell_text(card.place), simulated, first_seen)
        verdict = (review.found_as, f"{review.created_at:%Y-%m-%d}", review.verdict, review.reason_code)
        rows.append((*alert, *verdict, request.build_absolute_uri(card.url)))
    return csv_response("alerts-judged", rows)
