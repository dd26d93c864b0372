"""The interface as a whole: its name, its faults, its addresses."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import ValidationError

from monitor.open_data.api.operations import router
from monitor.wording.refusals import PROBLEM, Refusal, problem

SEE = "The parameters are listed at /api/v1/."


class Interface(NinjaAPI):
    """API whose errors state the media type that they have."""

    def get_openapi_schema(self, **options: Any) -> dict[str, Any]:
        """Return the description, with errors under their media type."""
        schema = super().get_openapi_schema(**options)
        for path in schema["paths"].values():
            for status, answer in path["get"]["responses"].items():
                if int(status) >= 400:
                    answer["content"] = {PROBLEM: answer["content"]["application/json"]}
        return schema


api = Interface(
    title="Ground Motion Monitor",
    version="1",
    description="Places where the ground moves, and the satellite data that show it. Read only, no login.",
    docs_url=None,  # its page loads scripts from another host; ours is monitor.open_data.api.views
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
    name = str(first["loc"][-1])
    return problem(400, f"{name}: {first['msg']}", SEE)


@api.exception_handler(Http404)
def not_found(request: HttpRequest, fault: Http404) -> HttpResponse:
    """Answer a row that does not exist."""
    return problem(404, str(fault) or "There is nothing here.", "Ask for a list first. " + SEE)
