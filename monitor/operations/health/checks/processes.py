"""Checks of the processes: beat, the workers of each queue, and backups."""

from monitor.celery import app
from monitor.operations.health.checks.condition import Wrong
from monitor.operations.health.checks.signs import BACKUP, BEAT, queue_sign, sign_ages
from monitor.schedule import QUEUES
from monitor.wording.dates import duration_words

BEAT_SILENT_SECONDS = 60.0
QUEUE_SILENT_SECONDS = 15 * 60.0  # a worker may have its hands full for a while
MAIL_SILENT_SECONDS = 3 * 60.0
BACKUP_SECONDS = 2 * 86400.0  # one is made every day
ANSWER_SECONDS = 2.0


def beat() -> str:
    return _seen(BEAT, BEAT_SILENT_SECONDS)


def queue(name: str) -> str:
    """Whether a task that beat sent has come through the queue lately."""
    return _seen(queue_sign(name), MAIL_SILENT_SECONDS if name == "mail" else QUEUE_SILENT_SECONDS)


def workers() -> str:
    """Whether every queue has a worker that answers now."""
    answers = app.control.inspect(timeout=ANSWER_SECONDS).active_queues() or {}
    served = {queue["name"] for queues in answers.values() for queue in queues}
    missing = [name for name in QUEUES if name not in served]
    if missing:
        raise Wrong(f"no worker answers for {', '.join(missing)}")
    return ", ".join(sorted(answers))


def backup() -> str:
    """Return the age of the last backup in words. Raises Wrong if it is too old.

    A site without any backup by manage.py passes, because it may use other tools.
    """
    age = sign_ages().get(BACKUP)
    if age is None:
        return "manage.py backup has made none yet"
    if age > BACKUP_SECONDS:
        raise Wrong(f"the last one was made {duration_words(age)} ago")
    return f"made {duration_words(age)} ago"


def backup_exists() -> str:
    if BACKUP not in sign_ages():
        raise Wrong("manage.py backup has never made one")
    return backup()


def _seen(name: str, most_seconds: float) -> str:
    age = sign_ages().get(name)
    if age is None:
        raise Wrong("there has been no sign of life yet")
    if age > most_seconds:
        raise Wrong(f"no sign of life for {duration_words(age)}")
    return f"sign of life {duration_words(age)} ago"
