"""The interface as a whole: its name, its faults, its addresses."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import ValidationError

from monitor.api.operations import router
from monitor.wording.refusals import Refusal

SEE = "The parameters are listed at /api/v1/."

api = NinjaAPI(
    title="Ground Motion Monitor",
    version="1",
    description="Places where the ground moves, and the satellite data in which they were found. Read only, no login.",
    docs_url=None,  # its page loads scripts from another host; ours is monitor.api.views
    docs_decorator=require_safe,
    urls_namespace="api-1",
)
api.add_router("", router)


@api.exception_handler(Refusal)
def refused(request: HttpRequest, fault: Refusal) -> HttpResponse:
    return api.create_response(request, fault.as_dict(), status=400)


@api.exception_handler(ValidationError)
def not_valid(request: HttpRequest, fault: ValidationError) -> HttpResponse:
    first = fault.errors[0]
    name = str(first["loc"][-1])
    return api.create_response(request, {"error": f"{name}: {first['msg']}", "remedy": SEE}, status=400)


@api.exception_handler(Http404)
def not_found(request: HttpRequest, fault: Http404) -> HttpResponse:
    body = {"error": str(fault) or "There is nothing here.", "remedy": "Ask for a list first. " + SEE}
    return api.create_response(request, body, status=404)
