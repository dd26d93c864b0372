"""Checks of the work: processes, queues, disks, and the archives that images are fetched from."""

import re
from datetime import timedelta

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from ground_motion.core.errors import one_line
from ground_motion.core.http.faults import SourceError
from ingest.foundation.disk import disk_full, disk_places
from ingest.foundation.failures import Cause
from ingest.models import PairOrder, SceneDownload, StandingOrder
from ingest.sources.client.tokens import token_end
from ingest.sources.configured import processor
from ingest.sources.orders.queue import charges_of_month, orders_paid
from ml.runs.catalogues import events_counted
from monitor.celery import app
from monitor.models.messages import ChannelPause, OutgoingMessage
from monitor.models.subscriptions import DEFAULT_CHANNEL
from monitor.notifications.outbox import BACK_OFF
from monitor.operations.health import selectors
from monitor.operations.health.condition import Doubtful, Wrong, condition, setup
from monitor.operations.health.schedule import BEAT_SILENT_SECONDS
from monitor.operations.health.selectors import (
    BACKUP,
    BEAT,
    PUBLISHED,
    feed_sign,
    installed_seconds,
    queue_sign,
    sign_ages,
)
from monitor.pages.uploads.resumable import in_words
from monitor.schedule import QUEUES
from monitor.subscribers.organisations.escalations import escalations_of_operators, escalations_waiting
from monitor.wording.dates import duration_words

MESSAGE_WAIT_SECONDS = 3600.0
WORK_WAIT_SECONDS = 3600.0  # No worker has taken work of a kind for this long.
ABANDONED_SECONDS = 300.0
QUEUE_SILENT_SECONDS = 15 * 60.0  # Tasks may occupy a worker for this long.
MAIL_SILENT_SECONDS = 3 * 60.0
CATALOGUE_SILENT_SECONDS = 3600.0
EVENT_DAYS = 30
PUBLISHED_SECONDS = 2 * 3600.0  # A first publication of ten million points takes a part of this.
BACKUP_SECONDS = 2 * 86400.0  # one is made every day
ANSWER_SECONDS = 2.0
TOKEN_WARNING = timedelta(days=14)  # Warn this long before a token ends.
MAX_ORDER_WAIT = timedelta(days=2)  # Passes of two days are ordered together after a short outage.
MAX_DOWNLOAD_WAIT = timedelta(days=1)  # An archive may be away for hours; nobody need act then.
BACK_UP = (
    "See why manage.py backup fails: the log of the service backup (docker/compose.yml) or of"
    " ground-motion-backup.service (docker/systemd) says it. Where neither runs, start one."
)
ADDRESS = re.compile(r"[^\s<>,;:]+@[^\s<>,;:]+")


@condition(
    "disk", "Free the disk (manage.py prune --dry-run says what may go) or make it larger.", needs_database=False
)
def disk() -> str:
    """Check that no disk is full."""
    if full := disk_full():
        raise Wrong(full.rstrip("."))
    return ", ".join(f"{place.name} {in_words(place.free_bytes)} free" for place in disk_places())


@setup("workers", "Start a worker for these queues (Procfile or docker/compose.yml say how).")
def workers() -> str:
    """Check that every queue has a worker that answers now."""
    answers = app.control.inspect(timeout=ANSWER_SECONDS).active_queues() or {}
    served = {queue["name"] for queues in answers.values() for queue in queues}
    missing = [name for name in QUEUES if name not in served]
    if missing:
        raise Wrong(f"no worker answers for {', '.join(missing)}")
    return ", ".join(sorted(answers))


@condition("beat", "Start beat, or look into its log. Until then nothing is fetched, loaded, searched or sent.")
def beat() -> str:
    """Check the sign of life of beat."""
    return _sign_of_life(BEAT, BEAT_SILENT_SECONDS)


def queue(name: str) -> str:
    """Check that a task sent by beat has come through the queue recently."""
    return _sign_of_life(queue_sign(name), MAIL_SILENT_SECONDS if name == "mail" else QUEUE_SILENT_SECONDS)


@condition("backup", BACK_UP)
def backup() -> str:
    """Check the age of the last backup; without any, the age of the installation. A demo needs none."""
    age = sign_ages().get(BACKUP)
    if age is None and settings.DEMO:
        return "none: a demo's data are made up"
    if age is None and installed_seconds() <= BACKUP_SECONDS:
        raise Doubtful("manage.py backup has made none yet")
    if age is None:
        raise Wrong("manage.py backup has never made one")
    if age > BACKUP_SECONDS:
        raise Wrong(f"the last one was made {duration_words(age)} ago")
    return f"made {duration_words(age)} ago"


@condition("backup", BACK_UP, alarms=False)
def backup_exists() -> str:
    """Check that there is a backup."""
    if BACKUP not in sign_ages():
        raise Wrong("manage.py backup has never made one")
    return backup()


