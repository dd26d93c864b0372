"""Add verdicts to comparisons of releases; a comparison without verdicts is made again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingest", "0001_tables_of_0_4_0")]

    operations = [
        migrations.RenameField("releasechange", "median_change_mm_yr", "common_offset_mm_yr"),
        migrations.AlterField(
            "releasechange",
            "common_offset_mm_yr",
            models.FloatField(help_text="median change of still ground, taken off the raster", null=True),
        ),
        migrations.AddField(
            "releasechange",
            "verdicts",
            models.JSONField(help_text="verdict: number of cells; null: compared before there were any", null=True),
        ),
    ]
