"""What is kept of the work on cases beside verdicts: whom a case was given to, and second looks at a verdict."""

from django.conf import settings
from django.contrib.gis.db import models


class Assignment(models.Model):
    """Who is to review an alert. It locks nobody out; the audit keeps earlier ones."""

    alert = models.OneToOneField("detection.Alert", models.CASCADE, related_name="assignment")
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.alert.code}: for {self.assignee}"


class SecondLook(models.Model):
    """Whether another person would have given the same verdict. It changes no state."""

    review = models.ForeignKey("detection.Review", models.CASCADE, related_name="second_looks")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    agrees = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["review", "reviewer"], name="one_second_look_each")]

    def __str__(self) -> str:
        return f"{self.review}: {'agreed' if self.agrees else 'disagreed'}"
