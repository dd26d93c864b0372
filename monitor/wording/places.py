"""Names for places, with or without a gazetteer: countries of the offline basemap, and readable coordinates."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from ingest.foundation.atlas import country_around
from monitor.wording.figures import decimal

Bounds = tuple[float, float, float, float]
TOWARD = (
    gettext_lazy("to the north"),
    gettext_lazy("to the north-east"),
    gettext_lazy("to the east"),
    gettext_lazy("to the south-east"),
    gettext_lazy("to the south"),
    gettext_lazy("to the south-west"),
    gettext_lazy("to the west"),
    gettext_lazy("to the north-west"),
)


def place_name(longitude: float, latitude: float, simulated: bool = False, near: str = "", region: str = "") -> str:
    """Name a place (degrees, EPSG:4326): 'Mexico, 19.41° N 99.08° W'; a simulated place is never given a country."""
    # near: '3 km south of Aldwick', which then stands for the coordinates; region: the region and country around it.
    where = near or coordinates(longitude, latitude)
    if simulated:
        # Translators: %(where)s is "3 km south of Aldwick" or "19.41° N 99.08° W"
        return _("simulated region, %(where)s") % {"where": where}
    around = region or country_near(longitude, latitude)
    return ", ".join(part for part in ((where, around) if near else (around, where)) if part)


def coordinates(longitude: float, latitude: float) -> str:
    """Return a position in degrees with two decimals and letters: 19.41° N 99.08° W."""
    return f"{latitude_label(latitude)} {longitude_label(longitude)}"


def latitude_label(latitude: float) -> str:
    """Return a latitude in degrees: '19.41° N'."""
    words = pgettext("latitude", "%(degrees)s° N") if latitude >= 0 else pgettext("latitude", "%(degrees)s° S")
    return words % {"degrees": decimal(abs(latitude), 2)}


def longitude_label(longitude: float) -> str:
    """Return a longitude in degrees: '99.08° W'."""
    words = pgettext("longitude", "%(degrees)s° E") if longitude >= 0 else pgettext("longitude", "%(degrees)s° W")
    return words % {"degrees": decimal(abs(longitude), 2)}


def country_near(longitude: float, latitude: float) -> str:
    """Return the country at a place in the active language, or the nearest one within a degree; else an empty text."""
    country = country_around(longitude, latitude)
    return country.title if country else ""


def toward(bearing_deg: float) -> str:
    """Return the direction of a motion from its bearing: 'to the south-east'."""
    return str(TOWARD[round(bearing_deg / 45.0) % 8])
