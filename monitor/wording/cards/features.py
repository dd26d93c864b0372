"""Alerts as GeoJSON features and as lines of a list, for maps and programs elsewhere."""

from django.utils.translation import gettext as _

from detection.models import Alert
from monitor.wording.cards.cards import AlertCard

PROPERTIES = (
    "code",
    "url",
    "kind",
    "kind_label",
    "place",
    "area_label",
    "rate_label",
    "state",
    "state_label",
    "severity",
    "severity_label",
    "exposure",
    "extent",
    "sentence",
    "sentences",
    "source",
    "simulated",
    "longitude",
    "latitude",
)


def alert_feature(alert: Alert, card: AlertCard) -> dict[str, object]:
    """Return an alert as a GeoJSON feature."""
    return {
        "type": "Feature",
        "id": alert.pk,
        "geometry": alert_geometry(alert),
        "properties": {name: getattr(card, name) for name in PROPERTIES}
        | {"first_seen": card.first_seen.isoformat(), "updated": card.updated.isoformat()},
    }


def alert_title(card: AlertCard) -> str:
    """Return 'Sinking ground, 2 km north of Bay: 14 mm a year (provisional)'."""
    title = _("%(kind)s, %(place)s: %(rate)s (%(state)s)")
    title %= {"kind": card.kind_label, "place": card.place, "rate": card.rate_label, "state": card.state_label}
    return _("Simulated: %(title)s") % {"title": title} if card.simulated else title


def alert_geometry(alert: Alert) -> dict[str, object]:
    """Return the outline with coordinates to about 10 cm."""
    rings = [[[[round(x, 6), round(y, 6)] for x, y in ring] for ring in polygon] for polygon in alert.area.coords]
    return {"type": "MultiPolygon", "coordinates": rings}
