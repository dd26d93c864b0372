"""How right the alerts were: one public page, and the list behind it as a table."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.reviews.record import judgements
from monitor.maps.rasters.answers import csv_response
from monitor.pages.record.rows import judged_rows, record_of
from monitor.wording.cards.cards import alert_cards
from monitor.wording.figures import cell_text

PER_PAGE = 50
COLUMNS = ("alert", "kind", "place", "simulated", "first_seen", "found_as", "judged_on", "verdict", "reason", "page")


@require_safe
def record(request: HttpRequest) -> HttpResponse:
    """Show how right the alerts were."""
    reviews = list(judgements())
    records = [record_of(reviews, simulated=False), record_of(reviews, simulated=True)]
    page = Paginator(reviews, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "records": [one for one in records if one["total"] or one["n_unjudged"] or not one["simulated"]],
        "page": page,
        "judged": judged_rows(list(page)),
        "query": "",
    }
    return render(request, "pages/record/record.html", context)


@require_safe
def record_csv(request: HttpRequest) -> HttpResponse:
    """Return one row for each judged alert, the latest verdict first."""
    reviews, rows = list(judgements()), [COLUMNS]
    for review, card in zip(reviews, alert_cards([review.alert for review in reviews]), strict=True):
        simulated, first_seen = "yes" if card.simulated else "no", f"{card.first_seen:%Y-%m-%d}"
        alert = (card.code, card.kind, cell_text(card.place), simulated, first_seen)
        verdict = (review.found_as, f"{review.created_at:%Y-%m-%d}", review.verdict, review.reason_code)
        rows.append((*alert, *verdict, request.build_absolute_uri(card.url)))
    return csv_response("alerts-judged", rows)
