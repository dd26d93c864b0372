"""Velocity products with their measurement points, and images with their pairs.

Points and series are partitioned by product (see migration 0001).
"""

from affine import Affine
from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField

from ingest.context.models import (  # Django looks for tables in here
    AdministrativeRegion,
    ContextLayer,
    ElevationTile,
    Glacier,
    Landslide,
    Mine,
    Place,
    SimulatedTruth,
)
from ingest.pixel_grids import PixelGrid
from ingest.readers.records import Component, Direction, Technique
from ingest.sources.models import SceneDownload
from ingest.storage import raster_storage

__all__ = [
    "DIRECTIONS",
    "AdministrativeRegion",
    "ContextLayer",
    "DerivedTile",
    "DisplacementSeries",
    "ElevationTile",
    "FromFile",
    "Glacier",
    "IngestJob",
    "Landslide",
    "MeasurementPoint",
    "Mine",
    "Place",
    "Product",
    "PyramidCell",
    "ReleaseChange",
    "Scene",
    "SceneDownload",
    "ScenePair",
    "SimulatedTruth",
]

DIRECTIONS = [(d.value, d.value) for d in Direction if d]


class FromFile(models.Model):
    """Where a row came from: which file, of whom, under what licence, loaded when."""

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


class ProductQuerySet(models.QuerySet):
    def current(self) -> "ProductQuerySet":
        """Those that no newer release supersedes: what is shown and searched."""
        return self.filter(superseded_by=None)


class Product(FromFile):
    """One velocity field as it was published: a track, a tile, a time series. It is there wholly or not at all."""

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
    n_refused = models.PositiveIntegerField(default=0, help_text="rows that were left out")
    refused_reasons = models.JSONField(default=dict, help_text="reason: how many rows")
    refused_rows = models.JSONField(default=list, help_text="the first of them: [point id, reason]")
    tile = models.CharField(max_length=80, blank=True, help_text="what every release covers again")
    technique = models.CharField(max_length=10, choices=[(t.value, t.value) for t in Technique], default="insar")
    has_series = models.BooleanField(default=True)
    superseded_by = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="supersedes")
    derived_from = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="derived")
    file_sha256 = models.CharField(max_length=64)
    footprint = models.PolygonField(srid=4326, help_text="bounding box of the points")

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["-loaded_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["file_sha256", "component"], name="one_product_per_file_and_component")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def n_dates(self) -> int:
        """How many images its series have; 0 without series."""
        return len(self.dates) if self.has_series else 0


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
    """A point's displacements on the product's dates, packed as `ingest.products.encoding` says."""

    pk = models.CompositePrimaryKey("product", "pid")
    product = models.ForeignKey(Product, models.DO_NOTHING, db_constraint=False, db_index=False)
    pid = models.TextField(db_collation="C")
    packed = models.BinaryField()

    def __str__(self) -> str:
        return self.pid


class ReleaseChange(models.Model):
    """What changed from an older release of a tile to the one that stands."""

    older = models.OneToOneField(Product, models.CASCADE, related_name="change_after")
    newer = models.ForeignKey(Product, models.CASCADE, related_name="changes_before")
    n_gone = models.PositiveIntegerField(help_text="points of the older release without a point near them in the newer")
    n_new = models.PositiveIntegerField()
    n_kept = models.PositiveIntegerField()
    median_change_mm_yr = models.FloatField(null=True, help_text="over the cells that both see")
    raster = models.FileField(storage=raster_storage, max_length=200)
    made_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.older} to {self.newer}"


