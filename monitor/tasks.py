"""Celery tasks that queue and send messages, delete old data and search for new images."""

import logging
from collections.abc import Callable
from typing import Any

from celery import current_app, shared_task
from celery.signals import beat_init, worker_ready
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from shapely import Polygon, from_wkb

from detection.alerts import sealed
from ingest.jobs.steps import Step, rows_work, stage
from ingest.sources.client.scene import coarse
from ml.models import GroundEvent
from ml.runs import catalogues
from monitor.notifications import announcements, digests, escalations, outbox, rounds
from monitor.open_data.cap import services as cap
from monitor.operations.health import selectors as health
from monitor.operations.health.alarms import Watchman
from monitor.operations.retention import services as retention
from monitor.pages.bulletins import drafts
from monitor.pages.reviews import visits
from monitor.subscribers.accounts import services as accounts
from monitor.subscribers.accounts.sessions import sessions_forget
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.subscribers.subscriptions.watched_areas import is_watched, watched_areas

logger = logging.getLogger(__name__)

SEND_SECONDS = 60.0  # The next task continues after this time.
RETENTION_SECONDS = 600.0
SEALED_AT_ONCE = 50  # Sealing takes about a second each; other tasks of the worker run between two rounds.


@stage
def announce_transitions() -> None:
    """Queue the messages of every new transition, and the mails of new bulletins."""
    announcements.transitions_announce()
    announcements.bulletins_announce()


@stage
def ask_who_takes_up() -> None:
    """Ask the contacts of organisations who takes up an alert, one after the other, and at last the operators."""
    escalations.escalations_follow()


@stage
def seal_evidence() -> None:
    """Seal the evidence of every new or changed alert."""
    rows_work(Step.SEAL, sealed.alerts_unsealed(), lambda alert: sealed.evidence_seal(alert=alert), SEALED_AT_ONCE)


@stage
def draft_bulletins() -> None:
    """Add what was searched for changes of trend to the draft of a bulletin."""
    drafts.bulletins_draft()


@stage
def read_lines() -> None:
    """Read how one line of an organisation moves, and where it breaks."""
    from monitor.subscribers.organisations import line_readings  # Only a worker imports shapely and scipy.

    rows_work(Step.LINES, line_readings.lines_due(), lambda line: line_readings.line_read(line=line), most=1)


@stage
def announce_breaks() -> None:
    """Queue the messages of every new break of a line."""
    announcements.breaks_announce()


@stage
def issue_cap_messages() -> None:
    """Issue a CAP message of every alert that has changed; a bad one does not hold up the others."""
    rows_work(Step.CAP, cap.transitions_due(), lambda transition: cap.message_issue(transition=transition))


@stage
def send_messages() -> None:
    """Send the messages that are due; if one server gets many, other processes of the worker send a share each."""
    if outbox.messages_due(now=timezone.now())[rounds.BATCH :].exists():
        for share in range(1, settings.MAIL_SENDERS):
            help_to_send.apply_async(args=(share,), expires=SEND_SECONDS)
    rounds.messages_send(seconds=SEND_SECONDS, of=settings.MAIL_SENDERS, beside=True)


@shared_task(ignore_result=True)
def help_to_send(share: int) -> None:
    """Send one of MAIL_SENDERS shares of the messages. If no worker runs this task, other senders take this share."""
    rounds.messages_help(share=share, of=settings.MAIL_SENDERS, seconds=SEND_SECONDS)


@stage
def queue_digests() -> None:
    """Resume pauses that have ended, and queue digests, signs of life and reminders of visits."""
    digests.due_queue()
    visits.visits_remind()


@stage
def delete_what_is_over() -> None:
    """Delete unconfirmed subscriptions, and old invitations, sessions and signs of life."""
    subscriptions.purge()
    accounts.invitations_forget()
    sessions_forget()
    health.signs_forget()


@shared_task(ignore_result=True)
def give_sign(queue: str) -> None:
    """Record that a message from beat arrived: beat, the broker and a worker of the queue are therefore alive."""
    health.sign_give(name=health.queue_sign(queue))


@shared_task(ignore_result=True, autoretry_for=(retention.Busy,), default_retry_delay=600, max_retries=36)
def prune() -> None:
    """Delete expired results, images, releases and rows; stop after ten minutes and continue the next day."""
    retention.prune(seconds=RETENTION_SECONDS)


@stage
def publish_site() -> None:
    """Publish what is new in PUBLISH_TO, where that is set; the doctor shows when this has failed for some time."""
    if not settings.PUBLISH_TO:
        return
    from monitor.open_data.publish.services import publish  # Only a worker has the extra.
    from monitor.open_data.publish.targets import target_of

    publish(target_of(settings.PUBLISH_TO))
    health.sign_give(name=health.PUBLISHED)


@stage
def clear_sessions() -> None:
    """Delete the sessions that have expired."""
    call_command("clearsessions")


@stage
def search_images() -> None:
    """Search ACQUIRE_SOURCE, where one is set, for images of the watched areas, and mark new ones to be fetched."""
    _search_images(watched_areas)


@stage
def search_images_of_events() -> None:
    """Search more often for the first images after events that catalogues report."""
    _search_images(lambda: coarse(from_wkb(bytes(event.area.wkb)) for event in catalogues.events_awaiting()))


def _search_images(areas: Callable[[], list[Polygon]]) -> None:
    if not settings.ACQUIRE_SOURCE:
        return
    from ground_motion.core.http.faults import SourceError
    from ingest.sources import services

    try:
        search = services.scenes_search(source=settings.ACQUIRE_SOURCE, areas=areas(), days=settings.ACQUIRE_DAYS)
    except SourceError as fault:
        logger.error("no images can be searched for: %s", fault)
        return
    for scene, why in search.refused:
        logger.warning("%s is not fetched: %s", scene, why)
    services.scenes_want(scenes=search.new)


@stage
def take_events() -> None:
    """Take what the catalogues of EVENT_FEEDS report. One that fails is shown by the doctor and delays no other."""
    if not settings.EVENT_FEEDS:
        return
    from ground_motion.core.http.faults import SourceError
    from ingest.sources import configured  # HTTP clients are imported only where catalogues are asked
    from ingest.sources.client import quakes
    from ingest.sources.orders.services import pairs_order

    for url in settings.EVENT_FEEDS:
        try:
            reports = quakes.fetch(url=url, allowed=configured.allow_list(), now=timezone.now())
        except SourceError as fault:
            logger.warning("no events are taken: %s", fault)
            continue
        for event in catalogues.reports_take(reports=reports, is_watched=is_watched):
            logger.info("taken from %s: %s", reports.source, event)
        health.sign_give(name=health.feed_sign(url))
    for event in catalogues.events_reported():
        urgency = max(1, round(10 - (event.magnitude or 5.0)))
        n_ordered = pairs_order(area=event.area, spans=event.happened_at, purpose=f"event {event.pk}", priority=urgency)
        if n_ordered != event.n_ordered:
            GroundEvent.objects.filter(pk=event.pk).update(n_ordered=n_ordered)


@worker_ready.connect
def watch_from_mail_worker(**kwargs: Any) -> None:
    """Examine the service from the worker of mails, so that a stopped beat is noticed."""
    if "mail" in current_app.amqp.queues.consume_from:
        Watchman(everything=True).start()


@beat_init.connect
def watch_from_beat(**kwargs: Any) -> None:
    """Examine the service from beat as well, so that a stopped worker of mails is noticed."""
    Watchman(everything=False).start()
