"""Searches of products for changes of trend."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0005_gauges'),
        ('ml', '0001_tables_of_0_4_0'),
    ]

    operations = [
        migrations.CreateModel(
            name='TrendSearch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_day', models.DateField(help_text='of the newest period')),
                ('last_day', models.DateField()),
                ('n_clusters', models.PositiveIntegerField(help_text='cells of 100 m that were tested; 0: too few dates or points')),
                ('places', models.JSONField(help_text='the surest first, with their curves')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('product', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='trend_search', to='ingest.product')),
            ],
        ),
    ]
