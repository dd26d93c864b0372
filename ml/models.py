"""Model versions, their runs on products and pairs, predictions, events, and living series."""

import math
from datetime import timedelta
from typing import Any

from django.contrib.gis.db import models
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.contrib.postgres.fields import ArrayField
from shapely.geometry import shape

from ground_motion.core.areas import centre_of, disc
from ground_motion.core.errors import promised
from ground_motion.methods.deformation.quakes import Mechanism
from ingest.foundation.geos import geos
from ingest.foundation.storage import raster_storage
from ingest.models import Building, Product, ScenePair, StandingManager
from ingest.models.jobs import CAUSES

MAX_WAIT = timedelta(days=60)  # Images after an event, also of other tracks, are awaited this long.


class ModelVersion(models.Model):
    """One version of a method, with weights and constants, so that every figure can be traced to what made it."""

    class Task(models.TextChoices):
        DEFORMATION = "deformation", "deformation in a velocity field"
        COHERENCE = "coherence", "coherence of an image pair"
        COHERENCE_CHANGE = "coherence-change", "coherence of a pair against its predecessors"
        OFFSETS = "offsets", "offsets between the images of a pair"

    task = models.CharField(max_length=20, choices=Task.choices)
    method = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    weights_sha256 = models.CharField(max_length=64, blank=True)
    parameters = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["task", "method", "version", "weights_sha256"], name="one_row_per_model_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.version}"

    @property
    def has_weights(self) -> bool:
        """Whether the method is a network."""
        return bool(self.weights_sha256)


class Run(models.Model):
    """One execution of a model version on one product or one pair. The unique constraints are its idempotency key."""

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "running"
        SUCCEEDED = "succeeded", "finished"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    UNSETTLED = (State.QUEUED, State.RUNNING)

    model_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="runs")
    product = models.ForeignKey(Product, models.CASCADE, null=True, related_name="runs")
    companions = models.ManyToManyField(
        Product, related_name="joint_runs", help_text="products of another track that it saw the same ground in"
    )
    pair = models.ForeignKey(ScenePair, models.CASCADE, null=True, related_name="runs")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    attempts = models.PositiveIntegerField(default=0, help_text="how often a worker has claimed it")
    faults = models.PositiveIntegerField(default=0, help_text="failures in a row")
    cause = models.CharField(max_length=10, blank=True, choices=CAUSES, help_text="of the last failure")
    next_try_at = models.DateTimeField(null=True, help_text="not before; empty: at once")
    share_done = models.FloatField(default=0.0, help_text="of a running job, 0-1, as of its last heartbeat")
    queued_at = models.DateTimeField(null=True, help_text="when the broker last got a message about it")
    lease_until = models.DateTimeField(null=True, help_text="the worker of a running job is taken for dead after this")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    device = models.CharField(max_length=40, blank=True)
    code_version = models.CharField(max_length=60, blank=True)
    input_sha256 = models.CharField(max_length=64, blank=True)
    parameters = models.JSONField(default=dict, help_text="beside its version's: the reach of a search")
    error = models.TextField(blank=True)

    comes_from = (
        "product",
        "companions",
    )
    objects = StandingManager["Run"]()
    every = models.Manager["Run"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "product"],
                condition=~models.Q(state="succeeded"),  # A new run may exist beside the results that it will replace.
                name="one_run_per_model_and_product",
            ),
            models.UniqueConstraint(fields=["model_version", "pair"], name="one_run_per_model_and_pair"),
            models.CheckConstraint(condition=models.Q(product=None) ^ models.Q(pair=None), name="a_run_has_one_input"),
        ]

    def __str__(self) -> str:
        return f"{self.model_version} on {self.input}"

    @property
    def reason(self) -> str:
        """Reason of a failure, as a sentence; rows of the first release begin with the name of an exception."""
        return self.error.removeprefix("ValueError: ").removeprefix("InputError: ")

    @property
    def input(self) -> Product | ScenePair:
        """Product or pair that the run is on."""
        return self.its_product if self.pair is None else self.pair

    @property
    def its_product(self) -> Product:
        """Velocity field that the run is on. RuntimeError for a run on a pair."""
        return promised(self.product)

    @property
    def its_pair(self) -> ScenePair:
        """Pair that the run is on. RuntimeError for a run on a velocity field."""
        return promised(self.pair)


