"""Add the number of places of an alert that move far faster than its median, counted in its main detection."""

from django.db import migrations, models
from django.db.models import F

MIN_FAST = 2.0  # as in `detection.rules.motion` when this was written


def count(apps, schema_editor) -> None:
    """Set n_fast_places of each alert from the detection whose peak is the alert's."""
    alerts = apps.get_model("detection", "Alert").objects
    main = apps.get_model("detection", "Detection").objects.filter(
        alert__extent="local", alert__peak_rate_mm_yr=F("peak_rate_mm_yr"), rate_mm_yr__isnull=False
    )
    for detection in main.exclude(places=[]).only("alert_id", "places", "rate_mm_yr").iterator(chunk_size=100):
        least = MIN_FAST * abs(detection.rate_mm_yr)
        n = sum(abs(place["peak_low_mm_yr"]) >= least for place in detection.places)
        if n:
            alerts.filter(pk=detection.alert_id).update(n_fast_places=n)


class Migration(migrations.Migration):
    dependencies = [
        ("detection", "0003_importance"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="n_fast_places",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="places inside that surely move far faster than the median; the fastest is the headline",
            ),
        ),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
