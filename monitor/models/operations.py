"""Tables of the running service: counts of requests, signs of life, alarms."""

from django.contrib.gis.db import models


class RequestCount(models.Model):
    """Number of mails requested in a day. `who`: keyed hash that stands for an address, a connection or all."""

    who = models.CharField(max_length=64)
    day = models.DateField()
    n_requests = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["who", "day"], name="one_count_a_day")]

    def __str__(self) -> str:
        return f"{self.n_requests} on {self.day}"


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
