"""Configuration of sources: hosts, credentials and services. Credentials are read from the environment only."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from shapely import Polygon

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import SearchFailed, SignInRefused
from ground_motion.core.http.transport import Credential, guard
from ingest.sources.client import asf, geocoder, hyp3, stac
from ingest.sources.client.scene import CatalogueScene
from ingest.sources.client.tokens import Account, Tokens

SOURCES = (asf.SOURCE, stac.SOURCE)
IF_DENIED = {
    hyp3.SOURCE: "The product may have expired: order it again on the page Orders.",
    asf.SOURCE: "Set EARTHDATA_TOKEN to a token or to name:password, and accept the data's terms with that account.",
    stac.SOURCE: "Set STAC_TOKEN to name:password (Copernicus) or a token, and name other hosts in STAC_TOKEN_HOSTS.",
}
COPERNICUS_CATALOGUE = "stac.dataspace.copernicus.eu"  # The catalogue is open to everybody; its files need a token.
COPERNICUS_HOSTS = [f"{name}.dataspace.copernicus.eu" for name in ("download", "catalogue", "zipper")]


def allow_list(setting: str = "OUTBOUND_HOSTS") -> AllowList:
    """Return the allow-list in a setting. Raises ImproperlyConfigured."""
    hosts = getattr(settings, setting)
    if setting == "STAC_TOKEN_HOSTS" and not hosts:
        parts = urlsplit(settings.ACQUIRE_STAC_URL)
        hosts = [parts.netloc if parts.scheme == "https" else f"{parts.scheme}://{parts.netloc}"]
        hosts = COPERNICUS_HOSTS if hosts == [COPERNICUS_CATALOGUE] else hosts
    try:
        return AllowList.parse(hosts)
    except ValueError as fault:
        raise ImproperlyConfigured(f"{setting}: {fault}") from fault


def credentials() -> tuple[Credential, ...]:
    """Return credentials: NASA's token for its archives or password for its login page; STAC's for its catalogue."""
    made = []
    if nasa := settings.EARTHDATA_TOKEN:
        is_account = ":" in nasa
        header = f"Basic {b64encode(nasa.encode()).decode()}" if is_account else f"Bearer {nasa}"
        hosts = allow_list("EARTHDATA_LOGIN_HOSTS" if is_account else "EARTHDATA_TOKEN_HOSTS")
        made.append(Credential(hosts, lambda refused: header))
    if token := settings.STAC_TOKEN:
        header_of = (
            tokens_of(stac_account(), allow_list()).header if ":" in token else lambda refused: f"Bearer {token}"
        )
        made.append(Credential(allow_list("STAC_TOKEN_HOSTS"), header_of))
    return tuple(made)


@cache
def tokens_of(account: Account, allowed: AllowList) -> Tokens:
    """Return the tokens of an account, the same for all downloads and searches of this process."""
    return Tokens(account, allowed, "Correct the name and password of STAC_TOKEN.")


def stac_account() -> Account:
    """Return the account of STAC_TOKEN, name:password or name:password@https://… of a token server."""
    pair, other, server = settings.STAC_TOKEN.partition("@https://")
    name, _, password = pair.partition(":")
    return Account(f"https://{server}" if other else settings.STAC_SIGN_IN_URL, name, password)


def download_session() -> requests.Session:
    """Return a new session for one download, so that cookies are not shared between downloads."""
    return guard(requests.Session(), allow_list(), credentials())


def search(
    *, source: str, area: Polygon, start: datetime, end: datetime, most: int, products: Sequence[str] = ()
) -> Iterator[CatalogueScene]:
    """Yield images over an area from `source`. products: of ASF, in place of ACQUIRE_PRODUCT. Raises SourceError."""
    wanted: dict[str, Any] = {
        "area": area,
        "start": start,
        "end": end,
        "most": most,
        "polarisation": settings.ACQUIRE_POLARISATION,
    }
    if source == asf.SOURCE:
        products = products or settings.ACQUIRE_PRODUCT
        return asf.search(**wanted, allowed=allow_list(), products=products, host=settings.ACQUIRE_ASF_HOST)
    if source == stac.SOURCE:
        url, collection = settings.ACQUIRE_STAC_URL, settings.ACQUIRE_STAC_COLLECTION
        return stac.search(**wanted, allowed=allow_list(), url=url, collection=collection, credentials=credentials())
    raise SearchFailed(f"{source!r} is no source. Set ACQUIRE_SOURCE to one of {', '.join(SOURCES)}.")


def bursts(*, areas: Iterable[Polygon], start: datetime, end: datetime, track: int | None) -> list[asf.Burst]:
    """Return the bursts over areas, each once. Raises SourceError."""
    wanted: dict[str, Any] = {"start": start, "end": end, "track": track, "polarisation": settings.ACQUIRE_POLARISATION}
    found = (
        burst
        for area in areas
        for burst in asf.bursts(area=area, **wanted, allowed=allow_list(), host=settings.ACQUIRE_ASF_HOST)
    )
    return list({burst.granule: burst for burst in found}.values())


def processor() -> hyp3.Processor:
    """Return a new client of HyP3 with Earthdata's sign-in. Raises SourceError."""
    if not settings.EARTHDATA_TOKEN:
        raise SignInRefused(f"HyP3 needs an account. {IF_DENIED[asf.SOURCE]}")
    by_password = settings.EARTHDATA_SIGN_IN_URL if ":" in settings.EARTHDATA_TOKEN else ""
    return hyp3.Processor(settings.HYP3_URL, allow_list(), credentials(), IF_DENIED[asf.SOURCE], by_password)


def geocode(*, text: str, language: str, most: int) -> list[geocoder.Found]:
    """Return places found by the configured geocoder, the best first. Raises SourceError."""
    return geocoder.search(
        text=text,
        url=settings.GEOCODER_URL,
        language=language,
        most=most,
        allowed=allow_list(),
        contact=settings.PUBLIC_URL,
    )
