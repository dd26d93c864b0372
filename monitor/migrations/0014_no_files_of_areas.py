"""Drop files of areas that were asked for by mail, their rows and mails; the audit keeps how many there were.

The files themselves are named by no row any more: `manage.py prune` and the daily task delete such files.
"""

from django.db import migrations, models


def write_to_audit(apps, schema_editor):
    asked = apps.get_model("monitor", "Extract").objects
    mails = apps.get_model("monitor", "OutgoingMessage").objects.filter(kind="extract")
    if asked.exists():
        detail = f"{asked.count()} asked for, {asked.exclude(file='').count()} of them made"
        audit = apps.get_model("detection", "AuditEntry").objects
        audit.create(actor="upgrade", action="files of areas removed", subject="readers", detail=detail)
    mails.delete()
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # A table with checks that are still due cannot be altered.


class Migration(migrations.Migration):

    dependencies = [
        ('monitor', '0013_no_lists_of_sites'),
    ]

    operations = [
        migrations.RunPython(write_to_audit, migrations.RunPython.noop),
        migrations.RemoveField(model_name='outgoingmessage', name='extract'),
        migrations.DeleteModel(name='Extract'),
        migrations.AlterField(
            model_name='outgoingmessage',
            name='kind',
            field=models.CharField(choices=[('confirm', 'Link to confirm a subscription'), ('link', 'Link to manage subscriptions'), ('alert', 'News of an alert'), ('correction', 'Correction of an alert'), ('digest', 'Digest'), ('summary', 'Summary of much news'), ('sign', 'Sign of life'), ('test', 'Test message'), ('invitation', 'Invitation to an account'), ('membership', 'Invitation to an organisation'), ('dissolved', 'End of an organisation'), ('reset', 'Link to a new password'), ('check', 'Test of a webhook'), ('ended', 'End of a webhook'), ('bulletin', 'Bulletin'), ('visits', 'Reminder of visits on site'), ('report', 'Link to confirm a report'), ('ask', 'Question who takes up an alert'), ('asked', 'Alerts that nobody has, for operators'), ('line', 'New step in the motion of a line')], max_length=10),
        ),
    ]
