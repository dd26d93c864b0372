"""Delete devices and chat rooms with their messages; the audit keeps their number. Mails to their readers go on."""

from django.db import migrations


def forget(apps, schema_editor):
    endpoints = apps.get_model("monitor", "Endpoint").objects
    audit = apps.get_model("detection", "AuditEntry").objects
    for channel in ("push", "chat"):
        if number := endpoints.filter(channel=channel).count():
            endpoints.filter(channel=channel).delete()
            audit.create(actor="upgrade", action="channel removed", subject=channel, detail=f"{number} endpoints")


class Migration(migrations.Migration):

    dependencies = [
        ('detection', '0012_wide_reference'),
        ('monitor', '0009_volcanoes'),
    ]

    operations = [migrations.RunPython(forget, migrations.RunPython.noop)]
