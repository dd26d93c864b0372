"""Products and their measurement points. Points and series are partitioned by product (see migration 0001)."""

from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField

from ingest.readers.records import Component, Direction


class Product(models.Model):
    """One velocity field as it was published: a track, a tile, a time series. It is there wholly or not at all."""

    name = models.CharField(max_length=120)
    source_format = models.CharField(max_length=30)
    level = models.CharField(max_length=30)
    component = models.CharField(max_length=5, choices=[(c.value, c.value) for c in Component])
    track = models.PositiveSmallIntegerField(null=True)
    direction = models.CharField(max_length=10, blank=True, choices=[(d.value, d.value) for d in Direction if d])
    burst = models.CharField(max_length=20, blank=True)
    polarisation = models.CharField(max_length=2, blank=True)
    release = models.CharField(max_length=30, blank=True)
    posting_m = models.FloatField(null=True, help_text="spacing of a gridded product; empty for scattered points")
    grid_epsg = models.PositiveIntegerField(null=True)
    dates = ArrayField(models.DateField())
    n_points = models.PositiveIntegerField()
    n_refused = models.PositiveIntegerField(default=0, help_text="rows without a position or a velocity")
    footprint = models.PolygonField(srid=4326, help_text="bounding box of the points")
    simulated = models.BooleanField(default=False)
    attribution = models.CharField(max_length=300, blank=True)
    licence = models.CharField(max_length=300, blank=True)
    header = models.JSONField(default=dict)
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64, unique=True)
    loaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-loaded_at", "-id"]

    def __str__(self) -> str:
        return self.name


class MeasurementPoint(models.Model):
    """A point whose motion is known. mm and mm/yr; LOS positive toward the satellite, up and east positive."""

    pk = models.CompositePrimaryKey("product", "pid")
    product = models.ForeignKey(Product, models.DO_NOTHING, db_constraint=False, db_index=False)
    pid = models.TextField(db_collation="C")
    velocity_mm_yr = models.FloatField()
    velocity_std_mm_yr = models.FloatField(null=True)
    height_m = models.FloatField(null=True)
    temporal_coherence = models.FloatField(null=True)
    rmse_mm = models.FloatField(null=True)
    los_east = models.FloatField(null=True)
    los_north = models.FloatField(null=True)
    los_up = models.FloatField(null=True)
    position = models.PointField(srid=4326, spatial_index=False)
    tile_point = models.PointField(
        srid=3857, spatial_index=False, help_text="for vector tiles; indexed by the migration"
    )

    def __str__(self) -> str:
        return self.pid


class DisplacementSeries(models.Model):
    """A point's displacements on the product's dates, packed as `ingest.encoding` says."""

    pk = models.CompositePrimaryKey("product", "pid")
    product = models.ForeignKey(Product, models.DO_NOTHING, db_constraint=False, db_index=False)
    pid = models.TextField(db_collation="C")
    packed = models.BinaryField()

    def __str__(self) -> str:
        return self.pid
