"""Uploads that lack a declaration keep what an inspection told of them, for the question to their sender."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("ingest", "0010_sizes_of_rasters"),
    ]

    operations = [
        migrations.AddField(
            model_name="ingestjob",
            name="inspection",
            field=models.JSONField(
                blank=True, default=dict, help_text="what it was taken for, and what is to be said"
            ),
        ),
    ]
