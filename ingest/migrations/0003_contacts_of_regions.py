"""The office that is responsible for ground motion in a region."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0002_verdicts_on_releases'),
    ]

    operations = [
        migrations.AddField(
            model_name='administrativeregion',
            name='contact_name',
            field=models.CharField(blank=True, help_text='responsible office', max_length=200),
        ),
        migrations.AddField(
            model_name='administrativeregion',
            name='contact_page',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='administrativeregion',
            name='contact_phone',
            field=models.CharField(blank=True, max_length=40),
        ),
    ]
