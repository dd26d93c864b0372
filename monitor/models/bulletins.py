"""Table of bulletins: which places changed their trend in the newest period of new data."""

from django.contrib.gis.db import models

from ml.models import TrendSearch


class Bulletin(models.Model):
    """Bulletin: a draft that the computer made, until an operator signs it; then it never changes again."""

    simulated = models.BooleanField(help_text="of simulated ground, which has bulletins of its own")
    first_day = models.DateField(help_text="of the newest period")
    last_day = models.DateField()
    n_places = models.PositiveIntegerField()
    content = models.JSONField(help_text="regions with their places, as monitor.pages.bulletins.drafts makes them")
    introduction = models.TextField(blank=True, max_length=4000)
    comments = models.JSONField(default=dict, help_text="slug of a region: the operator's comment")
    area = models.MultiPolygonField(srid=4326, help_text="boxes of the data that were searched")
    searches = models.ManyToManyField(TrendSearch, related_name="bulletins")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    signed_at = models.DateTimeField(null=True)
    signed_by = models.CharField(max_length=150, blank=True, help_text="account; never shown to the public")
    announced_at = models.DateTimeField(null=True, help_text="when its mails were queued")

    class Meta:
        ordering = ["-last_day", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["simulated"], condition=models.Q(signed_at=None), name="one_draft_of_a_bulletin"
            )
        ]

    def __str__(self) -> str:
        return f"bulletin {self.pk}"
