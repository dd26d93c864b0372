"""Tables of the running service, and of residents' reports.

Other tables count requests, and keep signs of life and alarms. A report's mail address is deleted once confirmed.
"""

from django.conf import settings
from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy, pgettext_lazy


class RequestCount(models.Model):
    """Number of mails requested in a day. `who`: keyed hash of an address, of a connection or of all."""

    who = models.CharField(max_length=64)
    day = models.DateField()
    n_requests = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["who", "day"], name="one_count_a_day")]


class SignOfLife(models.Model):
    """Last sign of life of beat, a process, or the worker of a queue."""

    name = models.CharField(max_length=120, primary_key=True)
    seen_at = models.DateTimeField(help_text="by the clock of the database")

    def __str__(self) -> str:
        return f"{self.name}, {self.seen_at:%Y-%m-%d %H:%M:%S}"


class Alarm(models.Model):
    """Alarm about a failed condition. It opens when the failure lasts, and ends when the condition has held as long."""

    condition = models.CharField(max_length=40, help_text="name of the condition")
    sentence = models.CharField(max_length=600, help_text="what is wrong, as it was last seen")
    first_seen_at = models.DateTimeField(help_text="since when it has been wrong")
    right_since = models.DateTimeField(null=True, help_text="since when it has been right again")
    opened_at = models.DateTimeField(null=True, help_text="when it had been wrong for ALARM_AFTER_MINUTES")
    mailed_at = models.DateTimeField(null=True, help_text="when administrators last got a mail about it")
    ended_at = models.DateTimeField(null=True)
    end_mailed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["condition"], condition=models.Q(ended_at=None), name="one_alarm_per_condition"
            )
        ]

    def __str__(self) -> str:
        return f"{self.condition}: {self.sentence}"


class ResidentReport(models.Model):
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
