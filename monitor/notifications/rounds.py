"""Rounds that send the due messages of the outbox, outside transactions; every channel has one round at a time."""

import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Mod
from django.utils import timezone

from ingest.foundation.locks import Lock, short_text_key, try_lock
from monitor.models.messages import ChannelPause, OutgoingMessage
from monitor.models.subscriptions import DEFAULT_CHANNEL
from monitor.notifications import base, outbox
from monitor.notifications.outbox import message_claim, message_deliver, message_put_off, message_settle
from monitor.subscribers.subscriptions import endpoints

logger = logging.getLogger(__name__)

PAUSES = [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15)]
MAX_TROUBLES = 3  # A channel pauses after this many failures or refused addresses in a row.
BATCH = 200
FRESH_SECONDS = 2.0  # Alerts and subscriptions are read again after this time.
NEXT_CHECK_SECONDS = 1.0  # How often other channels are checked while one is sending.
# A round waits for the server of one endpoint alone, as long as there is time for all that is due: a sender that is
# killed then repeats one message. Servers that take longer, or failed before, are waited for together.
ALONE_SECONDS, IN_TURN_SECONDS = 1.0, 15.0


def channel_pause(*, channel: str, reason: str) -> None:
    """Pause a channel that delivered nothing, longer after each such round, however many of its senders report it."""
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


def messages_send(*, seconds: float | None = None, of: int = 1, beside: bool = False) -> int:
    """Send due messages for at most `seconds`; return how many. Channels with a running round are skipped."""
    # of: processes that share the messages of a channel with one server, this one included (`messages_help`). beside:
    # each channel in a thread of its own, so that none waits for another; else all of them in this one.
    deadline = None if seconds is None else time.monotonic() + seconds
    names = outbox.channels_due(now=timezone.now())
    if not beside:
        return sum(_send(name, deadline, 0, of) for name in sorted(names))
    sent = 0
    with ThreadPoolExecutor() as pool:
        running: dict[str, Future[int]] = {}
        while names or running:
            running |= {name: pool.submit(_in_thread, name, deadline, of) for name in names - running.keys()}
            done, _ = wait(running.values(), timeout=NEXT_CHECK_SECONDS)
            for name in [name for name, round_ in running.items() if round_ in done]:
                sent += running.pop(name).result()
            over = not running or (deadline is not None and time.monotonic() > deadline)
            names = set() if over else outbox.channels_due(now=timezone.now())
    return sent


def messages_help(*, share: int, of: int, seconds: float | None = None) -> int:
    """Send share number `share` of due messages on one-server channels; return how many. `messages_send` has 0."""
    deadline = None if seconds is None else time.monotonic() + seconds
    names = filter(_has_one_server, sorted(outbox.channels_due(now=timezone.now())))
    return sum(_send(name, deadline, share, of) for name in names)


def _in_thread(name: str, deadline: float | None, of: int) -> int:
    try:
        return _send(name, deadline, 0, of)
    finally:
        connection.close()  # Close the connection of this thread.


def _send(name: str, deadline: float | None, share: int, of: int) -> int:
    """Send a channel's share unless a round runs; return how many. Mails have no lock key, as in the first release."""
    if share:
        key: int | None = short_text_key(f"{name}, share {share}")
    else:
        key = None if name == DEFAULT_CHANNEL else short_text_key(name)
    with try_lock(Lock.SENDING, key) as alone:
        if not alone:
            return 0
        return _Round(name, share, of if _has_one_server(name) else 1).run(deadline)


def _has_one_server(name: str) -> bool:
    try:
        return bool(base.channel_class(name=name).one_server)
    except LookupError:
        return False


