"""Files of search services that are to be downloaded."""

from django.contrib.gis.db import models

from ingest.models.failures import CAUSES
from ingest.readers.records import Direction


class SceneDownload(models.Model):
    """One file of a search service, from the decision to download it until it is loaded or has failed."""

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
