"""A visitor of a running service: keeps cookies, fills in forms."""

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request

from django.core.management.base import CommandError

SECONDS_TO_ANSWER = 300.0


class Site:
    """One visitor with their own cookies. url: address of the service, without a slash at the end."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> bytes:
        """Fetch a page of the service, given by its path or its full URL. Raises CommandError if the request fails."""
        return self._open(urllib.request.Request(self._address(path)))  # noqa: S310 (the address given by the caller)

    def post(self, path: str, fields: dict[str, str]) -> bytes:
        """Send a form. Its page is fetched first, because it sets the cookie of the CSRF token."""
        self.get(path)
        token = next((cookie.value or "" for cookie in self.cookies if cookie.name == "csrftoken"), "")
        data = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        headers = {"Referer": self._address(path)}
        return self._open(urllib.request.Request(self._address(path), data=data, headers=headers))  # noqa: S310

    def _address(self, path: str) -> str:
        return path if "://" in path else f"{self.url}/{path.lstrip('/')}"

    def _open(self, request: urllib.request.Request) -> bytes:
        try:
            with self._opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as fault:
            raise CommandError(f"{request.get_method()} {request.full_url} answers {fault.code}") from fault