class Prediction(models.Model):
    """The result of a run: a raster in storage and its statistics."""

    run = models.OneToOneField(Run, models.CASCADE, related_name="prediction")
    raster = models.FileField(storage=raster_storage, max_length=200)
    raster_sha256 = models.CharField(max_length=64)
    raster_bytes = models.PositiveBigIntegerField(null=True, help_text="empty: stored before sizes were recorded")
    statistics = models.JSONField(default=dict)
    regions = models.JSONField(
        default=list, help_text="wide motion, as `ground_motion.methods.deformation.wide.search` describes it"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    comes_from = (
        "run__product",
        "run__companions",
    )
    objects = StandingManager["Prediction"]()
    every = models.Manager["Prediction"]()

    def __str__(self) -> str:
        return str(self.run)

    def regions_where(self, confirmed: bool) -> list[dict[str, Any]]:
        """Return the wide regions that another track shows, or those that none does; older results count as shown."""
        return [region for region in self.regions if region["properties"].get("confirmed", True) is confirmed]

    @property
    def unconfirmed(self) -> list[dict[str, float]]:
        """Wide regions that no other track shows: longitude and latitude of the middle, km2, mm_yr."""
        return [
            {
                "longitude": round((middle := centre_of(shape(region["geometry"]))).longitude, 2),
                "latitude": round(middle.latitude, 2),
                "km2": round(region["properties"]["area_m2"] / 1e6),
                "mm_yr": round(region["properties"]["rate_mm_yr"], 1),
            }
            for region in self.regions_where(confirmed=False)
        ]


class GroundEvent(models.Model):
    """An earthquake, eruption, landslide or calving: its place, its time, and the pairs that span it."""

    class Kind(models.TextChoices):
        EARTHQUAKE = "earthquake", "earthquake"
        ERUPTION = "eruption", "eruption"
        LANDSLIDE = "landslide", "landslide"
        CALVING = "calving", "calving of a glacier"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=120, help_text="what people call it")
    position = models.PointField(srid=4326)
    radius_km = models.FloatField(default=10.0, help_text="results within this distance belong to it")
    happened_at = models.DateTimeField(help_text="not before")
    over_at = models.DateTimeField(help_text="not after: the same moment, or the end of the day")
    reported_by = models.CharField(max_length=150, help_text="an account, or the host of the first catalogue")
    created_at = models.DateTimeField(auto_now_add=True)
    pairs = models.ManyToManyField(ScenePair, related_name="events")
    magnitude = models.FloatField(null=True)
    depth_km = models.FloatField(null=True)
    mechanism = models.CharField(
        max_length=12,
        blank=True,
        choices=[(kind.value, kind.value) for kind in Mechanism],
        help_text="empty: not known",
    )
    reports = models.JSONField(default=dict, help_text="host of a catalogue: id, page, updated_at, withdrawn")
    withdrawn_at = models.DateTimeField(null=True, help_text="when the last catalogue withdrew its report")
    people = models.FloatField(null=True, help_text="within radius_km; empty: not known")
    n_ordered = models.PositiveIntegerField(null=True, help_text="interferograms ordered for it; empty: not asked yet")

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}, {self.happened_at:%Y-%m-%d}"

    @property
    def area(self) -> MultiPolygon:
        """Return the disc of radius_km around the position."""
        return geos(disc(self.position.x, self.position.y, 1000 * self.radius_km, max_m=math.inf))

    @property
    def ground(self) -> GEOSGeometry:
        """Return the ground whose images show the event: its area if catalogues report it, else its position."""
        return self.area if self.reports else self.position


class TrendSearch(models.Model):
    """Places of a product whose trend changed in its newest period, found once for each product by `ml.runs.trends`."""

    product = models.OneToOneField(Product, models.CASCADE, related_name="trend_search")
    first_day = models.DateField(help_text="of the newest period")
    last_day = models.DateField()
    n_clusters = models.PositiveIntegerField(help_text="cells of 100 m that were tested; 0: too few dates or points")
    places = models.JSONField(help_text="the surest first, with their curves")
    sampled = models.MultiPointField(srid=4326, null=True, help_text="some of the cells that were tested")
    created_at = models.DateTimeField(auto_now_add=True)

    comes_from = ("product",)
    objects = StandingManager["TrendSearch"]()
    every = models.Manager["TrendSearch"]()


class BuildingLedger(models.Model):
    """How the buildings on a product's ground move, computed once for each product by `ml.runs.structures`."""

    product = models.OneToOneField(Product, models.CASCADE, related_name="buildings")
    n_buildings = models.PositiveIntegerField(help_text="with a footprint, where the product has points")
    n_known = models.PositiveIntegerField(help_text="of which points can say the rate")
    made_at = models.DateTimeField()

    comes_from = ("product",)
    objects = StandingManager["BuildingLedger"]()
    every = models.Manager["BuildingLedger"]()


