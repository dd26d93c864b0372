"""Products can be withdrawn and corrected, and each step of their life is a row."""

import django.db.models.deletion
from django.db import migrations, models


# Products that were loaded before have these two steps.
LOADED = """
    INSERT INTO ingest_productevent (product_id, name, act, at, by, why)
    SELECT id, name, 'loaded', loaded_at, loaded_by, '' FROM ingest_product ORDER BY loaded_at, id"""
SUPERSEDED = """
    INSERT INTO ingest_productevent (product_id, name, act, at, by, why, other_id)
    SELECT older.id, older.name, 'superseded', greatest(older.loaded_at, newer.loaded_at), '', '', newer.id
    FROM ingest_product older JOIN ingest_product newer ON newer.id = older.superseded_by_id ORDER BY 4, 1"""


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0017_steps_of_sealed_evidence'),
    ]

    operations = [
        migrations.CreateModel(
            name='ProductEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='of the product, which may be deleted', max_length=120)),
                ('act', models.CharField(choices=[('loaded', 'loaded'), ('corrected', 'corrected'), ('superseded', 'superseded'), ('withdrawn', 'taken back'), ('restored', 'restored'), ('deleted', 'deleted')], max_length=10)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.CharField(blank=True, help_text='account; never shown to the public', max_length=150)),
                ('why', models.CharField(blank=True, help_text='what everybody reads', max_length=500)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='product',
            name='one_product_per_file_and_component',
        ),
        migrations.AddField(
            model_name='product',
            name='corrects',
            field=models.ForeignKey(blank=True, help_text='the version of the same file whose declarations were wrong', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='corrected_by', to='ingest.product'),
        ),
        migrations.AddField(
            model_name='product',
            name='withdrawn_at',
            field=models.DateTimeField(blank=True, help_text='sealed: kept for a while, served nowhere', null=True),
        ),
        migrations.AddConstraint(
            model_name='product',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('file_sha256', 'component'), name='one_product_per_file_and_component'),
        ),
        migrations.AddField(
            model_name='productevent',
            name='other',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ingest.product'),
        ),
        migrations.AddField(
            model_name='productevent',
            name='product',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='ingest.product'),
        ),
        migrations.RunSQL([LOADED, SUPERSEDED], migrations.RunSQL.noop),
    ]
