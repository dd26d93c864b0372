"""Cleaning of text that visitors type, for all forms, pages and filters; JSON bodies are cleaned when parsed."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase, QueryDict
from django.http.request import UnreadablePostError

from ingest.text import plain_text

UNKNOWN = "\N{REPLACEMENT CHARACTER}"


class CleanTypedText:
    """Middleware that gives views plain text from forms and addresses; 404 if a path contains anything else.

    In an address, unwanted characters are replaced, not removed, because a filter must not become empty.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Clean the cookies, and answer the request."""
        request.COOKIES = {name: plain_text(value) for name, value in request.COOKIES.items()}
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Clean the fields of the address and of the form."""
        if any(isinstance(part, str) and plain_text(part) != part for part in kwargs.values()):
            raise Http404("No address holds such characters.")
        request.GET = cleaned(request.GET, UNKNOWN)
        if request.method == "POST" and not getattr(view, "csrf_exempt", False):  # those read their bodies themselves
            try:
                request.POST = cleaned(request.POST)
            except UnreadablePostError:
                return  # the view handles a body that was cut off


def cleaned(given: QueryDict, instead: str = "") -> QueryDict:
    """Return fields as plain text. Passwords stay as typed, because they are never shown."""
    fields = QueryDict(mutable=True, encoding=given.encoding)
    for name, values in given.lists():
        typed = values if "password" in name else [plain_text(value, instead) for value in values]
        fields.setlist(plain_text(name, instead), typed)
    return fields
