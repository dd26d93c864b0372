"""Views of the workbench: its page with controls, and Dash's layout, callbacks and scripts. They use no session."""

import re
from typing import Any

from dash.fingerprint import check_fingerprint
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from ingest.models import Product
from monitor.pages.desk import samples
from monitor.pages.desk.app import dash_answer
from monitor.pages.desk.attributes import ATTRIBUTES
from monitor.pages.desk.benchmarks import SPEED, benchmarks
from monitor.pages.desk.callbacks import callback_body
from monitor.pages.desk.query import FEWEST_GROUPS, MOST_GROUPS, View, address, map_address, view_of
from monitor.pages.desk.words import product_title
from monitor.wording.refusals import Refusal, refusals_as_json

SCRIPT = re.compile(r'src="/workbench/_dash-component-suites/([^"?]+)[^"]*"')
GONE = "There is no such data set, or its points are deleted; a newer one replaces it."
WIDTHS_M = (50, 100, 200, 500, 1000, 2000)  # of the strip around a line
CHARTS = "vendor/plotly.js-cartesian-dist-min/plotly-cartesian.min.js"  # all kinds of charts that the sheets have
LATER = ("plotly/package_data/plotly.min.js", "dash/dcc/async-graph.js")  # scripts that Dash loads when it draws charts


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
    context = {"view": view, "tabs": _tabs(view), "product": product, "dash": _dash_parts(request.csp_nonce)}
    context["later"] = [reverse("workbench-component", args=[resource]) for resource in LATER]
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
        others, second = samples.others_of(view, product)
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


@require_safe
def component(request: HttpRequest, resource: str) -> HttpResponse:
    """Redirect to the static file of a script that Dash loads."""
    return HttpResponseRedirect(_lies_at(resource))


def _dash_parts(nonce: object) -> SafeString:
    """Return Dash's script tags, free of visitors' input, with the nonce of the content security policy."""
    # Each tag has the address of its static file, so that the browser needs no redirect.
    page: str = dash_answer().get_data(as_text=True)
    page = SCRIPT.sub(lambda found: f'src="{_lies_at(found[1])}"', page)
    return mark_safe(page.replace("<script", f'<script nonce="{nonce}"'))  # noqa: S308


def _lies_at(resource: str) -> str:
    path, _is_fingerprinted = check_fingerprint(resource)
    return static(CHARTS if path == LATER[0] else f"dash/component/{path}")
