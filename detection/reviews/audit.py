"""Audit log of who did what. Rows are only added; the database refuses changes and deletion."""

from django.contrib.auth.base_user import AbstractBaseUser

from detection.models import AuditEntry


def audit_write(*, actor: AbstractBaseUser, action: str, subject: str, before="", after="", detail="") -> AuditEntry:
    """Add a row to the audit log; nobody can change it later."""
    return AuditEntry.objects.create(
        actor=actor.get_username(), action=action, subject=subject, before=before, after=after, detail=detail
    )
