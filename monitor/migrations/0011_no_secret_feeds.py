"""Drop the secret addresses of feeds; the audit keeps whose they were, not the addresses."""

from django.db import migrations
from django.db.models import Count


def write_to_audit(apps, schema_editor):
    lost = apps.get_model("monitor", "Subscription").objects.exclude(feed_key=None).order_by("organisation")
    audit = apps.get_model("detection", "AuditEntry").objects
    for organisation, number in lost.values_list("organisation").annotate(Count("pk")):
        subject = f"organisation {organisation}" if organisation else "readers"
        audit.create(actor="upgrade", action="feeds removed", subject=subject, detail=f"{number} secret feeds")


class Migration(migrations.Migration):

    dependencies = [
        ('monitor', '0010_no_push_and_chat'),
    ]

    operations = [
        migrations.RunPython(write_to_audit, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='subscription',
            name='feed_key',
        ),
    ]
