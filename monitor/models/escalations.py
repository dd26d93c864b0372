"""Tables of escalations: whom an organisation asks who takes up an alert, one contact after the other."""

from django.db import models

from detection.models import Alert
from detection.rules.severity import Severity
from monitor.models.subscriptions import Membership, Organisation


class Contact(models.Model):
    """Contact of an organisation: a member, or one of its chat rooms and webhooks. Lower positions are asked first."""

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
            ),
        ]


class Escalation(models.Model):
    """Question to an organisation who takes up an alert. If the severity grows, a new row asks again."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="escalations")
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="escalations")
    severity = models.CharField(max_length=10, choices=[(step.value, step.value) for step in Severity])
    created_at = models.DateTimeField(auto_now_add=True)
    taken_at = models.DateTimeField(null=True, help_text="when somebody took the alert up")
    taken_by = models.ForeignKey(
        Contact, models.SET_NULL, null=True, help_text="who did; null: another member, or the operators"
    )
    by_operators = models.BooleanField(default=False, help_text="the operators of the service took it up")
    returned_at = models.DateTimeField(null=True, help_text="when that was last taken back")
    closed_at = models.DateTimeField(null=True, help_text="alert over, severity grew, or no longer asked")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "organisation"], condition=models.Q(closed_at=None), name="one_open_escalation"
            )
        ]


class EscalationStep(models.Model):
    """One contact, or at last the operators, asked who takes up an alert. Nobody is asked twice in an escalation."""

    escalation = models.ForeignKey(Escalation, models.CASCADE, related_name="steps")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True)
    to_operators = models.BooleanField(default=False)
    hours = models.PositiveSmallIntegerField(default=0, help_text="for an answer, counted from the delivery")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["escalation", "contact"], name="asked_once"),
            models.UniqueConstraint(
                fields=["escalation"], condition=models.Q(to_operators=True), name="operators_asked_once"
            ),
        ]
