"""Attributes of a point that can stand on an axis."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

USUAL = ("coherence", "velocity")


class Attribute(NamedTuple):
    """Attribute of a point."""

    name: str
    label: str | Promise
    unit: str | Promise
    sql: str  # with {longitude} and {latitude} of the middle of the ground; empty: of series


_RATE = _("mm/year")
ATTRIBUTES = (
    Attribute("velocity", _("Velocity"), _RATE, "velocity_mm_yr"),
    Attribute("uncertainty", _("Uncertainty of the velocity"), _RATE, "velocity_std_mm_yr"),
    Attribute("acceleration", _("Acceleration"), _("mm/year²"), ""),
    Attribute("season", _("Yearly wave (amplitude)"), _("mm"), ""),
    Attribute("coherence", _("Temporal coherence"), _("0 to 1"), "temporal_coherence"),
    Attribute("noise", _("Scatter around the model"), _("mm"), "rmse_mm"),
    Attribute("height", _("Height"), _("m"), "height_m"),
    Attribute("incidence", _("Angle between view and vertical"), "°", "degrees(acos(least(1, greatest(-1, los_up))))"),
    Attribute(
        "distance",
        _("Distance from the middle of the ground"),
        "km",
        "111.195 * sqrt(power(ST_Y(position) - ({latitude}), 2)"
        " + power((ST_X(position) - ({longitude})) * cosd({latitude}), 2))",
    ),
    Attribute("longitude", _("Longitude"), "°", "ST_X(position)"),
    Attribute("latitude", _("Latitude"), "°", "ST_Y(position)"),
)
BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}
