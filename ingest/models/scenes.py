"""Radar images and pairs of them."""

from datetime import date

from affine import Affine
from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField

from ground_motion.core.errors import promised
from ground_motion.core.pixel_grids import PixelGrid
from ingest.foundation.storage import raster_storage
from ingest.models.products import DIRECTIONS, FromFile


class SceneQuerySet(models.QuerySet["Scene"]):
    """A query of images that can be limited to usable ones."""

    def ready(self) -> "SceneQuerySet":
        """Return usable images; the rows of the others only hold the reason why they are unusable."""
        return self.filter(state=Scene.State.READY)


class Scene(FromFile):
    """One calibrated, map-projected image in one polarisation: linear power in storage, NaN where there is no data.

    An unusable file also gets a row, with the facts in its name and the reason. The row of an image deleted for its age
    (monitor.operations.retention) is kept while a pair needs it.
    """

    class State(models.TextChoices):
        READY = "ready", "usable"
        REFUSED = "refused", "not usable"
        DELETED = "deleted", "deleted"

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
        max_length=20, blank=True, help_text="burst or frame of the track, where its source names it"
    )
    polarisation = models.CharField(max_length=2, blank=True)
    backscatter = models.CharField(max_length=10, blank=True, help_text="gamma0 or sigma0; linear power")
    acquired_at = models.DateTimeField(null=True)
    epsg = models.PositiveIntegerField(null=True)
    posting_m = models.FloatField(null=True)
    grid = ArrayField(models.FloatField(), size=6, null=True, help_text="affine transform of the raster: a to f")
    rows = models.PositiveIntegerField(null=True)
    cols = models.PositiveIntegerField(null=True)
    footprint = models.MultiPolygonField(srid=4326, null=True)
    raster = models.FileField(storage=raster_storage, max_length=200, blank=True)
    looks = models.FloatField(null=True, help_text="equivalent number of looks, where that of the product is known")
    ground = models.TextField(blank=True, help_text="elevation model of its correction; later passes use the same")
    paired_at = models.DateTimeField(null=True, help_text="when others were looked for to pair it with; null: not yet")
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
                    )
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
        """Return the grid of the pixels."""
        return PixelGrid(promised(self.epsg), Affine(*promised(self.grid)), promised(self.rows), promised(self.cols))

    @property
    def day(self) -> date:
        """Day on which a usable image was taken, UTC. RuntimeError for one whose file does not say it."""
        return promised(self.acquired_at).date()

    @property
    def piece(self) -> str:
        """Track, direction and burst as text: 'track 137 ascending, burst 292320-IW2'."""
        return f"track {self.track:03d} {self.direction}" + (f", burst {self.burst}" if self.burst else "")


class Interferogram(FromFile):
    """An unwrapped interferogram that continues a release: bands change_mm (toward the satellite) and coherence."""

    name = models.CharField(max_length=120)
    source_format = models.CharField(max_length=30)
    track = models.PositiveSmallIntegerField(null=True, help_text="relative orbit")
    direction = models.CharField(max_length=10, choices=DIRECTIONS, blank=True)
    burst = models.CharField(max_length=20, blank=True)
    polarisation = models.CharField(max_length=2, blank=True)
    reference_day = models.DateField(help_text="of the earlier image")
    secondary_day = models.DateField(db_index=True, help_text="of the later image")
    wavelength_m = models.FloatField()
    posting_m = models.FloatField(null=True)
    footprint = models.MultiPolygonField(srid=4326)
    raster = models.FileField(storage=raster_storage, max_length=200)
    raster_bytes = models.PositiveBigIntegerField(null=True)
    file_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["-secondary_day", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["file_sha256", "reference_day", "secondary_day"], name="one_interferogram_per_file_and_days"
            ),
            models.CheckConstraint(
                condition=models.Q(reference_day__lt=models.F("secondary_day")), name="interferograms_run_forward"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ScenePair(models.Model):
    """Two images of one track and polarisation and the area that both cover; the reference is the earlier one.

    epsg, grid, rows, cols: the common grid, pixels of the reference; resampled: the secondary is on another grid and
    is resampled when it is read.
    """

    reference = models.ForeignKey(Scene, models.CASCADE, related_name="pairs_as_reference")
    secondary = models.ForeignKey(Scene, models.CASCADE, related_name="pairs_as_secondary")
    temporal_baseline_days = models.PositiveSmallIntegerField()
    epsg = models.PositiveIntegerField()
    grid = ArrayField(models.FloatField(), size=6, help_text="affine transform: a to f")
    rows = models.PositiveIntegerField()
    cols = models.PositiveIntegerField()
    footprint = models.MultiPolygonField(srid=4326)
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
        """Return the grid of the pixels."""
        return PixelGrid(self.epsg, Affine(*self.grid), self.rows, self.cols)

    @property
    def simulated(self) -> bool:
        """Return whether either image is simulated."""
        return self.reference.simulated or self.secondary.simulated
