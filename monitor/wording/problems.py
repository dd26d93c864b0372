"""Errors for programs: application/problem+json (RFC 9457), with `error` and `remedy` beside its own members."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.cache import patch_vary_headers

PROBLEM = "application/problem+json"
KEPT_HEADERS = ("Allow", "Retry-After", "Cache-Control")
WORDS = {
    404: ("There is nothing at this address.", "The addresses are listed at /api/v1/."),
    405: ("This address can only be read.", "Send GET or HEAD."),
}
FAULT = ("The request could not be answered.", "Try again later.")


def problem_body(status: int, error: str, remedy: str) -> dict[str, Any]:
    detail = f"{error.rstrip('.')}. {remedy}".strip()
    members = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return members | {"error": error, "remedy": remedy}


def problem(status: int, error: str, remedy: str = "") -> JsonResponse:
    """What is wrong, and what to do about it."""
    return JsonResponse(problem_body(status, error, remedy), status=status, content_type=PROBLEM)


def as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """An error that carries no words for programs, with words; people who look with a browser keep their page."""
    says_why = response.headers.get("Content-Type", "").startswith(PROBLEM)
    if response.status_code < 400 or says_why:
        return response
    answer = response
    if "text/html" not in request.headers.get("Accept", ""):
        answer = problem(response.status_code, *WORDS.get(response.status_code, FAULT))
        for name in KEPT_HEADERS:
            if name in response.headers:
                answer[name] = response.headers[name]
    patch_vary_headers(answer, ["Accept"])
    return answer
