"""Answers of the two search services, shaped as theirs are, about images that are made up.

ASF: what NASA's Common Metadata Repository answers to POST /search/granules.umm_json (UMM-G 1.6.5; field by field as in
the granules of SENTINEL-1B_DP_GRD_HIGH and OPERA_L2_RTC-S1_V1). STAC: an API of version 1.0 as that of the Copernicus
Data Space, with paging by POST links.
"""

import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.service.ingest.sources.replay import RecordedRequest, Replay

RTC = "OPERA_L2_RTC-S1_T131-279916-IW1_20231202T162856Z_20231202T232622Z_S1A_30_v1.0"
GRD = "S1B_IW_GRDH_1SDV_20211110T032039_20211110T032104_029520_0385E6_60DB"
CORNERS = [[-147.1, 64.9], [-148.9, 65.1], [-149.0, 64.9], [-147.2, 64.8], [-147.1, 64.9]]


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def granule(
    name: str,
    short_name: str,
    attributes: dict[str, list[str]],
    urls: list[str],
    packed: list[dict[str, Any]],
    platform: str,
    begins: str,
) -> dict[str, Any]:
    direct = [f"s3://bucket/{url.rpartition('/')[2]}" for url in urls]
    points = [{"Longitude": x, "Latitude": y} for x, y in CORNERS]
    return {
        "meta": {"concept-id": "G2810724460-ASF", "provider-id": "ASF", "native-id": name, "revision-id": 1},
        "umm": {
            "GranuleUR": name,
            "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": begins, "EndingDateTime": begins}},
            "OrbitCalculatedSpatialDomains": [{"OrbitNumber": 51478}],
            "AdditionalAttributes": [{"Name": key, "Values": values} for key, values in attributes.items()],
            "SpatialExtent": {
                "HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}}
            },
            "CollectionReference": {"ShortName": short_name, "Version": "1"},
            "RelatedUrls": [
                {"URL": "https://datapool.asf.alaska.edu/BROWSE/x.png", "Type": "GET RELATED VISUALIZATION"},
                *({"URL": url, "Type": "GET DATA"} for url in urls),
                *({"URL": f"{url}.md5", "Type": "EXTENDED METADATA"} for url in urls),
                *({"URL": url, "Type": "GET DATA VIA DIRECT ACCESS"} for url in direct),
                {"URL": "https://cumulus.asf.alaska.edu/s3credentials", "Type": "VIEW RELATED INFORMATION"},
            ],
            "DataGranule": {
                "ArchiveAndDistributionInformation": packed,
                "DayNightFlag": "Unspecified",
                "Identifiers": [{"Identifier": name.removesuffix("-GRD_HD"), "IdentifierType": "ProducerGranuleId"}],
                "ProductionDateTime": begins,
            },
            "Platforms": [{"ShortName": platform, "Instruments": [{"ShortName": "C-SAR", "OperationalModes": ["IW"]}]}],
        },
    }


def rtc(base: str, files: dict[str, bytes], name: str = RTC, begins: str = "2023-12-02T16:28:56Z") -> dict[str, Any]:
    """An OPERA burst: an image per polarisation, a mask and metadata, each with size and MD5."""
    packed = [
        {"Name": file, "SizeInBytes": len(data), "Format": "GeoTIFF"}
        | {"Checksum": {"Value": md5(data), "Algorithm": "MD5"}}
        for file, data in files.items()
    ]
    attributes = {"ASCENDING_DESCENDING": ["DESCENDING"], "BEAM_MODE": ["IW"], "POLARIZATION": ["VV", "VH"]}
    attributes |= {"OPERA_BURST_ID": ["T131_279916_IW1"], "PATH_NUMBER": ["131"], "PROCESSING_TYPE": ["RTC"]}
    urls = [f"{base}/RTC/OPERA-S1/{file}" for file in files]
    return granule(name, "OPERA_L2_RTC-S1_V1", attributes, urls, packed, "Sentinel-1A", begins)


