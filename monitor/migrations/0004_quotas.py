"""Count the bytes that visitors make the service keep; move unconfirmed photos to a table that is not backed up."""

import django.db.models.deletion
from django.db import migrations, models

# Mailboxes and networks of older rows are unknown: such rows count for all visitors together only. A file that is still
# to be made is counted like the largest one.
COUNT = """
UPDATE monitor_subscription SET size_bytes = ST_MemSize(region) + coalesce((
    SELECT sum(200 + ST_MemSize(area)) FROM monitor_asset WHERE subscription_id = monitor_subscription.id), 0)
WHERE shared_id IS NULL;
UPDATE monitor_residentreport SET size_bytes = octet_length(photo) WHERE photo IS NOT NULL;
UPDATE monitor_extract SET size_bytes = 2000000000 WHERE file = '';
"""
PHOTOS_APART = """
INSERT INTO monitor_unconfirmedphoto (report_id, content)
    SELECT id, photo FROM monitor_residentreport WHERE confirmed_at IS NULL AND photo IS NOT NULL;
UPDATE monitor_residentreport SET photo = NULL WHERE confirmed_at IS NULL;
"""
PHOTOS_BACK = """
UPDATE monitor_residentreport SET photo = content FROM monitor_unconfirmedphoto WHERE report_id = monitor_residentreport.id;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('monitor', '0003_causes_of_archives'),
    ]

    operations = [
        migrations.AddField(
            model_name='extract',
            name='downloaded_at',
            field=models.DateTimeField(help_text='when its last byte was first asked for', null=True),
        ),
        migrations.AddField(
            model_name='extract',
            name='mailbox',
            field=models.CharField(blank=True, help_text='keyed hash; empty until the mailbox confirms', max_length=64),
        ),
        migrations.AddField(
            model_name='extract',
            name='network',
            field=models.CharField(blank=True, help_text='keyed hash of the network it came from', max_length=64),
        ),
        migrations.AddField(
            model_name='extract',
            name='size_bytes',
            field=models.BigIntegerField(default=0, help_text='what it takes, or may take once its file is written'),
        ),
        migrations.AddField(
            model_name='extract',
            name='worked_seconds',
            field=models.FloatField(default=0, help_text='of all attempts together'),
        ),
        migrations.AddField(
            model_name='residentreport',
            name='mailbox',
            field=models.CharField(blank=True, help_text='keyed hash; empty until the mailbox confirms', max_length=64),
        ),
        migrations.AddField(
            model_name='residentreport',
            name='network',
            field=models.CharField(blank=True, help_text='keyed hash of the network it came from', max_length=64),
        ),
        migrations.AddField(
            model_name='residentreport',
            name='size_bytes',
            field=models.BigIntegerField(default=0, help_text='what it takes, or may take once its file is written'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='mailbox',
            field=models.CharField(blank=True, help_text='keyed hash; empty until the mailbox confirms', max_length=64),
        ),
        migrations.AddField(
            model_name='subscription',
            name='network',
            field=models.CharField(blank=True, help_text='keyed hash of the network it came from', max_length=64),
        ),
        migrations.AddField(
            model_name='subscription',
            name='size_bytes',
            field=models.BigIntegerField(default=0, help_text='what it takes, or may take once its file is written'),
        ),
        migrations.CreateModel(
            name='UnconfirmedPhoto',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content', models.BinaryField(help_text='JPEG without metadata, which nobody sees')),
                ('report', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='unconfirmed_photo', to='monitor.residentreport')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
        migrations.RunSQL(PHOTOS_APART, PHOTOS_BACK),
    ]
