"""Drop quiet hours and photos of residents' reports; the audit keeps how many there were."""

from django.db import migrations


def write_to_audit(apps, schema_editor):
    reports, subscriptions = (apps.get_model("monitor", name).objects for name in ("ResidentReport", "Subscription"))
    audit = apps.get_model("detection", "AuditEntry").objects
    if photos := reports.exclude(photo=None).count():
        audit.create(actor="upgrade", action="photos removed", subject="reports", detail=f"{photos} photos of residents")
    if quiet := subscriptions.exclude(quiet_from=None).count():
        audit.create(actor="upgrade", action="quiet hours removed", subject="readers", detail=f"{quiet} subscriptions")


class Migration(migrations.Migration):

    dependencies = [
        ('monitor', '0011_no_secret_feeds'),
    ]

    operations = [
        migrations.RunPython(write_to_audit, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='residentreport',
            name='photo',
        ),
        migrations.RemoveField(
            model_name='residentreport',
            name='mailbox',
        ),
        migrations.RemoveField(
            model_name='residentreport',
            name='network',
        ),
        migrations.RemoveField(
            model_name='residentreport',
            name='size_bytes',
        ),
        migrations.RemoveField(
            model_name='subscription',
            name='quiet_from',
        ),
        migrations.RemoveField(
            model_name='subscription',
            name='quiet_until',
        ),
        migrations.DeleteModel(
            name='UnconfirmedPhoto',
        ),
    ]
