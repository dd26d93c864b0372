"""Files that are fetched from search services."""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0009_jobs_of_images'),
    ]

    operations = [
        migrations.AlterField(
            model_name='ingestjob',
            name='source',
            field=models.CharField(choices=[('upload', 'sent from the page'), ('watch', 'watched folder'), ('fetched', 'fetched from a search service')], max_length=10),
        ),
        migrations.CreateModel(
            name='SceneDownload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=10)),
                ('scene_id', models.CharField(max_length=255)),
                ('url', models.TextField(help_text='as the catalogue gives it; never with credentials')),
                ('file_name', models.CharField(max_length=200)),
                ('size_bytes', models.BigIntegerField(help_text='as the catalogue says; empty where it does not', null=True)),
                ('checksum_algorithm', models.CharField(blank=True, max_length=10)),
                ('checksum', models.CharField(blank=True, help_text='hexadecimal', max_length=128)),
                ('platform', models.CharField(blank=True, max_length=10)),
                ('track', models.PositiveSmallIntegerField(help_text='relative orbit', null=True)),
                ('direction', models.CharField(blank=True, choices=[('ascending', 'ascending'), ('descending', 'descending')], max_length=10)),
                ('polarisation', models.CharField(blank=True, help_text='VV, or VV+VH of a file with both', max_length=11)),
                ('acquired_at', models.DateTimeField(null=True)),
                ('footprint', django.contrib.gis.db.models.fields.MultiPolygonField(null=True, srid=4326)),
                ('state', models.CharField(choices=[('wanted', 'waiting'), ('fetching', 'being fetched'), ('fetched', 'fetched, waiting to be loaded'), ('loaded', 'loaded'), ('failed', 'failed'), ('deleted', 'loaded, and its file deleted for others')], db_index=True, default='wanted', max_length=10)),
                ('bytes_done', models.BigIntegerField(default=0)),
                ('attempts', models.PositiveIntegerField(default=0, help_text='how often a worker took it')),
                ('faults', models.PositiveSmallIntegerField(default=0, help_text='rounds that came to nothing, one after the other')),
                ('damaged', models.PositiveSmallIntegerField(default=0, help_text='how often its bytes were wrong')),
                ('etag', models.CharField(blank=True, help_text='of the file that the part is a piece of', max_length=200)),
                ('modified', models.CharField(blank=True, max_length=60)),
                ('next_try_at', models.DateTimeField(null=True)),
                ('lease_until', models.DateTimeField(help_text='a worker that fetches it is dead when this has passed', null=True)),
                ('error', models.TextField(blank=True, help_text='one line')),
                ('stored_path', models.TextField(blank=True, help_text='where the file lies; empty once it was deleted')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('fetched_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='downloads', to='ingest.ingestjob')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('source', 'scene_id'), name='one_download_per_scene')],
            },
        ),
    ]
