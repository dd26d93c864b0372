"""Attributes of points that the workbench can plot on an axis."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

USUAL = ("coherence", "velocity")
PLACE = ("longitude", "latitude", "velocity")


class Attribute(NamedTuple):
    """Attribute of a point, with its label, its unit and its SQL."""

    name: str
    label: str | Promise
    unit: str | Promise
    sql: str  # {longitude} and {latitude}: middle of the chosen ground; empty if computed from the series


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
