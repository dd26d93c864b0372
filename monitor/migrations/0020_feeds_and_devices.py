from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitor', '0019_role_of_publishers'),
    ]

    operations = [
        migrations.AddField(
            model_name='subscription',
            name='feed_key',
            field=models.CharField(help_text='secret part of the addresses of its feeds; null: it has none', max_length=40, null=True, unique=True),
        ),
        migrations.AddField(
            model_name='endpoint',
            name='name',
            field=models.CharField(blank=True, default='', help_text='of a device: its browser and system', max_length=80),
            preserve_default=False,
        ),
    ]
