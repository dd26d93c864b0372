"""Bounds of many areas at once, also of areas on both sides of 180 degrees."""

from typing import Any

from django.contrib.gis.db.models import Extent

from ground_motion.core.areas import Bounds

ACROSS_DEGREES = 180.0  # areas that fill less than half of a parallel across 180 degrees are bounded across it


class BoundsOf(Extent):
    """West, south, east and north of areas (EPSG:4326); west > east across 180 degrees (RFC 7946, section 5.2)."""

    # With longitudes from -180 to 180, and from 0 to 360.
    template = "ARRAY[ST_Extent(%(expressions)s)::text, ST_Extent(ST_ShiftLongitude(%(expressions)s))::text]"

    def as_sql(self, *args: Any, **options: Any) -> tuple[str, tuple[str | int, ...]]:
        """Return the SQL of both boxes, with the parameters of each."""
        sql, parameters = super().as_sql(*args, **options)
        return sql, (*parameters, *parameters)

    def convert_value(self, value: Any, expression: Any, connection: Any) -> Bounds | None:
        """Return the bounds in that form of the two in which they are narrower; None without areas."""
        plain: Bounds | None
        plain, turned = (connection.ops.convert_extent(box) for box in value)
        if plain is None or plain[2] - plain[0] <= ACROSS_DEGREES or turned[2] - turned[0] >= ACROSS_DEGREES:
            return plain
        west, south, east, north = turned
        return west, south, east - 360, north