@condition("stuck work", "See that beat and the workers run, and look into their logs.")
def stuck() -> str:
    """Check that nothing waits or runs for too long."""
    abandoned = {kind: n for kind, n in selectors.abandoned(seconds=ABANDONED_SECONDS).items() if n}
    if abandoned:
        counts = ", ".join(f"{kind}s: {n}" for kind, n in abandoned.items())
        raise Wrong(f"work has lost its worker and nobody takes it up ({counts})")
    waits = selectors.longest_waits()
    for kind in ("run", "file"):
        worked_on = selectors.rows_running(kind).filter(lease_until__gte=Now())
        if waits[kind] > WORK_WAIT_SECONDS and not worked_on.exists():
            raise Wrong(f"{kind}s have been waiting for {duration_words(waits[kind])}, and no worker has one")
    return "nothing is waiting without a worker"


@condition(
    "failed work", "Mend the cause that the page Jobs names, and try again there or with manage.py retry --failed."
)
def failures() -> str:
    """Check that no work failed recently."""
    failed = {kind: rows for kind, rows in selectors.failures().items() if rows}
    if not failed:
        return "nothing has failed"
    counts = ", ".join(f"{kind}s: {len(rows)}" for kind, rows in failed.items())
    last = max((rows[0] for rows in failed.values()), key=lambda row: row.failed_at)
    days = f"{selectors.FAILED_DAYS:.0f} days"
    raise Wrong(f"work has failed in the last {days} ({counts}); the last reason: {one_line(last.error)}")


@condition(
    "channels", "Mend what the mail server says (EMAIL_URL, the right to send); what is waiting is sent by itself then."
)
def channels() -> str:
    """Check that no channel is paused."""
    paused = ChannelPause.objects.order_by("channel")
    if paused:
        words = (f"nothing gets through by {one.channel}: {_without_addresses(one.reason)}" for one in paused)
        raise Wrong("; ".join(words))
    return "messages get through"


@condition(
    "outbox", "See that the mail worker runs and the server of EMAIL_URL takes mails. Nothing is lost meanwhile."
)
def outbox() -> str:
    """Check that no message is late."""
    waits = selectors.longest_waits()["message"]
    if waits <= MESSAGE_WAIT_SECONDS:
        return "no message is late"
    late = OutgoingMessage.objects.filter(state=OutgoingMessage.State.QUEUED)
    reason = late.exclude(error="").order_by("-next_try_at").values_list("error", flat=True).first()
    why = f"; the last reason: {_without_addresses(reason)}" if reason else ""
    raise Wrong(f"{late.count()} messages wait, the oldest for {duration_words(waits)}{why}")


@condition(
    "alerts that nobody has",
    "Call the organisations that the page Who has it? names, and say there that somebody takes care of the alert.",
)
def unclaimed() -> str:
    """Check that no alert waits for the operators of the service because nobody else has taken it up."""
    waiting = escalations_of_operators()
    if oldest := waiting.order_by("created_at").first():
        age = duration_words((timezone.now() - oldest.created_at).total_seconds())
        raise Wrong(f"nobody has taken up {waiting.count()} alerts, the oldest asked about {age} ago")
    return f"{escalations_waiting().count()} alerts wait for contacts"


@condition(
    "undelivered messages",
    "Mend what the reason names, and try again on the page Jobs or with manage.py retry --failed.",
)
def dead_letters() -> str:
    """Check that no message was given up recently."""
    # A message that failed after fewer attempts was refused for good.
    failed = OutgoingMessage.objects.filter(channel=DEFAULT_CHANNEL, state="failed", attempts__gt=len(BACK_OFF))
    given_up = failed.filter(next_try_at__gte=Now() - timedelta(days=selectors.FAILED_DAYS)).order_by("-next_try_at")
    if (last := given_up.first()) is None:
        return "none was given up"
    raise Wrong(
        f"{given_up.count()} messages were given up in the last {selectors.FAILED_DAYS:.0f} days;"
        f" the last reason: {_without_addresses(last.error)}"
    )


@condition(
    "new data", "See where data come from: WATCH_FOLDER, ACQUIRE_SOURCE and its credentials, or whoever sends files."
)
def new_data() -> str:
    """Check that new data were loaded within ALARM_NO_DATA_DAYS."""
    if not settings.ALARM_NO_DATA_DAYS:
        return "not watched (ALARM_NO_DATA_DAYS)"
    ages = selectors.newest_data_ages()
    if not ages:
        raise Wrong("nothing has been loaded yet")
    newest = min(ages.values())
    if newest > settings.ALARM_NO_DATA_DAYS * 86_400:
        raise Wrong(f"nothing new has been loaded for {duration_words(newest)}")
    return f"the newest was loaded {duration_words(newest)} ago"


