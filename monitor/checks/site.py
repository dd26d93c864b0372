"""A visitor of a running service: keeps cookies, fills in forms."""

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request

from django.core.management.base import CommandError


class Site:
    """One visitor with cookies of their own. url: where the service answers, without a slash at the end."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> bytes:
        """Fetch a page (a path, or an address that the service gave). CommandError for any answer but a good one."""
        return self._open(urllib.request.Request(self._address(path)))  # noqa: S310 (the address given by the caller)

    def post(self, path: str, fields: dict[str, str], page: str = "") -> bytes:
        """Send a form; `page` is fetched first for its token (the path itself where not given)."""
        self.get(page or path)
        token = next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), "")
        data = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        headers = {"Referer": self._address(page or path)}
        return self._open(urllib.request.Request(self._address(path), data=data, headers=headers))  # noqa: S310

    def _address(self, path: str) -> str:
        return path if "://" in path else f"{self.url}/{path.lstrip('/')}"

    def _open(self, request: urllib.request.Request) -> bytes:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as fault:
            raise CommandError(f"{request.get_method()} {request.full_url} answers {fault.code}") from fault
