"""Pages of the site as files: what its own handler answers to a reader without an account, in each language.

The site's language has the addresses of the service, the others the same below /de/, …. A link to a page that is
published leads there, any other one to the service. Scripts of such pages read files (static/js/maps/map/published.js).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from html import unescape
from io import BytesIO
from itertools import product
from pathlib import Path
from posixpath import dirname, join, normpath
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from detection.models import Alert
from detection.selectors import alerts_public
from ground_motion.runtime.code_version import code_version
from ingest.foundation.storage import RasterStorage
from ingest.models import Product
from monitor.maps.map.series import product_summary
from monitor.open_data.publish.documents import json_of
from monitor.open_data.publish.points import Names
from monitor.pages.alerts.views import ALERTS_ON_A_PAGE
from monitor.web.identity.pages import pages_linked
from monitor.web.languages import words_version
from monitor.wording.cards.cards import alert_cards, alert_feature, cards_state
from monitor.wording.components import both_directions

ABOUT, OUTLINES = "/published.json", "/outlines.geojson"  # What scripts read, in each language.
LISTS = "/alerts/", "/products/"
READ_QUERIES = "/", "/here/"  # Scripts of these pages read what follows the question mark.
OWN_FILES = re.compile(r"/alerts/[^/]+/(?:card\.svg|detections/\d+/[^/]+\.png)")
COMMON_FILES = re.compile(r"/static/.*|/words/.*|/basemap\.json|/manifest\.webmanifest")
# In attributes, and as values of JSON.
ADDRESS = re.compile(r'((?:href|src|action|data-[a-z-]*url)="|": ")(/(?!/)[^"]*|(?<==")\?[^"]*)"')
ONLY_SERVED = re.compile(r' nonce="[^"]*"|<input type="hidden" name="csrfmiddlewaretoken"[^>]*>')
STATIC = re.compile(r"/static/([\w./-]+\.\w+)")
BESIDE = re.compile(rb"""["'`(]((?:\.{1,2}/)*[\w-][\w./-]*\.(?:m?js|css|svg|png))["'`)]""")
Files = dict[str, bytes]


class Mirror:
    """The site as a reader without an account sees it. known: addresses that are published in every language."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known, self.static = set(known), set[str]()
        self.handler, site = BaseHandler(), urlsplit(settings.PUBLIC_URL)
        self.handler.load_middleware()
        port = site.port or {"http": 80, "https": 443}[site.scheme]
        self.environ = {"REQUEST_METHOD": "GET", "SERVER_NAME": site.hostname, "SERVER_PORT": f"{port}"}
        self.environ |= {"wsgi.url_scheme": site.scheme, "HTTP_X_FORWARDED_PROTO": site.scheme}

    def answer(self, address: str, language: str) -> bytes:
        """Return what the site answers. Raises RuntimeError for another status than 200."""
        path, _, query = address.partition("?")
        chosen = {"HTTP_COOKIE": f"{settings.LANGUAGE_COOKIE_NAME}={language}", "wsgi.input": BytesIO()}
        request: Any = WSGIRequest(self.environ | chosen | {"PATH_INFO": path, "QUERY_STRING": query})
        request.published = SimpleNamespace(
            about=name_of(ABOUT, language),
            service=settings.PUBLIC_URL,
            here=settings.PUBLIC_URL + address,
            languages=[(code, name, name_of(address, code)) for code, name in settings.LANGUAGES],
        )
        response = self.handler.get_response(request)
        if response.status_code != 200:
            raise RuntimeError(f"{address} is not published: the site answers {response.status_code}")
        return b"".join(response)

    def written(self, addresses: Iterable[str]) -> Files:
        """Return pages and JSON in each language by name."""
        found = {}
        for address, (language, _name) in product(addresses, settings.LANGUAGES):
            text = self.answer(address, language).decode()
            found[file_of(name_of(address, language))] = self.leading(text, address, language)
        return found

    def leading(self, text: str, at: str, language: str) -> bytes:
        """Return a page or JSON whose addresses lead to what is published, and to the service for the rest."""
        self.static.update(STATIC.findall(text))
        languages = {name_of(at, code) for code, _name in settings.LANGUAGES}

        def led(found: re.Match[str]) -> str:
            before, value = found.groups()
            address, sign, part = value.partition("#")
            path, _, query = address.partition("?")
            path = path or at.partition("?")[0]
            whole = f"{path}?{unescape(query)}" if query and query != "page=1" else path
            if OWN_FILES.fullmatch(path) or COMMON_FILES.fullmatch(path) or value in languages:
                return found[0]
            if whole in self.known:
                return f'{before}{name_of(whole, language)}{sign}{part}"'
            if path in READ_QUERIES:
                return f'{before}{name_of(path, language)}?{query}{sign}{part}"'
            return f'{before}{settings.PUBLIC_URL}{path}{"?" * bool(query)}{query}{sign}{part}"'

        return ADDRESS.sub(led, ONLY_SERVED.sub("", text)).encode()

    def lists(self) -> list[str]:
        """Return the addresses of all pages of the lists, which are known from now on."""
        found = []
        for address in LISTS:
            number = 1
            while b'rel="next"' in self.answer(f"{address}?page={number}", settings.LANGUAGE_CODE):
                number += 1
            found += [address, *(f"{address}?page={later}" for later in range(2, number + 1))]
        self.known.update(found)
        return found

    def of_alert(self, address: str) -> Files:
        """Return an alert's page, its series and its pictures."""
        found = self.written([address, f"{address}series.json"])
        pictures = {one for body in found.values() for one in OWN_FILES.findall(body.decode()) if address in one}
        pictures.add(f"{address}card.svg")
        return found | {file_of(one): self.answer(one, settings.LANGUAGE_CODE) for one in pictures}


def pages_write(
    target: RasterStorage,
    before: Mapping[str, Any],
    products: Mapping[Product, Names],
    archives: Mapping[str, Any],
    noted: Callable[[], AbstractContextManager[None]],
) -> tuple[Files, Files, dict[str, Any]]:
    """Return files by name, digests of those that stay as they are, and what the manifest keeps of the pages.

    Args:
        target: Where the pages of the manifest stand.
        before: The manifest.
        products: The published products.
        archives: Names of archives: "tiles" by layer, and "world" and "archive" of the base map.
        noted: Makes what keeps a fault, so that one page does not hold up the others.
    """
    alerts = list(alerts_public())
    of_products = {f"/products/{one.pk}/" for one in products}
    left = {f"/products/{pk}/" for pk in before.get("products", ())} - of_products
    left |= {f"/alerts/{code}/" for code in before.get("codes", ())} - {f"/alerts/{one.code}/" for one in alerts}
    general = [code_version(), settings.PUBLIC_URL, f"{timezone.now():%Y-%m-%d}"]
    figures = cards_state()
    made_from: dict[str, list[Any]] = {"/": [*general, figures, sorted(of_products)]}
    made_from |= {f"/alerts/{one.code}/": [*general, one.updated_at, figures[1]] for one in alerts}
    texts = [reverse(name) for name in ("map", "about", "reading", "here", *(name for name, _title in pages_linked()))]
    mirror = Mirror([*texts, *LISTS, *of_products, *made_from, *(f"{key}series.json" for key in made_from)])
    files, stay, groups = _common(mirror, products, archives), dict[str, Any](), dict[str, Any]()
    for key, parts in made_from.items():
        state, old = sha256(json_of(parts)).hexdigest()[:16], before.get("pages", {}).get(key)
        if old and old["state"] == state and not (left and any(_holds(target, name, left) for name in old["files"])):
            stay |= {name: before["files"][name] for name in old["files"]}
            groups[key] = old
            continue
        with noted():  # A page that fails keeps nothing withdrawn in its place: it goes.
            found = mirror.of_alert(key) if key != "/" else mirror.written([*texts, *mirror.lists(), *of_products])
            found |= _outlines(mirror, alerts) if key == "/" else {}
            files |= found
            groups[key] = {"state": state, "files": sorted(found)}
    static = _static({*mirror.static, *before.get("static", ())})
    return files | static, stay, {"pages": groups, "static": sorted(name.partition("/")[2] for name in static)}


def name_of(address: str, language: str) -> str:
    """Return the path of a published page, at which a server of files finds it."""
    path, _, query = address.partition("?")
    own = path + (f"{query.replace('=', '-')}/" if query else "")
    return own if language == settings.LANGUAGE_CODE else f"/{language}{own}"


def file_of(path: str) -> str:
    """Return the file that a server sends for a path."""
    return f"{path}index.html".lstrip("/") if path.endswith("/") else path.lstrip("/")


def _holds(target: RasterStorage, name: str, left: Iterable[str]) -> bool:
    with target.open(name) as file:
        content = file.read()
    return any(one.encode() in content for one in left)


def _outlines(mirror: Mirror, alerts: list[Alert]) -> Files:
    """Return the alerts of the map in each language, in the order of their list."""
    found = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            rows = [alert_feature(alert, card) for alert, card in zip(alerts, alert_cards(alerts), strict=True)]
        text = json_of({"type": "FeatureCollection", "features": rows}).decode()
        found[file_of(name_of(OUTLINES, language))] = mirror.leading(text, OUTLINES, language)
    return found


def _common(mirror: Mirror, products: Mapping[Product, Names], archives: Mapping[str, Any]) -> Files:
    """Return what every page reads: translations of scripts, the base map, and what the reader of files has to know."""
    ground = {"ground": None, "heights": None, "archive": archives["archive"]}
    found = {"basemap.json": json_of(ground)}
    for language, _name in settings.LANGUAGES:
        words = reverse("words", args=[language, words_version(language)])
        found[file_of(words)] = mirror.answer(words, language)
        with override(language):
            rows = {
                one.pk: json.loads(mirror.leading(json_of(product_summary(one)).decode(), ABOUT, language))
                | dict(zip(("negative_word", "positive_word"), both_directions(one.component), strict=True))
                | {"series": f"/{names.series}"}
                for one, names in products.items()
            }
        known = {"alerts": name_of(OUTLINES, language), "list": name_of(LISTS[0], language)}
        about = {"products": rows, "on_a_page": ALERTS_ON_A_PAGE, **known, **archives}
        found[file_of(name_of(ABOUT, language))] = json_of(about)
    manifest = reverse("site-manifest")
    return found | {file_of(manifest): mirror.answer(manifest, settings.LANGUAGE_CODE)}


def _static(names: set[str]) -> Files:
    """Return static files, with those that they name themselves."""
    found: Files = {}
    while names:
        name = names.pop()
        if (path := finders.find(name)) and f"static/{name}" not in found:
            content = found[f"static/{name}"] = Path(path).read_bytes()
            if name.endswith(("js", "css")):
                names |= {normpath(join(dirname(name), one.decode())) for one in BESIDE.findall(content)}
    return found
