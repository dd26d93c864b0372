"""Client of the Alaska Satellite Facility (NASA's archive of Sentinel-1), through its library `asf_search`.

The library asks NASA's Common Metadata Repository: POST https://HOST/search/granules.umm_json, pages by the header
CMR-Search-After. Records: UMM-G, https://git.earthdata.nasa.gov/projects/EMFD/repos/unified-metadata-model.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from shapely import MultiPolygon, Polygon

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import NotInstalled, SearchFailed, SourceError, understood
from ground_motion.core.http.transport import guard
from ingest.sources.client import scene as catalogue

SOURCE = "asf"
CMR_HOST = "cmr.earthdata.nasa.gov"
PRODUCTS: dict[str, dict[str, object]] = {
    "GRD": {"platform": ["SENTINEL-1"], "processingLevel": ["GRD_HD", "GRD_HS"], "beamMode": ["IW"]},
    "RTC": {"dataset": ["OPERA-S1"], "processingLevel": ["RTC"]},
    "ARIA": {"dataset": ["ARIA S1 GUNW"]},
    "NISAR": {"dataset": ["NISAR"], "processingLevel": ["GUNW"]},
    "DISP": {"dataset": ["OPERA-S1"], "processingLevel": ["DISP-S1"]},
}
SUFFIXES = {"GRD": ".zip", "ARIA": ".nc", "NISAR": ".h5", "DISP": ".nc"}
BURSTS: dict[str, object] = {"dataset": ["SLC-BURST"], "beamMode": ["IW"]}
# HyP3 demands granule names of this form: relative burst, swath, start, polarisation, last digits of the image's name.
BURST_NAME = re.compile(r"S1_(\d{6})_(IW\d)_(\d{8}T\d{6})_([VH]{2})_[\dA-F]{4}-BURST")
MAX_BURSTS = 5000


class Burst(NamedTuple):
    """One burst of one pass. granule: its name in the catalogue; number: relative burst; swath: IW1 to IW3."""

    granule: str
    number: int
    swath: str
    track: int
    acquired_at: datetime
    footprint: MultiPolygon


def search(
    *,
    area: Polygon,
    start: datetime,
    end: datetime,
    products: Sequence[str],
    polarisation: str,
    most: int,
    allowed: AllowList,
    host: str = CMR_HOST,
) -> Iterator[catalogue.CatalogueScene]:
    """Yield images over an area, the newest first. host: or http://host:port of a mirror. Raises SourceError."""
    for product in products:
        if product not in PRODUCTS:
            raise SearchFailed(f"{product} is no product that can be searched. Set ACQUIRE_PRODUCT to GRD or RTC.")
        wanted = {"intersectsWith": area.wkt, "start": start, "end": end, "maxResults": most, **PRODUCTS[product]}
        for granule in _granules(wanted, allowed, host):
            with understood("ASF's answer holds a record that"):
                yield from _files(granule, product, polarisation)


def bursts(
    *,
    area: Polygon,
    start: datetime,
    end: datetime,
    track: int | None,
    polarisation: str,
    allowed: AllowList,
    host: str = CMR_HOST,
) -> list[Burst]:
    """Return the bursts over an area in one polarisation. Raises SourceError, also if there are too many."""
    wanted = {"intersectsWith": area.wkt, "start": start, "end": end, "maxResults": MAX_BURSTS, **BURSTS}
    wanted |= {"polarization": [polarisation]} | ({"relativeOrbit": [track]} if track else {})
    found = []
    for count, granule in enumerate(_granules(wanted, allowed, host), 1):
        if count == MAX_BURSTS:
            raise SearchFailed(f"The area has more than {MAX_BURSTS:,} bursts. Choose a smaller area or one track.")
        with understood("ASF's answer holds a burst that"):
            name = BURST_NAME.fullmatch(str(granule.properties["fileID"]))
            footprint = catalogue.outline_of(granule.geometry)
            path = catalogue.track_of(granule.properties.get("pathNumber"))
            if name and footprint and path in (track or path,) and path and name[4] == polarisation:
                moment = datetime.strptime(f"{name[3]}Z", "%Y%m%dT%H%M%S%z")
                found.append(Burst(name[0], int(name[1]), name[2], path, moment, footprint))
    return found