class BuildingMotion(models.Model):
    """Motion of one building in one product, signed as its component; *_low, *_high: 90 % interval."""

    ledger = models.ForeignKey(BuildingLedger, models.CASCADE, related_name="motions")
    building = models.ForeignKey(Building, models.CASCADE, related_name="motions")
    points = models.FloatField(help_text="expected number of points on it")
    rate_mm_yr = models.FloatField()
    rate_low = models.FloatField()
    rate_high = models.FloatField()
    deviation_mm_yr = models.FloatField(help_text="against the ground around")
    deviation_low = models.FloatField()
    deviation_high = models.FloatField()
    moves_alone = models.BooleanField(help_text="against the ground around; so does one of 100 simulated ones at rest")
    tilt_mm_m_yr = models.FloatField(null=True, help_text="the steepest, taken for vertical; null: noise exceeds it")
    tilt_low = models.FloatField(null=True)
    tilt_high = models.FloatField(null=True, help_text="alone: the tilt is at most this; null: too few points")
    damage = models.PositiveSmallIntegerField(
        help_text="since the first image (Rankin 1988) 1: negligible, 2: slight, 3: more; 0: points cannot tell"
    )

    comes_from = ("ledger__product",)
    objects = StandingManager["BuildingMotion"]()
    every = models.Manager["BuildingMotion"]()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ledger", "building"], name="one_motion_per_building")]


class LivingSeries(models.Model):
    """Living series (`ml.runs.living`): a release's series, provisionally extended by new passes."""

    product = models.OneToOneField(Product, models.CASCADE, related_name="living")
    state = models.FileField(storage=raster_storage, max_length=200, help_text="what the next pass needs")
    replaced_by = models.ForeignKey(
        Product, models.SET_NULL, null=True, related_name="+", help_text="the release that covers these days"
    )
    difference = models.JSONField(
        null=True, help_text="provisional less released values: within_mm (68 in 100), mean_mm, n (values)"
    )
    updated_at = models.DateTimeField(auto_now=True)

    comes_from = ("product",)
    objects = StandingManager["LivingSeries"]()
    every = models.Manager["LivingSeries"]()

    def __str__(self) -> str:
        return f"living series of {self.product}"


class LivingChunk(models.Model):
    """Neighbouring points of living series, in the order in which the `LivingValues` of this number store them."""

    series = models.ForeignKey(LivingSeries, models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    pids = ArrayField(models.TextField(db_collation="C"))
    outline = models.PolygonField(srid=3857, help_text="box around them, wider by a metre on each side")

    comes_from = ("series__product",)
    objects = StandingManager["LivingChunk"]()
    every = models.Manager["LivingChunk"]()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "number"], name="one_chunk_per_number")]


class LivingDate(models.Model):
    """A pass that extended living series, and the places where it shows motion unlike the forecast."""

    series = models.ForeignKey(LivingSeries, models.CASCADE, related_name="dates")
    day = models.DateField()
    n_interferograms = models.PositiveSmallIntegerField()
    n_known = models.PositiveIntegerField(help_text="points with a value")
    delay_sigma_mm = models.FloatField(help_text="usual standard deviation of the delay that screening left")
    undone = models.PositiveIntegerField(help_text="values that were corrected by whole cycles")
    places = models.JSONField(
        default=list, help_text="as ground_motion.methods.deformation.living.places finds them, the surest first"
    )
    followed_at = models.DateTimeField(null=True, help_text="when alerts were made of the places; null: not yet")
    made_at = models.DateTimeField(auto_now_add=True)

    comes_from = ("series__product",)
    objects = StandingManager["LivingDate"]()
    every = models.Manager["LivingDate"]()

    class Meta:
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["series", "day"], name="one_row_per_series_and_day")]

    def __str__(self) -> str:
        return f"{self.day} of {self.series}"


class LivingValues(models.Model):
    """Provisional displacement and its standard deviation on one date, for one chunk of points: packed, 0.1 mm."""

    date = models.ForeignKey(LivingDate, models.CASCADE, related_name="values", db_index=False)
    number = models.PositiveIntegerField()
    displacement = models.BinaryField(help_text="as a series of `ingest.products.encoding`, over points")
    sigma = models.BinaryField(help_text="likewise")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["date", "number"], name="one_row_per_date_and_chunk")]
