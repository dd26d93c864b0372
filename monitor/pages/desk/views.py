"""Views of the workbench: its page with controls, and Dash's application that draws its sheets. They use no session."""

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.fingerprint import check_fingerprint
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.templatetags.static import static
from django.utils import translation
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from flask import Response

from ingest.models import Product
from monitor.pages.desk import samples, sheets
from monitor.pages.desk.callbacks import callback_body
from monitor.pages.desk.query import ATTRIBUTES, View, address, map_address, view_of
from monitor.pages.desk.words import product_title
from monitor.web.languages import asked_language
from monitor.web.request_limits import WORKBENCH, costly
from monitor.wording.refusals import Refusal, refusals_as_json

SCRIPT = re.compile(r'<script src="/workbench/_dash-component-suites/([^"?]+)[^"]*"></script>')
NEEDED = ("dash/deps/react", "dash/deps/prop-types", "dash/dcc", "dash/html", "dash/dash-renderer")  # no polyfills
GONE = "There is no such data set, or its points are deleted; a newer one replaces it."
CHARTS = "vendor/plotly.js/plotly.min.js"  # Plotly with the kinds of charts that the sheets have
FIRST = (CHARTS, "vendor/regenerator-runtime/runtime.js")  # Scripts that Dash's own ones need first.
BASE = "/workbench/"
PARTS = "{%app_entry%}{%config%}{%scripts%}{%renderer%}"  # parts of Dash's page that our page contains

app = Dash(
    __name__,
    url_base_pathname=BASE,
    index_string=PARTS,
    suppress_callback_exceptions=True,
    include_assets_files=False,
    add_log_handler=False,
    use_async=False,  # callbacks run in the thread of the request, with its language and database connection
)
app.layout = html.Div(
    [dcc.Location(id="address", refresh=False), dcc.Store(id="theme"), dcc.Store(id="drawn"), html.Div(id="sheet")]
)
# Scripts of the browser report the theme, draw the maps and mark the chosen points.
app.clientside_callback(ClientsideFunction("desk", "theme"), Output("theme", "data"), Input("theme", "id"))
app.clientside_callback(ClientsideFunction("desk", "show"), Output("drawn", "data"), Input("ground", "data"))
app.clientside_callback(ClientsideFunction("desk", "list"), Input("listed", "value"), prevent_initial_call=True)


@app.callback(Output("sheet", "children"), Input("address", "search"), Input("theme", "data"))
def draw_sheet(search: str | None, theme: str | None) -> list[Any]:
    """Draw the sheet that the page's address names. search: query string of the address; theme: light or dark."""
    with _language_of(search or ""):
        return sheets.sheet(search or "", theme or "light")


@app.callback(Output("chosen", "children"), Input("choice", "data"), Input("theme", "data"), State("address", "search"))
def draw_chosen(choice: dict[str, Any] | None, theme: str | None, search: str | None) -> list[Any]:
    """Draw the series of the points that are chosen on the map, in a chart or in the list."""
    with _language_of(search or ""):
        return sheets.chosen(choice, search or "", theme or "light")


def dash_answer(path: str = "", body: dict[str, Any] | None = None) -> Response:
    """Return Dash's response to a GET of BASE + path, or to a POST if there is a body. Callback errors are raised."""
    with app.server.test_request_context(BASE + path, method="POST" if body else "GET", json=body):
        answer: Response = app.server.full_dispatch_request()
        return answer


def _language_of(search: str) -> AbstractContextManager[None]:
    """Activate the language that the page's address names; without one, keep the request's language."""
    asked = asked_language(QueryDict(search.removeprefix("?")))
    return translation.override(asked) if asked else nullcontext()


@costly(WORKBENCH)
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Show the page of the workbench: a form of controls, above the sheet that Dash draws."""
    try:
        view = view_of(request.GET)
    except Refusal as refusal:
        context = {"refusal": refusal, "view": View()}
        return render(request, "pages/desk/desk.html", context, status=refusal.status)
    product = samples.chosen_product(view)
    if view.product and product is None:
        raise Http404(GONE)
    # Dash's entry point and configuration are free of visitors' input; its scripts are static files of ours.
    page: str = dash_answer().get_data(as_text=True)
    named = [check_fingerprint(name)[0] for name in SCRIPT.findall(page)]
    scripts = [*FIRST, *(f"dash/component/{name}" for name in named if name.startswith(NEEDED))]
    context = {
        "view": view,
        "product": product,
        "dash_entry": mark_safe(page[: page.index("<script src=")]),  # noqa: S308
        "scripts": [static(name) for name in scripts],
    }
    return render(request, "pages/desk/desk.html", context | _controls(view, product))


def _controls(view: View, product: Product | None) -> dict[str, Any]:
    if product is None:
        return {}
    loaded, ground = Product.objects.filter(points_deleted_at=None), view.ground  # Older releases are among them.
    on_ground = loaded.filter(footprint__intersects=ground) if ground else loaded
    listed = {one.pk: one for one in (*on_ground.order_by("name", "pk")[: samples.MAX_LISTED], product)}
    axes = (("x", _("Across"), view.x), ("y", _("Up"), view.y))
    return {
        "products": [_option(pk, product_title(one), product.pk) for pk, one in listed.items()],
        "ground_url": map_address(product, view),
        "axes": [
            (name, label, [_option(one.name, one.label, chosen) for one in ATTRIBUTES]) for name, label, chosen in axes
        ],
    }


def _option(value: object, label: object, chosen: object) -> dict[str, object]:
    return {"value": str(value), "label": label, "selected": value == chosen}


@costly(WORKBENCH)
@require_safe
def of_product(request: HttpRequest, product: int) -> HttpResponse:
    """Redirect a former address of one data set to the workbench."""
    if not Product.objects.filter(pk=product, points_deleted_at=None).exists():
        raise Http404(GONE)
    return HttpResponseRedirect(address(View(product=product)))


@costly(WORKBENCH)
@require_safe
def of_dash(request: HttpRequest, part: str) -> HttpResponse:
    """Answer with Dash's layout or its list of callbacks, as JSON."""
    return HttpResponse(dash_answer(part).get_data(), content_type="application/json")


@costly(WORKBENCH)
@csrf_exempt
@require_POST
@refusals_as_json
def update(request: HttpRequest) -> HttpResponse:
    """Answer a callback, which only reads data; 204 if there is nothing to draw."""
    answer = dash_answer("_dash-update-component", callback_body(request.body))
    return HttpResponse(answer.get_data(), status=answer.status_code, content_type="application/json")
