"""Rounds: one walk through the outbox, message by message, outside transactions. One round goes on at a time."""

import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Mod
from django.utils import timezone

from ingest.locks import Lock, try_locked
from monitor.channels import selectors
from monitor.channels.base import Channel, Delivered, Later, Never, Refused, channel_open
from monitor.channels.outbox import message_claim, message_deliver, message_put_off
from monitor.channels.pauses import channel_pause, channel_resume, channels_paused
from monitor.models import OutgoingMessage

MOST_TROUBLES = 3  # in a row, or as many addresses that are refused: then a channel is paused
BATCH = 200
FRESH_SECONDS = 2.0  # what was read of alerts and subscriptions is read again after this


def messages_send(*, seconds: float | None = None, senders: int = 1) -> int:
    """Send what is due, for at most so many seconds; how many were sent. Does nothing while another round goes on.

    Several senders share the messages, each with channels of its own: one sends while another waits for the disk.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    with try_locked(Lock.SENDING) as alone:
        if not alone:
            return 0
        if senders == 1:
            return _Round().run(deadline)
        with ThreadPoolExecutor(senders) as pool:
            return sum(pool.map(lambda share: _round_of_a_share(deadline, share, senders), range(senders)))


def _round_of_a_share(deadline: float | None, share: int, senders: int) -> int:
    try:
        return _Round(share, senders).run(deadline)
    finally:
        connection.close()  # this thread's own


class _Round:
    """One walk through a share of the outbox, with one channel of each name."""

    def __init__(self, share: int = 0, senders: int = 1) -> None:
        self.share, self.senders = share, senders
        self.channels: dict[str, Channel] = {}
        self.troubles: Counter[str] = Counter()  # by channel, in a row
        self.refused: defaultdict[str, set[str]] = defaultdict(set)  # by channel, the addresses in a row
        self.paused = channels_paused()
        self.left_alone = {name for name, next_try_at in self.paused.items() if next_try_at > timezone.now()}
        self.sent = 0

    def run(self, deadline: float | None) -> int:
        try:
            while batch := list(self._due()[:BATCH]):
                fresh_until = time.monotonic() + FRESH_SECONDS
                for message in batch:
                    if message.channel not in self.left_alone and message_claim(message=message):
                        self._deliver(message)
                    now = time.monotonic()
                    if deadline is not None and now > deadline:
                        return self.sent
                    if now > fresh_until:
                        break
        finally:
            for channel in self.channels.values():
                channel.close()
        return self.sent

    def _due(self) -> QuerySet[OutgoingMessage]:
        due = selectors.messages_to_deliver(now=timezone.now()).exclude(channel__in=self.left_alone)
        return due.alias(share=Mod("id", self.senders)).filter(share=self.share) if self.senders > 1 else due

    def _deliver(self, message: OutgoingMessage) -> None:
        name = message.channel
        if name not in self.channels:
            try:
                self.channels[name] = channel_open(name=name)
            except LookupError as fault:
                message_put_off(message=message, error=str(fault))
                return
        outcome = message_deliver(message=message, channel=self.channels[name], in_trouble=name in self.paused)
        if isinstance(outcome, Delivered):
            self._note_success(name)
        elif outcome is not None:
            self._note_trouble(name, message.address, outcome)

    def _note_success(self, name: str) -> None:
        self.sent += 1
        self.troubles[name] = 0
        self.refused[name].clear()
        if self.paused.pop(name, None):
            channel_resume(channel=name)

    def _note_trouble(self, name: str, address: str, outcome: Later | Refused | Never) -> None:
        """Pause a channel that takes nothing; one that took nothing in the last round either, at once."""
        if isinstance(outcome, Later):
            self.troubles[name] += 1
            self.channels[name].close()
        else:
            self.refused[name].add(address)
        if name in self.paused or max(self.troubles[name], len(self.refused[name])) >= MOST_TROUBLES:
            self.left_alone.add(name)
            channel_pause(channel=name, reason=outcome.reason)
