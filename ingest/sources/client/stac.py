"""Client of a STAC catalogue (SpatioTemporal Asset Catalog API 1.0), through the library `pystac_client`.

Fields: STAC extensions sat, sar, file and alternate-assets. The Copernicus Data Space holds a whole SAFE as the asset
`Product`; catalogues of terrain-corrected images hold one GeoTIFF per polarisation (`vv`, `vh`).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from shapely import Polygon

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import NotInstalled, SearchFailed, SourceError, understood
from ground_motion.core.http.transport import Credential, guard
from ingest.sources.client import scene as catalogue

SOURCE = "stac"
WHOLE = ("product", "zip", "safe")  # Names of assets that contain the whole image.
TIMEOUT_SECONDS = 30.0
PAGE = 100


def search(
    *,
    area: Polygon,
    start: datetime,
    end: datetime,
    url: str,
    collection: str,
    polarisation: str,
    most: int,
    allowed: AllowList,
    credentials: tuple[Credential, ...] = (),
) -> Iterator[catalogue.CatalogueScene]:
    """Yield images over an area's bounding box, in the catalogue's order. Raises SourceError."""
    try:
        import pystac_client
        from pystac_client.stac_api_io import StacApiIO
    except ImportError as fault:
        raise NotInstalled("A STAC catalogue needs the extra: pip install '.[acquire]'.") from fault
    allowed.check(url)
    way = _guard(StacApiIO, allowed, credentials)
    try:
        client = pystac_client.Client.open(url, stac_io=way, timeout=TIMEOUT_SECONDS)
        client.add_conforms_to("ITEM_SEARCH")  # some catalogues support searching without declaring it
        results = client.search(
            collections=[collection], bbox=area.bounds, datetime=(start, end), limit=PAGE, max_items=most
        )
        for item in results.items_as_dicts():
            with understood(f"The catalogue at {urlsplit(url).hostname} holds an item that"):
                yield from _files(item, url, polarisation)
    except (SourceError, GeneratorExit):
        raise
    except Exception as fault:  # The library wraps our errors, and unexpected answers cause any exception.
        raise _reason(fault, url) from fault


def _reason(fault: BaseException, url: str) -> SourceError:
    """Return the SourceError that caused an error of the library; if none did, a SearchFailed of one line."""
    inner: BaseException | None = fault
    while inner is not None:
        if isinstance(inner, SourceError):
            return inner
        inner = inner.__cause__ or inner.__context__
    status = getattr(fault, "status_code", None)
    reason = f"{status}" if status else type(fault).__name__
    return SearchFailed(f"The catalogue at {urlsplit(url).hostname} cannot be searched ({reason}).")


def _guard(kind: type[Any], allowed: AllowList, credentials: tuple[Credential, ...]) -> Any:
    class Guarded(kind):  # type: ignore[misc]
        """Reader of the library that reads allowed URLs only, no local files."""

        def read_text(self, source: Any, *args: Any, **options: Any) -> str:
            allowed.check(str(getattr(source, "href", source)))
            return super().read_text(source, *args, **options)  # type: ignore[no-any-return]

    way = Guarded(max_retries=None, timeout=TIMEOUT_SECONDS)
    way.session = guard(requests.Session(), allowed, credentials, answers=True)
    return way


def _files(item: dict[str, Any], url: str, polarisation: str) -> Iterator[catalogue.CatalogueScene]:
    """Yield at most one file of an item: the whole image if there is one, else the raster of `polarisation`."""
    properties, scene = item["properties"], str(item["id"])
    held = "+".join(properties.get("sar:polarizations") or [])
    own = next((str(link["href"]) for link in item.get("links", []) if link.get("rel") == "self"), url)
    whole = [asset for key, asset in item["assets"].items() if key.lower() in WHOLE]
    rasters = [asset for key, asset in item["assets"].items() if key.lower() == polarisation.lower()]
    for asset in (whole or rasters)[:1]:
        address, media_type = _address(asset, own), str(asset.get("type", ""))
        is_whole = bool(whole) or "zip" in media_type
        scene_id = scene if is_whole else f"{scene}_{polarisation}"
        yield catalogue.CatalogueScene(
            source=SOURCE,
            scene_id=scene_id,
            url=address,
            file_name=catalogue.name_of(address, scene_id, media_type),
            size_bytes=catalogue.exact_bytes(asset.get("file:size")),
            checksum=catalogue.from_multihash(str(asset.get("file:checksum", ""))),
            platform=catalogue.platform_of(properties.get("platform")),
            track=catalogue.track_of(properties.get("sat:relative_orbit")),
            direction=catalogue.direction_of(properties.get("sat:orbit_state")),
            polarisation=held if is_whole else polarisation,
            acquired_at=catalogue.moment_of(properties.get("start_datetime") or properties.get("datetime")),
            footprint=catalogue.outline_of(item.get("geometry")),
        )


def _address(asset: dict[str, Any], own: str) -> str:
    """Return an HTTP URL of an asset: its own or an alternate one; its own address as stated if none is HTTP."""
    others = asset.get("alternate") or {}
    for address in [asset["href"], *(other.get("href", "") for other in others.values())]:
        whole = urljoin(own, str(address))
        if urlsplit(whole).scheme in ("http", "https"):
            return whole
    return str(asset["href"])
