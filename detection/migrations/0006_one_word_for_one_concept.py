"""One word for one concept in every table: `created_at`, `updated_at`."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("detection", "0005_glacier_surges")]

    operations = [
        migrations.RenameField("scan", "scanned_at", "created_at"),
        migrations.RenameField("alert", "first_seen", "created_at"),
        migrations.RenameField("alert", "updated", "updated_at"),
        migrations.AlterModelOptions("alert", {"ordering": ["-created_at", "-id"]}),
        migrations.RenameField("alerttransition", "at", "created_at"),
        migrations.AlterModelOptions("alerttransition", {"ordering": ["created_at", "id"]}),
        migrations.RenameField("review", "at", "created_at"),
        migrations.AlterModelOptions("review", {"ordering": ["created_at", "id"]}),
        migrations.RenameField("auditentry", "at", "created_at"),
        migrations.RenameField("glaciermotion", "updated", "updated_at"),
        migrations.AlterField(
            model_name='alert',
            name='class_shares',
            field=models.JSONField(default=dict, help_text='class of the network: its probability, 0-1'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='onset',
            field=models.DateField(help_text='of a surge: when a tenth of its rise is reached', null=True),
        ),
        migrations.AlterField(
            model_name='alert',
            name='usual_speed_m_day',
            field=models.FloatField(help_text='of a glacier: expected from season and trend', null=True),
        ),
        migrations.AlterField(
            model_name='detection',
            name='class_shares',
            field=models.JSONField(default=dict, help_text='class of the network: its probability, 0-1'),
        ),
        migrations.AlterField(
            model_name='detection',
            name='onset',
            field=models.DateField(help_text='of a surge: when a tenth of its rise is reached', null=True),
        ),
        migrations.AlterField(
            model_name='detection',
            name='usual_speed_m_day',
            field=models.FloatField(help_text='of a glacier: expected from season and trend', null=True),
        ),
        migrations.AlterField(
            model_name='glaciermotion',
            name='stale',
            field=models.BooleanField(db_index=True, default=True, help_text='a sample is newer than this'),
        ),
        migrations.AlterField(
            model_name='glacierscan',
            name='stable_rmse_m_day',
            field=models.FloatField(help_text='apparent motion of stable ground, median removed', null=True),
        ),
    ]
