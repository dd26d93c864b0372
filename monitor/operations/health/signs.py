"""Signs of life: each living process updates a row every few seconds, timed by the database's clock."""

from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from monitor.models.operations import SignOfLife

BEAT = "beat"
BACKUP = "backup"  # sign of the last completed backup
KEEP = timedelta(days=1)  # of processes that are gone for good


def queue_sign(queue: str) -> str:
    """Return the name of a queue's sign of life, which shows that beat, broker and a worker of it are alive."""
    return f"queue {queue}"


def sign_give(*, name: str) -> None:
    """Record a sign of life now."""
    row = SignOfLife(name=name, seen_at=Now())
    SignOfLife.objects.bulk_create([row], update_conflicts=True, unique_fields=["name"], update_fields=["seen_at"])


def signs_forget() -> None:
    """Delete the signs of processes that are gone for good."""
    SignOfLife.objects.filter(seen_at__lt=Now() - KEEP).exclude(name=BACKUP).delete()


def sign_ages() -> dict[str, float]:
    """Return the seconds since each sign of life; never negative, even if the clock was set back."""
    age = ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField())
    rows = SignOfLife.objects.annotate(age=age).values_list("name", "age")
    return {name: abs(age.total_seconds()) for name, age in rows}
