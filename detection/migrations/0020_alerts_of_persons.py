"""Who found the place of an alert first; until now always the computer."""

from django.db import migrations, models

VERDICTS = ["confirm", "reject", "finish", "duplicate", "field-visit", "taken-back", "drawn"]


class Migration(migrations.Migration):
    dependencies = [("detection", "0019_proposals")]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="source",
            field=models.CharField(
                choices=[("computer", "computer"), ("person", "person")],
                default="computer",
                help_text="who found it first",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="review",
            name="verdict",
            field=models.CharField(choices=[(one, one) for one in VERDICTS], max_length=12),
        ),
    ]
