"""Tables: a Detection is one area in one run, an Alert a moving place that people follow, with all its detections."""

from collections.abc import Iterable
from enum import StrEnum

from django.conf import settings
from django.contrib.gis.db import models
from django.urls import reverse

from detection.kinds import Extent
from detection.rules.codes import encode
from detection.rules.lifecycle import Source, State
from detection.rules.severity import Severity
from detection.rules.verdicts import REASONS, Reason, Verdict
from detection.tables.alerts import AlertLife, AlertMethods, AlertRelation, AlertUpdate, SealedEvidence, SurgeSeries
from detection.tables.reviews import AlertEdit, CaseFile, CaseNote, FieldVisit, Proposal, PublicText, SetByHand
from ingest.models import Glacier, Product, StandingManager
from ml.models import Prediction

__all__ = [  # These tables are defined in other modules.
    "AlertEdit",
    "AlertLife",
    "AlertMethods",
    "AlertRelation",
    "AlertUpdate",
    "CaseFile",
    "CaseNote",
    "FieldVisit",
    "Proposal",
    "PublicText",
    "SealedEvidence",
    "SetByHand",
    "SurgeSeries",
]


def _choices(values: Iterable[StrEnum]) -> list[tuple[str, str]]:
    return [(value.value, value.value) for value in values]


class Scan(models.Model):
    """Search of a prediction for areas, done once, with the thresholds that were used."""

    prediction = models.OneToOneField(Prediction, models.CASCADE, related_name="scan")
    thresholds = models.JSONField()
    code_version = models.CharField(max_length=60, blank=True, help_text="that searched")
    n_detections = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    comes_from = (
        "prediction__run__product",
        "prediction__run__companions",
    )
    objects = StandingManager["Scan"]()
    every = models.Manager["Scan"]()


class AreaFigures(models.Model):
    """Figures of an area. Velocity fields fill the rates, offsets the speed, coherence change the coherence.

    `detection.figures` says what each means. Rates are relative to the ground around; their sign is the component's.
    """

    area = models.MultiPolygonField(srid=4326)
    area_m2 = models.FloatField()
    rate_mm_yr = models.FloatField(null=True, help_text="median inside")
    peak_rate_mm_yr = models.FloatField(null=True)
    peak_low_mm_yr = models.FloatField(null=True, help_text="90 % interval of the peak rate: its end nearer to zero")
    peak_high_mm_yr = models.FloatField(null=True, help_text="and its other end")
    rate_sigma_mm_yr = models.FloatField(null=True, help_text="one standard deviation")
    around_mm_yr = models.FloatField(null=True, help_text="of the ground around, against the product's zero")
    around_sigma_mm_yr = models.FloatField(null=True, help_text="its standard deviation, without that of the zero")
    datum_sigma_mm_yr = models.FloatField(null=True, help_text="one standard deviation of the product's zero")
    speed_m_day = models.FloatField(null=True, help_text="median inside, never negative")
    peak_speed_m_day = models.FloatField(null=True)
    speed_sigma_m_day = models.FloatField(null=True, help_text="one standard deviation")
    bearing_deg = models.FloatField(null=True)
    usual_speed_m_day = models.FloatField(null=True, help_text="of a glacier: expected from season and trend")
    onset = models.DateField(null=True, help_text="of a surge: when a tenth of its rise is reached")
    onset_sigma_days = models.FloatField(null=True, help_text="one standard deviation")
    coherence_before = models.FloatField(null=True, help_text="median of the pair's predecessors, 0-1")
    coherence_after = models.FloatField(null=True, help_text="median of the pair itself, 0-1")
    change_sigma = models.FloatField(null=True, help_text="robust z-score of the change, negative: coherence was lost")
    extent = models.CharField(
        max_length=6,
        choices=_choices(Extent),
        default=Extent.LOCAL.value,
        help_text="a place, against the ground around it; or a region of kilometres, against the product's reference",
    )
    reference = models.CharField(max_length=5, blank=True, help_text="of a region's rates: datum, gnss or local")
    class_shares = models.JSONField(default=dict, help_text="class of the network: its probability, 0-1")

    class Meta:
        abstract = True

    @property
    def total_rate_mm_yr(self) -> float | None:
        """Return the rate against the zero of the data set."""
        return self._with_around(self.rate_mm_yr)

    @property
    def total_peak_mm_yr(self) -> float | None:
        """Return the rate of the fastest part against the zero of the data set."""
        return self._with_around(self.peak_rate_mm_yr)

    def _with_around(self, rate_mm_yr: float | None) -> float | None:
        return None if rate_mm_yr is None or self.around_mm_yr is None else rate_mm_yr + self.around_mm_yr


