"""Add what the names of the world need: layers that come with the software, kinds and provinces of places, long keys."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingest", "0022_life_rests")]

    operations = [
        migrations.AddField(
            model_name="contextlayer",
            name="shipped",
            field=models.BooleanField(db_default=False, help_text="comes with the software; rows of other layers win"),
        ),
        migrations.AddField(
            model_name="place",
            name="kind",
            field=models.CharField(choices=[("town", "town"), ("volcano", "volcano")], db_default="town", max_length=7),
        ),
        migrations.AddField(
            model_name="place",
            name="province",
            field=models.CharField(blank=True, db_default="", help_text="its first-level region", max_length=200),
        ),
        migrations.AlterField(
            model_name="administrativeregion",
            name="search_name",
            field=models.TextField(help_text="search keys of all names, the main one first"),
        ),
        migrations.AlterField(
            model_name="place",
            name="search_name",
            field=models.TextField(help_text="search keys of all names, the main one first"),
        ),
    ]