class _Round:
    """Round of one sender: it sends its share of a channel's messages, then what is left of the other shares."""

    def __init__(self, name: str, share: int, of: int) -> None:
        self.name, self.share, self.of = name, share, of
        self.has_one_server = _has_one_server(name)
        self.channel: base.Channel | None = None
        self.troubles = 0  # Failures in a row.
        self.refused: set[str] = set()  # Addresses that were refused one after the other.
        next_try_at = ChannelPause.objects.filter(channel=name).values_list("next_try_at", flat=True).first()
        self.paused = next_try_at is not None
        self.left_alone = next_try_at is not None and next_try_at > timezone.now()
        self.pool: ThreadPoolExecutor | None = None
        self.in_hand: dict[Future[base.Outcome], OutgoingMessage] = {}
        self.in_turn_until, self.alone_seconds = time.monotonic() + IN_TURN_SECONDS, 0.0
        self.sent = 0

    def run(self, deadline: float | None) -> int:
        try:
            while batch := self._next_batch(deadline):
                self._walk(batch, deadline)
        finally:
            while self.in_hand:
                self._settle_what_is_done()
            if self.pool:
                self.pool.shutdown()
            if self.channel:
                self.channel.close()
        return self.sent

    def _next_batch(self, deadline: float | None) -> list[OutgoingMessage]:
        """Return the next due messages, after waiting for deliveries if none is due; empty at the end."""
        while not self.left_alone and not _is_over(deadline):
            if batch := list(self._due()[:BATCH]):
                self._read_ahead(batch)
                if not self.has_one_server:
                    left = max(0.0, self.in_turn_until - time.monotonic())
                    self.alone_seconds = min(ALONE_SECONDS, left / max(1, self._due().count()))
                return batch
            if self.of > 1:
                self.share, self.of = 0, 1
                continue
            if not self.in_hand:
                break
            self._settle_what_is_done()
        return []

    def _read_ahead(self, batch: list[OutgoingMessage]) -> None:
        """Read the data for all messages of a batch, in few queries. If that fails, each message reads its own."""
        try:
            self.channel = self.channel or base.channel_open(name=self.name)
            self.channel.read_ahead(batch)
            endpoints.news_read(messages=[message for message in batch if message.server])
        except LookupError:
            return  # Each of the messages is put off.
        except Exception:
            logger.exception("messages of the channel %s are read one by one", self.name)

    def _walk(self, batch: list[OutgoingMessage], deadline: float | None) -> None:
        fresh_until = time.monotonic() + FRESH_SECONDS
        for message in batch:
            busy = {other.endpoint_id for other in self.in_hand.values()} - {None}  # Each gets one message at a time.
            if message.endpoint_id not in busy and message_claim(message=message):
                self._deliver(message)
            if self.left_alone or _is_over(deadline) or time.monotonic() > fresh_until:
                return

    def _due(self) -> QuerySet[OutgoingMessage]:
        due = outbox.messages_to_deliver(now=timezone.now()).filter(channel=self.name)
        # Where endpoints have servers of their own, fresh messages go before those that were refused before.
        if not self.has_one_server:
            due = due.order_by("attempts", "rank", "next_try_at", "id")
        if self.in_hand:
            due = due.exclude(endpoint__in=[message.endpoint_id for message in self.in_hand.values()])
        return due.alias(share=Mod("id", self.of)).filter(share=self.share) if self.of > 1 else due

    def _deliver(self, message: OutgoingMessage) -> None:
        if self.channel is None:
            try:
                self.channel = base.channel_open(name=self.name)
            except LookupError as fault:
                message_put_off(message=message, error=str(fault))
                return
        outcome = message_deliver(message=message, channel=self.channel, in_trouble=self.paused)
        if not isinstance(outcome, base.InHand):
            self._note(message, outcome)
            return
        self.pool = self.pool or ThreadPoolExecutor(self.channel.at_once)
        future = self.pool.submit(outcome.finish)
        self.in_hand[future] = message
        if not (message.endpoint and message.endpoint.failures):
            wait([future], timeout=self.alone_seconds)
        self._settle_what_is_done(0.0)
        while len(self.in_hand) >= self.channel.at_once:
            self._settle_what_is_done()

    def _settle_what_is_done(self, seconds: float = NEXT_CHECK_SECONDS) -> None:
        """Record the outcomes of finished deliveries; wait up to `seconds` for one of them to finish."""
        done, _ = wait(self.in_hand, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in done:
            message = self.in_hand.pop(future)
            fault = future.exception()
            outcome = base.Refused(f"{type(fault).__name__}: {fault}") if fault else future.result()
            message_settle(message=message, outcome=outcome)
            self._note(message, outcome)

    def _note(self, message: OutgoingMessage, outcome: base.Outcome | None) -> None:
        if isinstance(outcome, base.Delivered):
            self.sent, self.troubles = self.sent + 1, 0
            self.refused.clear()
            if self.paused:
                self.paused = False
                ChannelPause.objects.filter(channel=self.name).delete()
                logger.info("messages get through on the channel %s again", self.name)
        elif outcome is not None and (self.has_one_server or not message.server):
            self._note_trouble(message.address, outcome)

    def _note_trouble(self, address: str, outcome: base.Later | base.Refused | base.Never) -> None:
        """Pause a channel after several failures in a row; if it was paused already, after one failure."""
        if isinstance(outcome, base.Later):
            self.troubles += 1
            if self.channel:
                self.channel.close()
        else:
            self.refused.add(address)
        if self.paused or max(self.troubles, len(self.refused)) >= MAX_TROUBLES:
            self.left_alone = True
            channel_pause(channel=self.name, reason=outcome.reason)


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() > deadline