class DerivedTile(models.Model):
    """A tile whose up and east were derived, or could not be because its two directions share no cell."""

    key = models.CharField(max_length=64, primary_key=True, help_text="as the file_sha256 of its products")
    name = models.CharField(max_length=80)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class PyramidCell(models.Model):
    """Points of a product averaged over a cell of a map tile, as `ingest.products.pyramid` says."""

    pk = models.CompositePrimaryKey("z", "tile_x", "tile_y", "product", "cell")
    product = models.ForeignKey(Product, models.DO_NOTHING, db_constraint=False)
    z = models.PositiveSmallIntegerField()
    tile_x = models.PositiveSmallIntegerField()
    tile_y = models.PositiveSmallIntegerField()
    cell = models.PositiveSmallIntegerField()
    n = models.PositiveIntegerField()
    velocity_mm_yr = models.FloatField()

    def __str__(self) -> str:
        return f"{self.z}/{self.tile_x}/{self.tile_y} cell {self.cell}"


class SceneQuerySet(models.QuerySet):
    def ready(self) -> "SceneQuerySet":
        """Those that can be used: the others only say why not."""
        return self.filter(state=Scene.State.READY)


class Scene(FromFile):
    """One calibrated, map-projected image in one polarisation: linear power in storage, NaN where nothing was seen.

    A file that is no usable image leaves a row as well, with what its name tells and the reason.
    """

    class State(models.TextChoices):
        READY = "ready", "usable"
        REFUSED = "refused", "not usable"

    objects = SceneQuerySet.as_manager()

    state = models.CharField(max_length=10, choices=State.choices, default=State.READY, db_index=True)
    reason = models.TextField(blank=True, help_text="one line: why it is not usable, or why it is in no pair")
    name = models.CharField(max_length=120)
    source_format = models.CharField(max_length=30)
    platform = models.CharField(max_length=10, blank=True)
    track = models.PositiveSmallIntegerField(null=True, help_text="relative orbit")
    absolute_orbit = models.PositiveIntegerField(null=True)
    direction = models.CharField(max_length=10, choices=DIRECTIONS, blank=True)
    look_direction = models.CharField(max_length=5, default="right")
    mode = models.CharField(max_length=4, blank=True)
    burst = models.CharField(
        max_length=20, blank=True, help_text="which piece of the track, where its source names the pieces"
    )
    polarisation = models.CharField(max_length=2, blank=True)
    backscatter = models.CharField(max_length=10, blank=True, help_text="gamma0 or sigma0; linear power")
    acquired_at = models.DateTimeField(null=True)
    epsg = models.PositiveIntegerField(null=True)
    posting_m = models.FloatField(null=True)
    grid = ArrayField(models.FloatField(), size=6, null=True, help_text="affine transform of the raster: a to f")
    rows = models.PositiveIntegerField(null=True)
    cols = models.PositiveIntegerField(null=True)
    footprint = models.PolygonField(srid=4326, null=True)
    raster = models.FileField(storage=raster_storage, max_length=200, blank=True)
    looks = models.FloatField(
        null=True, help_text="equivalent number of looks of its speckle, where the product's is known"
    )
    ground = models.TextField(blank=True, help_text="heights it was laid on the map with; later passes take the same")
    # a file may hold several polarisations, each a scene of its own
    file_sha256 = models.CharField(max_length=64, db_index=True)

    class Meta:
        ordering = ["-acquired_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["track", "burst", "polarisation", "acquired_at", "source_format", "grid"],
                condition=models.Q(state="ready"),
                name="one_scene_per_acquisition",
            ),
            models.UniqueConstraint(fields=["file_sha256", "polarisation"], name="one_scene_per_file_and_polarisation"),
            models.CheckConstraint(
                condition=models.Q(state="refused")
                | models.Q(
                    *(
                        (f"{name}__isnull", False)
                        for name in ("track", "acquired_at", "epsg", "posting_m", "grid", "rows", "cols", "footprint")
                    ),
                ),
                name="ready_scenes_are_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(state="ready") | ~models.Q(reason=""), name="refused_scenes_say_why"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def pixel_grid(self) -> PixelGrid:
        return PixelGrid(self.epsg, Affine(*self.grid), self.rows, self.cols)

    @property
    def piece(self) -> str:
        """'track 137 ascending, burst 292320-IW2'."""
        return f"track {self.track:03d} {self.direction}" + (f", burst {self.burst}" if self.burst else "")


class ScenePair(models.Model):
    """Two images of one track and polarisation and the ground that both show; the reference is the earlier one.

    epsg, grid, rows, cols: the common grid, pixels of the reference; resampled: the secondary lies on another lattice
    and is brought onto this one when it is read.
    """

    reference = models.ForeignKey(Scene, models.CASCADE, related_name="pairs_as_reference")
    secondary = models.ForeignKey(Scene, models.CASCADE, related_name="pairs_as_secondary")
    temporal_baseline_days = models.PositiveSmallIntegerField()
    epsg = models.PositiveIntegerField()
    grid = ArrayField(models.FloatField(), size=6, help_text="affine transform: a to f")
    rows = models.PositiveIntegerField()
    cols = models.PositiveIntegerField()
    footprint = models.PolygonField(srid=4326)
    resampled = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["reference", "secondary"], name="one_pair_per_two_scenes"),
            models.CheckConstraint(condition=models.Q(temporal_baseline_days__gt=0), name="reference_is_earlier"),
        ]

    def __str__(self) -> str:
        first, second = self.reference, self.secondary
        days = f"{first.acquired_at:%Y-%m-%d} and {second.acquired_at:%Y-%m-%d}"
        return f"radar images of {days}, {first.piece}, {first.polarisation}"

    @property
    def pixel_grid(self) -> PixelGrid:
        return PixelGrid(self.epsg, Affine(*self.grid), self.rows, self.cols)

    @property
    def simulated(self) -> bool:
        return self.reference.simulated or self.secondary.simulated


