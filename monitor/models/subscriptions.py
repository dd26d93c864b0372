"""Tables of subscriptions and organisations. A "seat" is a member's copy of an organisation's subscription."""

from django.conf import settings
from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.utils import translation
from django.utils.translation import gettext_lazy, pgettext_lazy

from detection.rules.severity import Severity

DEFAULT_CHANNEL = "mail"


def language_of_request() -> str:
    """Return the active language, that of the current request's reader."""
    return translation.get_language() or settings.LANGUAGE_CODE


class Holding(models.Model):
    """Row that visitors fill: its bytes count against the quotas of a mailbox, a network and all visitors.

    `monitor.subscribers.quotas` makes the keyed hashes, and limits the bytes.
    """

    size_bytes = models.BigIntegerField(default=0, help_text="what it takes, or may take once its file is written")
    mailbox = models.CharField(max_length=64, blank=True, help_text="keyed hash; empty until the mailbox confirms")
    network = models.CharField(max_length=64, blank=True, help_text="keyed hash of the network it came from")

    class Meta:
        abstract = True


class AccountLanguage(models.Model):
    """Language in which an account last signed in; reminders come in it."""

    account = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="reads")
    language = models.CharField(max_length=10, default=language_of_request, help_text="of settings.LANGUAGES")


class Organisation(models.Model):
    """Organisation: several people who follow the same places."""

    name = models.CharField(max_length=60)
    created_at = models.DateTimeField(auto_now_add=True)
    asks_from = models.CharField(
        max_length=10,
        blank=True,
        help_text="severity from which contacts are asked who takes up an alert; empty: never",
    )
    public_name = models.CharField(max_length=60, blank=True, help_text="how it may be named in public, if at all")
    trusted_at = models.DateTimeField(null=True, help_text="when operators trusted it; nothing of it counts before")
    mailbox = models.CharField(max_length=64, blank=True, help_text="keyed hash of the mailbox that answers for it")
    network = models.CharField(max_length=64, blank=True, help_text="keyed hash of the network it was founded from")

    class Meta:
        ordering = ["name", "id"]


class Membership(models.Model):
    """Membership of a mail address in an organisation: invited, joined or left. It gets no news before it joins."""

    class Role(models.TextChoices):
        OWNER = "owner", pgettext_lazy("in an organisation", "owner")
        MEMBER = "member", pgettext_lazy("in an organisation", "member")

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="memberships")
    email = models.EmailField(db_index=True, help_text="in lower case")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    wants_mails = models.BooleanField(default=True)
    language = models.CharField(max_length=10, default=language_of_request, help_text="where no subscription says it")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="where no subscription says it")
    invited_by = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True, help_text="when it was invited")
    confirmed_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True, help_text="of an invitation: when it was declined")

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["organisation", "email"], name="one_membership_per_address")]

    @property
    def is_owner(self) -> bool:
        """Return whether this member owns the organisation."""
        return self.role == self.Role.OWNER


class Subscription(models.Model):
    """Subscription of an address to alerts: region and filters. Nothing is sent before it is confirmed."""

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
    kinds = ArrayField(models.CharField(max_length=30), help_text="of detection.kinds.Kind")
    lowest_severity = models.CharField(max_length=10, choices=[(step.value, step.value) for step in Severity])
    unreviewed = models.BooleanField(help_text="also alerts that nobody has reviewed yet")
    updates = models.BooleanField(default=True, help_text="also what changes in an alert that is known, and its end")
    least_exposure = models.PositiveIntegerField(default=0, help_text="people or buildings there, where it is known")
    frequency = models.CharField(max_length=10, choices=Frequency.choices)
    language = models.CharField(max_length=10, default=language_of_request, help_text="of settings.LANGUAGES")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="as the tz database names it")
    sign_of_life = models.BooleanField(default=False, help_text="a message each quarter that brought nothing")
    bulletins = models.BooleanField(default=False, help_text="also each bulletin about its region")
    last_sign_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True, help_text="then the pause ends by itself")
    pause_reason = models.CharField(max_length=10, choices=PauseReason.choices, blank=True)
    ended_at = models.DateTimeField(null=True)
    last_digest_at = models.DateTimeField(null=True)
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

    @property
    def title(self) -> str:
        """Return the name under which its owner knows the subscription."""
        return self.name or self.label
