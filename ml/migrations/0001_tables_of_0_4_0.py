"""All tables of ml as of version 0.4.0, in place of the 10 migrations that led to them."""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
import ingest.foundation.storage
from django.db import migrations, models

REPLACED = [
    "0001_initial", "0002_runs_on_pairs", "0003_progress_of_runs", "0004_ground_events",
    "0005_one_word_for_one_concept", "0006_failures_by_cause", "0007_wide_regions", "0008_parameters_of_runs",
    "0009_companions", "0010_shared_runs",
]


class Migration(migrations.Migration):
    replaces = [('ml', name) for name in REPLACED]
    initial = True

    dependencies = [
        ('ingest', '0001_tables_of_0_4_0'),
    ]

    operations = [
        migrations.CreateModel(
            name='GroundEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('earthquake', 'earthquake'), ('eruption', 'eruption'), ('landslide', 'landslide'), ('calving', 'calving of a glacier')], max_length=12)),
                ('name', models.CharField(help_text='what people call it', max_length=120)),
                ('position', django.contrib.gis.db.models.fields.PointField(srid=4326)),
                ('radius_km', models.FloatField(default=10.0, help_text='results within this distance belong to it')),
                ('happened_at', models.DateTimeField(help_text='not before')),
                ('over_at', models.DateTimeField(help_text='not after: the same moment, or the end of the day')),
                ('reported_by', models.CharField(max_length=150)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pairs', models.ManyToManyField(related_name='events', to='ingest.scenepair')),
            ],
            options={'ordering': ['-created_at', '-id']},
        ),
        migrations.CreateModel(
            name='ModelVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('task', models.CharField(choices=[('deformation', 'deformation in a velocity field'), ('coherence', 'coherence of an image pair'), ('coherence-change', 'coherence of a pair against its predecessors'), ('offsets', 'offsets between the images of a pair')], max_length=20)),
                ('method', models.CharField(max_length=40)),
                ('version', models.CharField(max_length=40)),
                ('weights_sha256', models.CharField(blank=True, max_length=64)),
                ('parameters', models.JSONField(default=dict)),
            ],
            options={'constraints': [models.UniqueConstraint(fields=('task', 'method', 'version', 'weights_sha256'), name='one_row_per_model_version')]},
        ),
        migrations.CreateModel(
            name='Run',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('queued', 'waiting'), ('running', 'running'), ('succeeded', 'finished'), ('failed', 'failed'), ('cancelled', 'cancelled')], db_index=True, default='queued', max_length=10)),
                ('attempts', models.PositiveIntegerField(default=0, help_text='how often a worker has claimed it')),
                ('faults', models.PositiveIntegerField(default=0, help_text='failures in a row')),
                ('cause', models.CharField(blank=True, choices=[('disk', 'the disk'), ('memory', 'memory'), ('database', 'the database'), ('broker', 'the message broker'), ('lost', 'its worker ended'), ('stalled', 'no progress'), ('input', 'the data'), ('program', 'a fault of this program')], help_text='of the last failure', max_length=10)),
                ('next_try_at', models.DateTimeField(help_text='not before; empty: at once', null=True)),
                ('share_done', models.FloatField(default=0.0, help_text='of a running job, 0-1, as of its last heartbeat')),
                ('queued_at', models.DateTimeField(help_text='when the broker last got a message about it', null=True)),
                ('lease_until', models.DateTimeField(help_text='the worker of a running job is taken for dead after this', null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('seconds', models.FloatField(null=True)),
                ('device', models.CharField(blank=True, max_length=40)),
                ('code_version', models.CharField(blank=True, max_length=60)),
                ('input_sha256', models.CharField(blank=True, max_length=64)),
                ('parameters', models.JSONField(default=dict, help_text="beside its version's: the reach of a search")),
                ('shared_key', models.CharField(blank=True, help_text='of its pieces, while other workers may make some of them', max_length=16)),
                ('error', models.TextField(blank=True)),
                ('companions', models.ManyToManyField(help_text='products of another track that it saw the same ground in', related_name='joint_runs', to='ingest.product')),
                ('model_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='ml.modelversion')),
                ('pair', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='ingest.scenepair')),
                ('product', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='ingest.product')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [
                    models.UniqueConstraint(fields=('model_version', 'product'), name='one_run_per_model_and_product'),
                    models.UniqueConstraint(fields=('model_version', 'pair'), name='one_run_per_model_and_pair'),
                    models.CheckConstraint(condition=models.Q(('product', None), ('pair', None), _connector='XOR'), name='a_run_has_one_input'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Prediction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('raster', models.FileField(max_length=200, storage=ingest.foundation.storage.raster_storage, upload_to='')),
                ('raster_sha256', models.CharField(max_length=64)),
                ('statistics', models.JSONField(default=dict)),
                ('regions', models.JSONField(default=list, help_text='wide motion, as `ground_motion.methods.deformation.wide.search` describes it')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('run', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='prediction', to='ml.run')),
            ],
        ),
        migrations.CreateModel(
            name='PieceClaim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('piece', models.CharField(max_length=100)),
                ('worker', models.CharField(max_length=80)),
                ('until', models.DateTimeField(help_text='another worker may take it after this')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='claims', to='ml.run')),
            ],
            options={'constraints': [models.UniqueConstraint(fields=('run', 'piece'), name='one_claim_per_piece')]},
        ),
    ]
