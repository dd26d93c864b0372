"""Jobs: files that were uploaded, dropped into the watched folder or downloaded, and are to be loaded."""

from django.contrib.gis.db import models

from ingest.models.failures import CAUSES
from ingest.models.products import Product
from ingest.models.provenance import DIRECTIONS
from ingest.models.scenes import Scene


class IngestJob(models.Model):
    """One file (or folder) that is to be loaded. The row holds its state; the queue only wakes a worker."""

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
        CANCELLED = "cancelled", "cancelled"

    UNSETTLED = (State.QUEUED, State.RUNNING)

    source = models.CharField(max_length=10, choices=Source.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    original_name = models.CharField(max_length=255, help_text="as submitted; never part of a path on this machine")
    stored_path = models.TextField(blank=True, help_text="where the file is now; empty once it is deleted or moved")
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    source_format = models.CharField(max_length=30, default="auto")
    unit = models.CharField(max_length=20, blank=True)
    positive = models.CharField(max_length=20, blank=True)
    track = models.PositiveSmallIntegerField(null=True, blank=True)
    first_day = models.DateField(null=True, blank=True, help_text="of the period of velocities without a series")
    last_day = models.DateField(null=True, blank=True)
    mapping_path = models.TextField(blank=True, help_text="TOML file with the columns of a table")
    scale = models.CharField(max_length=10, blank=True, help_text="of an image's values")
    polarisation = models.CharField(max_length=2, blank=True)
    acquired_at = models.DateTimeField(null=True, blank=True, help_text="when an image was taken")
    platform = models.CharField(max_length=10, blank=True)
    direction = models.CharField(max_length=10, blank=True, choices=DIRECTIONS)
    attribution = models.CharField(max_length=300, blank=True)
    licence = models.CharField(max_length=300, blank=True)
    given_by = models.CharField(max_length=150, blank=True, help_text="account; never shown to the public")
    points_done = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True, help_text="one line: why it failed, or a remark")
    attempts = models.PositiveIntegerField(default=0, help_text="how often a worker has claimed it")
    faults = models.PositiveIntegerField(default=0, help_text="failures in a row")
    cause = models.CharField(max_length=10, blank=True, choices=CAUSES, help_text="of the last failure")
    next_try_at = models.DateTimeField(null=True, help_text="not before; empty: at once")
    queued_at = models.DateTimeField(null=True, help_text="when the broker last got a message about it")
    lease_until = models.DateTimeField(null=True, help_text="the worker of a running job is taken for dead after this")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    products = models.ManyToManyField(Product, blank=True, related_name="jobs")
    scenes = models.ManyToManyField(Scene, blank=True, related_name="jobs")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.original_name