def grd(base: str, data: bytes, name: str = GRD) -> dict[str, Any]:
    """A GRD: one zip, whose size and MD5 stand among the attributes."""
    attributes = {
        "ASCENDING_DESCENDING": ["ASCENDING"],
        "ASF_PLATFORM": ["Sentinel-1B"],
        "BEAM_MODE": ["IW"],
        "BYTES": [str(len(data))],
        "MD5SUM": [md5(data)],
        "PATH_NUMBER": ["94"],
        "POLARIZATION": ["VV+VH"],
        "PROCESSING_TYPE": ["GRD_HD"],
    }
    packed = [{"Name": "Not provided", "Size": len(data) / 2**20, "SizeUnit": "MB", "Format": "Not provided"}]
    urls, begins = [f"{base}/GRD_HD/SB/{name}.zip"], "2021-11-10T03:20:39.000Z"
    return granule(f"{name}-GRD_HD", "SENTINEL-1B_DP_GRD_HIGH", attributes, urls, packed, "SENTINEL-1B", begins)


def cmr(server: Replay, granules: list[dict[str, Any]], page: int = 250) -> None:
    """NASA's search: all granules, page by page; the header CMR-Search-After says where the next one begins."""

    def answer(request: RecordedRequest) -> tuple[object, dict[str, str]]:
        start = int(request.headers.get("CMR-Search-After", "0"))
        items = granules[start : start + page]
        after = {"CMR-Search-After": str(start + page)} if start + page < len(granules) else {}
        return {"hits": len(granules), "took": 12, "items": items}, {"CMR-Hits": str(len(granules)), **after}

    server.answers["/search/granules.umm_json"] = answer


def cmr_parameters(request: RecordedRequest) -> list[tuple[str, str]]:
    return parse_qsl(request.body)


def item(scene: str, assets: dict[str, dict[str, Any]], **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": scene,
        "collection": "sentinel-1-grd",
        "stac_extensions": ["https://stac-extensions.github.io/file/v2.1.0/schema.json"],
        "geometry": {"type": "Polygon", "coordinates": [CORNERS]},
        "bbox": [-149.0, 64.8, -147.1, 65.1],
        "properties": {
            "datetime": "2023-04-13T13:56:42.123456Z",
            "platform": "sentinel-1a",
            "sat:relative_orbit": 131,
            "sat:orbit_state": "descending",
            "sar:polarizations": ["VV", "VH"],
            "sar:instrument_mode": "IW",
            "sar:product_type": "GRD",
            **properties,
        },
        "links": [],
        "assets": assets,
    }


def whole(href: str, data: bytes, algorithm: str = "md5") -> dict[str, Any]:
    """The asset of the Copernicus Data Space that holds all of a SAFE."""
    code = {"md5": "d50110", "sha256": "1220"}[algorithm]
    return {
        "href": href,
        "type": "application/zip",
        "title": "Zipped product",
        "roles": ["data", "metadata", "archive"],
        "file:size": len(data),
        "file:checksum": code + hashlib.new(algorithm, data).hexdigest(),
    }


def stac(server: Replay, items: list[dict[str, Any]], page: int = 2, root: str = "") -> str:
    """A STAC API; returns its address. root: under which it is reached through a proxy."""
    root = root or f"{server.address}/stac"
    path = urlsplit(root).path
    links = [
        {"rel": "self", "href": root, "type": "application/json"},
        {"rel": "root", "href": root, "type": "application/json"},
        {"rel": "data", "href": f"{root}/collections", "type": "application/json"},
        {"rel": "search", "href": f"{root}/search", "type": "application/geo+json", "method": "POST"},
    ]
    conforms = [f"https://api.stacspec.org/v1.0.0/{part}" for part in ("core", "item-search", "collections")]

    def search(request: RecordedRequest) -> tuple[object, dict[str, str]]:
        wanted = json.loads(request.body)
        start = int(wanted.get("token", "0"))
        more = start + page < len(items)
        rest = {**wanted, "token": str(start + page)}
        again = links[-1] | {"rel": "next", "body": rest}
        found = items[start : start + page]
        return {"type": "FeatureCollection", "features": found, "links": [again] if more else []}, {}

    described = {"stac_version": "1.0.0", "description": "made"}
    catalog = described | {"type": "Catalog", "id": "made", "conformsTo": conforms, "links": links}
    collection = described | {
        "type": "Collection",
        "id": "sentinel-1-grd",
        "links": [],
        "license": "other",
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
    }
    server.answers[path] = server.answers[f"{path}/"] = lambda request: (catalog, {})
    server.answers[f"{path}/collections"] = lambda request: ({"collections": [collection], "links": []}, {})
    server.answers[f"{path}/search"] = search
    return root
