"""Attributes of points that can be plotted, and parsing of the workbench's address, which defines all that is shown.

Degrees are EPSG:4326.
"""

from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.gis.geos import GEOSGeometry
from django.http import QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ground_motion.core.areas import MAX_KM2, bounds_of
from ingest.foundation.geos import geos
from ingest.models import Product
from monitor.maps.charts.selectors import MAX_AREA_KM2, named_area
from monitor.maps.map.layers import BY_NAME as LAYERS
from monitor.maps.map.selectors import map_at
from monitor.wording.refusals import Refusal, area_of, choice, parts_of, whole_number

USUAL = ("coherence", "velocity")
PLACE = ("longitude", "latitude", "velocity")
_RATE = _("mm/year")
MAX_CORNERS = 40
MAX_LETTERS = 2000
NAMES = {"product": "on"}  # name in the address, where it differs


class Attribute(NamedTuple):
    """Attribute of a point, with its label, its unit and its SQL."""

    name: str
    label: str | Promise
    unit: str | Promise
    sql: str  # {longitude} and {latitude}: middle of the chosen ground


ATTRIBUTES = (
    Attribute("velocity", _("Velocity"), _RATE, "velocity_mm_yr"),
    Attribute("uncertainty", _("Uncertainty of the velocity"), _RATE, "velocity_std_mm_yr"),
    Attribute("coherence", _("Temporal coherence"), _("0 to 1"), "temporal_coherence"),
    Attribute("noise", _("Scatter around the model"), _("mm"), "rmse_mm"),
    Attribute("height", _("Height"), _("m"), "height_m"),
    Attribute("incidence", _("Angle between view and vertical"), "°", "degrees(acos(least(1, greatest(-1, los_up))))"),
    Attribute(
        "distance",
        _("Distance from the middle of the ground"),
        "km",
        "111.195 * sqrt(power(ST_Y(position) - ({latitude}), 2)"
        " + power((ST_X(position) - ({longitude}) - 360 * round((ST_X(position) - ({longitude})) / 360))"
        " * cosd({latitude}), 2))",
    ),
    Attribute("longitude", _("Longitude"), "°", "ST_X(position)"),
    Attribute("latitude", _("Latitude"), "°", "ST_Y(position)"),
)
BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}


class View(NamedTuple):
    """Options of the workbench. product: id of a data set; area: text from the address."""

    product: int | None = None
    area: str = ""
    layer: str = ""
    x: str = USUAL[0]
    y: str = USUAL[1]

    @property
    def ground(self) -> GEOSGeometry | None:
        """Return the chosen ground, a box of any size or an area drawn on the map; None for all. Raises Refusal."""
        if self.area.count(",") == 3 and ";" not in self.area:
            return area_of(self.area)
        region = named_area("area", self.area, MAX_KM2)
        return geos(region.outline) if region else None


def view_of(asked: QueryDict) -> View:
    """Parse the parameters of an address. Raises Refusal."""
    area = asked.get("area") or asked.get("bbox", "")
    parts_of("area", area, MAX_CORNERS, ";")
    if len(area) > MAX_LETTERS:
        raise Refusal(f"area has {len(area)} letters", f"Give at most {MAX_LETTERS}.")
    view = View(
        product=whole_number("on", on, 1, 2**31 - 1) if (on := asked.get("on", "")) else None,
        area=area,
        layer=choice("layer", asked.get("layer", ""), list(LAYERS)),
        x=choice("x", asked.get("x", ""), list(BY_NAME)) or USUAL[0],
        y=choice("y", asked.get("y", ""), list(BY_NAME)) or USUAL[1],
    )
    _ = view.ground  # Parse the ground here, so that an invalid area is refused.
    return view


def address(view: View, **changes: Any) -> str:
    """Return the address of a view with changes to its fields; fields with default values are left out."""
    view, usual = view._replace(**changes), View()
    said = {
        NAMES.get(name, name): value
        for name, value in view._asdict().items()
        if value and value != getattr(usual, name)
    }
    return f"{reverse('workbench')}?{urlencode(said, safe=',;')}"


def map_address(product: Product, view: View) -> str:
    """Return the map's address at a view's area (with its mean series if it is small), or else at the product."""
    fitting = [
        layer
        for layer in LAYERS.values()
        if layer.component == product.component
        and layer.technique == product.technique
        and layer.direction in (None, product.direction)
    ]
    # The most specific of the layers that show a product is named.
    layer, ground = max(fitting, key=lambda one: one.direction is not None, default=None), view.ground
    said = {"layer": layer.name} if layer else {}
    with suppress(Refusal):  # The area may be too large for a chart.
        if named_area("area", view.area, MAX_AREA_KM2):
            said["area"] = view.area
    at = map_at(*bounds_of(ground or product.footprint))
    return f"{reverse('map')}?{urlencode(said, safe=',;')}{at}"
