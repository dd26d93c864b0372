"""Queued work: jobs that load files, downloads of search services, and failed steps with their next attempt."""

from django.contrib.gis.db import models

from ground_motion.readers.records import Direction
from ingest.foundation.failures import Cause
from ingest.models.products import DIRECTIONS, Product
from ingest.models.scenes import Scene

CAUSES = Cause.choices


class StepFailure(models.Model):
    """A failed step on one row of a table. It is deleted when the step has succeeded, or is no longer due."""

    class Step(models.TextChoices):
        SEARCH = "search", "search for moving areas"
        MEASURE = "measure", "measurement of glaciers"
        FOLLOW = "follow", "series of a glacier"
        COMPARE = "compare", "comparison of methods"
        ANNOUNCE = "announce", "messages about an alert"
        ASK = "ask", "questions of an organisation"
        ESCALATE = "escalate", "next question about an alert"
        CAP = "cap", "CAP message about an alert"
        TRENDS = "trends", "search for changes of trend"
        BUILDINGS = "buildings", "ledger of buildings"
        LINES = "lines", "motion along a line"
        ORDERS = "orders", "search for passes of an order"
        EVENT_ORDERS = "eventorder", "search for passes of an event"
        PASSES = "passes", "new passes of a release"
        BENDS = "bends", "alerts from new passes"
        RELEASE = "release", "alerts from new passes that a release covers"
        REPLACE = "replace", "provisional values that a release replaces"
        SEAL = "seal", "sealed evidence of an alert"
        SETTLE = "settle", "versions of a data set"
        DATUM = "datum", "zero of a data set"

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        FAILED = "failed", "failed"

    step = models.CharField(max_length=10, choices=Step.choices)
    subject_id = models.BigIntegerField(help_text="the row that the step works on")
    subject = models.CharField(max_length=200, help_text="the row in words")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    faults = models.PositiveIntegerField(default=0, help_text="failures in a row")
    cause = models.CharField(max_length=10, choices=CAUSES, help_text="of the last failure")
    next_try_at = models.DateTimeField(null=True, help_text="not before; empty: at once, or never where it has failed")
    error = models.TextField(blank=True, help_text="one line")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["step", "subject_id"], name="one_failure_per_step_and_row")]

    def __str__(self) -> str:
        return f"{self.get_step_display()}: {self.subject}"


class IngestJob(models.Model):
    """One file or folder to load. The row holds the state of the work; the message queue only wakes a worker."""

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
    still = models.TextField(blank=True, help_text="ground that was declared to stand still, WKT in degrees")
    attribution = models.CharField(max_length=300, blank=True)
    licence = models.CharField(max_length=300, blank=True)
    given_by = models.CharField(max_length=150, blank=True, help_text="account; never shown to the public")
    corrects = models.ForeignKey(
        Product,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="corrections",
        help_text="loaded from the same file, with declarations that were wrong",
    )
    why = models.CharField(max_length=500, blank=True, help_text="why it is corrected; everybody reads it")
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
    inspection = models.JSONField(default=dict, blank=True, help_text="what it was taken for, and what is to be said")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.original_name


class SceneDownload(models.Model):
    """One file of a search service, from the decision to download the file until it is loaded or has failed."""

    class State(models.TextChoices):
        WANTED = "wanted", "waiting"
        FETCHING = "fetching", "being fetched"
        FETCHED = "fetched", "fetched, waiting to be loaded"
        LOADED = "loaded", "loaded"
        FAILED = "failed", "failed"
        DELETED = "deleted", "loaded, and its file deleted for others"
        CANCELLED = "cancelled", "cancelled"

    source = models.CharField(max_length=10)
    scene_id = models.CharField(max_length=255)
    url = models.TextField(help_text="as in the catalogue; never with credentials")
    file_name = models.CharField(max_length=200)
    size_bytes = models.BigIntegerField(null=True, help_text="as in the catalogue; empty where it states none")
    checksum_algorithm = models.CharField(max_length=10, blank=True)
    checksum = models.CharField(max_length=128, blank=True, help_text="hexadecimal")
    platform = models.CharField(max_length=10, blank=True)
    track = models.PositiveSmallIntegerField(null=True, help_text="relative orbit")
    direction = models.CharField(max_length=10, blank=True, choices=[(d.value, d.value) for d in Direction if d])
    polarisation = models.CharField(max_length=11, blank=True, help_text="VV, or VV+VH of a file with both")
    acquired_at = models.DateTimeField(null=True)
    footprint = models.MultiPolygonField(srid=4326, null=True)

    state = models.CharField(max_length=10, choices=State.choices, default=State.WANTED, db_index=True)
    bytes_done = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0, help_text="how often a worker has claimed it")
    faults = models.PositiveIntegerField(default=0, help_text="failed rounds in a row")
    cause = models.CharField(max_length=10, blank=True, choices=CAUSES, help_text="of the last failure of this program")
    damaged = models.PositiveSmallIntegerField(default=0, help_text="how often size or checksum did not match")
    etag = models.CharField(max_length=200, blank=True, help_text="of the file that the partial download belongs to")
    modified = models.CharField(max_length=60, blank=True)
    next_try_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="the worker that fetches it is taken for dead after this")
    error = models.TextField(blank=True, help_text="one line")
    stored_path = models.TextField(blank=True, help_text="where the file is; empty once it is deleted")
    job = models.ForeignKey("ingest.IngestJob", models.SET_NULL, null=True, related_name="downloads")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["source", "scene_id"], name="one_download_per_scene")]

    def __str__(self) -> str:
        return self.scene_id
