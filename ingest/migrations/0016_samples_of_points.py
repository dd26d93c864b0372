"""Indexes of the samples of every product there is; products that are loaded later bring their own."""

from django.db import migrations

from ingest.products import sampling


def create_indexes(apps, schema_editor):
    products = apps.get_model("ingest", "Product").objects.filter(points_deleted_at=None)
    for product_id, n_points in products.values_list("id", "n_points"):
        if statements := sampling.create_indexes(product_id, n_points):
            schema_editor.execute(statements)


def drop_indexes(apps, schema_editor):
    for (product_id,) in apps.get_model("ingest", "Product").objects.values_list("id"):
        schema_editor.execute(sampling.drop_indexes(product_id))


class Migration(migrations.Migration):
    dependencies = [("ingest", "0015_deleted_for_their_age")]

    operations = [migrations.RunPython(create_indexes, drop_indexes)]
