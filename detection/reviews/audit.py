"""Audit log of who did what. Rows are only added; the database refuses changes and deletion."""

from django.contrib.auth.models import User

from detection.models import AuditEntry


def audit_write(
    *, actor: User, action: str, subject: str, before: str = "", after: str = "", detail: str = ""
) -> AuditEntry:
    """Add a row to the audit log; nobody can change it later."""
    return AuditEntry.objects.create(
        actor=actor.get_username(), action=action, subject=subject, before=before, after=after, detail=detail
    )
