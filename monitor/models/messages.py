"""The table of endpoints: servers and devices of people, beside their mailboxes."""

from django.conf import settings
from django.db import models
from django.utils import translation


def language_of_request() -> str:
    """The language that whoever asks for something reads."""
    return translation.get_language() or settings.LANGUAGE_CODE


class Endpoint(models.Model):
    """An address that a person added to their subscriptions: a program that takes webhooks, or a browser of theirs.

    Nothing but tests goes there before it has answered one.
    """

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

    def __str__(self) -> str:
        return f"endpoint {self.pk} ({self.channel})"
