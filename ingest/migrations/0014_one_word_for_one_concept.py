"""One word for one concept in every table: `attempts`, `queued_at`, `created_at`, `updated_at`, `description`."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingest", "0013_looks_of_scenes")]

    operations = [
        migrations.RenameField("ingestjob", "attempt", "attempts"),
        migrations.RenameField("ingestjob", "sent_at", "queued_at"),
        migrations.RenameField("releasechange", "made_at", "updated_at"),
        migrations.RenameField("derivedtile", "made_at", "created_at"),
        migrations.RenameField("simulatedtruth", "told", "description"),
        migrations.AlterField(
            model_name='contextlayer',
            name='name',
            field=models.CharField(help_text='the same in every edition of the file', max_length=200),
        ),
        migrations.AlterField(
            model_name='contextlayer',
            name='remarks',
            field=models.JSONField(default=dict, help_text='remark about rows: how many rows it is about'),
        ),
        migrations.AlterField(
            model_name='ingestjob',
            name='error',
            field=models.TextField(blank=True, help_text='one line: why it failed, or a remark'),
        ),
        migrations.AlterField(
            model_name='ingestjob',
            name='first_day',
            field=models.DateField(blank=True, help_text='of the period of velocities without a series', null=True),
        ),
        migrations.AlterField(
            model_name='ingestjob',
            name='lease_until',
            field=models.DateTimeField(help_text='the worker of a running job is taken for dead after this', null=True),
        ),
        migrations.AlterField(
            model_name='ingestjob',
            name='mapping_path',
            field=models.TextField(blank=True, help_text='TOML file with the columns of a table'),
        ),
        migrations.AlterField(
            model_name='ingestjob',
            name='original_name',
            field=models.CharField(help_text='as submitted; never part of a path on this machine', max_length=255),
        ),
        migrations.AlterField(
            model_name='ingestjob',
            name='queued_at',
            field=models.DateTimeField(help_text='when the broker last got a message about it', null=True),
        ),
        migrations.AlterField(
            model_name='ingestjob',
            name='stored_path',
            field=models.TextField(blank=True, help_text='where the file is now; empty once it is deleted or moved'),
        ),
        migrations.AlterField(
            model_name='product',
            name='n_refused',
            field=models.PositiveIntegerField(default=0, help_text='rows that were rejected'),
        ),
        migrations.AlterField(
            model_name='product',
            name='tile',
            field=models.CharField(blank=True, help_text='the tile, the same in every release', max_length=80),
        ),
        migrations.AlterField(
            model_name='releasechange',
            name='median_change_mm_yr',
            field=models.FloatField(help_text='over the cells that both cover', null=True),
        ),
        migrations.AlterField(
            model_name='releasechange',
            name='n_gone',
            field=models.PositiveIntegerField(help_text='points of the older release with none nearby in the newer one'),
        ),
        migrations.AlterField(
            model_name='scene',
            name='burst',
            field=models.CharField(blank=True, help_text='burst or frame of the track, where its source names it', max_length=20),
        ),
        migrations.AlterField(
            model_name='scene',
            name='ground',
            field=models.TextField(blank=True, help_text='elevation model of its correction; later passes use the same'),
        ),
        migrations.AlterField(
            model_name='scene',
            name='looks',
            field=models.FloatField(help_text='equivalent number of looks, where that of the product is known', null=True),
        ),
        migrations.AlterField(
            model_name='scenedownload',
            name='attempts',
            field=models.PositiveIntegerField(default=0, help_text='how often a worker has claimed it'),
        ),
        migrations.AlterField(
            model_name='scenedownload',
            name='damaged',
            field=models.PositiveSmallIntegerField(default=0, help_text='how often size or checksum did not match'),
        ),
        migrations.AlterField(
            model_name='scenedownload',
            name='etag',
            field=models.CharField(blank=True, help_text='of the file that the partial download belongs to', max_length=200),
        ),
        migrations.AlterField(
            model_name='scenedownload',
            name='faults',
            field=models.PositiveSmallIntegerField(default=0, help_text='failed rounds in a row'),
        ),
        migrations.AlterField(
            model_name='scenedownload',
            name='lease_until',
            field=models.DateTimeField(help_text='the worker that fetches it is taken for dead after this', null=True),
        ),
        migrations.AlterField(
            model_name='scenedownload',
            name='size_bytes',
            field=models.BigIntegerField(help_text='as in the catalogue; empty where it states none', null=True),
        ),
        migrations.AlterField(
            model_name='scenedownload',
            name='stored_path',
            field=models.TextField(blank=True, help_text='where the file is; empty once it is deleted'),
        ),
        migrations.AlterField(
            model_name='scenedownload',
            name='url',
            field=models.TextField(help_text='as in the catalogue; never with credentials'),
        ),
    ]
