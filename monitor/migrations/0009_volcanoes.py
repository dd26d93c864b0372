"""Add volcanoes to subscriptions that want other kinds of slow motion: until now these alerts were among them."""

from django.db import migrations

WANTED = """
    UPDATE monitor_subscription SET kinds = kinds || '{volcano}'
    WHERE kinds && '{subsidence,mining-subsidence,groundwater-subsidence,fill-or-quarry,landslide,uplift,unknown}'
        AND NOT 'volcano' = ANY(kinds)"""
TAKEN_BACK = "UPDATE monitor_subscription SET kinds = array_remove(kinds, 'volcano')"


class Migration(migrations.Migration):
    dependencies = [("monitor", "0008_files_without_kml")]
    operations = [migrations.RunSQL(WANTED, TAKEN_BACK)]
