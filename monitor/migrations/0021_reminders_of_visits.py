"""A kind of message for operators: visits on site that are planned for tomorrow."""

from django.db import migrations, models

KINDS = [
    "confirm",
    "link",
    "alert",
    "correction",
    "digest",
    "summary",
    "sign",
    "test",
    "invitation",
    "reset",
    "check",
    "ended",
    "visits",
]


class Migration(migrations.Migration):
    dependencies = [("monitor", "0020_feeds_and_devices")]

    operations = [
        migrations.AlterField(
            model_name="outgoingmessage",
            name="kind",
            field=models.CharField(choices=[(one, one.title()) for one in KINDS], max_length=10),
        ),
    ]
