"""Regions: the list of those that are loaded, a page for each, its report for paper, and a widget for other sites."""

from csp.decorators import csp_replace
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from ingest.context.regions import levels_loaded, regions_listed
from monitor.pages.regions import rows
from monitor.wording.administrative import level_label
from monitor.wording.cards.filters import region_or_404

REGIONS_ON_A_PAGE = 100
LONGEST = 100


@require_safe
def region_list(request: HttpRequest) -> HttpResponse:
    """List regions with measurements, by name; ?q= searches, ?level= chooses a level, ?all=1 lists all."""
    text = " ".join(request.GET.get("q", "").split())[:LONGEST]
    levels, everything = levels_loaded(), request.GET.get("all") == "1"
    chosen = next((level for level in levels if str(level) == request.GET.get("level")), None)
    regions = regions_listed(text=text, level=chosen, covered=not everything)
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": Paginator(regions, REGIONS_ON_A_PAGE).get_page(request.GET.get("page")),
        "text": text,
        "levels": [(level, level_label(level)) for level in levels],
        "level": chosen,
        "everything": everything,
        "query": f"{query.urlencode()}&" if query else "",
    }
    return render(request, "pages/regions/list.html", context)


@require_safe
def region_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the page of a region."""
    region = region_or_404(slug)
    line = rows.embed_line(region, request.build_absolute_uri(rows.embed_address(region)))
    context = rows.region_page(region) | rows.with_neighbours(region) | rows.filters_of(region) | {"embed_line": line}
    return render(request, "pages/regions/detail.html", context)


@require_safe
def region_report(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the report of a region for paper, without scripts."""
    region = region_or_404(slug)
    return render(request, "pages/regions/report.html", rows.region_report(region))


@require_safe
@cache_control(public=True, max_age=300)
@xframe_options_exempt
@csp_replace({"frame-ancestors": ["*"], "script-src": ["'none'"], "form-action": ["'none'"]})
def region_embed(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the only page that other sites may frame: without script, form and cookie."""
    context = rows.region_page(region_or_404(slug), most=rows.MOST_ON_WIDGET, numbered=True)
    return render(request, "pages/regions/embed.html", context)
