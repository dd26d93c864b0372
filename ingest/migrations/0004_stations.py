"""Stations (GNSS, levelling), the files they came from, and their series."""

import django.contrib.gis.db.models.fields
import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0003_contacts_of_regions'),
    ]

    operations = [
        migrations.CreateModel(
            name='StationFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('simulated', models.BooleanField(default=False)),
                ('attribution', models.CharField(blank=True, max_length=300)),
                ('licence', models.CharField(blank=True, max_length=300)),
                ('header', models.JSONField(default=dict)),
                ('file_name', models.CharField(max_length=255)),
                ('file_sha256', models.CharField(max_length=64, unique=True)),
                ('loaded_at', models.DateTimeField(auto_now_add=True)),
                ('loaded_by', models.CharField(blank=True, help_text='account; never shown to the public', max_length=150)),
                ('source_format', models.CharField(max_length=30)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Station',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=40)),
                ('technique', models.CharField(choices=[('gnss', 'gnss'), ('levelling', 'levelling')], max_length=10)),
                ('frame', models.CharField(blank=True, help_text='reference frame of the series, where it is stated', max_length=30)),
                ('position', django.contrib.gis.db.models.fields.PointField(srid=4326)),
                ('dates', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), size=None)),
                ('packed', models.BinaryField(help_text='float32 (6, dates), mm: east, north, up and their standard deviations')),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='stations', to='ingest.stationfile')),
            ],
            options={
                'ordering': ['technique', 'code', '-id'],
            },
        ),
    ]
