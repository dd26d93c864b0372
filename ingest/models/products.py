"""Velocity products, their measurement points and series; points and series are partitioned by product."""

from typing import TypeVar

from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.dispatch import Signal

from ground_motion.core.areas import zone_of
from ground_motion.readers.records import Component, Direction, Reference, Technique
from ground_motion.statistics.datum import FILE_SIGMA_MM_YR, Datum, Source
from ingest.foundation.storage import raster_storage

DERIVED = "derived"  # The level of products of vertical and eastward motion that are made of two directions.
# Both are sent in the step's transaction, with `product` (and `waits`), to alerts, which this package may not import.
withdrawn, restored = Signal(), Signal()
Row = TypeVar("Row", bound=models.Model)
DIRECTIONS = [(d.value, d.value) for d in Direction if d]


class FromFile(models.Model):
    """Base of models loaded from a file: the file, its attribution and licence, and who loaded it when."""

    simulated = models.BooleanField(default=False)
    attribution = models.CharField(max_length=300, blank=True)
    licence = models.CharField(max_length=300, blank=True)
    header = models.JSONField(default=dict)
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64, unique=True)
    loaded_at = models.DateTimeField(auto_now_add=True)
    loaded_by = models.CharField(max_length=150, blank=True, help_text="account; never shown to the public")

    class Meta:
        abstract = True


class StandingManager(models.Manager[Row]):
    """Manager of the rows that do not come from a withdrawn product.

    Whatever is served, searched or counted is read through these managers, so that a withdrawal holds everywhere; the
    manager `every` and foreign keys return the other rows, too. The model's attribute `comes_from` has the lookups
    from a row to its products: it cannot be an argument, because managers of related rows are made from the class.
    """

    def get_queryset(self) -> models.QuerySet[Row]:
        """Return the standing rows; the exclusion is a subquery: rows to be locked or updated allow no join."""
        rows = super().get_queryset()
        for path in self.model.comes_from:  # type: ignore[attr-defined]
            first, *rest = path.split("__")
            parent = self.model._meta.get_field(first).related_model
            stands = "__".join((*rest, "withdrawn_at", "isnull"))
            rows = rows.exclude(**{f"{first}__in": parent._base_manager.filter(**{stands: False})})  # type: ignore[union-attr]
        return rows


class ProductQuerySet(models.QuerySet["Product"]):
    """Query of products that can be limited to current releases."""

    def current(self) -> "ProductQuerySet":
        """Return products without superseded releases; only these are shown and searched."""
        return self.filter(superseded_by=None)

    def rests(self) -> "ProductQuerySet":
        """Return rests of superseded releases: those of their points that lie beyond all newer releases."""
        return self.filter(is_rest=True)

    def answering(self) -> "ProductQuerySet":
        """Return products of files that are current somewhere: everywhere, or where a rest of them answers."""
        rests = Product.objects.rests().current().values("derived_from")
        return self.filter(models.Q(superseded_by=None) | models.Q(pk__in=rests), derived_from=None)


ProductManager = models.Manager.from_queryset(ProductQuerySet)


class StandingProducts(ProductManager["Product"]):
    """Manager of the products that are not withdrawn."""

    def get_queryset(self) -> ProductQuerySet:
        """Return products that may be served, searched and counted."""
        return ProductQuerySet(self.model, using=self._db).filter(withdrawn_at=None)


