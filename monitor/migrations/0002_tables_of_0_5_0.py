"""Changes of version 0.5.0 to the tables of monitor, in place of the five migrations that led to them."""

import django.contrib.gis.db.models.fields
import django.contrib.postgres.fields
import django.db.models.deletion
import ingest.foundation.storage
import monitor.models.subscriptions
from django.conf import settings
from django.db import migrations, models


REPLACED = [
    "0002_bulletins", "0003_extracts", "0004_dissolved_and_languages_of_accounts", "0005_reports_of_residents",
    "0006_extracts_without_series",
]


class Migration(migrations.Migration):

    replaces = [("monitor", name) for name in REPLACED]

    dependencies = [
        ('ml', '0002_trend_searches'),
        ('monitor', '0001_tables_of_0_4_0'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Extract',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(db_index=True, help_text='in lower case', max_length=254)),
                ('label', models.CharField(help_text='the area in words', max_length=200)),
                ('area', django.contrib.gis.db.models.fields.MultiPolygonField(srid=4326)),
                ('file_format', models.CharField(choices=[('gpkg', 'GeoPackage: a layer for each data set'), ('parquet', 'GeoParquet: a file for each data set, in a zip'), ('csv', 'CSV: a table for each data set, in a zip'), ('kmz', 'KML: for virtual globes, at most 20,000 points')], max_length=10)),
                ('products', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), help_text='the data sets that had points there when it was asked', size=None)),
                ('n_points', models.PositiveIntegerField(help_text='as counted when it was asked for')),
                ('with_series', models.BooleanField(default=True, help_text='each point has its displacements, one column for a date')),
                ('points_done', models.PositiveIntegerField(default=0)),
                ('language', models.CharField(default=monitor.models.subscriptions.language_of_request, help_text='of settings.LANGUAGES', max_length=10)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], db_index=True, default='queued', max_length=10)),
                ('attempts', models.PositiveIntegerField(default=0, help_text='how often a worker has claimed it')),
                ('faults', models.PositiveIntegerField(default=0, help_text='failures in a row')),
                ('cause', models.CharField(blank=True, choices=[('disk', 'the disk'), ('memory', 'memory'), ('database', 'the database'), ('broker', 'the message broker'), ('lost', 'its worker ended'), ('stalled', 'no progress'), ('input', 'the data'), ('program', 'a fault of this program')], help_text='of the last failure', max_length=10)),
                ('next_try_at', models.DateTimeField(help_text='not before; empty: at once', null=True)),
                ('lease_until', models.DateTimeField(help_text='the worker of a running one is taken for dead after this', null=True)),
                ('error', models.TextField(blank=True, help_text='one line: why it failed')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('confirmed_at', models.DateTimeField(help_text='when its reader pressed the button behind the link', null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('file', models.FileField(blank=True, max_length=200, storage=ingest.foundation.storage.raster_storage, upload_to='')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='outgoingmessage',
            name='about',
            field=models.CharField(blank=True, help_text='name of an organisation that is gone', max_length=60),
        ),
        migrations.AddField(
            model_name='subscription',
            name='bulletins',
            field=models.BooleanField(default=False, help_text='also each bulletin about its region'),
        ),
        migrations.AlterField(
            model_name='outgoingmessage',
            name='kind',
            field=models.CharField(choices=[('confirm', 'Link to confirm a subscription'), ('link', 'Link to manage subscriptions'), ('alert', 'News of an alert'), ('correction', 'Correction of an alert'), ('digest', 'Digest'), ('summary', 'Summary of much news'), ('sign', 'Sign of life'), ('test', 'Test message'), ('invitation', 'Invitation to an account'), ('membership', 'Invitation to an organisation'), ('dissolved', 'End of an organisation'), ('reset', 'Link to a new password'), ('check', 'Test of a webhook'), ('ended', 'End of a webhook'), ('bulletin', 'Bulletin'), ('extract', 'Link to a file of an area'), ('visits', 'Reminder of visits on site'), ('report', 'Link to confirm a report')], max_length=10),
        ),
        migrations.AlterField(
            model_name='outgoingmessage',
            name='state',
            field=models.CharField(choices=[('queued', 'waiting'), ('sending', 'on its way'), ('sent', 'taken'), ('failed', 'given up'), ('withdrawn', 'not needed any more')], default='queued', max_length=10),
        ),
        migrations.CreateModel(
            name='AccountLanguage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('language', models.CharField(default=monitor.models.subscriptions.language_of_request, help_text='of settings.LANGUAGES', max_length=10)),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='reads', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Bulletin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('simulated', models.BooleanField(help_text='of simulated ground, which has bulletins of its own')),
                ('first_day', models.DateField(help_text='of the newest period')),
                ('last_day', models.DateField()),
                ('n_places', models.PositiveIntegerField()),
                ('content', models.JSONField(help_text='regions with their places, as monitor.pages.bulletins.drafts makes them')),
                ('introduction', models.TextField(blank=True, max_length=4000)),
                ('comments', models.JSONField(default=dict, help_text="slug of a region: the operator's comment")),
                ('area', django.contrib.gis.db.models.fields.MultiPolygonField(help_text='boxes of the data that were searched', srid=4326)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('signed_at', models.DateTimeField(null=True)),
                ('signed_by', models.CharField(blank=True, help_text='account; never shown to the public', max_length=150)),
                ('announced_at', models.DateTimeField(help_text='when its mails were queued', null=True)),
                ('searches', models.ManyToManyField(related_name='bulletins', to='ml.trendsearch')),
            ],
            options={
                'ordering': ['-last_day', '-id'],
            },
        ),
        migrations.AddField(
            model_name='outgoingmessage',
            name='bulletin',
            field=models.ForeignKey(help_text='the one that was signed', null=True, on_delete=django.db.models.deletion.CASCADE, to='monitor.bulletin'),
        ),
        migrations.AddField(
            model_name='outgoingmessage',
            name='extract',
            field=models.ForeignKey(help_text='the one that the link opens', null=True, on_delete=django.db.models.deletion.CASCADE, to='monitor.extract'),
        ),
        migrations.CreateModel(
            name='ResidentReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('cracks', 'Cracks in a wall'), ('door', 'A door or window that sticks'), ('sank', 'Ground that sank'), ('water', 'Water where there was none'), ('other', 'Something else')], max_length=10)),
                ('place', django.contrib.gis.db.models.fields.PointField(geography=True, srid=4326)),
                ('seen_on', models.DateField()),
                ('text', models.TextField(blank=True, help_text='for operators only')),
                ('photo', models.BinaryField(help_text='JPEG without metadata, for operators only', null=True)),
                ('email', models.EmailField(blank=True, help_text='in lower case; empty once it is confirmed', max_length=254)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('confirmed_at', models.DateTimeField(help_text='nobody sees it before', null=True)),
                ('state', models.CharField(choices=[('waiting', 'waits for an operator'), ('accepted', 'accepted'), ('rejected', 'not accepted')], default='waiting', max_length=10)),
                ('reason', models.CharField(blank=True, help_text='why it was not accepted, for whoever sent it', max_length=300)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['confirmed_at', 'id'],
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='outgoingmessage',
            name='report',
            field=models.ForeignKey(help_text='the one to confirm', null=True, on_delete=django.db.models.deletion.CASCADE, to='monitor.residentreport'),
        ),
        migrations.AddConstraint(
            model_name='bulletin',
            constraint=models.UniqueConstraint(condition=models.Q(('signed_at', None)), fields=('simulated',), name='one_draft_of_a_bulletin'),
        ),
    ]
