"""Scenes that are refused keep a row; pairs have a grid of their own."""

import django.contrib.gis.db.models.fields
import django.contrib.postgres.fields
import ingest.storage
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0007_ingest_jobs'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='scene',
            name='one_scene_per_acquisition',
        ),
        migrations.AddField(
            model_name='scene',
            name='absolute_orbit',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='scene',
            name='look_direction',
            field=models.CharField(default='right', max_length=5),
        ),
        migrations.AddField(
            model_name='scene',
            name='reason',
            field=models.TextField(blank=True, help_text='one line: why it is not usable, or why it is in no pair'),
        ),
        migrations.AddField(
            model_name='scene',
            name='state',
            field=models.CharField(choices=[('ready', 'usable'), ('refused', 'not usable')], db_index=True, default='ready', max_length=10),
        ),
        migrations.AddField(
            model_name='scenepair',
            name='cols',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='scenepair',
            name='epsg',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='scenepair',
            name='footprint',
            field=django.contrib.gis.db.models.fields.PolygonField(null=True, srid=4326),
        ),
        migrations.AddField(
            model_name='scenepair',
            name='grid',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), help_text='affine transform: a to f', null=True, size=6),
        ),
        migrations.AddField(
            model_name='scenepair',
            name='resampled',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='scenepair',
            name='rows',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='scene',
            name='acquired_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='scene',
            name='backscatter',
            field=models.CharField(blank=True, help_text='gamma0 or sigma0; linear power', max_length=10),
        ),
        migrations.AlterField(
            model_name='scene',
            name='burst',
            field=models.CharField(blank=True, help_text='which piece of the track, where its source names the pieces', max_length=20),
        ),
        migrations.AlterField(
            model_name='scene',
            name='cols',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='scene',
            name='direction',
            field=models.CharField(blank=True, choices=[('ascending', 'ascending'), ('descending', 'descending')], max_length=10),
        ),
        migrations.AlterField(
            model_name='scene',
            name='epsg',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='scene',
            name='file_sha256',
            field=models.CharField(db_index=True, max_length=64),
        ),
        migrations.AlterField(
            model_name='scene',
            name='footprint',
            field=django.contrib.gis.db.models.fields.PolygonField(null=True, srid=4326),
        ),
        migrations.AlterField(
            model_name='scene',
            name='grid',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), help_text='affine transform of the raster: a to f', null=True, size=6),
        ),
        migrations.AlterField(
            model_name='scene',
            name='mode',
            field=models.CharField(blank=True, max_length=4),
        ),
        migrations.AlterField(
            model_name='scene',
            name='platform',
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.AlterField(
            model_name='scene',
            name='polarisation',
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AlterField(
            model_name='scene',
            name='posting_m',
            field=models.FloatField(null=True),
        ),
        migrations.AlterField(
            model_name='scene',
            name='raster',
            field=models.FileField(blank=True, max_length=200, storage=ingest.storage.raster_storage, upload_to=''),
        ),
        migrations.AlterField(
            model_name='scene',
            name='rows',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='scene',
            name='track',
            field=models.PositiveSmallIntegerField(help_text='relative orbit', null=True),
        ),
        migrations.AddConstraint(
            model_name='scene',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'ready')), fields=('track', 'burst', 'polarisation', 'acquired_at', 'source_format', 'grid'), name='one_scene_per_acquisition'),
        ),
        migrations.AddConstraint(
            model_name='scene',
            constraint=models.UniqueConstraint(fields=('file_sha256', 'polarisation'), name='one_scene_per_file_and_polarisation'),
        ),
        migrations.AddConstraint(
            model_name='scene',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'refused'), models.Q(('track__isnull', False), ('acquired_at__isnull', False), ('epsg__isnull', False), ('posting_m__isnull', False), ('grid__isnull', False), ('rows__isnull', False), ('cols__isnull', False), ('footprint__isnull', False)), _connector='OR'), name='ready_scenes_are_whole'),
        ),
        migrations.AddConstraint(
            model_name='scene',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'ready'), models.Q(('reason', ''), _negated=True), _connector='OR'), name='refused_scenes_say_why'),
        ),
        # until now both images of a pair lay on one grid
        migrations.RunSQL(
            """UPDATE ingest_scenepair SET epsg = scene.epsg, grid = scene.grid, rows = scene.rows, cols = scene.cols,
                      footprint = scene.footprint
               FROM ingest_scene scene WHERE scene.id = reference_id""",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name='scenepair',
            name='cols',
            field=models.PositiveIntegerField(),
        ),
        migrations.AlterField(
            model_name='scenepair',
            name='epsg',
            field=models.PositiveIntegerField(),
        ),
        migrations.AlterField(
            model_name='scenepair',
            name='footprint',
            field=django.contrib.gis.db.models.fields.PolygonField(srid=4326),
        ),
        migrations.AlterField(
            model_name='scenepair',
            name='grid',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), help_text='affine transform: a to f', size=6),
        ),
        migrations.AlterField(
            model_name='scenepair',
            name='rows',
            field=models.PositiveIntegerField(),
        ),
    ]
