"""Reading of outlines in KML, as exported by map programs. OGC 12-007r2: always degrees of WGS 84, longitude first.

Links in a file are not followed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ingest.errors import InputError, gettext_noop

SUFFIX = ".kml"
OTHERS = ("Point", "LineString", "LinearRing", "Model", "Track")
REMEDY = gettext_noop("Export it again as KML")


def features(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Yield ({"name": name}, geometry as in GeoJSON or None) of each placemark, one by one. Raises InputError."""
    try:
        with path.open("rb") as stream:
            events = iterparse(stream, events=("start", "end"), forbid_dtd=True)
            _, root = next(events)
            if _tag(root) not in {"kml", "Document", "Placemark"}:
                raise InputError(path, gettext_noop("it is XML, but no KML"), REMEDY)
            depth = int(_tag(root) == "Placemark")  # of nested placemarks, which KML does not allow
            for event, element in events:
                is_placemark = _tag(element) == "Placemark"
                if event == "start":
                    depth += is_placemark
                    continue
                if is_placemark:
                    depth -= 1
                    yield {"name": _text(element, "name")}, _geometry(path, element)
                if not depth:
                    element.clear()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as fault:
        if isinstance(fault, InputError):
            raise
        problem = gettext_noop("it cannot be read as KML (%(fault)s)")
        raise InputError(path, problem, REMEDY, fault=str(fault)[:120]) from fault


def _geometry(path: Path, placemark: Element) -> dict[str, Any] | None:
    polygons = [_rings(path, part) for part in placemark.iter() if _tag(part) == "Polygon"]
    if polygons:
        return {"type": "MultiPolygon", "coordinates": polygons}
    other = next((_tag(part) for part in placemark.iter() if _tag(part) in OTHERS), None)
    return {"type": other} if other else None


def _rings(path: Path, polygon: Element) -> list[list[tuple[float, float]]]:
    outer = [_ring(path, part) for part in polygon if _tag(part) == "outerBoundaryIs"]
    return outer[:1] + [_ring(path, part) for part in polygon if _tag(part) == "innerBoundaryIs"]


def _ring(path: Path, boundary: Element) -> list[tuple[float, float]]:
    corners = next((part.text or "" for part in boundary.iter() if _tag(part) == "coordinates"), "").split()
    ring = []
    for corner in corners:
        try:
            longitude, latitude = (float(number) for number in corner.split(",")[:2])
        except ValueError as fault:
            problem = gettext_noop("the corner '%(corner)s' is no longitude and latitude")
            raise InputError(path, problem, REMEDY, corner=corner[:40]) from fault
        ring.append((longitude, latitude))
    return ring


def _tag(element: Element) -> str:
    """Return an element's name without its namespace; empty for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _text(element: Element, name: str) -> str:
    return next((str(part.text or "").strip() for part in element if _tag(part) == name), "")
