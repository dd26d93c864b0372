"""Tables of the running service, and of what visitors ask of it and report: extracts of areas, residents' reports.

Other tables count requests, and keep signs of life and alarms. A report's mail address is deleted once confirmed.
"""

from django.conf import settings
from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.utils.translation import gettext_lazy, pgettext_lazy

from ingest.foundation.storage import raster_storage
from ingest.models.jobs import CAUSES
from monitor.models.subscriptions import Holding, language_of_request


class RequestCount(models.Model):
    """Number of mails requested in a day. `who`: keyed hash of an address, of a connection or of all."""

    who = models.CharField(max_length=64)
    day = models.DateField()
    n_requests = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["who", "day"], name="one_count_a_day")]


class Extract(Holding):
    """File with the points of an area and their series, made for one address after that address has confirmed."""

    class Format(models.TextChoices):
        GEOPACKAGE = "gpkg", gettext_lazy("GeoPackage: a layer for each data set")
        GEOPARQUET = "parquet", gettext_lazy("GeoParquet: a file for each data set, in a zip")
        CSV = "csv", gettext_lazy("CSV: a table for each data set, in a zip")

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


class ResidentReport(models.Model):
    """Report of damage or of a change of the ground. Only number, kind and month of accepted reports are public."""

    class Kind(models.TextChoices):
        CRACKS = "cracks", gettext_lazy("Cracks in a wall")
        DOOR = "door", gettext_lazy("A door or window that sticks")
        SANK = "sank", gettext_lazy("Ground that sank")
        WATER = "water", gettext_lazy("Water where there was none")
        OTHER = "other", pgettext_lazy("kind of a resident’s report", "Something else")

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("state of a resident’s report", "waits for an operator")
        ACCEPTED = "accepted", pgettext_lazy("state of a resident’s report", "accepted")
        REJECTED = "rejected", pgettext_lazy("state of a resident’s report", "not accepted")

    kind = models.CharField(max_length=10, choices=Kind.choices)
    place = models.PointField(srid=4326, geography=True)
    seen_on = models.DateField()
    text = models.TextField(blank=True, help_text="for operators only")
    email = models.EmailField(blank=True, help_text="in lower case; empty once it is confirmed")
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, help_text="nobody sees it before")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True, help_text="why it was not accepted, for whoever sent it")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["confirmed_at", "id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"report {self.pk}: {self.kind}"
