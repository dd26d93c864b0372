"""Gauges of rain and groundwater; the search for changes of trend as a step that may fail."""

import django.contrib.gis.db.models.fields
import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0004_stations'),
    ]

    operations = [
        migrations.AlterField(
            model_name='stepfailure',
            name='step',
            field=models.CharField(choices=[('search', 'search for moving areas'), ('measure', 'measurement of glaciers'), ('follow', 'series of a glacier'), ('compare', 'comparison of methods'), ('announce', 'messages about an alert'), ('cap', 'CAP message about an alert'), ('trends', 'search for changes of trend')], max_length=10),
        ),
        migrations.CreateModel(
            name='Gauge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=40)),
                ('kind', models.CharField(choices=[('rain', 'rain'), ('groundwater', 'groundwater')], max_length=12)),
                ('position', django.contrib.gis.db.models.fields.PointField(srid=4326)),
                ('dates', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), size=None)),
                ('packed', models.BinaryField(help_text='float32 (dates,): rain in mm/day, or level of groundwater in m')),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gauges', to='ingest.stationfile')),
            ],
            options={
                'ordering': ['kind', 'code', '-id'],
            },
        ),
    ]
