from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("detection", "0005_new_passes")]

    operations = [
        migrations.AddField(
            model_name="casenote",
            name="key",
            field=models.UUIDField(
                help_text="given by the device on which it was written, so that it is kept once",
                null=True,
                unique=True,
            ),
        )
    ]
