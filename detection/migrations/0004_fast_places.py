"""Add the number of places of an alert that move far faster than its median, counted in its main detection."""

from django.db import migrations, models
from django.db.models import F

from detection.rules.motion import count_fast_places


def count(apps, schema_editor) -> None:
    """Count them in the detection whose peak is the alert's; the next search counts again."""
    alerts = apps.get_model("detection", "Alert").objects
    main = apps.get_model("detection", "Detection").objects.filter(
        alert__extent="local", alert__peak_rate_mm_yr=F("peak_rate_mm_yr"), rate_mm_yr__isnull=False
    )
    for detection in main.exclude(places=[]).only("alert_id", "places", "rate_mm_yr").iterator(chunk_size=100):
        n = count_fast_places(detection.places, detection.rate_mm_yr)
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
