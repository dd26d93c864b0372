"""What is kept of an alert so that people can check it: the series behind a surge, and what other methods say."""

from django.contrib.gis.db import models

from ingest.models import Glacier


class SurgeSeries(models.Model):
    """What a detection of a surge was made from: the pairs of its glacier that were there, and the rule."""

    detection = models.OneToOneField("detection.Detection", models.CASCADE, related_name="surge_series")
    glacier = models.ForeignKey(Glacier, models.SET_NULL, null=True, related_name="+")
    predictions = models.JSONField(help_text="numbers of the offsets, oldest first; they may be deleted")
    rule = models.JSONField(help_text="of ml.glaciers.surges.SurgeRule")

    def __str__(self) -> str:
        return f"surge of {self.glacier} in {len(self.predictions)} pairs"


class AlertMethods(models.Model):
    """What methods other than the one that flagged an alert's ground say of it; velocity fields only."""

    alert = models.OneToOneField("detection.Alert", models.CASCADE, related_name="methods")
    looks = models.JSONField(help_text="of ml.deformation.classical.Look, one for each method")
    basis = models.CharField(max_length=64, help_text="hash of what they looked at")
    compared_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.alert.code}: {', '.join(look['method'] for look in self.looks)}"
