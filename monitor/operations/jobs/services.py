"""Trying a job again and cancelling it, by an operator: one row, and a row of the audit with it."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from detection.reviews.audit import audit_write
from monitor.operations.jobs.kinds import KINDS


def job_retry(*, kind: str, pk: int, by: AbstractBaseUser) -> bool:
    """Put a failed, cancelled or delayed job back into its queue; False where it is none of these."""
    with transaction.atomic():
        changed = KINDS[kind].retry(KINDS[kind].model._default_manager.filter(pk=pk)) == 1
        if changed:
            audit_write(actor=by, action="retry a job", subject=f"{kind} {pk}")
    return changed


def job_cancel(*, kind: str, pk: int, by: AbstractBaseUser) -> bool:
    """End a waiting or running job; False where it is neither, or its kind cannot be ended."""
    cancel = KINDS[kind].cancel
    if cancel is None:
        return False
    with transaction.atomic():
        changed = cancel(KINDS[kind].model._default_manager.filter(pk=pk), by.get_username()) == 1
        if changed:
            audit_write(actor=by, action="cancel a job", subject=f"{kind} {pk}")
    return changed
