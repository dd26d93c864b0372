from django.db import migrations, models


class Migration(migrations.Migration):
    """Delete ledgers of buildings, which are computed anew, because their tilt and damage had another meaning."""

    dependencies = [("ml", "0010_results_until_the_next")]

    operations = [
        migrations.RunSQL("TRUNCATE ml_buildingledger, ml_buildingmotion", migrations.RunSQL.noop),
        migrations.RemoveField("buildingmotion", "damage_low"),
        migrations.RemoveField("buildingmotion", "damage_high"),
        migrations.AddField(
            "buildingmotion",
            "moves_alone",
            models.BooleanField(
                default=False, help_text="against the ground around; so does one of 100 simulated ones at rest"
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            "buildingmotion",
            "tilt_mm_m_yr",
            models.FloatField(null=True, help_text="the steepest, taken for vertical; null: noise exceeds it"),
        ),
        migrations.AlterField(
            "buildingmotion",
            "tilt_high",
            models.FloatField(null=True, help_text="alone: the tilt is at most this; null: too few points"),
        ),
        migrations.AlterField(
            "buildingmotion",
            "damage",
            models.PositiveSmallIntegerField(
                help_text="since the first image (Rankin 1988) 1: negligible, 2: slight, 3: more; 0: points cannot tell"
            ),
        ),
        migrations.AddField(
            "groundevent",
            "mechanism",
            models.CharField(
                blank=True,
                choices=[("strike-slip", "strike-slip"), ("thrust", "thrust"), ("normal", "normal")],
                default="",
                help_text="empty: not known",
                max_length=12,
            ),
            preserve_default=False,
        ),
    ]
