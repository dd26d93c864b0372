"""Only what operators trust counts: their take-ups are rows of their own, and messages leave by their rank."""

import django.db.models.deletion
from django.db import migrations, models

# A mail to operators names all that waits for them from now on: questions that had come to them have been reported.
TAKEN = """
INSERT INTO monitor_escalation (alert_id, severity, created_at, taken_at, returned_at, closed_at, by_operators)
    SELECT DISTINCT ON (alert_id) alert_id, severity, created_at, taken_at, returned_at, closed_at, true
    FROM monitor_escalation WHERE by_operators AND taken_at IS NOT NULL
    ORDER BY alert_id, closed_at IS NULL DESC, id DESC;
UPDATE monitor_escalation SET taken_at = NULL, by_operators = false WHERE by_operators AND organisation_id IS NOT NULL;
UPDATE monitor_escalationstep SET reported_at = created_at WHERE to_operators;
UPDATE monitor_outgoingmessage SET state = 'withdrawn' FROM monitor_escalationstep
    WHERE monitor_escalationstep.id = step_id AND to_operators AND state = 'queued';
UPDATE monitor_outgoingmessage SET rank = 0
    WHERE state IN ('queued', 'sending') AND kind IN ('alert', 'correction', 'digest', 'summary', 'ask');
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""
TAKEN_BACK = """
DELETE FROM monitor_escalation WHERE organisation_id IS NULL;
DELETE FROM monitor_outgoingmessage WHERE kind = 'asked';
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('monitor', '0006_lines'),
    ]

    operations = [
        migrations.AddField(
            model_name='outgoingmessage',
            name='rank',
            field=models.PositiveSmallIntegerField(choices=[(0, 'news of alerts, and who takes them up'), (1, 'what only the service and its known people cause'), (2, 'what any visitor can cause, or many readers get')], db_default=2, default=2, help_text='lower ones leave first'),
        ),
        migrations.AlterField(
            model_name='outgoingmessage',
            name='kind',
            field=models.CharField(choices=[('confirm', 'Link to confirm a subscription'), ('link', 'Link to manage subscriptions'), ('alert', 'News of an alert'), ('correction', 'Correction of an alert'), ('digest', 'Digest'), ('summary', 'Summary of much news'), ('sign', 'Sign of life'), ('test', 'Test message'), ('invitation', 'Invitation to an account'), ('membership', 'Invitation to an organisation'), ('dissolved', 'End of an organisation'), ('reset', 'Link to a new password'), ('check', 'Test of a webhook'), ('ended', 'End of a webhook'), ('bulletin', 'Bulletin'), ('extract', 'Link to a file of an area'), ('visits', 'Reminder of visits on site'), ('report', 'Link to confirm a report'), ('ask', 'Question who takes up an alert'), ('asked', 'Alerts that nobody has, for operators'), ('line', 'New step in the motion of a line')], max_length=10),
        ),
        migrations.RemoveIndex(
            model_name='outgoingmessage',
            name='outgoingmessage_unfinished',
        ),
        migrations.AddIndex(
            model_name='outgoingmessage',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'sending'])), fields=['rank', 'next_try_at', 'id'], name='outgoingmessage_by_rank'),
        ),
        migrations.AddField(
            model_name='organisation',
            name='mailbox',
            field=models.CharField(blank=True, help_text='keyed hash of the mailbox that answers for it', max_length=64),
        ),
        migrations.AddField(
            model_name='organisation',
            name='network',
            field=models.CharField(blank=True, help_text='keyed hash of the network it was founded from', max_length=64),
        ),
        migrations.AlterField(
            model_name='organisation',
            name='trusted_at',
            field=models.DateTimeField(help_text='when operators trusted it; nothing of it counts before', null=True),
        ),
        migrations.AddField(
            model_name='escalationstep',
            name='reported_at',
            field=models.DateTimeField(help_text='when a mail to the operators was queued that has it', null=True),
        ),
        migrations.AlterField(
            model_name='escalation',
            name='organisation',
            field=models.ForeignKey(help_text='null: operators took it up', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='escalations', to='monitor.organisation'),
        ),
        migrations.RunSQL(TAKEN, TAKEN_BACK),
        migrations.RemoveField(
            model_name='escalation',
            name='by_operators',
        ),
        migrations.AddConstraint(
            model_name='escalation',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None), ('organisation', None)), fields=('alert',), name='one_of_operators'),
        ),
    ]
