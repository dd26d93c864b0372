"""The page that lists what programs can ask for, made from the OpenAPI description; no script, no other host."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from monitor.api.site import api


@require_safe
def api_page(request: HttpRequest) -> HttpResponse:
    schema = api.get_openapi_schema()
    operations = [_operation(path, methods["get"]) for path, methods in schema["paths"].items()]
    return render(request, "api/api.html", {"operations": operations, "description": schema["info"]["description"]})


def _operation(path: str, operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": path,
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "parameters": [_parameter(one) for one in operation["parameters"]],
        "link": "" if "{" in path else path,
    }


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
