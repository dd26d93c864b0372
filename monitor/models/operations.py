"""Tables of the running service: counts of requests, extracts of areas, signs of life, alarms."""

from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.utils.translation import gettext_lazy

from core.storage import raster_storage
from ingest.models.jobs import CAUSES
from monitor.models.subscriptions import Holding, language_of_request


class RequestCount(models.Model):
    """Number of mails requested in a day. `who`: keyed hash that stands for an address, a connection or all."""

    who = models.CharField(max_length=64)
    day = models.DateField()
    n_requests = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["who", "day"], name="one_count_a_day")]

    def __str__(self) -> str:
        return f"{self.n_requests} on {self.day}"


class Extract(Holding):
    """File with the points of an area and their series, made for one address after that address has confirmed."""

    class Format(models.TextChoices):
        GEOPACKAGE = "gpkg", gettext_lazy("GeoPackage: a layer for each data set")
        GEOPARQUET = "parquet", gettext_lazy("GeoParquet: a file for each data set, in a zip")
        CSV = "csv", gettext_lazy("CSV: a table for each data set, in a zip")
        KML = "kmz", gettext_lazy("KML: for virtual globes, at most 20,000 points")

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    UNSETTLED = (State.QUEUED, State.RUNNING)

    email = models.EmailField(db_index=True, help_text="in lower case")
    label = models.CharField(max_length=200, help_text="the area in words")
    area = models.MultiPolygonField(srid=4326)
    file_format = models.CharField(max_length=10, choices=Format.choices)
    products = ArrayField(models.BigIntegerField(), help_text="the data sets that had points there when it was asked")
    n_points = models.PositiveIntegerField(help_text="as counted when it was asked for")
    with_series = models.BooleanField(default=True, help_text="each point has its displacements, one column for a date")
    points_done = models.PositiveIntegerField(default=0)
    language = models.CharField(max_length=10, default=language_of_request, help_text="of settings.LANGUAGES")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    attempts = models.PositiveIntegerField(default=0, help_text="how often a worker has claimed it")
    faults = models.PositiveIntegerField(default=0, help_text="failures in a row")
    cause = models.CharField(max_length=10, blank=True, choices=CAUSES, help_text="of the last failure")
    next_try_at = models.DateTimeField(null=True, help_text="not before; empty: at once")
    lease_until = models.DateTimeField(null=True, help_text="the worker of a running one is taken for dead after this")
    error = models.TextField(blank=True, help_text="one line: why it failed")
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, help_text="when its reader pressed the button behind the link")
    worked_seconds = models.FloatField(default=0, help_text="of all attempts together")
    finished_at = models.DateTimeField(null=True)
    downloaded_at = models.DateTimeField(null=True, help_text="when its last byte was first asked for")
    file = models.FileField(storage=raster_storage, max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"extract {self.pk}"


class SignOfLife(models.Model):
    """Last sign of life of beat, a process, or the worker of a queue."""

    name = models.CharField(max_length=120, primary_key=True)
    seen_at = models.DateTimeField(help_text="by the clock of the database")

    def __str__(self) -> str:
        return f"{self.name}, {self.seen_at:%Y-%m-%d %H:%M:%S}"


class Alarm(models.Model):
    """Alarm about a failed condition. It opens when the failure lasts, and ends when the condition has held as long."""

    condition = models.CharField(max_length=40, help_text="name of the condition")
    sentence = models.CharField(max_length=600, help_text="what is wrong, as it was last seen")
    first_seen_at = models.DateTimeField(help_text="since when it has been wrong")
    right_since = models.DateTimeField(null=True, help_text="since when it has been right again")
    opened_at = models.DateTimeField(null=True, help_text="when it had been wrong for ALARM_AFTER_MINUTES")
    mailed_at = models.DateTimeField(null=True, help_text="when administrators last got a mail about it")
    ended_at = models.DateTimeField(null=True)
    end_mailed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["condition"], condition=models.Q(ended_at=None), name="one_alarm_per_condition"
            )
        ]

    def __str__(self) -> str:
        return f"{self.condition}: {self.sentence}"
