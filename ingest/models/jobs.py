"""Files that were given and are to be loaded."""

from django.contrib.gis.db import models

from ingest.models.products import Product
from ingest.models.provenance import DIRECTIONS
from ingest.models.scenes import Scene


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