class IngestJob(models.Model):
    """One file (or folder) that was given and is to be loaded. The row is the truth about it, the queue only a bell."""

    class Source(models.TextChoices):
        UPLOAD = "upload", "sent from the page"
        WATCH = "watch", "watched folder"
        FETCHED = "fetched", "fetched from a search service"

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "being read"
        LOADED = "loaded", "loaded"
        REJECTED = "rejected", "refused"
        FAILED = "failed", "failed"

    UNSETTLED = (State.QUEUED, State.RUNNING)

    source = models.CharField(max_length=10, choices=Source.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    original_name = models.CharField(max_length=255, help_text="as it was given; never part of a path of ours")
    stored_path = models.TextField(blank=True, help_text="where the file lies now; empty once it was deleted or moved")
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    source_format = models.CharField(max_length=30, default="auto")
    unit = models.CharField(max_length=20, blank=True)
    positive = models.CharField(max_length=20, blank=True)
    track = models.PositiveSmallIntegerField(null=True, blank=True)
    first_day = models.DateField(null=True, blank=True, help_text="of the time that velocities without a series cover")
    last_day = models.DateField(null=True, blank=True)
    mapping_path = models.TextField(blank=True, help_text="a TOML file that names a table's columns")
    scale = models.CharField(max_length=10, blank=True, help_text="of an image's values")
    polarisation = models.CharField(max_length=2, blank=True)
    acquired_at = models.DateTimeField(null=True, blank=True, help_text="when an image was taken")
    platform = models.CharField(max_length=10, blank=True)
    direction = models.CharField(max_length=10, blank=True, choices=DIRECTIONS)
    attribution = models.CharField(max_length=300, blank=True)
    licence = models.CharField(max_length=300, blank=True)
    given_by = models.CharField(max_length=150, blank=True, help_text="account; never shown to the public")
    points_done = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True, help_text="one line: what is wrong, or what is worth knowing")
    attempt = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, help_text="when the broker was last told")
    lease_until = models.DateTimeField(null=True, help_text="a running job is dead when this has passed")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    products = models.ManyToManyField(Product, blank=True, related_name="jobs")
    scenes = models.ManyToManyField(Scene, blank=True, related_name="jobs")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.original_name
