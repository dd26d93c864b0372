"""The tables of organisations: a shared set of subscriptions, and who belongs to it.

What an organisation watches is a `Subscription` without an address (`organisation`). Every member who wants mails has a
seat: a `Subscription` of their own that follows it (`shared`), and that is matched, gathered and sent like any other.
"""

from django.db import models
from django.utils.translation import pgettext_lazy

from monitor.models.messages import language_of_request


class Organisation(models.Model):
    """Several people who follow the same places."""

    name = models.CharField(max_length=60)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return f"organisation {self.pk}"


class Membership(models.Model):
    """One address in one organisation: invited, then a member until it leaves. Nothing comes before it has agreed."""

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

    def __str__(self) -> str:
        return f"membership {self.pk} of organisation {self.organisation_id}"

    @property
    def is_owner(self) -> bool:
        return self.role == self.Role.OWNER
