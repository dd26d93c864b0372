"""The two sets of collections: what is on the ground, for maps of others, and the data behind it, for analysts."""

from collections.abc import Mapping
from typing import NamedTuple

from monitor.open_data.standards.collections import Collection
from monitor.open_data.standards.ground import Alerts, Glaciers, Products
from monitor.open_data.standards.points import Points
from monitor.open_data.standards.stac import Predictions, RadarImages, VelocityFields
from monitor.open_data.standards.stac_items import STAC

_FEATURES = ("core", "geojson")
OGC_CLASSES = tuple(f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in _FEATURES)
STAC_CLASSES = tuple(
    f"https://api.stacspec.org/v1.0.0/{name}" for name in ("core", "collections", "ogcapi-features", "item-search")
)


class Catalogue(NamedTuple):
    """stac: its version, where the collections are those of a STAC catalogue; else empty."""

    name: str
    title: str
    description: str
    conforms_to: tuple[str, ...]
    collections: Mapping[str, Collection]
    stac: str = ""


def _by_name(*collections: Collection) -> dict[str, Collection]:
    return {one.name: one for one in collections}


CATALOGUES = {
    one.name: one
    for one in (
        Catalogue(
            "ogc",
            "Ground Motion Monitor: features",
            "Places where the ground moves, and the measurements that show it, by OGC API Features. Simulated data are "
            "marked: simulated is true.",
            OGC_CLASSES,
            _by_name(Alerts(), Points(), Products(), Glaciers()),
        ),
        Catalogue(
            "stac",
            "Ground Motion Monitor: data",
            "The data behind the map by STAC: velocity fields, radar images, and results of models. Titles of "
            "simulated data begin with 'Simulated'.",
            (*STAC_CLASSES, *OGC_CLASSES),
            _by_name(VelocityFields(), RadarImages(), Predictions()),
            STAC,
        ),
    )
}
