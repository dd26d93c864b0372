"""Tables of escalations: whom an organisation asks who takes up an alert, one contact after the other."""

from django.db import models

from detection.models import Alert
from detection.rules.severity import Severity
from monitor.models.subscriptions import Membership, Organisation


class Contact(models.Model):
    """Contact of an organisation: a member, or one of its webhooks. Lower positions are asked first."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="contacts")
    member = models.OneToOneField(Membership, models.CASCADE, null=True)
    endpoint = models.OneToOneField("monitor.Endpoint", models.CASCADE, null=True)
    position = models.PositiveSmallIntegerField()
    hours = models.PositiveSmallIntegerField(help_text="for an answer, before the next contact is asked")

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(member=None, endpoint__isnull=False) | models.Q(member__isnull=False, endpoint=None),
                name="member_or_endpoint",
            )
        ]


class Escalation(models.Model):
    """Question to an organisation who takes up an alert. If the severity grows, a new row asks again.

    When operators take up an alert, they have a row of their own, so that no organisation can undo it.
    """

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="escalations")
    organisation = models.ForeignKey(
        Organisation, models.CASCADE, null=True, related_name="escalations", help_text="null: operators took it up"
    )
    severity = models.CharField(max_length=10, choices=[(step.value, step.value) for step in Severity])
    created_at = models.DateTimeField(auto_now_add=True)
    taken_at = models.DateTimeField(null=True, help_text="when somebody took the alert up")
    taken_by = models.ForeignKey(
        Contact, models.SET_NULL, null=True, help_text="who did; null: another member, or the operators"
    )
    returned_at = models.DateTimeField(null=True, help_text="when that was last taken back")
    closed_at = models.DateTimeField(null=True, help_text="alert over, severity grew, or no longer asked")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "organisation"], condition=models.Q(closed_at=None), name="one_open_escalation"
            ),
            models.UniqueConstraint(
                fields=["alert"], condition=models.Q(closed_at=None, organisation=None), name="one_of_operators"
            ),
        ]

    @property
    def by_operators(self) -> bool:
        """Return whether the operators of the service took up the alert themselves."""
        return self.organisation_id is None


class EscalationStep(models.Model):
    """Question to a contact, or at last the operators, to take up an alert. Nobody is asked twice in an escalation."""

    escalation = models.ForeignKey(Escalation, models.CASCADE, related_name="steps")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True)
    to_operators = models.BooleanField(default=False)
    hours = models.PositiveSmallIntegerField(default=0, help_text="for an answer, counted from the delivery")
    created_at = models.DateTimeField(auto_now_add=True)
    reported_at = models.DateTimeField(null=True, help_text="when a mail to the operators was queued that has it")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["escalation", "contact"], name="asked_once"),
            models.UniqueConstraint(
                fields=["escalation"], condition=models.Q(to_operators=True), name="operators_asked_once"
            ),
        ]
