"""The table of issued messages."""

from django.contrib.gis.db import models


class CapMessage(models.Model):
    """A message as it was issued after one step of an alert's life. Rows are only added."""

    class Type(models.TextChoices):
        ALERT = "Alert", "the first of a place"
        UPDATE = "Update", "replaces those before"
        CANCEL = "Cancel", "the place is followed no longer"

    transition = models.OneToOneField("detection.AlertTransition", models.CASCADE, related_name="cap_message")
    alert = models.ForeignKey("detection.Alert", models.CASCADE, related_name="cap_messages")
    identifier = models.CharField(max_length=60, unique=True)
    message_type = models.CharField(max_length=6, choices=Type.choices)
    references = models.TextField(blank=True, help_text="sender,identifier,sent of those that it replaces")
    headline = models.CharField(max_length=300)
    sent_at = models.DateTimeField()
    xml = models.TextField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.message_type} {self.identifier}"

    def get_absolute_url(self) -> str:
        return f"/cap/{self.identifier}.xml"
