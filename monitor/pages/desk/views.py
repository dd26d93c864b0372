"""Views of the workbench: its page with controls, and Dash's layout, callbacks and scripts. They use no session."""

import re
from typing import Any

from dash.fingerprint import check_fingerprint
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from ingest.models import Product
from monitor.pages.desk import samples
from monitor.pages.desk.app import dash_answer
from monitor.pages.desk.attributes import ATTRIBUTES
from monitor.pages.desk.benchmarks import SPEED, benchmarks
from monitor.pages.desk.callbacks import callback_body
from monitor.pages.desk.compared import second_product
from monitor.pages.desk.query import FEWEST_GROUPS, MOST_GROUPS, View, address, map_address, view_of
from monitor.pages.desk.sheets import first_sheet
from monitor.pages.desk.upeast import facing_products, other_side
from monitor.pages.desk.words import product_title
from monitor.wording.refusals import Refusal, refusals_as_json

SCRIPT = re.compile(r'<script src="/workbench/_dash-component-suites/([^"?]+)[^"]*"></script>')
NEEDED = ("dash/deps/react", "dash/deps/prop-types", "dash/dash-renderer")  # dash.js replaces the other scripts of Dash
GONE = "There is no such data set, or its points are deleted; a newer one replaces it."
WIDTHS_M = (50, 100, 200, 500, 1000, 2000)  # of the strip around a line
CHARTS = "vendor/plotly.js-cartesian-dist-min/plotly-cartesian.min.js"  # all kinds of charts that the sheets have


@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Show the page of the workbench: a form of controls, above the sheet that Dash draws."""
    try:
        view = view_of(request.GET)
    except Refusal as refusal:
        context = {"refusal": refusal, "view": View(), "tabs": _tabs(View())}
        return render(request, "pages/desk/desk.html", context, status=refusal.status)
    product = None if view.tab == "benchmarks" else samples.chosen_product(view)
    if view.product and view.tab != "benchmarks" and product is None:
        raise Http404(GONE)
    context = {"view": view, "tabs": _tabs(view), "product": product} | _dash_parts()
    context["first_sheet"] = first_sheet(request.GET.urlencode())
    return render(request, "pages/desk/desk.html", context | _controls(view, product))


def _tabs(view: View) -> list[dict[str, object]]:
    labels = {
        "points": _("One data set"),
        "cross": _("Cross-plot"),
        "profile": _("Profile and time"),
        "upeast": _("Up and east"),
        "compare": _("Two data sets"),
        "groups": _("Groups of series"),
        "benchmarks": _("Benchmarks"),
    }
    return [
        {"label": label, "url": address(view, tab=tab), "current": tab == view.tab} for tab, label in labels.items()
    ]


def _controls(view: View, product: Product | None) -> dict[str, Any]:
    if view.tab == "benchmarks":
        known = benchmarks()
        benchmark = known.get(view.benchmark) or next(iter(known.values()), None)
        is_speed = benchmark is None or benchmark.name.startswith(SPEED)
        return {
            "benchmarks": [_option(name, name, benchmark.name if benchmark else "") for name in known],
            "metrics": [] if is_speed else [_option(*one, view.metric) for one in benchmark.metrics.items()],
        }
    if product is None:
        return {}
    listed = {one.pk: one for one in (*samples.products_listed(view), product)}
    controls: dict[str, Any] = {
        "products": [_option(pk, product_title(one), product.pk) for pk, one in listed.items()],
        "ground_url": map_address(product, view),
    }
    if view.tab in ("points", "cross"):
        plotted = [one for one in ATTRIBUTES if one.sql or view.tab == "cross"]
        controls["axes"] = [
            (name, label, [_option(one.name, one.label, chosen) for one in plotted])
            for name, label, chosen in (("x", _("Across"), view.x), ("y", _("Up"), view.y))
        ]
    if view.tab == "profile":
        controls["widths"] = [_option(f"{one:g}", f"{one:g} m", view.width) for one in WIDTHS_M]
    if view.tab in ("compare", "upeast"):
        others = samples.partners_of(product) if view.tab == "compare" else facing_products(product)
        second = (second_product if view.tab == "compare" else other_side)(view, product)
        controls["others"] = [_option(one.pk, product_title(one), second.pk if second else 0) for one in others]
    if view.tab == "groups":
        controls["numbers"] = [_option(k, k, view.groups) for k in range(FEWEST_GROUPS, MOST_GROUPS + 1)]
        controls["ways"] = [
            _option("motion", _("how far they moved"), view.way),
            _option("shape", _("the form of the motion alone"), view.way),
        ]
    return controls


def _option(value: object, label: object, chosen: object) -> dict[str, object]:
    return {"value": str(value), "label": label, "selected": value == chosen}


@require_safe
def of_product(request: HttpRequest, product: int) -> HttpResponse:
    """Redirect a former address of one data set to the workbench."""
    if not Product.objects.filter(pk=product, points_deleted_at=None).exists():
        raise Http404(GONE)
    return HttpResponseRedirect(address(View(product=product)))


@require_safe
def of_dash(request: HttpRequest, part: str) -> HttpResponse:
    """Answer with Dash's layout or its list of callbacks, as JSON."""
    return HttpResponse(dash_answer(part).get_data(), content_type="application/json")


@csrf_exempt
@require_POST
@refusals_as_json
def update(request: HttpRequest) -> HttpResponse:
    """Answer a callback, which only reads data; 204 if there is nothing to draw."""
    answer = dash_answer("_dash-update-component", callback_body(request.body))
    return HttpResponse(answer.get_data(), status=answer.status_code, content_type="application/json")


def _dash_parts() -> dict[str, Any]:
    """Return Dash's entry point and configuration, free of visitors' input, and the static files of its scripts."""
    page: str = dash_answer().get_data(as_text=True)
    named = [check_fingerprint(name)[0] for name in SCRIPT.findall(page)]
    entry = mark_safe(page[: page.index("<script src=")])  # noqa: S308
    scripts = [static(f"dash/component/{name}") for name in named if name.startswith(NEEDED)]
    return {"dash_entry": entry, "scripts": {"dash": scripts, "charts": static(CHARTS)}}