class Alert(AreaFigures):
    """A place that moves, with one code for its whole life."""

    kind = models.CharField(max_length=30, help_text="of detection.kinds.Kind")
    state = models.CharField(max_length=12, choices=_choices(State), default=State.FIRST.value, db_index=True)
    severity = models.CharField(max_length=10, choices=_choices(Severity))
    importance = models.FloatField(
        default=0.0, db_index=True, help_text="steps of detection.rules.importance: the order of all lists"
    )
    n_views = models.PositiveSmallIntegerField(default=1, help_text="independent views that show it now")
    n_fast_places = models.PositiveSmallIntegerField(
        default=0, help_text="places inside that surely move far faster than the median; the fastest is the headline"
    )
    component = models.CharField(max_length=5, blank=True, help_text="what the rates measure: los, up or east")
    first_motion = models.DateField(help_text="first date of the data that show it")
    last_motion = models.DateField()
    passes = models.JSONField(
        null=True, help_text="detection.rules.passes.Passes: what new passes show beyond the releases"
    )
    simulated = models.BooleanField(default=False)
    source = models.CharField(
        max_length=8, choices=_choices(Source), default=Source.COMPUTER.value, help_text="who found it first"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.code} {self.kind}"

    @property
    def code(self) -> str:
        return encode(self.pk)

    @property
    def is_measured(self) -> bool:
        """Return whether data have shown the alert; one that a person drew counts as soon as a search finds it."""
        figures = (self.rate_mm_yr, self.speed_m_day, self.change_sigma)
        return self.source == Source.COMPUTER or any(figure is not None for figure in figures)

    def get_absolute_url(self) -> str:
        return reverse("alert-detail", args=[self.code])


class AlertExposure(models.Model):
    """Exposure on the ground of an alert. A null means that no loaded layer covers the ground; it is not 0."""

    alert = models.OneToOneField(Alert, models.CASCADE, related_name="exposure")
    buildings = models.PositiveIntegerField(null=True)
    main_road_km = models.FloatField(null=True)
    other_road_km = models.FloatField(null=True)
    railway_km = models.FloatField(null=True)
    people = models.FloatField(null=True)
    weight = models.PositiveSmallIntegerField(default=0, help_text="for severity and the order of lists: 0 to 2")
    sources = models.JSONField(default=list, help_text="the layers that were asked: kind, name, loaded_on, attribution")
    counted_at = models.DateTimeField(auto_now=True)


class AlertCause(models.Model):
    """Evidence for an alert's likely cause: class probabilities and surroundings (`deformation.places.context`)."""

    alert = models.OneToOneField(Alert, models.CASCADE, related_name="cause")
    network_shares = models.JSONField(help_text="class of the network: its probability before the surroundings, 0-1")
    other_share = models.FloatField(help_text="probability that it is none of these, 0-1")
    terms = models.JSONField(help_text="facts of the surroundings, and by how much each multiplies odds")
    elongation = models.FloatField(help_text="longer over shorter side")
    across_m = models.FloatField(help_text="diameter of the circle of the same area")


class Detection(AreaFigures):
    """An area that the search of one run found, with its figures."""

    scan = models.ForeignKey(Scan, models.CASCADE, related_name="detections")
    alert = models.ForeignKey(Alert, models.CASCADE, related_name="detections")
    kind = models.CharField(max_length=30, help_text="of detection.kinds.Kind")
    score = models.FloatField(help_text="highest probability inside, 0-1")
    n_points = models.PositiveIntegerField(help_text="measurement points, or cells of an image pair, inside")
    reasons = models.JSONField(default=list, help_text="the points inside against those around")
    places = models.JSONField(
        default=list, help_text="of each peak inside, strongest first: its rate, interval and outlines (GeoJSON)"
    )

    comes_from = (
        "scan__prediction__run__product",
        "scan__prediction__run__companions",
    )
    objects = StandingManager["Detection"]()
    every = models.Manager["Detection"]()

    class Meta:
        ordering = ["-score", "-area_m2"]


class AlertTransition(models.Model):
    """A step of an alert's life with its reason: a change of state, or an update of figures in the same state.

    Rows are only added.
    """

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="transitions")
    from_state = models.CharField(max_length=12, choices=_choices(State), blank=True)
    to_state = models.CharField(max_length=12, choices=_choices(State))
    reason = models.CharField(max_length=300)
    actor = models.CharField(max_length=60, default="automatic")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.alert.code}: {self.from_state or 'new'} to {self.to_state}"

    @property
    def changes_state(self) -> bool:
        return self.from_state != self.to_state


