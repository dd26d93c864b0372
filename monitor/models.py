"""Subscription: one person, one region. Notification: one thing to tell one subscription. OutgoingMail: one mail.

Announcement: a transition that has been looked at. RequestCount: how often somebody asked today.
"""

from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField

from detection.models import AlertTransition
from detection.rules.severity import Severity


class Subscription(models.Model):
    """What somebody wants to hear of, and where. Nothing is sent before the address was confirmed."""

    class Frequency(models.TextChoices):
        AT_ONCE = "at-once", "At once"
        DAILY = "daily", "Once a day"
        WEEKLY = "weekly", "Once a week"

    class PauseReason(models.TextChoices):
        ASKED = "asked", "you paused it"
        BOUNCED = "bounced", "mails to this address were refused"

    email = models.EmailField(db_index=True, help_text="in lower case")
    region = models.MultiPolygonField(srid=4326)
    label = models.CharField(max_length=200, help_text="the region in words")
    kinds = ArrayField(models.CharField(max_length=30), help_text="of detection.kinds.Kind")
    lowest_severity = models.CharField(max_length=10, choices=[(step.value, step.value) for step in Severity])
    unreviewed = models.BooleanField(help_text="also alerts that nobody has checked yet")
    frequency = models.CharField(max_length=10, choices=Frequency.choices)
    created = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=10, choices=PauseReason.choices, blank=True)
    ended_at = models.DateTimeField(null=True)
    last_digest_at = models.DateTimeField(null=True)
    bounces = models.PositiveSmallIntegerField(default=0, help_text="mails refused for good, one after the other")

    class Meta:
        ordering = ["created", "id"]

    def __str__(self) -> str:
        return f"subscription {self.pk}: {self.label}"


class OutgoingMail(models.Model):
    """One mail in the outbox. Its words are made when it is sent; its key says what it is, and keeps it single."""

    class Kind(models.TextChoices):
        CONFIRM = "confirm"
        LINK = "link"
        ALERT = "alert"
        CORRECTION = "correction"
        DIGEST = "digest"

    class State(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"
        WITHDRAWN = "withdrawn"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    key = models.CharField(max_length=120, unique=True)
    email = models.EmailField(db_index=True)
    subscription = models.ForeignKey(Subscription, models.CASCADE, null=True, help_text="the one to confirm")
    transition = models.ForeignKey(AlertTransition, models.CASCADE, null=True, help_text="the news of a single alert")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    created = models.DateTimeField(auto_now_add=True)
    next_try_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"],
                condition=models.Q(state__in=["queued", "sending"]),
                name="outgoingmail_unfinished",
            )
        ]

    def __str__(self) -> str:
        return f"mail {self.pk} ({self.kind}), {self.state}"


class Notification(models.Model):
    """One transition for one subscription: told in one mail, alone or among others, or never."""

    transition = models.ForeignKey(AlertTransition, models.CASCADE, related_name="notifications")
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="notifications")
    mail = models.ForeignKey(OutgoingMail, models.CASCADE, null=True, related_name="notifications")
    withdrawn_at = models.DateTimeField(null=True, help_text="it was overtaken before it was told")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["transition", "subscription"], name="told_once")]
        indexes = [
            models.Index(
                fields=["subscription"],
                condition=models.Q(mail__isnull=True, withdrawn_at__isnull=True),
                name="notification_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"transition {self.transition_id} for subscription {self.subscription_id}"


class Announcement(models.Model):
    """A transition that has been looked at: it is looked at once."""

    transition = models.OneToOneField(AlertTransition, models.CASCADE, related_name="announcement")
    n_notifications = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.n_notifications} to tell of transition {self.transition_id}"


class RequestCount(models.Model):
    """How often mails were asked for in a day, by address, by connection and in all. `who` is a keyed hash."""

    who = models.CharField(max_length=64)
    day = models.DateField()
    n = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["who", "day"], name="one_count_a_day")]

    def __str__(self) -> str:
        return f"{self.n} on {self.day}"