def _granules(wanted: dict[str, Any], allowed: AllowList, host: str) -> Iterator[Any]:
    """Yield the library's records of a search. Raises SourceError."""
    try:
        import asf_search
    except ImportError as fault:
        raise NotInstalled("Searching ASF needs the extra: pip install '.[acquire]'.") from fault
    asf_search.REPORT_ERRORS = False  # otherwise the library reports every fault to ASF, outside of our session
    session = _session(asf_search.ASFSession, allowed, host)
    options = asf_search.ASFSearchOptions(host=urlsplit(_address(host)).netloc, session=session)
    try:
        yield from chain.from_iterable(asf_search.search_generator(**wanted, opts=options))
    except (SourceError, GeneratorExit):
        raise
    except requests.RequestException as fault:
        raise SearchFailed(f"ASF cannot be searched just now ({type(fault).__name__}).") from fault
    except Exception as fault:  # unexpected answers cause any kind of exception in the library
        raise SearchFailed(f"ASF's answer cannot be understood ({type(fault).__name__}).") from fault


def _address(host: str) -> str:
    return host if "://" in host else f"https://{host}"


def _session(kind: type[requests.Session], allowed: AllowList, host: str) -> requests.Session:
    """Return a session for the library, limited to allowed hosts; refusals are raised, not tried again."""
    address = _address(host).rstrip("/")

    class Guarded(kind):  # type: ignore[misc,valid-type]
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            answer: requests.Response = super().send(request, **options)
            if answer.status_code >= 400:
                raise SearchFailed(f"{urlsplit(address).hostname} refuses the search ({answer.status_code}).")
            return answer

        def post(self, url: str, *args: Any, **options: Any) -> requests.Response:
            spelled = f"https://{urlsplit(address).netloc}"  # The library supports only https.
            return super().post(url.replace(spelled, address, 1), *args, **options)  # type: ignore[no-any-return]

    return guard(Guarded(), allowed, answers=True)


def _files(granule: Any, product: str, polarisation: str) -> Iterator[catalogue.CatalogueScene]:
    """Yield the wanted files of a granule: an RTC's image in `polarisation`, or the one file of another product."""
    properties, umm = granule.properties, granule.umm
    stated = umm.get("AdditionalAttributes", [])
    attributes = {entry.get("Name"): entry["Values"] for entry in stated if entry.get("Values")}
    scene = str(properties["sceneName"] or properties["fileID"])
    packed = {
        str(entry.get("Name")): entry for entry in umm["DataGranule"].get("ArchiveAndDistributionInformation", [])
    }
    for link in umm["RelatedUrls"]:
        url = str(link.get("URL", ""))
        last = url.rpartition("/")[2]
        wanted = last.endswith(f"_{polarisation}.tif") if product == "RTC" else last.endswith(SUFFIXES[product])
        if link.get("Type") != "GET DATA" or not url.startswith("http") or not wanted:
            continue
        entry, md5 = packed.get(last, {}), properties.get("md5sum") if product == "GRD" else None
        listed = entry.get("Checksum") or {}
        main = catalogue.checksum(str(listed.get("Algorithm", "")), str(listed.get("Value", "")))
        held = properties.get("polarization") or ""
        yield catalogue.CatalogueScene(
            source=SOURCE,
            scene_id=last.rpartition(".")[0],
            url=url,
            file_name=catalogue.name_of(url, scene),
            size_bytes=catalogue.exact_bytes(
                entry.get("SizeInBytes") or (properties.get("bytes") if product == "GRD" else None)
            ),
            checksum=main or (catalogue.checksum("md5", md5) if isinstance(md5, str) else None),
            platform=catalogue.platform_of(properties.get("platform")),
            track=catalogue.track_of(properties.get("pathNumber")),
            direction=catalogue.direction_of(
                properties.get("flightDirection") or attributes.get("ASCENDING_DESCENDING", [""])[0]
            ),
            polarisation=polarisation if product == "RTC" else held if isinstance(held, str) else "+".join(held),
            acquired_at=catalogue.moment_of(properties.get("startTime")),
            footprint=catalogue.outline_of(granule.geometry),
        )
