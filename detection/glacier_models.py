"""What pairs of images say of glaciers: which pairs were looked at, what each measured, and what that comes to."""

from django.contrib.gis.db import models

from ingest.context.models import Glacier
from ml.models import Prediction


class GlacierScan(models.Model):
    """Offsets in which the glaciers have been measured. stable_ground: what their error stands on, as ITS_LIVE says."""

    prediction = models.OneToOneField(Prediction, models.CASCADE, related_name="glacier_scan")
    n_glaciers = models.PositiveIntegerField()
    stable_ground = models.CharField(max_length=12, help_text="stationary, slowest, or nothing: no offset was known")
    stable_rmse_m_day = models.FloatField(null=True, help_text="what stable ground seems to move, its median taken out")
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.n_glaciers} glaciers in {self.prediction}"


class GlacierSample(models.Model):
    """Velocities of one glacier's cells from one pair, packed as `detection.glacier_cells` says."""

    glacier = models.ForeignKey(Glacier, models.CASCADE, related_name="samples")
    prediction = models.ForeignKey(Prediction, models.CASCADE, related_name="glacier_samples")
    packed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["glacier", "prediction"], name="one_sample_per_glacier_and_run")]

    def __str__(self) -> str:
        return f"{self.glacier} in {self.prediction}"


class GlacierMotion(models.Model):
    """How a glacier moves, from all its samples. Speeds are means of its cells, m/day."""

    class State(models.TextChoices):
        SHORT = "short", "too few pairs to tell"
        STEADY = "steady", "as usual"
        SURGING = "surging", "surging"

    glacier = models.OneToOneField(Glacier, models.CASCADE, related_name="motion")
    state = models.CharField(max_length=8, choices=State.choices, default=State.SHORT)
    stale = models.BooleanField(default=True, db_index=True, help_text="a sample has come since it was worked out")
    n_pairs = models.PositiveIntegerField(default=0)
    last_day = models.DateField(null=True)
    speed_m_day = models.FloatField(null=True, help_text="in the last pair")
    sigma_m_day = models.FloatField(null=True, help_text="one standard deviation")
    usual_m_day = models.FloatField(null=True, help_text="median of the series")
    views = models.JSONField(default=list, help_text="series and surges of each track: detection.surge.as_json")
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-speed_m_day", "id"]

    def __str__(self) -> str:
        return f"{self.glacier}: {self.state}"
