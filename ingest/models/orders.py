"""Standing orders, and the pairs of images that are ordered for them from a processor."""

from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField

from ingest.models.jobs import CAUSES, SceneDownload


class StandingOrder(models.Model):
    """Area whose new passes are processed: by a processor, for credits, or free by the products' publisher."""

    class Processor(models.TextChoices):
        BURST = "INSAR_ISCE_BURST", "HyP3, one burst"
        MULTI_BURST = "INSAR_ISCE_MULTI_BURST", "HyP3, up to 15 bursts"
        ARIA = "ARIA", "ARIA S1 GUNW"
        NISAR = "NISAR", "NISAR GUNW"
        DISP = "DISP", "OPERA DISP-S1"

    PAID = (Processor.BURST, Processor.MULTI_BURST)  # The others publish their products without being asked.

    name = models.CharField(max_length=120)
    region = models.CharField(max_length=200, blank=True, help_text="administrative region with this outline, if any")
    outline = models.MultiPolygonField(srid=4326)
    track = models.PositiveSmallIntegerField(null=True, help_text="relative orbit; empty: any")
    processor = models.CharField(max_length=30, choices=Processor.choices)
    credits_a_month = models.PositiveIntegerField(default=0, help_text="budget; 0: nothing is ordered")
    priority = models.PositiveSmallIntegerField(default=5, help_text="1 is ordered first")
    made_by = models.CharField(max_length=150, help_text="account")
    is_on = models.BooleanField(default=True)
    searched_at = models.DateTimeField(null=True, help_text="time of the last search that went well")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def is_paid(self) -> bool:
        """Return whether its products cost credits."""
        return self.processor in self.PAID


class EventOrder(models.Model):
    """Order for pairs of images of an area that span a moment, such as that of an earthquake."""

    area = models.MultiPolygonField(srid=4326)
    spans = models.DateTimeField()
    purpose = models.CharField(max_length=200)
    priority = models.PositiveSmallIntegerField(help_text="1 is ordered first")
    searched_at = models.DateTimeField(null=True, help_text="time of the last search that went well")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["purpose", "spans"], name="one_order_per_event")]

    def __str__(self) -> str:
        return self.purpose


class PairOrder(models.Model):
    """Order for an interferogram of one or several bursts from two passes, followed until its files are loaded."""

    class State(models.TextChoices):
        WANTED = "wanted", "waiting to be ordered"
        ORDERING = "ordering", "being ordered"
        ORDERED = "ordered", "ordered"
        RUNNING = "running", "being processed"
        READY = "ready", "ready, being fetched"
        COLLECTED = "collected", "loaded"
        FAILED = "failed", "failed"
        EXPIRED = "expired", "deleted by the processor before it was fetched"
        OVER_BUDGET = "over budget", "waiting for the next month's credits"
        CANCELLED = "cancelled", "cancelled"

    WAITING = (State.WANTED, State.OVER_BUDGET)
    AT_PROCESSOR = (State.ORDERED, State.RUNNING)

    key = models.CharField(max_length=90, unique=True, help_text="processor, track, piece of it, and both days")
    standing_order = models.ForeignKey(StandingOrder, models.PROTECT, related_name="pairs", help_text="order that pays")
    event = models.ForeignKey(EventOrder, models.SET_NULL, null=True, related_name="pairs")
    track = models.PositiveSmallIntegerField()
    piece = models.CharField(max_length=20, help_text="burst, or block of bursts, of the track")
    reference = ArrayField(models.CharField(max_length=60), help_text="granules of the earlier pass")
    secondary = ArrayField(models.CharField(max_length=60))
    reference_at = models.DateTimeField()
    secondary_at = models.DateTimeField()

    state = models.CharField(max_length=12, choices=State.choices, default=State.WANTED, db_index=True)
    number = models.PositiveSmallIntegerField(default=1, help_text="how often it was ordered, this time included")
    job_id = models.CharField(max_length=80, blank=True, help_text="of the job at the processor")
    ordered_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="when the processor deletes the files")
    downloads = models.ManyToManyField(SceneDownload, related_name="pair_orders")
    attempts = models.PositiveIntegerField(default=0, help_text="how often a worker has claimed it")
    faults = models.PositiveIntegerField(default=0, help_text="failures in a row")
    cause = models.CharField(max_length=10, blank=True, choices=CAUSES, help_text="of the last failure")
    next_try_at = models.DateTimeField(null=True, help_text="not before; empty: at once")
    lease_until = models.DateTimeField(null=True, help_text="the worker that orders it is taken for dead after this")
    error = models.TextField(blank=True, help_text="one line")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.key

    @property
    def processor(self) -> str:
        """Return the processor of the pair's jobs, which stays the same if the standing order changes."""
        return self.key.partition("-")[0]

    @property
    def job_name(self) -> str:
        """Return the name of the job at the processor, the same for every worker and every attempt."""
        return f"{self.key}-{self.number}"


class Charge(models.Model):
    """Credits of one job, stored before its submission, so that a job that was perhaps submitted counts, too."""

    standing_order = models.ForeignKey(StandingOrder, models.PROTECT, related_name="charges")
    job_name = models.CharField(max_length=100, unique=True)
    credits = models.FloatField()
    at = models.DateTimeField(db_index=True)
