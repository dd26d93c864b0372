"""Subscription: one region, of a person or of an organisation. Asset: one site, where the region is a list of them.

Notification: one transition of an alert for one subscription.
OutgoingMessage: one message of the outbox, of whichever channel. ChannelPause: a channel that takes nothing.
Announcement: a transition whose messages are queued. RequestCount: how many mails were requested in a day.
SignOfLife: who was seen alive when. Alarm: what is wrong. CapMessage: in `monitor.models.cap`. Endpoint: in
`monitor.models.messages`. Organisation, Membership: in `monitor.models.organisations`.
"""

from django.conf import settings
from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.utils.translation import gettext_lazy, pgettext_lazy

from detection.models import AlertTransition
from detection.rules.severity import Severity
from monitor.models.cap import CapMessage
from monitor.models.messages import Endpoint, language_of_request
from monitor.models.organisations import Membership, Organisation
from monitor.web.roles import ADMINISTRATORS, OPERATORS, PUBLISHERS, VIEWERS

__all__ = ["CapMessage", "Endpoint", "Membership", "Organisation", "language_of_request"]  # beside the models below

DEFAULT_CHANNEL = "mail"


class Subscription(models.Model):
    """What somebody wants to hear of, and where. Nothing is sent before the address was confirmed."""

    class Frequency(models.TextChoices):
        AT_ONCE = "at-once", gettext_lazy("At once")
        DAILY = "daily", gettext_lazy("Once a day")
        WEEKLY = "weekly", gettext_lazy("Once a week")
        MONTHLY = "monthly", gettext_lazy("Once a month")

    class PauseReason(models.TextChoices):
        OWNER = "owner", gettext_lazy("you paused it")
        BOUNCED = "bounced", gettext_lazy("mails to this address were refused")

    email = models.EmailField(
        db_index=True, blank=True, help_text="in lower case; whoever reads it owns the subscription"
    )
    organisation = models.ForeignKey(
        Organisation, models.CASCADE, null=True, related_name="subscriptions", help_text="whose it is, with no address"
    )
    shared = models.ForeignKey(
        "self", models.CASCADE, null=True, related_name="seats", help_text="the organisation's that this one follows"
    )
    channel = models.CharField(max_length=20, default=DEFAULT_CHANNEL, help_text="what carries its messages")
    region = models.MultiPolygonField(srid=4326)
    label = models.CharField(max_length=200, help_text="the region in words")
    name = models.CharField(max_length=80, blank=True, help_text="what its owner calls it; of a seat, the organisation")
    n_assets = models.PositiveIntegerField(default=0, help_text="sites, where the region is a list of them")
    kinds = ArrayField(models.CharField(max_length=30), help_text="of detection.kinds.Kind")
    lowest_severity = models.CharField(max_length=10, choices=[(step.value, step.value) for step in Severity])
    unreviewed = models.BooleanField(help_text="also alerts that nobody has reviewed yet")
    updates = models.BooleanField(default=True, help_text="also what changes in an alert that is known, and its end")
    least_exposure = models.PositiveIntegerField(default=0, help_text="people or buildings there, where it is known")
    frequency = models.CharField(max_length=10, choices=Frequency.choices)
    language = models.CharField(max_length=10, default=language_of_request, help_text="of settings.LANGUAGES")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="as the tz database names it")
    quiet_from = models.PositiveSmallIntegerField(null=True, help_text="hour of the reader's day, 0-23: no message")
    quiet_until = models.PositiveSmallIntegerField(null=True, help_text="and from this hour on messages again")
    sign_of_life = models.BooleanField(default=False, help_text="a message each quarter that brought nothing")
    last_sign_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True, help_text="then the pause ends by itself")
    pause_reason = models.CharField(max_length=10, choices=PauseReason.choices, blank=True)
    ended_at = models.DateTimeField(null=True)
    last_digest_at = models.DateTimeField(null=True)
    feed_key = models.CharField(
        max_length=40, unique=True, null=True, help_text="secret part of the addresses of its feeds; null: it has none"
    )
    bounces = models.PositiveSmallIntegerField(default=0, help_text="messages refused for good, one after the other")

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(models.Q(organisation=None) & ~models.Q(email=""))
                | models.Q(organisation__isnull=False, email=""),
                name="of_a_person_or_an_organisation",
            ),
            models.UniqueConstraint(
                fields=["shared", "email"], condition=models.Q(shared__isnull=False), name="one_seat_per_member"
            ),
        ]

    def __str__(self) -> str:
        return f"subscription {self.pk}: {self.label}"

    @property
    def title(self) -> str:
        """What its owner knows it by."""
        return self.name or self.label

    @property
    def source(self) -> int:
        """The one that has the list of sites: of a seat, the organisation's."""
        return self.shared_id or self.pk


class Asset(models.Model):
    """One site of a list that somebody watches; its subscription's region is the union of all their areas."""

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="assets")
    name = models.CharField(max_length=120)
    longitude = models.FloatField(help_text="degrees")
    latitude = models.FloatField(help_text="degrees")
    radius_m = models.FloatField()
    area = models.MultiPolygonField(srid=4326)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"site {self.pk} of subscription {self.subscription_id}"


