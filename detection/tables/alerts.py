"""Tables about alerts: updates, memory, relations, and the evidence by which people check an alert."""

from django.contrib.gis.db import models

from ingest.foundation.storage import raster_storage
from ingest.models import Glacier

MERGED_INTO, SPLIT_FROM = "merged-into", "split-from"
RELATIONS = [(MERGED_INTO, "became part of"), (SPLIT_FROM, "split from")]


class AlertUpdate(models.Model):
    """Changes in an alert's figures that a step of its life reported, perhaps in one state. Rows are only added."""

    transition = models.OneToOneField("detection.AlertTransition", models.CASCADE, related_name="update")
    changes = models.JSONField(help_text="of detection.rules.updates.Change: cause, before, after, unit, component")
    told_at = models.DateTimeField(help_text="when the figures of `before` were told")
    run_number = models.BigIntegerField(null=True, help_text="of the run that showed it; the run may be deleted")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.transition.alert.code}: {', '.join(change['cause'] for change in self.changes)}"


class AlertLife(models.Model):
    """Memory of an alert for comparison with new data: its last report, and the observations by each view."""

    alert = models.OneToOneField("detection.Alert", models.CASCADE, related_name="life")
    told = models.JSONField(help_text="of detection.rules.updates.Figures")
    told_at = models.DateTimeField(help_text="of the last step")
    views = models.JSONField(default=dict, help_text="view: its detection.rules.lifecycle.ViewLife")


class AlertRelation(models.Model):
    """Two alerts of one place: one was merged into the other, or split from it.

    Rows are only added, but taking back a verdict or data deletes the row that it added.
    """

    alert = models.ForeignKey("detection.Alert", models.CASCADE, related_name="relations")
    other = models.ForeignKey("detection.Alert", models.CASCADE, related_name="relations_of_others")
    relation = models.CharField(max_length=12, choices=RELATIONS)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["alert", "other", "relation"], name="related_once")]

    def __str__(self) -> str:
        return f"{self.alert.code} {self.relation} {self.other.code}"


class SurgeSeries(models.Model):
    """Sources of a surge detection: its glacier, the predictions of pairs that existed then, and the rule."""

    detection = models.OneToOneField("detection.Detection", models.CASCADE, related_name="surge_series")
    glacier = models.ForeignKey(Glacier, models.SET_NULL, null=True, related_name="+")
    predictions = models.JSONField(help_text="numbers of the offsets, oldest first; they may be deleted")
    rule = models.JSONField(help_text="of ground_motion.methods.glaciers.surges.SurgeRule")


class AlertMethods(models.Model):
    """Results of other methods on an alert's ground; velocity fields only."""

    alert = models.OneToOneField("detection.Alert", models.CASCADE, related_name="methods")
    looks = models.JSONField(
        help_text="of ground_motion.methods.deformation.classical.MethodResult, one for each method"
    )
    basis = models.CharField(max_length=64, help_text="hash of what they looked at")
    compared_at = models.DateTimeField()


class SealedEvidence(models.Model):
    """Package by which everybody can compute the figures of an alert again, or the reason why there is none.

    One row for each set of figures; rows are kept, because a paper copy may name an earlier seal.
    """

    class Why(models.TextChoices):
        BY_HAND = "by-hand", "people set the figures"
        PAST = "past", "the latest run does not show it"
        POINTS = "points", "points were deleted"
        OTHER_CODE = "code", "the present code computes other figures"
        LARGE = "large", "too large"

    alert = models.ForeignKey("detection.Alert", models.CASCADE, related_name="sealed")
    basis = models.CharField(max_length=64, help_text="hash of what it states")
    why = models.CharField(max_length=10, blank=True, choices=Why.choices, help_text="empty where there is a file")
    file = models.FileField(storage=raster_storage, max_length=200, blank=True)
    size_bytes = models.PositiveBigIntegerField(default=0)
    seal = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the manifest")
    checked_at = models.DateTimeField(help_text="when the alert was last seen to have these figures")

    class Meta:
        ordering = ["-checked_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["alert", "basis"], name="sealed_once")]

    def __str__(self) -> str:
        return f"{self.alert.code}: {self.seal[:16] or self.get_why_display()}"
