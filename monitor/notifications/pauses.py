"""Pauses: a channel that takes nothing is left alone for a while; then one message is tried."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from monitor.models.messages import ChannelPause

logger = logging.getLogger(__name__)

PAUSES = [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15)]


def channel_pause(*, channel: str, reason: str) -> None:
    """Pause a channel through which nothing got, longer each time. Several senders of one round count as one."""
    logger.error("nothing gets through on the channel %s: %s", channel, reason)
    now = timezone.now()
    reason = reason[: ChannelPause._meta.get_field("reason").max_length]
    with transaction.atomic():
        pause, new = ChannelPause.objects.select_for_update().get_or_create(
            channel=channel, defaults={"reason": reason, "next_try_at": now + PAUSES[0]}
        )
        if not new and pause.next_try_at <= now:
            pause.next_try_at = now + PAUSES[min(pause.attempts, len(PAUSES) - 1)]
            pause.reason, pause.attempts = reason, pause.attempts + 1
            pause.save()


def channel_resume(*, channel: str) -> None:
    """End the pause of a channel, because a message got through."""
    ChannelPause.objects.filter(channel=channel).delete()
    logger.info("messages get through on the channel %s again", channel)


def channels_paused() -> dict[str, datetime]:
    """Channels through which nothing got in the last round, each with the time of its next attempt."""
    return dict(ChannelPause.objects.values_list("channel", "next_try_at"))
