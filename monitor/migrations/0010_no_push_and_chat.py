"""Delete devices and chat rooms with their messages and contacts; the audit keeps whose. Mails to their readers go on."""

from django.db import migrations
from django.db.models import Count


def forget(apps, schema_editor):
    gone = apps.get_model("monitor", "Endpoint").objects.filter(channel__in=["push", "chat"])
    audit = apps.get_model("detection", "AuditEntry").objects
    of_owners = gone.order_by("channel", "organisation").values_list("channel", "organisation")
    for channel, organisation, number, asked in of_owners.annotate(Count("pk"), Count("contact")):
        subject = f"organisation {organisation}" if organisation else "readers"
        detail = f"{number} endpoints, {asked} of them contacts"
        audit.create(actor="upgrade", action="channel removed", subject=subject, before=channel, detail=detail)
    gone.delete()


class Migration(migrations.Migration):

    dependencies = [
        ('detection', '0012_wide_reference'),
        ('monitor', '0009_volcanoes'),
    ]

    operations = [migrations.RunPython(forget, migrations.RunPython.noop)]
