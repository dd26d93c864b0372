"""Add the importance and the number of views of alerts. `manage.py prepare` computes the importance afterwards."""

from django.db import migrations, models
from django.db.models import Exists, OuterRef


def views_guess(apps, schema_editor) -> None:
    """Set two views where an alert was once seen twice; its next search counts the views."""
    steps = apps.get_model("detection", "AlertTransition").objects.filter(alert=OuterRef("pk"), to_state="provisional")
    apps.get_model("detection", "Alert").objects.filter(Exists(steps)).update(n_views=2)


class Migration(migrations.Migration):
    dependencies = [
        ("detection", "0002_undo_is_a_proposal"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="importance",
            field=models.FloatField(
                db_index=True, default=0.0, help_text="steps of detection.rules.importance: the order of all lists"
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="n_views",
            field=models.PositiveSmallIntegerField(default=1, help_text="independent views that show it now"),
        ),
        migrations.RunPython(views_guess, migrations.RunPython.noop),
    ]
