"""Gateway of text messages, as text_gateway.toml in the state folder describes it, and its requests by template."""

import json
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from django.core.exceptions import ImproperlyConfigured

URL = re.compile(r"https?://\S+|mailto:\{number\}@\S+")
JSON_OBJECT = re.compile(r'\s*\{\s*"')
HEADER = re.compile(r"([A-Za-z0-9-]+: *\S[ -~]*)?")


@dataclass(frozen=True)
class Gateway:
    """Gateway of any provider; {number} and {text} in `url` and `body` are filled.

    url: posted to, or mailto:{number}@…; body: fields of a form, or JSON; header: one, with the key of the account;
    prefixes: of numbers that readers may add.
    """

    url: str
    body: str = "to={number}&text={text}"
    header: str = ""
    prefixes: tuple[str, ...] = ("+",)

    @property
    def mail_address(self) -> str:
        """Return the mail address with the blank {number}; empty if the gateway takes requests."""
        return self.url.removeprefix("mailto:") if self.url.startswith("mailto:") else ""

    def request(self, number: str, text: str) -> dict[str, Any]:
        """Return URL, body and headers of the request that sends a text."""
        blanks = {"number": number, "text": text}
        if JSON_OBJECT.match(self.body):
            inside = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in blanks.items()}
            kind, body = "application/json", filled(self.body, inside)
        else:
            form = [(name, filled(value, blanks)) for name, value in parse_qsl(self.body)]
            kind, body = "application/x-www-form-urlencoded", urlencode(form)
        name, _colon, value = self.header.partition(":")
        url = filled(self.url, {blank: quote(value, safe="") for blank, value in blanks.items()})
        headers = {"Content-Type": kind, **({name: value.strip()} if name else {})}
        return {"url": url, "body": body.encode(), "headers": headers}


def gateway_of(path: Path) -> Gateway | None:
    """Return the gateway that a file describes; None if there is no file. Raises ImproperlyConfigured."""
    if not path.is_file():
        return None
    known = {field.name for field in fields(Gateway)}
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        unknown = sorted(given.keys() - known)
        if unknown:
            raise ValueError(f"it has {unknown[0]}; use {', '.join(sorted(known))}")
        if not isinstance(given.get("prefixes", []), list):  # the letters of a text would be prefixes, too
            raise ValueError('prefixes is not a list, such as ["+49"]')
        gateway = Gateway(**given | {"prefixes": tuple(map(str, given.get("prefixes", ["+"])))})
        if not URL.fullmatch(gateway.url):
            raise ValueError("url is neither https://… nor mailto:{number}@…")
        if not HEADER.fullmatch(gateway.header):
            raise ValueError("header is not one header, such as 'Authorization: Bearer KEY'")
        if "{number}" not in gateway.url + gateway.body:
            raise ValueError("neither url nor body has {number}")
    except (ValueError, TypeError) as fault:
        raise ImproperlyConfigured(f"{path.name}: {fault}.") from fault
    return gateway


def filled(template: str, blanks: dict[str, str]) -> str:
    """Return a template with its blanks filled."""
    for name, value in blanks.items():  # the number first: it holds no blank
        template = template.replace(f"{{{name}}}", value)
    return template
