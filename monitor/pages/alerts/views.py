"""Views of alerts: the list, the page of one alert, its printed report, its pictures and its series as JSON."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_safe

from detection.lists import Order, alert_counts
from monitor.maps.map.plans import card_fingerprint, card_svg
from monitor.maps.map.series import alert_body
from monitor.maps.rasters.answers import png_response, ranged_file, unless_held
from monitor.maps.rasters.visibility import visibility_sentence
from monitor.pages.alerts.choice import ORDERS, Choice
from monitor.pages.alerts.evidence import SEAL_DIGITS
from monitor.pages.alerts.page import AlertPage, AlertReport
from monitor.pages.alerts.pictures import captions, change_picture, evidence_png, fingerprint, since_release
from monitor.web.request_limits import CHARTS, REPORTS, costly
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.filters import alert_or_404

ALERTS_ON_A_PAGE = 100
VIEWS = (("pictures", gettext_lazy("Pictures")), ("table", gettext_lazy("Table")), ("kinds", gettext_lazy("By kind")))
HEADINGS = (  # Columns of the table, by the order that they sort by
    (Order.IMPORTANT.value, gettext_lazy("Importance")),
    (Order.LARGEST.value, gettext_lazy("Area")),
    (Order.FOUND.value, pgettext_lazy("date", "Found")),
    (Order.CHANGED.value, pgettext_lazy("date", "Changed")),
)


@require_safe
def alert_list(request: HttpRequest) -> HttpResponse:
    """Show the list of alerts with its filters."""
    choice = Choice(request.GET)
    counts = alert_counts(alerts=choice.alerts_around())
    pages = Paginator(choice.alerts(), ALERTS_ON_A_PAGE)
    pages.count = choice.n_alerts(counts)  # The number is known already, so that the paginator runs no query.
    page = pages.get_page(request.GET.get("page"))
    query = choice.query()
    view = request.GET.get("view", "")
    cards = alert_cards(page.object_list)
    context = {
        "cards": sorted(cards, key=lambda card: card.kind) if view == "kinds" else cards,
        "view": view if view in dict(VIEWS) else VIEWS[0][0],
        "views": VIEWS,
        "headings": HEADINGS,
        "sort": choice.values.get("sort") or Order.IMPORTANT,
        "unsorted": f"{unsorted}&" if (unsorted := choice.query(for_feeds=True)) else "",
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
    page = AlertPage(alert_or_404(code))
    return render(request, "pages/alerts/detail.html", {"page": page, "card": page.card})


@costly(REPORTS)
@require_safe
def report(request: HttpRequest, code: str) -> HttpResponse:
    """Show the printed report of an alert."""
    page = AlertReport(alert_or_404(code))
    return render(request, "pages/alerts/report.html", {"page": page, "card": page.card} | page.frame)


@require_safe
def alert_picture(request: HttpRequest, code: str, detection: int, name: str) -> HttpResponseBase:
    """Answer with a picture of an alert: score map, points, wrapped rates, change, or the images of a pair."""
    detections = alert_or_404(code).detections.select_related("scan__prediction__run__product")
    shown = detections.filter(pk=detection).first()
    if shown and name == "change" and (since := since_release([shown])):
        return change_picture(request, since)
    if shown is None or name not in {caption.name for caption in captions(shown)}:
        raise Http404("There is no such picture of this alert.")
    return png_response(request, fingerprint(shown, name), lambda: evidence_png(shown, name))


@require_safe
def alert_card(request: HttpRequest, code: str) -> HttpResponseBase:
    """Answer with the small picture of an alert for cards."""
    alert = alert_or_404(code)
    etag = card_fingerprint(alert)
    return unless_held(request, etag, lambda: card_svg(alert), "image/svg+xml", "public, max-age=300")


@require_safe
def alert_evidence(request: HttpRequest, code: str, seal: str) -> HttpResponseBase:
    """Answer with the sealed evidence whose seal begins with `seal`, which pages and paper copies state."""
    sealed = alert_or_404(code).sealed.exclude(file="").filter(seal__startswith=seal).first()
    if sealed is None or len(seal) < SEAL_DIGITS:
        raise Http404("There is no such evidence of this alert.")
    return ranged_file(request, sealed.file, sealed.seal, sealed.size_bytes, f"{code}.zip", "application/zip")


@costly(CHARTS)
@require_safe
def alert_series(request: HttpRequest, code: str) -> JsonResponse:
    """Answer with the series of an alert as JSON."""
    return JsonResponse(alert_body(alert_or_404(code)))
