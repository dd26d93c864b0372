"""Small files of a published nation: alerts, CAP messages and feeds as the site serves them, and a static catalogue.

What a name with a digest holds never changes; catalogue and feeds keep their names, because others store these.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q
from django.utils.translation import override

from detection.models import Alert
from ground_motion.core.text import plain_text
from ingest.products.selectors import products, products_public
from monitor.models.messages import CapMessage
from monitor.open_data.cap.views import cap_atom
from monitor.open_data.feeds.alerts import alerts_atom, bulletins_atom
from monitor.open_data.publish.points import Names
from monitor.open_data.standards.collections import Feature, Rows
from monitor.open_data.standards.stac import GEOJSON, JSON, STAC, MovingPlaces, VelocityFields
from monitor.open_data.standards.views import collection_body
from monitor.wording.cards.cards import alert_cards, alert_feature

FEEDS = {"alerts": alerts_atom, "bulletins": bulletins_atom, "cap": cap_atom}
MAX_MESSAGES = 100  # The last messages, as in their feed; besides, the last one of every alert.
PARQUET, ZARR = "application/vnd.apache.parquet", "application/vnd.zarr; version=3"
CATALOGUE = "stac/catalog.json"


class PublishedFields(VelocityFields):
    """The velocity fields whose points are published."""

    known = staticmethod(lambda: products().filter(pk__in=products_public().values("pk")))


def alerts_file(alerts: Sequence[Alert]) -> dict[str, bytes]:
    """Return all alerts as one GeoJSON, by its name."""
    features = [alert_feature(alert, card) for alert, card in zip(alerts, alert_cards(alerts), strict=True)]
    return _named("alerts/alerts", "geojson", {"type": "FeatureCollection", "features": features})


def messages(alerts: Sequence[Alert]) -> dict[str, bytes]:
    """Return CAP messages by name."""
    newest = CapMessage.objects.filter(alert__in=alerts).order_by("alert_id", "-sent_at", "-pk").distinct("alert_id")
    listed = CapMessage.objects.order_by("-sent_at", "-pk").values("pk")[:MAX_MESSAGES]
    chosen = CapMessage.objects.filter(Q(pk__in=newest.values("pk")) | Q(pk__in=listed))
    return {f"alerts/cap/{one.identifier}.xml": plain_text(one.xml).encode() for one in chosen}


def feeds() -> dict[str, bytes]:
    """Return the feeds in each language of the site by name; none without entries, because its date would be now."""
    site, found = urlsplit(settings.PUBLIC_URL), {}
    port = site.port or {"http": 80, "https": 443}[site.scheme]
    environ = {"REQUEST_METHOD": "GET", "SERVER_NAME": site.hostname, "SERVER_PORT": f"{port}", "wsgi.input": BytesIO()}
    for name, view in FEEDS.items():
        for language, _label in settings.LANGUAGES:
            query = "" if language == settings.LANGUAGE_CODE else f"language={language}"
            asked = {"PATH_INFO": f"/{name}.atom", "QUERY_STRING": query, "wsgi.url_scheme": site.scheme}
            with override(language):
                content = b"".join(view(WSGIRequest(environ | asked)))
            if b"<entry>" in content:
                found[f"feeds/{name}.{language}.atom"] = content
    return found


def catalogue(files: Mapping[int, Names], alerts: Sequence[Alert], geojson: str) -> Iterator[tuple[str, bytes]]:
    """Yield a static STAC catalogue: items, the collections that lead to them, and the root.

    files: of each product that is published; geojson: name of the file of alerts.
    """
    fields, places = PublishedFields(), MovingPlaces()
    shown = list(fields.known().filter(pk__in=files))
    items = [_of_product(item, files[row.pk]) for row, item in zip(shown, fields.features(shown), strict=True)]
    yield from _collection(fields, items, {})
    feature = {"href": f"../../{geojson}", "type": GEOJSON, "title": "All alerts", "roles": ["data"]}
    found = [item | {"assets": {}} for item in places.features(alerts)]
    yield from _collection(places, found, {"assets": {"alerts": feature}})
    children = [_link("child", f"{one.name}/collection.json", one.title) for one in (fields, places)]
    title = settings.SITE.name
    words = "The published files of this site. Titles of simulated data begin with 'Simulated'."
    root = {"type": "Catalog", "stac_version": STAC, "id": "published", "title": title, "description": words}
    yield CATALOGUE, json_of(root | {"links": [_link("root", "catalog.json", title), *children]})


def _of_product(item: Feature, names: Names) -> Feature:
    points = {"href": f"../../{names.points}", "type": PARQUET, "title": "Measurement points", "roles": ["data"]}
    series = {"href": f"../../{names.series}", "type": ZARR, "title": "Their series, mm", "roles": ["data"]}
    return item | {"assets": {"points": points} | ({"series": series} if names.series else {})}


def _collection(one: Rows, items: Sequence[Feature], members: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    own, found = [_link("root", "../catalog.json", settings.SITE.name), _link("parent", "../catalog.json", "")], []
    for item in items:
        links = [link | {"href": urljoin(settings.PUBLIC_URL, link["href"])} for link in item["links"]]
        above = [own[0], *(_link(rel, "collection.json", one.title) for rel in ("parent", "collection"))]
        body = item | {"collection": one.name, "links": above + links}
        body["properties"] = {
            name: urljoin(settings.PUBLIC_URL, value) if name == "url" else value
            for name, value in item["properties"].items()
        }
        ((name, content),) = _named(f"stac/{one.name}/{item['id']}", "json", body).items()
        found.append(_link("item", name.rpartition("/")[2], item["properties"]["title"], GEOJSON))
        yield name, content
    yield f"stac/{one.name}/collection.json", json_of(collection_body(one) | members | {"links": own + found})


def _link(rel: str, href: str, title: str, media_type: str = JSON) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": media_type, "title": title}


def _named(stem: str, suffix: str, body: Any) -> dict[str, bytes]:
    """Return a document by a name that holds a digest of it."""
    content = json_of(body)
    return {f"{stem}-{sha256(content).hexdigest()[:16]}.{suffix}": content}


def json_of(body: Any) -> bytes:
    """Return a body as JSON."""
    return json.dumps(body, ensure_ascii=False, cls=DjangoJSONEncoder).encode()
