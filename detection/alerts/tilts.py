"""The steepest tilt inside alerts, for many at once."""

from collections.abc import Sequence

from django.db.models import F, Func, JSONField, Value

from detection.models import Alert, Detection

OF_PLACES = ("tilt_mm_m_yr", "tilt_low_mm_m_yr", "tilt_high_mm_m_yr")  # see `ml.rasters.areas.place_as_dict`
Tilt = tuple[float, float, float]


def steepest_tilts(*, alerts: Sequence[Alert]) -> dict[int, Tilt]:
    """By the alert's row: mm a year per m, and its 90 % interval; none where it was not measured.

    Of the detections that gave the alert its rates. Their places stay in the database: outlines weigh a lot.
    """
    columns = {f"every_{name}": _at_every_place(name) for name in OF_PLACES}
    rows = Detection.objects.filter(
        alert__in=[alert.pk for alert in alerts],
        rate_mm_yr=F("alert__rate_mm_yr"),
        peak_rate_mm_yr=F("alert__peak_rate_mm_yr"),
    ).annotate(**columns)
    steepest: dict[int, Tilt] = {}
    for number, *tilts in rows.order_by("pk").values_list("alert_id", *columns):
        if measured := list(zip(*tilts, strict=True)):
            steepest[number] = max(measured)
    return steepest


def _at_every_place(name: str) -> Func:
    cast = "%(function)s(%(expressions)s::jsonpath)"
    places, path = F("places"), Value(f"$[*].{name}")
    return Func(places, path, function="jsonb_path_query_array", template=cast, output_field=JSONField())
