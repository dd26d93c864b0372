"""A visitor of a running service: keeps cookies, fills in forms."""

import http.cookiejar
import secrets
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

    def post(self, path: str, fields: dict[str, str], page: str = "") -> bytes:
        """Send a form. `page`, by default the path itself, is fetched first, because it holds the form's CSRF token."""
        data = urllib.parse.urlencode({**fields, **self._token(page or path)}).encode()
        return self._send(path, data, {"Referer": self._address(page or path)})

    def post_file(self, path: str, field: str, name: str, content: bytes, fields: dict[str, str]) -> bytes:
        """Send a form with one file; the other fields follow the file in the request."""
        token, edge = self._token(path), secrets.token_hex(16)
        head = 'Content-Disposition: form-data; name="{}"'.format
        parts = [(head(key), value.encode()) for key, value in token.items()]
        parts += [(f'{head(field)}; filename="{name}"\r\nContent-Type: text/csv', content)]
        parts += [(head(key), value.encode()) for key, value in fields.items()]
        body = b"".join(f"--{edge}\r\n{header}\r\n\r\n".encode() + value + b"\r\n" for header, value in parts)
        headers = {"Referer": self._address(path), "Content-Type": f"multipart/form-data; boundary={edge}"}
        return self._send(path, body + f"--{edge}--\r\n".encode(), headers)

    def _token(self, page: str) -> dict[str, str]:
        """Fetch a page that shows a form; return the form field that carries its CSRF token."""
        self.get(page)
        token = next((cookie.value or "" for cookie in self.cookies if cookie.name == "csrftoken"), "")
        return {"csrfmiddlewaretoken": token}

    def _send(self, path: str, data: bytes, headers: dict[str, str]) -> bytes:
        return self._open(urllib.request.Request(self._address(path), data=data, headers=headers))  # noqa: S310

    def _address(self, path: str) -> str:
        return path if "://" in path else f"{self.url}/{path.lstrip('/')}"

    def _open(self, request: urllib.request.Request) -> bytes:
        try:
            with self._opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as fault:
            raise CommandError(f"{request.get_method()} {request.full_url} answers {fault.code}") from fault
