from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0024_datum_of_products'),
    ]

    operations = [
        migrations.RunSQL('DROP FUNCTION IF EXISTS ingest_points_lock()', migrations.RunSQL.noop),
        migrations.RunSQL(
            'DROP FUNCTION IF EXISTS ingest_datum_set(bigint, float8, float8, text, int, float8)',
            migrations.RunSQL.noop,
        ),
        migrations.AddField(
            model_name='ingestjob',
            name='still',
            field=models.TextField(blank=True, help_text='ground that was declared to stand still, WKT in degrees', default=''),
            preserve_default=False,
        ),
    ]
