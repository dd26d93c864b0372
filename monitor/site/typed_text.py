"""One place cleans what visitors type, for every form, page and filter; bodies in JSON are cleaned as they are read."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase, QueryDict
from django.http.request import UnreadablePostError

from ingest.plain_text import plain_text

UNKNOWN = "\N{REPLACEMENT CHARACTER}"


class CleanTypedText:
    """Give views the fields of forms and addresses as plain text, and answer 404 where a path is none.

    In an address, unwanted characters are replaced and not left out: a filter must not become an empty one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.COOKIES = {name: plain_text(value) for name, value in request.COOKIES.items()}
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if any(isinstance(part, str) and plain_text(part) != part for part in kwargs.values()):
            raise Http404("No address holds such characters.")
        request.GET = cleaned(request.GET, UNKNOWN)
        if request.method == "POST" and not getattr(view, "csrf_exempt", False):  # these read their bodies themselves
            try:
                request.POST = cleaned(request.POST)
            except UnreadablePostError:
                return  # the view has to say what a body that broke off means


def cleaned(given: QueryDict, instead: str = "") -> QueryDict:
    """Return fields as plain text. Passwords stay as they were typed: nobody is shown them."""
    fields = QueryDict(mutable=True, encoding=given.encoding)
    for name, values in given.lists():
        typed = values if "password" in name else [plain_text(value, instead) for value in values]
        fields.setlist(plain_text(name, instead), typed)
    return fields
