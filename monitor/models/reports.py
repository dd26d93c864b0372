"""Table of residents' reports: what a person saw at a place. The mail address is kept only until confirmation."""

from django.conf import settings
from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy, pgettext_lazy

from monitor.models.subscriptions import Holding


class ResidentReport(Holding):
    """Report of damage or of a change of the ground. Only number, kind and month of accepted reports are public."""

    class Kind(models.TextChoices):
        CRACKS = "cracks", gettext_lazy("Cracks in a wall")
        DOOR = "door", gettext_lazy("A door or window that sticks")
        SANK = "sank", gettext_lazy("Ground that sank")
        WATER = "water", gettext_lazy("Water where there was none")
        OTHER = "other", pgettext_lazy("kind of a resident’s report", "Something else")

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("state of a resident’s report", "waits for an operator")
        ACCEPTED = "accepted", pgettext_lazy("state of a resident’s report", "accepted")
        REJECTED = "rejected", pgettext_lazy("state of a resident’s report", "not accepted")

    kind = models.CharField(max_length=10, choices=Kind.choices)
    place = models.PointField(srid=4326, geography=True)
    seen_on = models.DateField()
    text = models.TextField(blank=True, help_text="for operators only")
    photo = models.BinaryField(null=True, help_text="JPEG without metadata, for operators only")
    email = models.EmailField(blank=True, help_text="in lower case; empty once it is confirmed")
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, help_text="nobody sees it before")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True, help_text="why it was not accepted, for whoever sent it")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["confirmed_at", "id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"report {self.pk}: {self.kind}"


class UnconfirmedPhoto(models.Model):
    """Photo of a report until its sender confirms the report. The table is not backed up."""

    report = models.OneToOneField(ResidentReport, models.CASCADE, related_name="unconfirmed_photo")
    content = models.BinaryField(help_text="JPEG without metadata, which nobody sees")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"photo of report {self.report_id}"