class Product(FromFile):
    """One velocity field as published, for example of one track or tile. It is loaded whole or not at all."""

    name = models.CharField(max_length=120)
    source_format = models.CharField(max_length=30)
    level = models.CharField(max_length=30)
    component = models.CharField(max_length=5, choices=[(c.value, c.value) for c in Component])
    track = models.PositiveSmallIntegerField(null=True)
    direction = models.CharField(max_length=10, blank=True, choices=DIRECTIONS)
    burst = models.CharField(max_length=20, blank=True)
    polarisation = models.CharField(max_length=2, blank=True)
    release = models.CharField(max_length=30, blank=True)
    posting_m = models.FloatField(null=True, help_text="spacing of a gridded product; empty for scattered points")
    grid_epsg = models.PositiveIntegerField(null=True)
    dates = ArrayField(models.DateField(), help_text="of the images; first and last day where there is no series")
    n_points = models.PositiveIntegerField()
    n_refused = models.PositiveIntegerField(default=0, help_text="rows that were rejected")
    refused_reasons = models.JSONField(default=dict, help_text="reason: how many rows")
    refused_rows = models.JSONField(default=list, help_text="the first of them: [point id, reason]")
    tile = models.CharField(
        max_length=80, blank=True, help_text="the tile, the same in every release; see also `ingest.products.settling`"
    )
    technique = models.CharField(max_length=10, choices=[(t.value, t.value) for t in Technique], default="insar")
    reference = models.CharField(
        max_length=5,
        choices=[(r.value, r.value) for r in Reference],
        default=Reference.LOCAL.value,
        help_text="zero of the file: gnss, stations; local, a point or the mean of the scene",
    )
    datum_mm_yr = models.FloatField(default=0.0, help_text="subtracted from the file's rates; see products.datum")
    datum_sigma_mm_yr = models.FloatField(default=FILE_SIGMA_MM_YR)  # An error that all its points have in common.
    datum_source = models.CharField(max_length=10, choices=[(s.value, s.value) for s in Source], default=Source.FILE)
    datum_n = models.PositiveIntegerField(default=0, help_text="stations, points or fields that the datum comes from")
    datum_share = models.FloatField(
        default=0.0, help_text="of the edge of the field that is still, if it comes from that"
    )
    datum_at = models.DateTimeField(null=True, help_text="when it was solved; null: it is due")
    datum_moved_at = models.DateTimeField(null=True, help_text="when it changed: what was computed before is due again")
    has_series = models.BooleanField(default=True)
    superseded_by = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="supersedes")
    newer_releases = models.PositiveIntegerField(null=True, help_text="of its tile or places; null: never settled")
    derived_from = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="derived")
    is_rest = models.BooleanField(default=False, help_text="those points of a release where no newer one answers")
    derived_at = models.DateTimeField(
        null=True, help_text="when products were derived where it lies, or not; null: not yet, or not since it went"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True, help_text="sealed: kept for a while, served nowhere")
    corrects = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="corrected_by",
        help_text="the version of the same file whose declarations were wrong",
    )
    points_deleted_at = models.DateTimeField(null=True, help_text="an old release, of which only the row is kept")
    file_sha256 = models.CharField(max_length=64)
    footprint = models.MultiPolygonField(srid=4326, help_text="boxes around groups of points")

    objects = StandingProducts()
    every = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["-loaded_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["file_sha256", "component"],
                condition=models.Q(withdrawn_at=None),
                name="one_product_per_file_and_component",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def metric_epsg(self) -> int:
        """System in metres in which its points are worked on: that of its grid, else the UTM zone of its middle."""
        return self.grid_epsg or zone_of(self.footprint)

    @property
    def datum(self) -> Datum:
        """Datum against which its points are stored: the file's rates less this."""
        source, share = Source(self.datum_source), self.datum_share
        return Datum(self.datum_mm_yr, self.datum_sigma_mm_yr, source, self.datum_n, share)

    @property
    def n_dates(self) -> int:
        """Number of dates in each series of the product; 0 without series."""
        return len(self.dates) if self.has_series else 0


class ProductEvent(models.Model):
    """A step of a product's life with its reason. Rows are only added, and stay when the product is deleted."""

    class Act(models.TextChoices):
        LOADED = "loaded", "loaded"
        CORRECTED = "corrected", "corrected"  # Its declarations were wrong; `other` is the version that holds.
        SUPERSEDED = "superseded", "superseded"  # `other` is the newer release.
        WITHDRAWN = "withdrawn", "taken back"
        RESTORED = "restored", "restored"
        DELETED = "deleted", "deleted"

    product = models.ForeignKey(Product, models.DO_NOTHING, db_constraint=False, related_name="events")
    name = models.CharField(max_length=120, help_text="of the product, which may be deleted")
    act = models.CharField(max_length=10, choices=Act.choices)
    at = models.DateTimeField(auto_now_add=True)
    by = models.CharField(max_length=150, blank=True, help_text="account; never shown to the public")
    why = models.CharField(max_length=500, blank=True, help_text="what everybody reads")
    other = models.ForeignKey(Product, models.DO_NOTHING, db_constraint=False, null=True, related_name="+")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.act}"