class Review(models.Model):
    """A specialist's verdict on an alert. Rows are only added: taking a verdict back adds another row."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="reviews")
    transition = models.OneToOneField(
        AlertTransition, models.CASCADE, null=True, related_name="review", help_text="none for a visit: the state stays"
    )
    verdict = models.CharField(max_length=12, choices=_choices(Verdict))
    reason_code = models.CharField(max_length=20)
    public_note = models.TextField(help_text="what everybody reads")
    internal_note = models.TextField(blank=True, help_text="for reviewers only")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    takes_back = models.OneToOneField("self", models.CASCADE, null=True, related_name="taken_back_by")
    other = models.ForeignKey(
        Alert, models.SET_NULL, null=True, related_name="+", help_text="of a duplicate: the alert that goes on"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.alert.code}: {self.verdict}"

    @property
    def reason(self) -> Reason:
        return REASONS[Verdict(self.verdict)][self.reason_code]


class Claim(models.Model):
    """Claim of a person on an alert until a time; meanwhile nobody else decides it."""

    alert = models.OneToOneField(Alert, models.CASCADE, related_name="claim")
    holder = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField()


class AuditEntry(models.Model):
    """Audit entry: who did what, and when. The database refuses to change or delete rows; names are kept as text."""

    created_at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=40, help_text="an alert's code")
    before = models.CharField(max_length=40, blank=True)
    after = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.actor}: {self.action} {self.subject}"


class AlertMotion(models.Model):
    """Motion of an alert's ground over time, from one product's mean series against the ground around it.

    Rates in mm/yr, their sign is that of the product's component. No row if no product has a series.
    """

    alert = models.OneToOneField(Alert, models.CASCADE, related_name="motion")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    direction = models.CharField(max_length=10, blank=True, help_text="of the product's track")
    n_dates = models.PositiveIntegerField()
    trend = models.CharField(max_length=10, help_text="of ground_motion.methods.deformation.motion.series.Trend")
    rate_mm_yr = models.FloatField(help_text="at the end of the series")
    rate_sigma_mm_yr = models.FloatField(help_text="one standard deviation")
    before_mm_yr = models.FloatField(null=True, help_text="before the last change of the rate")
    before_sigma_mm_yr = models.FloatField(null=True)
    changed_on = models.DateField(null=True, help_text="when the rate changed last")
    changed_sigma_days = models.FloatField(null=True, help_text="one standard deviation")
    accelerating_since = models.DateField(null=True)
    at_rest_since = models.DateField(null=True)
    moving_since = models.DateField(null=True, help_text="where the series shows that it was still before")
    season_mm = models.FloatField(help_text="half of the way from lowest to highest, 0 where no season is sure")
    season_month = models.PositiveSmallIntegerField(null=True, help_text="of the highest")
    fit = models.JSONField(help_text="series, curve and changes, for the chart")
    basis = models.CharField(max_length=64, help_text="hash of what it was made from")
    updated_at = models.DateTimeField(auto_now=True)

    comes_from = ("product",)
    objects = StandingManager["AlertMotion"]()
    every = models.Manager["AlertMotion"]()


class GlacierScan(models.Model):
    """Measurement of glaciers in a prediction of offsets.

    stable_ground: the ground on which the offsets' error was estimated, in ITS_LIVE's terms.
    """

    prediction = models.OneToOneField(Prediction, models.CASCADE, related_name="glacier_scan")
    n_glaciers = models.PositiveIntegerField()
    stable_ground = models.CharField(max_length=12, help_text="stationary, slowest, or nothing: no offset was known")
    stable_rmse_m_day = models.FloatField(null=True, help_text="apparent motion of stable ground, median removed")
    measured_at = models.DateTimeField()


class GlacierSample(models.Model):
    """Velocities of one glacier's cells from one pair, packed by `detection.glaciers.cells.pack`."""

    glacier = models.ForeignKey(Glacier, models.CASCADE, related_name="samples")
    prediction = models.ForeignKey(Prediction, models.CASCADE, related_name="glacier_samples")
    packed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["glacier", "prediction"], name="one_sample_per_glacier_and_run")]


class GlacierMotion(models.Model):
    """The motion of a glacier from all its samples. Speeds are means over its cells, m/day."""

    class State(models.TextChoices):
        SHORT = "short", "too few pairs to tell"
        STEADY = "steady", "as usual"
        SURGING = "surging", "surging"

    glacier = models.OneToOneField(Glacier, models.CASCADE, related_name="motion")
    state = models.CharField(max_length=8, choices=State.choices, default=State.SHORT)
    stale = models.BooleanField(default=True, db_index=True, help_text="a sample is newer than this")
    n_pairs = models.PositiveIntegerField(default=0)
    last_day = models.DateField(null=True)
    speed_m_day = models.FloatField(null=True, help_text="in the last pair")
    sigma_m_day = models.FloatField(null=True, help_text="one standard deviation")
    usual_m_day = models.FloatField(null=True, help_text="median of the series")
    views = models.JSONField(default=list, help_text="series and surges of each track")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-speed_m_day", "id"]

    def __str__(self) -> str:
        return f"{self.glacier}: {self.state}"
