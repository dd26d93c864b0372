"""What is kept of the work of people on an alert beside verdicts: what they set, and their notes with files."""

from django.conf import settings
from django.contrib.gis.db import models


class SetByHand(models.Model):
    """What people have set of an alert, and what the computer says of the same columns. Empty: as computed."""

    alert = models.OneToOneField("detection.Alert", models.CASCADE, related_name="by_hand")
    kind = models.CharField(max_length=30, blank=True, help_text="of detection.kinds.Kind")
    severity = models.CharField(max_length=10, blank=True)
    area = models.MultiPolygonField(srid=4326, null=True)
    texts = models.JSONField(default=dict, help_text="language: what everybody reads beside the computed sentence")
    computed = models.JSONField(default=dict, help_text="kind, severity and area (GeoJSON) of the last look")

    def __str__(self) -> str:
        return f"{self.alert.code} by hand"


class AlertEdit(models.Model):
    """One act of a person who changed an alert. Rows are only added: taking one back adds another.

    before, after: of the fields that it changed (kind, severity, area, texts); null: as computed.
    """

    alert = models.ForeignKey("detection.Alert", models.CASCADE, related_name="edits")
    transition = models.OneToOneField(
        "detection.AlertTransition", models.CASCADE, null=True, related_name="edit", help_text="none: not announced"
    )
    before = models.JSONField()
    after = models.JSONField()
    editor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    takes_back = models.OneToOneField("self", models.CASCADE, null=True, related_name="taken_back_by")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.alert.code}: {', '.join(self.after)}"


class CaseNote(models.Model):
    """A note of an operator on an alert, for those who review. Rows are only added."""

    alert = models.ForeignKey("detection.Alert", models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.alert.code}: {self.text[:40]}"


class CaseFile(models.Model):
    """A photo or document of a note, as it is kept: photos without the position and all else that a camera writes."""

    note = models.ForeignKey(CaseNote, models.CASCADE, related_name="files")
    name = models.CharField(max_length=160)
    media_type = models.CharField(max_length=40)
    size_bytes = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name