class Invitation(models.Model):
    """An address that was invited to make an account with a role. Its link is signed when the mail is written."""

    class Role(models.TextChoices):
        VIEWER = VIEWERS, pgettext_lazy("role", "viewer")
        OPERATOR = OPERATORS, pgettext_lazy("role", "operator")
        PUBLISHER = PUBLISHERS, pgettext_lazy("role", "publisher")
        ADMINISTRATOR = ADMINISTRATORS, pgettext_lazy("role", "administrator")

    email = models.EmailField()
    role = models.CharField(max_length=20, choices=Role.choices, help_text="the group that the account joins")
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation {self.pk} as {self.role}"


class OutgoingMessage(models.Model):
    """One message of the outbox. Its words are written when it is delivered; its key says what it is about."""

    class Kind(models.TextChoices):
        CONFIRM = "confirm"
        LINK = "link"
        ALERT = "alert"
        CORRECTION = "correction"
        DIGEST = "digest"
        SUMMARY = "summary"
        SIGN = "sign"
        TEST = "test"
        INVITATION = "invitation"
        MEMBERSHIP = "membership"  # to join an organisation
        RESET = "reset"
        CHECK = "check"  # whether an endpoint answers
        ENDED = "ended"  # that an endpoint was switched off
        VISITS = "visits"  # on site, of an account, that are planned for tomorrow

    class State(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"
        WITHDRAWN = "withdrawn"

    channel = models.CharField(max_length=20, default=DEFAULT_CHANNEL, help_text="a name in settings.CHANNELS")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    key = models.CharField(max_length=120, help_text="the same for the same news to the same address")
    address = models.CharField(max_length=254, db_index=True)
    language = models.CharField(max_length=10, default=language_of_request, help_text="where no subscription says it")
    subscription = models.ForeignKey(Subscription, models.CASCADE, null=True, help_text="the one to confirm")
    transition = models.ForeignKey(AlertTransition, models.CASCADE, null=True, help_text="the news of a single alert")
    invitation = models.ForeignKey(Invitation, models.CASCADE, null=True, help_text="the one to accept")
    membership = models.ForeignKey(Membership, models.CASCADE, null=True, help_text="the one to accept")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, help_text="whose password is new")
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, null=True, help_text="where it goes, or which it is about")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    next_try_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    news: list["Notification"]  # what it reports, as monitor.notifications.selectors reads it
    labels: list[str] | None = (
        None  # of the subscriptions that it is for, as monitor.subscribers.subscriptions.endpoints reads them
    )

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["key", "channel"], name="one_message_per_key")]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"],
                condition=models.Q(state__in=["queued", "sending"]),
                name="outgoingmessage_unfinished",
            ),
            models.Index(fields=["next_try_at"], condition=models.Q(state="failed"), name="outgoingmessage_failed"),
        ]

    @property
    def server(self) -> Endpoint | None:
        """Where it goes, unless that is the mailbox of `address`."""
        return self.endpoint if self.channel != DEFAULT_CHANNEL else None

    def __str__(self) -> str:
        return f"message {self.pk} ({self.channel}, {self.kind}), {self.state}"


class Notification(models.Model):
    """One transition for one subscription: in one message, alone or among others, or in none."""

    transition = models.ForeignKey(AlertTransition, models.CASCADE, related_name="notifications")
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="notifications")
    message = models.ForeignKey(OutgoingMessage, models.CASCADE, null=True, related_name="notifications")
    withdrawn_at = models.DateTimeField(null=True, help_text="it was overtaken before it was sent")
    created_at = models.DateTimeField(auto_now_add=True)

    sites: dict[int, str] | None = (
        None  # those concerned, of a list, as monitor.subscribers.subscriptions.assets reads them
    )

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["transition", "subscription"], name="notified_once")]
        indexes = [
            models.Index(
                fields=["subscription"],
                condition=models.Q(message__isnull=True, withdrawn_at__isnull=True),
                name="notification_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"transition {self.transition_id} for subscription {self.subscription_id}"


class ChannelPause(models.Model):
    """A channel that takes nothing: one message is tried from time to time until one gets through."""

    channel = models.CharField(max_length=20, unique=True, help_text="a name in settings.CHANNELS")
    reason = models.CharField(max_length=300)
    attempts = models.PositiveSmallIntegerField(default=1, help_text="rounds in which nothing got through")
    created_at = models.DateTimeField(auto_now_add=True)
    next_try_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.channel} takes nothing: {self.reason}"


class Announcement(models.Model):
    """A transition whose messages have been queued: that is done once."""

    transition = models.OneToOneField(AlertTransition, models.CASCADE, related_name="announcement")
    n_notifications = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.n_notifications} notifications of transition {self.transition_id}"


class RequestCount(models.Model):
    """How many mails were requested in a day: per address, per connection and in all. `who` is a keyed hash."""

    who = models.CharField(max_length=64)
    day = models.DateField()
    n_requests = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["who", "day"], name="one_count_a_day")]

    def __str__(self) -> str:
        return f"{self.n_requests} on {self.day}"


class SignOfLife(models.Model):
    """When somebody was last seen alive: beat, a process, or the worker of a queue."""

    name = models.CharField(max_length=120, primary_key=True)
    seen_at = models.DateTimeField(help_text="by the clock of the database")

    def __str__(self) -> str:
        return f"{self.name}, {self.seen_at:%Y-%m-%d %H:%M:%S}"


class Alarm(models.Model):
    """A condition that does not hold: seen, then open once that has lasted, then over once it has held as long."""

    condition = models.CharField(max_length=40, help_text="its name in monitor.operations.health.conditions")
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
