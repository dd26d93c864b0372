"""A column says which products are rests of superseded releases."""

from django.db import migrations, models

RESTS = """
    UPDATE ingest_product SET is_rest = true WHERE level <> 'derived'
    AND EXISTS (SELECT FROM ingest_product_derived_from WHERE from_product_id = ingest_product.id)"""


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0021_step_of_versions'),
    ]

    operations = [
        migrations.AddField(
            model_name='product',
            name='is_rest',
            field=models.BooleanField(default=False, help_text='those points of a release where no newer one answers'),
        ),
        migrations.RunSQL(RESTS, migrations.RunSQL.noop),
        migrations.RunSQL('DROP FUNCTION IF EXISTS ingest_share_of_same(bigint, bigint)', migrations.RunSQL.noop),
    ]
