"""Tables of messages: the outbox, its channels and endpoints, issued CAP messages, and bulletins."""

from typing import Any

from django.conf import settings
from django.contrib.gis.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy

from detection.models import AlertTransition
from ml.models import TrendSearch
from monitor.models.escalations import EscalationStep
from monitor.models.lines import LineNotice
from monitor.models.operations import ResidentReport
from monitor.models.subscriptions import DEFAULT_CHANNEL, Membership, Subscription, language_of_request
from monitor.web.guards import ADMINISTRATORS, OPERATORS, PUBLISHERS, VIEWERS


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


class Endpoint(models.Model):
    """Address of somebody's program or browser; it gets only test messages until it has accepted one."""

    class EndReason(models.TextChoices):
        FAILING = "failing", "it took nothing for a week"
        GONE = "gone", "it answered that it is gone"

    channel = models.CharField(max_length=20, help_text="a name in settings.CHANNELS")
    email = models.EmailField(db_index=True, blank=True, help_text="in lower case; whoever reads it owns the endpoint")
    organisation = models.ForeignKey(
        "monitor.Organisation", models.CASCADE, null=True, help_text="whose it is instead, with no mailbox"
    )
    url = models.CharField(max_length=2000)
    name = models.CharField(max_length=80, blank=True, help_text="of a device: its browser and system")
    keys = models.JSONField(default=dict, help_text="what messages are signed or encrypted with")
    language = models.CharField(max_length=10, default=language_of_request, help_text="of settings.LANGUAGES")
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True, help_text="when it first took a test")
    failures = models.PositiveSmallIntegerField(default=0, help_text="one after the other")
    failing_since = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True, help_text="nothing is tried before")
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=10, choices=EndReason.choices, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "email", "url"],
                condition=models.Q(organisation=None),
                name="one_endpoint_per_address",
            ),
            models.UniqueConstraint(fields=["channel", "organisation", "url"], name="one_endpoint_per_organisation"),
        ]


class Invitation(models.Model):
    """Invitation of an address to make an account with a role. Its link is signed when the mail is written."""

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


class Rank(models.IntegerChoices):
    """Order in which messages leave: all of a lower number before any of a higher one."""

    FIRST = 0, "news of alerts, and who takes them up"
    NEXT = 1, "what only the service and its known people cause"
    LAST = 2, "what any visitor can cause, or many readers get"


