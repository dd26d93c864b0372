import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('detection', '0014_causes'),
        ('ingest', '0019_reach_on_glaciers'),
    ]

    operations = [
        migrations.CreateModel(
            name='SurgeSeries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('predictions', models.JSONField(help_text='numbers of the offsets, oldest first; they may be deleted')),
                ('rule', models.JSONField(help_text='of ml.glaciers.surges.SurgeRule')),
                ('detection', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='surge_series', to='detection.detection')),
                ('glacier', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='ingest.glacier')),
            ],
        ),
        migrations.CreateModel(
            name='AlertMethods',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('looks', models.JSONField(help_text='of ml.deformation.classical.Look, one for each method')),
                ('basis', models.CharField(help_text='hash of what they looked at', max_length=64)),
                ('compared_at', models.DateTimeField()),
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='methods', to='detection.alert')),
            ],
        ),
    ]
