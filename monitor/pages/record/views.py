"""How right the alerts were: one public page, and the list behind it as a table."""

import csv

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.reviews.record import judgements
from monitor.pages.record.rows import judged_rows, record_of
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
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="alerts-judged.csv"'
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    reviews = list(judgements())
    for review, row in zip(reviews, judged_rows(reviews), strict=True):
        card = row["card"]
        writer.writerow(
            [
                card.code,
                card.kind,
                cell_text(card.place),
                "yes" if card.simulated else "no",
                f"{card.first_seen:%Y-%m-%d}",
                review.found_as,
                f"{row['judged_on']:%Y-%m-%d}",
                review.verdict,
                review.reason_code,
                request.build_absolute_uri(card.url),
            ]
        )
    return response
