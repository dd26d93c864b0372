"""What is declared of an image stands with its job."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0008_scene_states_and_common_grids'),
    ]

    operations = [
        migrations.AddField(
            model_name='ingestjob',
            name='acquired_at',
            field=models.DateTimeField(blank=True, help_text='when an image was taken', null=True),
        ),
        migrations.AddField(
            model_name='ingestjob',
            name='direction',
            field=models.CharField(blank=True, choices=[('ascending', 'ascending'), ('descending', 'descending')], max_length=10),
        ),
        migrations.AddField(
            model_name='ingestjob',
            name='platform',
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.AddField(
            model_name='ingestjob',
            name='polarisation',
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name='ingestjob',
            name='scale',
            field=models.CharField(blank=True, help_text="of an image's values", max_length=10),
        ),
    ]