@condition(
    "image archive",
    "If it is the sign-in, correct EARTHDATA_TOKEN or STAC_TOKEN, or accept the data's terms with that account; else"
    " see whether this machine reaches the archive. Then restart every process: what waits is fetched by itself.",
)
def archive() -> str:
    """Check that the archive accepts the sign-in, that no token ends soon, and that downloads do not wait for days."""
    if not settings.ACQUIRE_SOURCE and not StandingOrder.objects.exists():
        return "none (ACQUIRE_SOURCE)"
    now = timezone.now()
    waiting = SceneDownload.objects.filter(state=SceneDownload.State.WANTED).exclude(error="").order_by("-started_at")
    if refused := waiting.filter(cause=Cause.SIGN_IN).first():
        raise Wrong(one_line(f"images wait, because the archive does not accept the sign-in: {refused.error}"))
    for name in ("EARTHDATA_TOKEN", "STAC_TOKEN"):
        end = token_end(getattr(settings, name))
        if end and end <= now:
            raise Wrong(f"the token of {name} ended on {end:%Y-%m-%d}: nothing is fetched")
        if end and end < now + TOKEN_WARNING:
            raise Wrong(f"the token of {name} ends on {end:%Y-%m-%d}: make a new one in time")
    if late := waiting.filter(created_at__lt=now - MAX_DOWNLOAD_WAIT).first():
        age = duration_words((now - late.created_at).total_seconds())
        raise Wrong(one_line(f"{late.scene_id} has waited for {age}; the last reason: {late.error}"))
    return f"{settings.ACQUIRE_SOURCE or 'orders only'}: nothing waits for it"


@condition(
    "orders",
    "The page Standing orders says what waits and why. For the sign-in, set EARTHDATA_TOKEN to an account that may use"
    " HyP3; else see whether this machine reaches it. What waits is ordered by itself.",
)
def orders() -> str:
    """Check that searches, orders and the sign-in of standing orders work, and that nothing waits for days."""
    now, is_on = timezone.now(), StandingOrder.objects.filter(is_on=True)
    paid = orders_paid()
    if not is_on:
        return "none"
    if paid and not settings.EARTHDATA_TOKEN:
        raise Wrong(f"{len(paid)} standing orders cannot order anything, because EARTHDATA_TOKEN is not set")
    pairs = PairOrder.objects.filter(state__in=[PairOrder.State.WANTED, *PairOrder.AT_PROCESSOR])
    if refused := pairs.filter(cause=Cause.SIGN_IN).first():
        raise Wrong(one_line(f"pairs wait, because HyP3 does not accept the sign-in: {refused.error}"))
    blind = (paid | is_on.exclude(processor__in=StandingOrder.PAID)).annotate(at=Coalesce("searched_at", "created_at"))
    if order := blind.filter(at__lt=now - MAX_ORDER_WAIT).first():
        raise Wrong(one_line(f"searches for {order} have failed for days; the page Jobs says why"))
    if late := pairs.filter(standing_order__in=paid, created_at__lt=now - MAX_ORDER_WAIT).exclude(error="").first():
        age = duration_words((now - late.created_at).total_seconds())
        raise Wrong(one_line(f"a pair has waited for {age}; the last reason: {late.error}"))
    budget = sum(order.credits_a_month for order in paid)
    spent = charges_of_month().aggregate(sum=Sum("credits"))["sum"] or 0
    on_order = PairOrder.objects.filter(state__in=PairOrder.AT_PROCESSOR).count()
    return f"{spent:g} of {budget} credits spent this month; {on_order} pairs on order"


@condition(
    "HyP3 account",
    "Set EARTHDATA_TOKEN to an account that may use HyP3, and see whether this machine reaches it.",
    alarms=False,
)
def processor_account() -> str:
    """Check that HyP3 accepts the account of standing orders; return its credits."""
    if not orders_paid():
        return "not needed"
    try:
        left = processor().credits_left()
    except SourceError as fault:
        raise Wrong(str(fault)) from fault
    return f"{left:g} credits left this month"


@condition(
    "event catalogues",
    "See that this machine reaches the addresses of EVENT_FEEDS and that OUTBOUND_HOSTS names their hosts; the log of"
    " the worker of the queue ingest says more. Until then operators report events by hand.",
)
def event_catalogues() -> str:
    """Check that every catalogue of events has answered lately; count what they led to."""
    if not settings.EVENT_FEEDS:
        return "none (EVENT_FEEDS)"
    ages, since_installed = sign_ages(), installed_seconds()
    signs = [feed_sign(url) for url in settings.EVENT_FEEDS]
    silent = [sign for sign in signs if ages.get(sign, since_installed) > CATALOGUE_SILENT_SECONDS]
    if silent:
        raise Wrong(f"no usable answer for over {duration_words(CATALOGUE_SILENT_SECONDS)} from {', '.join(silent)}")
    taken, needless = events_counted(days=EVENT_DAYS)
    return f"events in {EVENT_DAYS} days: {taken}, of which needless (withdrawn or revised to too little): {needless}"


@condition(
    "publication",
    "manage.py publish says what fails, such as a full PUBLISH_TO; what was withdrawn may still stand there.",
)
def publication() -> str:
    """Check that the published files were brought up to date lately."""
    return _sign_of_life(PUBLISHED, PUBLISHED_SECONDS) if settings.PUBLISH_TO else "none (PUBLISH_TO)"


def _without_addresses(text: str) -> str:
    return one_line(ADDRESS.sub("(address)", text))


def _sign_of_life(name: str, most_seconds: float) -> str:
    age = sign_ages().get(name)
    if age is None:
        raise Wrong("there has been no sign of life yet")
    if age > most_seconds:
        raise Wrong(f"no sign of life for {duration_words(age)}")
    return f"sign of life {duration_words(age)} ago"
