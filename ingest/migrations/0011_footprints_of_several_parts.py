"""Footprints become multipolygons: a box around each group of points, and two parts across 180 degrees."""

from django.contrib.gis.db.models.fields import MultiPolygonField
from django.db import migrations

COLUMNS = {
    "product": {"help_text": "boxes around groups of points"},
    "scene": {"null": True},
    "scenepair": {},
    "elevationtile": {},
    "populationtile": {},
}
CHANGE = "ALTER TABLE ingest_{} ALTER COLUMN footprint TYPE geometry({}, 4326) USING {}"
# The way back keeps the ground of every part in one polygon, as the earlier release had it.
BOX = "CASE WHEN ST_NumGeometries(footprint) = 1 THEN ST_GeometryN(footprint, 1) ELSE ST_Envelope(footprint) END"


class Migration(migrations.Migration):
    dependencies = [("ingest", "0010_sizes_of_rasters")]

    operations = [
        migrations.RunSQL(
            CHANGE.format(model, "MultiPolygon", "ST_Multi(footprint)"),
            CHANGE.format(model, "Polygon", BOX),
            state_operations=[migrations.AlterField(model, "footprint", MultiPolygonField(srid=4326, **options))],
        )
        for model, options in COLUMNS.items()
    ]