class MeasurementPoint(models.Model):
    """A point whose motion is known. mm and mm/yr; LOS positive toward the satellite, up and east positive.

    velocity_mm_yr: against the product's datum.
    """

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

    comes_from = ("product",)
    objects = StandingManager["MeasurementPoint"]()
    every = models.Manager["MeasurementPoint"]()

    def __str__(self) -> str:
        return self.pid


class DisplacementSeries(models.Model):
    """A point's displacements on the product's dates as in the file, packed by `ingest.products.encoding`."""

    pk = models.CompositePrimaryKey("product", "pid")
    product = models.ForeignKey(Product, models.DO_NOTHING, db_constraint=False, db_index=False)
    pid = models.TextField(db_collation="C")
    packed = models.BinaryField()

    comes_from = ("product",)
    objects = StandingManager["DisplacementSeries"]()
    every = models.Manager["DisplacementSeries"]()

    def __str__(self) -> str:
        return self.pid


class ReleaseChange(models.Model):
    """Differences between an older release of a tile and its successor."""

    older = models.OneToOneField(Product, models.CASCADE, related_name="change_after")
    newer = models.ForeignKey(Product, models.CASCADE, related_name="changes_before")
    n_gone = models.PositiveIntegerField(help_text="points of the older release with none nearby in the newer one")
    n_new = models.PositiveIntegerField()
    n_kept = models.PositiveIntegerField()
    common_offset_mm_yr = models.FloatField(null=True, help_text="median change of still ground, taken off the raster")
    verdicts = models.JSONField(null=True, help_text="verdict: number of cells; null: compared before there were any")
    raster = models.FileField(storage=raster_storage, max_length=200)
    raster_bytes = models.PositiveBigIntegerField(null=True, help_text="empty: stored before sizes were recorded")
    updated_at = models.DateTimeField(auto_now=True)

    comes_from = (
        "older",
        "newer",
    )
    objects = StandingManager["ReleaseChange"]()
    every = models.Manager["ReleaseChange"]()

    def __str__(self) -> str:
        return f"{self.older} to {self.newer}"


class DerivedTile(models.Model):
    """A tile for which up and east were derived, or cannot be because its two directions share no cell."""

    key = models.CharField(max_length=64, primary_key=True, help_text="as the file_sha256 of its products")
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class PyramidCell(models.Model):
    """Points of a product averaged over a cell of a map tile by `ingest.products.pyramid`."""

    pk = models.CompositePrimaryKey("z", "tile_x", "tile_y", "product", "cell")
    product = models.ForeignKey(Product, models.DO_NOTHING, db_constraint=False)
    z = models.PositiveSmallIntegerField()
    tile_x = models.PositiveSmallIntegerField()
    tile_y = models.PositiveSmallIntegerField()
    cell = models.PositiveSmallIntegerField()
    n = models.PositiveIntegerField()
    velocity_mm_yr = models.FloatField()

    comes_from = ("product",)
    objects = StandingManager["PyramidCell"]()
    every = models.Manager["PyramidCell"]()

    def __str__(self) -> str:
        return f"{self.z}/{self.tile_x}/{self.tile_y} cell {self.cell}"
