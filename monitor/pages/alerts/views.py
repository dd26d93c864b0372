"""Views of alerts: the list, the page of one alert, its printed report, its pictures and its series as JSON."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.lists import alert_counts
from detection.selectors import detection_of
from monitor.maps.map.series import alert_body
from monitor.maps.rasters.answers import png_response
from monitor.maps.rasters.visibility import visibility_sentence
from monitor.pages.alerts.choice import ORDERS, Choice
from monitor.pages.alerts.evidence import alert_page
from monitor.pages.alerts.pictures import captions, evidence_png, fingerprint
from monitor.pages.alerts.report import alert_report
from monitor.web.guards import may_view_work
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.filters import alert_or_404

ALERTS_ON_A_PAGE = 100


@require_safe
def alert_list(request: HttpRequest) -> HttpResponse:
    """Show the list of alerts with its filters."""
    choice = Choice(request.GET)
    counts = alert_counts(alerts=choice.alerts_around())
    pages = Paginator(choice.alerts(), ALERTS_ON_A_PAGE)
    pages.count = choice.n_alerts(counts)  # already counted, so that the paginator runs no query
    page = pages.get_page(request.GET.get("page"))
    query = choice.query()
    context = {
        "cards": alert_cards(page.object_list),
        "page": page,
        "n_alerts": page.paginator.count,
        "unseen": visibility_sentence(choice.region.outline if choice.region else None),
        "choice": choice,
        "facets": choice.facets(counts),
        "orders": ORDERS,
        "feed_query": f"?{feed_query}" if (feed_query := choice.query(for_feeds=True)) else "",
        "query": query,
        "chosen": f"{query}&" if query else "",
    }
    return render(request, "pages/alerts/list.html", context)


@require_safe
def alert_detail(request: HttpRequest, code: str) -> HttpResponse:
    """Show the page of an alert."""
    alert = alert_or_404(code)
    return render(request, "pages/alerts/detail.html", alert_page(alert, with_missing=may_view_work(request.user)))


@require_safe
def report(request: HttpRequest, code: str) -> HttpResponse:
    """Show the printed report of an alert."""
    return render(request, "pages/alerts/report.html", alert_report(alert_or_404(code)))


@require_safe
def alert_picture(request: HttpRequest, code: str, detection: int, name: str) -> HttpResponseBase:
    """Answer with a picture of an alert: score map, points, wrapped rates, or the images of a pair."""
    shown = detection_of(alert=alert_or_404(code), number=detection)
    if shown is None or name not in {one.name for one in captions(shown)}:
        raise Http404("There is no such picture of this alert.")
    return png_response(request, fingerprint(shown, name), lambda: evidence_png(shown, name))


@require_safe
def alert_series(request: HttpRequest, code: str) -> JsonResponse:
    """Answer with the series of an alert as JSON."""
    return JsonResponse(alert_body(alert_or_404(code)))
