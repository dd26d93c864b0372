from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ingest', '0021_states_of_mines'),
    ]

    operations = [
        migrations.AlterField(
            model_name='stepfailure',
            name='step',
            field=models.CharField(choices=[('search', 'search for moving areas'), ('measure', 'measurement of glaciers'), ('follow', 'series of a glacier'), ('compare', 'comparison of methods'), ('announce', 'messages about an alert')], max_length=10),
        ),
    ]
