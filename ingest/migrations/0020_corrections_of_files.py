"""A file can be given again with other declarations, as a correction of what was loaded from it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0019_newer_releases'),
    ]

    operations = [
        migrations.AddField(
            model_name='ingestjob',
            name='corrects',
            field=models.ForeignKey(blank=True, help_text='loaded from the same file, with declarations that were wrong', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='corrections', to='ingest.product'),
        ),
        migrations.AddField(
            model_name='ingestjob',
            name='why',
            field=models.CharField(blank=True, help_text='why it is corrected; everybody reads it', max_length=500),
        ),
    ]
