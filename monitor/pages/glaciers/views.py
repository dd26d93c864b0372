"""How the glaciers move: the list that needs no script, one page for each, and its series as a table."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.glaciers import selectors as glacier_selectors
from detection.models import GlacierMotion
from monitor.maps.rasters.answers import csv_response
from monitor.pages.glaciers.rows import COLUMNS, glacier_context, glacier_rows
from monitor.wording.figures import cell_text

PER_PAGE = 50


@require_safe
def glacier_list(request: HttpRequest) -> HttpResponse:
    """Show the glaciers whose motion is known."""
    page = Paginator(glacier_selectors.motions_known(), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "glaciers": glacier_rows(list(page)), "query": ""}
    return render(request, "pages/glaciers/list.html", context)


@require_safe
def glacier_detail(request: HttpRequest, glacier: str) -> HttpResponse:
    """Show the page of a glacier."""
    return render(request, "pages/glaciers/detail.html", glacier_context(_motion_or_404(glacier)))


@require_safe
def glacier_csv(request: HttpRequest, glacier: str) -> HttpResponse:
    """Return one row a step and track: m/day, one standard deviation, empty where nothing is known."""
    motion = _motion_or_404(glacier)
    name = cell_text(motion.glacier.glacier_id or motion.glacier.name)
    rows = [
        (name, cell_text(view["name"]), *values)
        for view in motion.views
        for values in zip(*(view[column] for column in COLUMNS), strict=True)
    ]
    return csv_response("glacier-series", [("glacier", "track", *COLUMNS), *rows])


def _motion_or_404(ident: str) -> GlacierMotion:
    motion = glacier_selectors.motion_of(ident=ident)
    if motion is None or motion.speed_m_day is None:
        raise Http404("No series of this glacier is known.")
    return motion
