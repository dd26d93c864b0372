"""Waiting and failed work, the newest data, and processes' signs of life: cheap queries by the database's clock."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Case, DurationField, ExpressionWrapper, F, Max, Min, Q, QuerySet, When
from django.db.models.functions import Greatest, Now

from ingest.models import IngestJob, PairOrder, Product, Scene, SceneDownload, StepFailure
from ml.models import Run
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import SignOfLife
from monitor.models.subscriptions import DEFAULT_CHANNEL

State = OutgoingMessage.State
KINDS: dict[str, type[Run | IngestJob | SceneDownload | PairOrder | OutgoingMessage | StepFailure]] = {
    "run": Run,
    "file": IngestJob,
    "download": SceneDownload,
    "order": PairOrder,
    "message": OutgoingMessage,
    "step": StepFailure,
}
RUNNING = {
    "run": Run.State.RUNNING,
    "file": IngestJob.State.RUNNING,
    "download": SceneDownload.State.FETCHING,
    "order": PairOrder.State.ORDERING,
    "message": State.SENDING,
}
BEAT = "beat"
BACKUP = "backup"  # sign of the last completed backup
PUBLISHED = "publication"  # the stage that keeps PUBLISH_TO up to date
KEEP_SIGNS = timedelta(days=1)  # Processes that are gone for good are forgotten then.
FAILED_DAYS = 7.0  # Older failures are not shown.


def waiting() -> dict[str, QuerySet[Any]]:
    """Return querysets of waiting rows of the kinds that wait, each row with `since`, when its wait began."""
    due = Greatest("created_at", "next_try_at")  # NULL is ignored
    tried = When(attempts__gt=0, then=F("created_at"))
    return {
        "run": Run.objects.filter(state=Run.State.QUEUED).annotate(since=due),
        "file": IngestJob.objects.filter(state=IngestJob.State.QUEUED).annotate(since=due),
        "download": SceneDownload.objects.filter(state=SceneDownload.State.WANTED).annotate(since=due),
        "order": PairOrder.objects.filter(state=PairOrder.State.WANTED, standing_order__is_on=True).annotate(since=due),
        "message": OutgoingMessage.objects.filter(state=State.QUEUED)
        .exclude(Q(attempts__gt=0) & ~Q(channel=DEFAULT_CHANNEL))  # messages that a subscriber's own server refuses
        .annotate(since=Case(tried, default=F("next_try_at"))),
    }


def longest_waits() -> dict[str, float]:
    """Return the seconds that the oldest waiting row of each kind has been waiting; 0 if none is waiting."""
    now = database_now()
    oldest = {kind: rows.aggregate(oldest=Min("since"))["oldest"] for kind, rows in waiting().items()}
    return {kind: max(0.0, (now - since).total_seconds()) if since else 0.0 for kind, since in oldest.items()}


def failures() -> dict[str, QuerySet[Any]]:
    """Return recently failed rows of all kinds except messages, each with `failed_at`, newest first."""
    times = dict.fromkeys(("run", "file", "download", "order"), "finished_at") | {"step": "created_at"}
    return {
        kind: KINDS[kind]
        ._default_manager.annotate(failed_at=F(time))
        .filter(state__in=["failed", "expired"], failed_at__gte=Now() - timedelta(days=FAILED_DAYS))
        .order_by("-failed_at")
        for kind, time in times.items()
    }


def rows_running(kind: str) -> QuerySet[Any]:
    """Return the rows of a kind that are marked as running."""
    return KINDS[kind]._default_manager.filter(state=RUNNING[kind])


def abandoned(*, seconds: float) -> dict[str, int]:
    """Count the rows of each kind still marked as running although their lease ended `seconds` ago or earlier."""
    ended = Now() - timedelta(seconds=seconds)
    return {kind: rows_running(kind).filter(lease_until__lt=ended).count() for kind in RUNNING}


def newest_data_ages() -> dict[str, float]:
    """Return the seconds since the newest product and usable scene were loaded; a kind without any is left out."""
    now = database_now()
    newest = {
        "product": Product.objects.aggregate(at=Max("loaded_at"))["at"],
        "scene": Scene.objects.ready().aggregate(at=Max("loaded_at"))["at"],
    }
    return {kind: (now - at).total_seconds() for kind, at in newest.items() if at}


def database_now() -> datetime:
    """Return the time by the clock of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def installed_seconds() -> float:
    """Return the seconds since the tables of this installation were made."""
    made_at = MigrationRecorder.Migration.objects.aggregate(at=Min("applied"))["at"]
    return (database_now() - made_at).total_seconds() if made_at else 0.0


def queue_sign(queue: str) -> str:
    """Return the name of a queue's sign of life, which shows that beat, broker and a worker of it are alive."""
    return f"queue {queue}"


def feed_sign(url: str) -> str:
    """Return the name of the sign that a catalogue of events has answered."""
    return f"catalogue {urlsplit(url).netloc}{urlsplit(url).path}"[:120]


def sign_give(*, name: str) -> None:
    """Record a sign of life now."""
    row = SignOfLife(name=name, seen_at=Now())
    SignOfLife.objects.bulk_create([row], update_conflicts=True, unique_fields=["name"], update_fields=["seen_at"])


def signs_forget() -> None:
    """Delete the signs of processes that are gone for good."""
    SignOfLife.objects.filter(seen_at__lt=Now() - KEEP_SIGNS).exclude(name=BACKUP).delete()


def sign_ages() -> dict[str, float]:
    """Return the seconds since each sign of life; never negative, even if the clock was set back."""
    age = ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField())
    rows = SignOfLife.objects.annotate(age=age).values_list("name", "age")
    return {name: abs(age.total_seconds()) for name, age in rows}
