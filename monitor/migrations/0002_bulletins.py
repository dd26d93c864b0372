"""Bulletins, the mails about them, and the wish of a subscription for them."""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ml', '0002_trend_searches'),
        ('monitor', '0001_tables_of_0_4_0'),
    ]

    operations = [
        migrations.AddField(
            model_name='subscription',
            name='bulletins',
            field=models.BooleanField(default=False, help_text='also each bulletin about its region'),
        ),
        migrations.AlterField(
            model_name='outgoingmessage',
            name='kind',
            field=models.CharField(choices=[('confirm', 'Confirm'), ('link', 'Link'), ('alert', 'Alert'), ('correction', 'Correction'), ('digest', 'Digest'), ('summary', 'Summary'), ('sign', 'Sign'), ('test', 'Test'), ('invitation', 'Invitation'), ('membership', 'Membership'), ('reset', 'Reset'), ('check', 'Check'), ('ended', 'Ended'), ('bulletin', 'Bulletin'), ('visits', 'Visits')], max_length=10),
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
        migrations.AddConstraint(
            model_name='bulletin',
            constraint=models.UniqueConstraint(condition=models.Q(('signed_at', None)), fields=('simulated',), name='one_draft_of_a_bulletin'),
        ),
    ]
