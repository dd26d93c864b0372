"""What an operator tells of: something happened there, on that day. The pairs across it are run before all others."""

from datetime import timedelta

from django.contrib.gis.db import models

from ingest.models import ScenePair

MOST_WAIT = timedelta(days=60)  # images come later, and other tracks later still


class GroundEvent(models.Model):
    """An earthquake, an eruption, a landslide, a calving: where, when, and the pairs that span it."""

    class Kind(models.TextChoices):
        EARTHQUAKE = "earthquake", "earthquake"
        ERUPTION = "eruption", "eruption"
        LANDSLIDE = "landslide", "landslide"
        CALVING = "calving", "calving of a glacier"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=120, help_text="what people call it")
    position = models.PointField(srid=4326)
    radius_km = models.FloatField(default=10.0, help_text="how far around it results are looked at")
    happened_at = models.DateTimeField(help_text="not before")
    over_at = models.DateTimeField(help_text="not after: the same moment, or the end of the day")
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField(auto_now_add=True)
    pairs = models.ManyToManyField(ScenePair, related_name="events")

    class Meta:
        ordering = ["-asked_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}, {self.happened_at:%Y-%m-%d}"
