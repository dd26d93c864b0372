"""Publishing a nation: what is large is built once under a name of its own; the manifest, written last, names it all.

Whoever reads the manifest finds every file that it names. A process that is killed leaves files that no manifest names:
the next one uses those that are whole, and the others go after GRACE.
"""

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from detection.models import AlertTransition
from detection.selectors import PUBLIC_STATES, alerts_public
from ingest.foundation.geos import bbox
from ingest.foundation.locks import Lock, hold_lock
from ingest.foundation.storage import RasterStorage
from ingest.products.selectors import products_public
from monitor.maps.map.selectors import layers_available
from monitor.open_data.extracts.layers import UNITS, facts_of
from monitor.open_data.publish import documents
from monitor.open_data.publish.pages import pages_write
from monitor.open_data.publish.points import FORMAT, Names, names_of, product_write
from monitor.open_data.publish.targets import target_of
from monitor.open_data.publish.tiles import archive_name, archive_write, world_name, world_write

logger = logging.getLogger(__name__)
MANIFEST = "manifest.json"
GRACE = timedelta(hours=1)  # Readers of an older manifest may go on reading the files that it names.


def publish(target: RasterStorage) -> None:
    """Build what the target lacks and write the manifest. Raises the first fault, after everything else was done."""
    faults: list[Exception] = []
    for product in products_public().order_by("pk"):
        names = names_of(product)
        if not target.exists(names.points):
            with _noted(faults), _folder() as folder:
                for name in product_write(product, names, folder):
                    _put(target, name, folder)
    writers = {name: partial(archive_write, layer=layer, products=_keys(layer)) for name, layer in _archives().items()}
    for name, write in (writers | _base_map()).items():
        if not target.exists(name):
            with _noted(faults), _folder() as folder:
                write(folder / name)
                _put(target, name, folder)
    manifest_write(target)
    if faults:
        raise faults[0]


def manifest_write(target: RasterStorage) -> None:
    """Write the documents and the manifest of all that is public now and built, and delete what is over.

    If a product or alert is no longer public, no file that may hold it is left to readers of older manifests. Raises
    the fault of a page after all else was written.
    """
    faults: list[Exception] = []
    with hold_lock(Lock.PUBLISHING):
        before, there = manifest_of(target), {entry.name for entry in target.entries()}
        products = {row: names for row in products_public().order_by("pk") if (names := names_of(row)).points in there}
        alerts = list(alerts_public().order_by("pk"))
        content = documents.alerts_file(alerts)
        (geojson,) = content
        content |= documents.messages(alerts) | documents.feeds()
        content |= dict(documents.catalogue({row.pk: names for row, names in products.items()}, alerts, geojson))
        tiles = [name for name in _archives() if name in there]
        ground = [name for name in _base_map() if name in there]
        by_layer = {name.removeprefix("tiles/").rpartition("-")[0]: name for name in tiles}
        archives: dict[str, Any] = {
            "tiles": {layer: f"/{name}" for layer, name in by_layer.items()},
            "world": None,
            "archive": None,
        }
        archives |= {name.removeprefix("ground/").rpartition("-")[0]: f"/{name}" for name in ground}
        shown, stay, kept = pages_write(target, before, products, archives, partial(_noted, faults))
        content |= shown
        large = [name for names in products.values() for name in names if name]
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "site": settings.SITE.name,
            "service": settings.PUBLIC_URL,
            "products": {row.pk: _about(row, names) for row, names in products.items()},
            "alerts": geojson,
            "codes": [alert.code for alert in alerts],
            "tiles": by_layer,
            "catalogue": documents.CATALOGUE,
            "files": dict.fromkeys(large + tiles + ground, "")
            | stay
            | {name: _digest(body) for name, body in content.items()},
            **kept,
        }
        gone = any(set(before.get(kind, ())) - set(map(str, manifest[kind])) for kind in ("products", "codes"))
        named, now = manifest["files"], timezone.now()
        unnamed = {name for name in there - {MANIFEST} if name not in named and _store(name) not in named}
        since = {name: before.get("going", {}).get(name, now.isoformat()) for name in sorted(unnamed)}
        over = {name for name, at in since.items() if gone or datetime.fromisoformat(at) < now - GRACE}
        manifest["going"] = {name: at for name, at in since.items() if name not in over}
        for name, body in content.items():
            if name not in there or before.get("files", {}).get(name) != named[name]:
                target.save(name, ContentFile(body))
        whole = json.loads(json.dumps(manifest))
        if whole != {name: value for name, value in before.items() if name != "published_at"}:
            target.save(MANIFEST, ContentFile(json.dumps(whole | {"published_at": now.isoformat()}).encode()))
        for name in over:
            target.delete(name)
    if faults:
        raise faults[0]


def manifest_of(target: RasterStorage) -> dict[str, Any]:
    """Return the manifest of a target; empty where nothing was published yet."""
    if not target.exists(MANIFEST):
        return {}
    with target.open(MANIFEST) as file:
        found: dict[str, Any] = json.load(file)
    return found


def follow_change(**about: Any) -> None:
    """Take what is no longer public out of the manifest, once the change is committed; for signals.

    A fault is logged and delays nothing else: the scheduled stage does the same.
    """
    step = about.get("instance")
    if isinstance(step, AlertTransition) and step.actor == "automatic" and step.to_state in PUBLIC_STATES:
        return  # News, which the scheduled stage publishes.
    transaction.on_commit(lambda: manifest_write(target_of(settings.PUBLISH_TO)), robust=True)


@contextmanager
def _noted(faults: list[Exception]) -> Iterator[None]:
    """Log and keep a fault, so that one product does not hold up the others."""
    try:
        yield
    except Exception as fault:
        logger.exception("a part could not be published")
        faults.append(fault)


@contextmanager
def _folder() -> Iterator[Path]:
    Path(settings.WORK_DIR).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="publish-", dir=settings.WORK_DIR) as folder:
        yield Path(folder)


def _put(target: RasterStorage, name: str, folder: Path) -> None:
    with (folder / name).open("rb") as file:
        target.save(name, File(file, name=name))


def _archives() -> Mapping[str, Any]:
    """Return the layers of points that have data by the names of their archives."""
    return {archive_name(layer, keys): layer for layer in layers_available() if (keys := _keys(layer))}


def _base_map() -> dict[str, Callable[[Path], Any]]:
    """Return what writes the base map by the names of its archives."""
    found: dict[str, Callable[[Path], Any]] = {world_name(): world_write}
    if settings.BASEMAP_ARCHIVE:
        path = Path(settings.BASEMAP_ARCHIVE)
        state = path.stat()
        name = f"ground/archive-{_digest(f'{state.st_mtime_ns} {state.st_size}'.encode())}.pmtiles"
        found[name] = partial(_linked, path)
    return found


def _linked(path: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(path.absolute())


def _keys(layer: Any) -> list[int]:
    return list(layer.products().order_by("pk").values_list("pk", flat=True))


def _about(row: Any, names: Names) -> dict[str, Any]:
    return facts_of(row, names.points, row.n_points) | {"units": UNITS, "bbox": bbox(row.footprint), **names._asdict()}


def _store(name: str) -> str:
    """Return the Zarr store that a file belongs to."""
    return "/".join(name.split("/")[:2])


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()[:16]
