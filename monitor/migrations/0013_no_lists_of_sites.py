"""Drop the lists of sites and the bytes counted for them; subscriptions keep the ground of their lists, and go on.

The audit keeps whose lists there were and how many sites they had, not the sites.
"""

from django.db import migrations
from django.db.models import Count, Sum


def write_to_audit(apps, schema_editor):
    lists = apps.get_model("monitor", "Subscription").objects.filter(n_assets__gt=0, shared=None).order_by("organisation")
    audit = apps.get_model("detection", "AuditEntry").objects
    counted = lists.values_list("organisation").annotate(Count("pk"), Sum("n_assets"))
    for organisation, number, sites in counted:
        subject, detail = f"organisation {organisation}" if organisation else "readers", f"{sites} sites in {number} lists"
        audit.create(actor="upgrade", action="lists of sites removed", subject=subject, detail=detail)


class Migration(migrations.Migration):

    dependencies = [
        ('monitor', '0012_no_quiet_hours_and_photos'),
    ]

    operations = [
        migrations.RunPython(write_to_audit, migrations.RunPython.noop),
        migrations.DeleteModel(name='Asset'),
        migrations.RemoveField(model_name='subscription', name='n_assets'),
        migrations.RemoveField(model_name='subscription', name='size_bytes'),
        migrations.RemoveField(model_name='subscription', name='mailbox'),
        migrations.RemoveField(model_name='subscription', name='network'),
    ]
