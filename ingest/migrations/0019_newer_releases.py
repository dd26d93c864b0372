from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0018_life_of_products'),
    ]

    operations = [
        migrations.AddField(
            model_name='product',
            name='newer_releases',
            field=models.PositiveIntegerField(help_text='of its tile or places; null: never settled', null=True),
        ),
        migrations.AlterField(
            model_name='product',
            name='tile',
            field=models.CharField(blank=True, help_text='the tile, the same in every release; see also `ingest.products.settling`', max_length=80),
        ),
        migrations.RunSQL('DROP FUNCTION IF EXISTS ingest_releases_settle(text, text, text, boolean)', migrations.RunSQL.noop),
    ]
