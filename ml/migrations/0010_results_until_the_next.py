from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ml', '0009_runs_of_one_worker'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='run',
            name='one_run_per_model_and_product',
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'succeeded'), _negated=True), fields=('model_version', 'product'), name='one_run_per_model_and_product'),
        ),
    ]
