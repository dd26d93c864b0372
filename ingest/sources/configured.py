"""Configuration of sources: hosts, credentials and services. Credentials are read from the environment only."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from shapely import Polygon

from ingest.sources.client import asf, stac
from ingest.sources.client.allow_list import AllowList
from ingest.sources.client.faults import SearchFailed
from ingest.sources.client.scene import CatalogueScene
from ingest.sources.client.tokens import Account, Tokens, token_end
from ingest.sources.client.transport import Credential, guard

if TYPE_CHECKING:
    import requests

    from ingest.sources.client.geocoder import Found

SOURCES = (asf.SOURCE, stac.SOURCE)
IF_DENIED = {
    asf.SOURCE: "Set EARTHDATA_TOKEN to a token or to name:password, and accept the data's terms with that account.",
    stac.SOURCE: "Set STAC_TOKEN to name:password (Copernicus) or a token, and name other hosts in STAC_TOKEN_HOSTS.",
}
COPERNICUS_CATALOGUE = "stac.dataspace.copernicus.eu"  # open to everybody; its files need a token
COPERNICUS_HOSTS = [f"{name}.dataspace.copernicus.eu" for name in ("download", "catalogue", "zipper")]


def allow_list() -> AllowList:
    """Return the allow-list of OUTBOUND_HOSTS. Raises ImproperlyConfigured."""
    try:
        return AllowList.of(settings.OUTBOUND_HOSTS)
    except ValueError as fault:
        raise ImproperlyConfigured(f"OUTBOUND_HOSTS: {fault}") from fault


def credentials() -> tuple[Credential, ...]:
    """Return credentials: NASA's token for its archives or password for its login page; STAC's for its catalogue."""
    made = []
    if ":" in settings.EARTHDATA_TOKEN:
        basic = f"Basic {b64encode(settings.EARTHDATA_TOKEN.encode()).decode()}"
        made.append(Credential(_hosts("EARTHDATA_LOGIN_HOSTS"), lambda refused: basic))
    elif settings.EARTHDATA_TOKEN:
        made.append(Credential(_hosts("EARTHDATA_TOKEN_HOSTS"), lambda refused: f"Bearer {settings.EARTHDATA_TOKEN}"))
    if ":" in settings.STAC_TOKEN:
        made.append(Credential(_hosts("STAC_TOKEN_HOSTS"), tokens_of(stac_account(), allow_list()).header))
    elif settings.STAC_TOKEN:
        made.append(Credential(_hosts("STAC_TOKEN_HOSTS"), lambda refused: f"Bearer {settings.STAC_TOKEN}"))
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


def token_ends() -> dict[str, datetime]:
    """Return name of a setting -> when its token ends, for fixed tokens that state their end."""
    ends = {name: token_end(getattr(settings, name)) for name in ("EARTHDATA_TOKEN", "STAC_TOKEN")}
    return {name: end for name, end in ends.items() if end}


def download_session() -> "requests.Session":
    """Return a new session for one download, so that cookies are not shared between downloads."""
    import requests

    return guard(requests.Session(), allow_list(), credentials())


def search(*, source: str, area: Polygon, start: datetime, end: datetime, most: int) -> Iterator[CatalogueScene]:
    """Yield images over an area from the search service `source`. Raises SourceError."""
    if source == asf.SOURCE:
        return asf.search(
            area=area,
            start=start,
            end=end,
            products=settings.ACQUIRE_PRODUCT,
            most=most,
            allowed=allow_list(),
            polarisation=settings.ACQUIRE_POLARISATION,
            host=settings.ACQUIRE_ASF_HOST,
        )
    if source == stac.SOURCE:
        return stac.search(
            area=area,
            start=start,
            end=end,
            url=settings.ACQUIRE_STAC_URL,
            most=most,
            allowed=allow_list(),
            collection=settings.ACQUIRE_STAC_COLLECTION,
            polarisation=settings.ACQUIRE_POLARISATION,
            credentials=credentials(),
        )
    raise SearchFailed(f"{source!r} is no source. Set ACQUIRE_SOURCE to one of {', '.join(SOURCES)}.")


def geocoder_kind() -> str:
    """Return 'nominatim' or 'photon'; empty if no geocoder is configured. Raises ImproperlyConfigured."""
    if not settings.GEOCODER_URL:
        return ""
    from ingest.sources.client.geocoder import kind_of

    try:
        return kind_of(settings.GEOCODER_URL)
    except ValueError as fault:
        raise ImproperlyConfigured(f"GEOCODER_URL: {fault}") from fault


def geocode(*, text: str, language: str, most: int) -> "list[Found]":
    """Return places found by the configured geocoder, the best first. Raises SourceError, ImproperlyConfigured."""
    from ingest.sources.client import geocoder

    kind = geocoder_kind()
    return geocoder.search(
        text=text,
        url=settings.GEOCODER_URL.removeprefix(f"{kind}+"),
        kind=kind,
        language=language,
        most=most,
        allowed=allow_list(),
        contact=settings.PUBLIC_URL,
    )


def _hosts(name: str) -> AllowList:
    hosts = getattr(settings, name)
    if name == "STAC_TOKEN_HOSTS" and not hosts:
        parts = urlsplit(settings.ACQUIRE_STAC_URL)
        hosts = [parts.netloc if parts.scheme == "https" else f"{parts.scheme}://{parts.netloc}"]
        hosts = COPERNICUS_HOSTS if hosts == [COPERNICUS_CATALOGUE] else hosts
    try:
        return AllowList.of(hosts)
    except ValueError as fault:
        raise ImproperlyConfigured(f"{name}: {fault}") from fault
