"""One word for one concept in every table: `state`, `attempts`, `queued_at`, `created_at`, `reported_by`."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ml", "0004_ground_events")]

    operations = [
        migrations.RenameField("run", "status", "state"),
        migrations.RenameField("run", "attempt", "attempts"),
        migrations.RenameField("run", "sent_at", "queued_at"),
        migrations.RenameField("groundevent", "asked_by", "reported_by"),
        migrations.RenameField("groundevent", "asked_at", "created_at"),
        migrations.AlterModelOptions("groundevent", {"ordering": ["-created_at", "-id"]}),
        migrations.AlterField(
            model_name='groundevent',
            name='radius_km',
            field=models.FloatField(default=10.0, help_text='results within this distance belong to it'),
        ),
        migrations.AlterField(
            model_name='run',
            name='lease_until',
            field=models.DateTimeField(help_text='the worker of a running job is taken for dead after this', null=True),
        ),
        migrations.AlterField(
            model_name='run',
            name='queued_at',
            field=models.DateTimeField(help_text='when the broker last got a message about it', null=True),
        ),
        migrations.AlterField(
            model_name='run',
            name='share_done',
            field=models.FloatField(default=0.0, help_text='of a running job, 0-1, as of its last heartbeat'),
        ),
    ]
