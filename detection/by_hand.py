"""Columns of alerts set by people: later searches keep them and store the computed values separately."""

import copy
import json
from collections.abc import Mapping
from typing import Any

from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from shapely import from_wkb

from detection.models import Alert
from detection.tables.reviews import SetByHand
from ground_motion.core.areas import area_of

COLUMNS = ("kind", "severity", "area")  # Both a search and a person can set these columns.
FIELDS = (*COLUMNS, "texts")


def columns_set_by_hand(alert: Alert) -> SetByHand | None:
    """Return the columns of an alert that people have set; None if there are none."""
    return SetByHand.objects.filter(alert=alert).first()


def values_by_hand(set_by_hand: SetByHand | None) -> dict[str, Any]:
    """Return, as JSON, the value that people have set for each of FIELDS; None where they have set none."""
    return {name: as_json(getattr(set_by_hand, name, None)) or None for name in FIELDS}


def keep_by_hand(*, alert: Alert, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Replace computed columns by those that people have set."""
    set_by_hand, kept = columns_set_by_hand(alert), dict(columns)
    if set_by_hand is None:
        return kept
    set_by_hand.computed |= {name: as_json(columns[name]) for name in COLUMNS if name in columns}
    set_by_hand.save(update_fields=["computed"])
    for name in COLUMNS:
        if name in kept and getattr(set_by_hand, name):
            kept[name] = getattr(set_by_hand, name)
    if set_by_hand.area and "area_m2" in kept:
        kept["area_m2"] = area_m2_of(set_by_hand.area)
    return kept


def as_computed(alert: Alert) -> Alert:
    """Copy an alert, not to be saved, with computed values in place of those that people have set."""
    set_by_hand = columns_set_by_hand(alert)
    if set_by_hand is None or not set_by_hand.computed:
        return alert
    plain = copy.copy(alert)
    for name in COLUMNS:
        if name in set_by_hand.computed:
            setattr(plain, name, from_json(set_by_hand.computed[name]))
    plain.area_m2 = area_m2_of(plain.area)
    return plain


def area_m2_of(area: MultiPolygon) -> float:
    """Return the area of an outline in square metres."""
    return area_of(from_wkb(bytes(area.wkb)))


def as_json(value: Any) -> Any:
    """Return areas as GeoJSON, and other values unchanged."""
    return json.loads(value.geojson) if isinstance(value, GEOSGeometry) else value


def from_json(value: Any) -> Any:
    """Restore a value from the JSON value that `as_json` made of it."""
    return GEOSGeometry(json.dumps(value), srid=4326) if isinstance(value, dict) else value
