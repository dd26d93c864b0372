"""The API itself: its name, its error answers, and a page for people that lists its operations without scripts."""

from inspect import getsource
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from monitor.notifications.webhook import receiver
from monitor.open_data.api.operations import router
from monitor.web.request_limits import API, costly
from monitor.wording.figures import whole
from monitor.wording.refusals import PROBLEM, Refusal, problem

SEE = "The parameters are listed at /api/v1/."
STANDARDS = (  # purpose, name, path
    (
        _("Maps and GIS"),
        _("OGC API Features 1.0: alerts, points, series, buildings, regions, data sets"),
        "/ogc/",
    ),
    (_("Analysts"), _("STAC 1.1: velocity fields, radar images, results of models, alerts"), "/stac/"),
    (_("Maps of others"), _("TileJSON 3.0 of every layer of points and images"), "/tilejson/"),
    (_("Maps of others"), _("WMS 1.3.0: images and velocities"), "/ogc/wms?REQUEST=GetCapabilities"),
    (_("Feed readers"), _("Atom with GeoRSS outlines"), "/alerts.atom"),
    (_("Alerting systems"), _("CAP 1.2: Alert, Update, Cancel"), "/cap.atom"),
    (_("Maps"), _("GeoJSON of the alerts, 500 at a time"), "/alerts.geojson"),
)
EXAMPLES = (
    "/ogc/collections/alerts/items?kind=subsidence&bbox=-13,46,-11,48",
    "/ogc/collections/points/items?bbox=-12.01,46.99,-11.99,47.01&limit=1000",
)
DESCRIBED: dict[str, OpenAPISchema] = {}  # Key: the start of all paths. Making one takes a tenth of a second.


class Interface(NinjaAPI):
    """API whose OpenAPI description has the errors' media type, and stable names of operations."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the operation's name in generated clients; it stays the same if the module moves."""
        return f"monitor_api_operations_{operation.view_func.__name__}"

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Return the OpenAPI description, made once, with error answers under their own media type."""
        start = options.get("path_prefix") or self.get_root_path(options.get("path_params") or {})
        if start in DESCRIBED:
            return DESCRIBED[start]
        schema = super().get_openapi_schema(path_prefix=start)
        for path in schema["paths"].values():
            for status, answer in path["get"]["responses"].items():
                if int(status) >= 400:
                    answer["content"] = {PROBLEM: answer["content"]["application/json"]}
        return DESCRIBED.setdefault(start, schema)


api = Interface(
    title=settings.SITE.name,
    version="1",
    description="Places where the ground moves, and the satellite data that show it. Read only, no login.",
    docs_url=None,  # Django Ninja's page loads scripts from another host; api_page is ours.
    docs_decorator=require_safe,
    urls_namespace="api-1",
)
api.add_router("", router)


@api.exception_handler(Refusal)
def refused(request: HttpRequest, fault: Refusal) -> HttpResponse:
    """Answer a refused parameter."""
    return problem(fault.status, fault.error, fault.remedy)


@api.exception_handler(ValidationError)
def not_valid(request: HttpRequest, fault: ValidationError) -> HttpResponse:
    """Answer an invalid parameter."""
    first = fault.errors[0]
    return problem(400, f"{first['loc'][-1]}: {first['msg']}", SEE)


@api.exception_handler(Http404)
def not_found(request: HttpRequest, fault: Http404) -> HttpResponse:
    """Answer a row that does not exist."""
    return problem(404, str(fault) or "There is nothing here.", "Ask for a list first. " + SEE)


@costly(API)
@require_safe
def api_page(request: HttpRequest) -> HttpResponse:
    """Show the page that lists the operations of the API."""
    schema = api.get_openapi_schema()
    operations = []
    for path, methods in schema["paths"].items():
        parameters = methods["get"]["parameters"]
        link = "" if "{" in path or any(one["required"] for one in parameters) else path
        shown = {"path": path, "parameters": [_parameter(one) for one in parameters], "link": link}
        operations.append({"description": "", **methods["get"], **shown})
    context = {
        "operations": operations,
        "description": schema["info"]["description"],
        "standards": STANDARDS,
        "receiver": getsource(receiver).partition('"""\n\n')[2].strip(),
        "seconds": whole(round(settings.WEBHOOK_SECONDS)),
        "examples": EXAMPLES,
        "site": request.build_absolute_uri("/")[:-1],
    }
    return render(request, "open_data/api/api.html", context)


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter["schema"]
    limits = [f"{word} {schema[key]}" for word, key in (("from", "minimum"), ("to", "maximum")) if key in schema]
    return {
        "name": parameter["name"],
        "required": parameter["required"],
        "description": schema.get("description", ""),
        "limits": " ".join(limits) if schema.get("maximum", 0) < 2**32 else "",
        "default": "no filter" if schema.get("default") in ("", None) else str(schema["default"]),
    }