class OutgoingMessage(models.Model):
    """Message of the outbox. Its text is composed at delivery; each key belongs to one subject and one address."""

    class Kind(models.TextChoices):
        CONFIRM = "confirm", gettext_lazy("Link to confirm a subscription")
        LINK = "link", gettext_lazy("Link to manage subscriptions")
        ALERT = "alert", gettext_lazy("News of an alert")
        CORRECTION = "correction", gettext_lazy("Correction of an alert")
        DIGEST = "digest", gettext_lazy("Digest")
        SUMMARY = "summary", gettext_lazy("Summary of much news")
        SIGN = "sign", gettext_lazy("Sign of life")
        TEST = "test", gettext_lazy("Test message")
        INVITATION = "invitation", gettext_lazy("Invitation to an account")
        MEMBERSHIP = "membership", gettext_lazy("Invitation to an organisation")
        DISSOLVED = "dissolved", gettext_lazy("End of an organisation")
        RESET = "reset", gettext_lazy("Link to a new password")
        CHECK = "check", gettext_lazy("Test of a webhook")
        ENDED = "ended", gettext_lazy("End of a webhook")
        BULLETIN = "bulletin", gettext_lazy("Bulletin")
        VISITS = "visits", gettext_lazy("Reminder of visits on site")
        REPORT = "report", gettext_lazy("Link to confirm a report")
        ASK = "ask", gettext_lazy("Question who takes up an alert")
        ASKED = "asked", gettext_lazy("Alerts that nobody has, for operators")
        LINE = "line", gettext_lazy("New step in the motion of a line")

    class State(models.TextChoices):
        QUEUED = "queued", gettext_lazy("waiting")
        SENDING = "sending", gettext_lazy("on its way")
        SENT = "sent", gettext_lazy("taken")
        FAILED = "failed", gettext_lazy("given up")
        WITHDRAWN = "withdrawn", gettext_lazy("not needed any more")

    channel = models.CharField(max_length=20, default=DEFAULT_CHANNEL, help_text="a name in settings.CHANNELS")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    rank = models.PositiveSmallIntegerField(
        choices=Rank.choices, default=Rank.LAST, db_default=Rank.LAST, help_text="lower ones leave first"
    )
    key = models.CharField(max_length=120, help_text="the same for the same news to the same address")
    address = models.CharField(max_length=254, db_index=True)
    language = models.CharField(max_length=10, default=language_of_request, help_text="where no subscription says it")
    subscription = models.ForeignKey(Subscription, models.CASCADE, null=True, help_text="the one to confirm")
    transition = models.ForeignKey(AlertTransition, models.CASCADE, null=True, help_text="the news of a single alert")
    invitation = models.ForeignKey(Invitation, models.CASCADE, null=True, help_text="the one to accept")
    membership = models.ForeignKey(Membership, models.CASCADE, null=True, help_text="to accept, or that of the reader")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, help_text="whose password is new")
    bulletin = models.ForeignKey(Bulletin, models.CASCADE, null=True, help_text="the one that was signed")
    report = models.ForeignKey(ResidentReport, models.CASCADE, null=True, help_text="the one to confirm")
    step = models.ForeignKey(
        EscalationStep, models.CASCADE, null=True, related_name="messages", help_text="which asks who takes up an alert"
    )
    notice = models.ForeignKey(LineNotice, models.CASCADE, null=True, help_text="of new breaks of a line")
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, null=True, help_text="where it goes, or which it is about")
    about = models.CharField(max_length=60, blank=True, help_text="name of an organisation that is gone")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    next_try_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    news: list["Notification"]  # Notifications that the message reports, as monitor.notifications.outbox reads them.
    labels: list[str] | None = None  # monitor.subscribers.subscriptions.endpoints reads those of its subscriptions

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["key", "channel"], name="one_message_per_key")]
        indexes = [
            models.Index(
                fields=["rank", "next_try_at", "id"],
                condition=models.Q(state__in=["queued", "sending"]),
                name="outgoingmessage_by_rank",
            ),
            models.Index(fields=["next_try_at"], condition=models.Q(state="failed"), name="outgoingmessage_failed"),
        ]

    @classmethod
    def due(cls, kind: str, key: str, address: str, **more: Any) -> "OutgoingMessage":
        """Return an unsaved message that is to be delivered at once, unless `next_try_at` is given."""
        return cls(kind=kind, key=key, address=address, **{"next_try_at": timezone.now(), "rank": RANKS[kind], **more})

    @classmethod
    def queue(cls, kind: str, key: str, address: str, **more: Any) -> "OutgoingMessage":
        """Save the message that `due` returns for the same arguments, so that the next round delivers it."""
        message = cls.due(kind, key, address, **more)
        message.save(force_insert=True)
        return message

    @property
    def server(self) -> Endpoint | None:
        """Return the endpoint that the message is sent to; None if it is sent to the mailbox `address`."""
        return self.endpoint if self.channel != DEFAULT_CHANNEL else None

    def __str__(self) -> str:
        return f"message {self.pk} ({self.channel}, {self.kind}), {self.state}"


_KIND = OutgoingMessage.Kind
RANKS: dict[str, Rank] = {
    **dict.fromkeys((_KIND.ALERT, _KIND.CORRECTION, _KIND.DIGEST, _KIND.SUMMARY, _KIND.ASK, _KIND.ASKED), Rank.FIRST),
    **dict.fromkeys((_KIND.INVITATION, _KIND.RESET, _KIND.VISITS, _KIND.LINE, _KIND.ENDED), Rank.NEXT),
    **dict.fromkeys((_KIND.CONFIRM, _KIND.LINK, _KIND.TEST, _KIND.CHECK, _KIND.MEMBERSHIP), Rank.LAST),
    **dict.fromkeys((_KIND.DISSOLVED, _KIND.REPORT, _KIND.BULLETIN, _KIND.SIGN), Rank.LAST),
}


class Notification(models.Model):
    """Report of one transition to one subscription. It belongs to one message at most; a message may hold several."""

    transition = models.ForeignKey(AlertTransition, models.CASCADE, related_name="notifications")
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="notifications")
    message = models.ForeignKey(OutgoingMessage, models.CASCADE, null=True, related_name="notifications")
    withdrawn_at = models.DateTimeField(null=True, help_text="it was overtaken before it was sent")
    created_at = models.DateTimeField(auto_now_add=True)

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


class ChannelPause(models.Model):
    """Pause of a channel that accepts no messages. One message is tried at intervals until delivery works again."""

    channel = models.CharField(max_length=20, unique=True, help_text="a name in settings.CHANNELS")
    reason = models.CharField(max_length=300)
    attempts = models.PositiveSmallIntegerField(default=1, help_text="rounds in which nothing got through")
    created_at = models.DateTimeField(auto_now_add=True)
    next_try_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.channel} takes nothing: {self.reason}"


class Announcement(models.Model):
    """Row that marks a transition as announced: its messages were queued, and must not be queued again."""

    transition = models.OneToOneField(AlertTransition, models.CASCADE, related_name="announcement")
    n_notifications = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)


class CapMessage(models.Model):
    """CAP message as it was issued after one step of an alert's life. Rows are only added."""

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
        """Return the address of the message."""
        return f"/cap/{self.identifier}.xml"
