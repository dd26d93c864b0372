"""The frame of the workbench: Dash's own page, layout and callbacks for one product, without a session."""

from functools import cache

from dash.exceptions import PreventUpdate
from dash.fingerprint import check_fingerprint
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from django_plotly_dash.dash_wrapper import WrappedDash

from ingest.models import Product
from monitor.products.dash.callbacks import callback_body
from monitor.products.dash.product import app
from monitor.site.refusals import refusals_as_json

BASE = "/workbench/0/"  # no product has this number; each frame's own address stands in its place


@require_safe
def frame(request: HttpRequest, product: int) -> HttpResponse:
    """Dash's page; its inline script carries the nonce of the site's content security policy."""
    _product_or_404(product)
    page = _dash().locate_endpoint_function()()
    page = page.replace(BASE, request.path).replace("<script", f'<script nonce="{request.csp_nonce}"')
    return HttpResponse(page)


@require_safe
def layout(request: HttpRequest, product: int) -> HttpResponse:
    _product_or_404(product)
    made = _dash().locate_endpoint_function("dash-layout")()
    body, mimetype = _dash().augment_initial_layout(made, {"product-id": {"data": product}})
    return HttpResponse(body, content_type=mimetype)


@require_safe
def dependencies(request: HttpRequest, product: int) -> HttpResponse:
    with _dash().app_context():
        made = _dash().locate_endpoint_function("dash-dependencies")()
    return HttpResponse(made.data, content_type=made.mimetype)


@csrf_exempt
@require_POST
@refusals_as_json
def update(request: HttpRequest, product: int) -> HttpResponse:
    """The answer of a callback, which only reads. Status 204 where there is nothing to draw."""
    _product_or_404(product)
    body = callback_body(text=request.body, product_id=product)
    try:
        return HttpResponse(_dash().dispatch_with_args(body, {}), content_type="application/json")
    except PreventUpdate:
        return HttpResponse(status=204)


@require_safe
def component(request: HttpRequest, product: int, resource: str) -> HttpResponse:
    """Scripts that Dash loads lie among the static files."""
    path, _ = check_fingerprint(resource)
    return HttpResponseRedirect(static(f"dash/component/{path}"))


@cache
def _dash() -> WrappedDash:
    """One application for all products: making it takes longer than answering."""
    return app.form_dash_instance(ndid="ProductAnalysis", base_pathname=BASE)


def _product_or_404(product: int) -> None:
    if not Product.objects.filter(pk=product, points_deleted_at=None).exists():
        raise Http404("There is no such product.")
