"""The heights that an image was laid on the map with."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0010_acquire'),
    ]

    operations = [
        migrations.AddField(
            model_name='scene',
            name='ground',
            field=models.TextField(blank=True, help_text='heights it was laid on the map with; later passes take the same'),
        ),
    ]
