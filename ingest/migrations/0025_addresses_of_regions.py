from django.db import migrations, models

from ingest.context.slugs import slugs_give


def give(apps, schema_editor):
    slugs_give(apps.get_model("ingest", "AdministrativeRegion"))


class Migration(migrations.Migration):
    dependencies = [("ingest", "0024_cap_messages_may_fail")]

    operations = [
        migrations.AddField(
            model_name="administrativeregion",
            name="code",
            field=models.CharField(blank=True, default="", help_text="official, where the file has one", max_length=40),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="administrativeregion",
            name="slug",
            field=models.CharField(
                help_text="its part of an address; set with the layer", max_length=120, null=True, unique=True
            ),
        ),
        migrations.RunPython(give, migrations.RunPython.noop, elidable=True),
    ]
