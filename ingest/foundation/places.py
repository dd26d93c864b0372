"""Places for costly requests: a few for strangers and one more for known people, in each process or on the machine.

A request that waits for a place holds a thread, so waiting is limited, too: if too many wait, the one is refused whose
sender got a place most recently. A place of the machine is a locked file, which the kernel unlocks if a process dies.
"""

import fcntl
import os
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

MAX_TURNS, OWN_LOCKS, MAX_WAITING = 1000, 1024, 2


class Limit(NamedTuple):
    """Class of requests that share places."""

    name: str  # Lock files and docs/limits.csv call the class by this name.
    process: int = 0  # Strangers' places in each process; one more is for known people.
    machine: int = 0  # The same for all processes together; set where `process` is 0.
    share: int = 5  # One stranger has at most this number of requests in a process, waiting or not.
    threads: str = "costly"  # Kind of thread that a request holds; empty: any thread, and places for each sender apart.


class Busy(Exception):
    """Refusal because no place is free; the request may be repeated in a moment."""


class _Request:
    """Request that holds a place or waits for one. who: network or link; queue: requests of a queue share places."""

    def __init__(self, limit: Limit, who: str, is_known: bool) -> None:
        self.limit, self.who, self.is_known, self.has_place = limit, who, is_known, False
        self.queue = limit.name if limit.threads else f"{limit.name} {zlib.crc32(who.encode()) % OWN_LOCKS}"
        self.threads = limit.threads or self.queue
        self.unlock: Callable[[], None] = lambda: None


class Places:
    """Places of a process.

    Args:
        n_threads: number of threads that may hold requests, those of known people included
        for_strangers: number of threads that strangers may hold, by kind
    """

    def __init__(self, *, n_threads: int, for_strangers: Mapping[str, int]) -> None:
        self.n_threads, self.for_strangers, self.wait_seconds, self.poll_seconds = n_threads, for_strangers, 5.0, 0.05
        self.in_hand: list[_Request] = []
        self._turns: dict[str, float] = {}  # Network or link -> time of its last place, the newest at the end.
        self._changed = threading.Condition()

    def take(self, limit: Limit, who: str, is_known: Callable[[], bool], folder: Path) -> Callable[[], None]:
        """Take a place, waiting briefly if necessary; return a function that gives it back once. Raises Busy.

        Args:
            limit: class of the request
            who: network of the visitor, or signed link
            is_known: returns whether the visitor is known; asked only where a stranger would have to wait
            folder: of the locked files
        """
        try:
            return self._placed(_Request(limit, who, is_known=False), folder, 0.0)
        except Busy:
            return self._placed(_Request(limit, who, is_known()), folder, self.wait_seconds)

    def _placed(self, mine: _Request, folder: Path, seconds: float) -> Callable[[], None]:
        with self._changed:
            waiting = [other for other in self.in_hand if not (other.limit.threads or other.has_place)]
            if seconds and not (mine.limit.threads or mine.is_known) and len(waiting) >= MAX_WAITING:
                raise Busy  # Waiting would block a page's thread, and colliding senders are easy to make.
            self._join(mine)
            ends = time.monotonic() + seconds
            try:
                while not self._begins(mine, folder):
                    if mine not in self.in_hand or time.monotonic() >= ends:
                        raise Busy
                    self._changed.wait(self.poll_seconds)
            except BaseException:
                self._leave(mine)
                raise
        return partial(self._leave, mine)

    def _join(self, mine: _Request) -> None:
        """Count a thread for a request; if none is left, refuse the last one that waits. Raises Busy if it is this."""
        beside = [other for other in self.in_hand if other.threads == mine.threads]
        if not mine.is_known and sum(other.who == mine.who for other in beside) >= mine.limit.share:
            raise Busy
        n_strangers = sum(not other.is_known for other in beside)
        is_full = sum(bool(other.limit.threads) for other in self.in_hand) >= self.n_threads
        is_full |= not mine.is_known and n_strangers >= self.for_strangers.get(mine.threads, self.n_threads)
        if is_full and mine.limit.threads:
            last = max((other for other in beside if not other.has_place), key=self._order, default=mine)
            if self._order(last) <= self._order(mine):
                raise Busy
            self._leave(last)
        self.in_hand.append(mine)

    def _leave(self, mine: _Request) -> None:
        with self._changed:
            if mine in self.in_hand:
                self.in_hand.remove(mine)
                mine.unlock()
                self._changed.notify_all()

    def _order(self, request: _Request) -> tuple[bool, float]:
        """Return by what requests that wait are sorted: known people first, then whose last turn was earliest."""
        return not request.is_known, self._turns.get(request.who, 0.0)

    def _begins(self, mine: _Request, folder: Path) -> bool:
        """Give a request its place if one is free and nobody goes before; return whether it got it."""
        beside, limit = [other for other in self.in_hand if other.queue == mine.queue], mine.limit
        if min((other for other in beside if not other.has_place), key=self._order, default=None) is not mine:
            return False
        if limit.process:
            placed = [other for other in beside if other.has_place]
            n_strangers = sum(not other.is_known for other in placed)
            mine.has_place = len(placed) <= limit.process and (mine.is_known or n_strangers < limit.process)
        else:
            names = [f"{mine.queue} {number}" for number in range(limit.machine)]
            unlock = _file_locked(folder, [*names, f"{mine.queue} of known people"] if mine.is_known else names)
            mine.has_place, mine.unlock = unlock is not None, unlock or mine.unlock
        if mine.has_place:
            self._turns.pop(mine.who, None)
            self._turns[mine.who] = time.monotonic()
            if len(self._turns) > MAX_TURNS:
                del self._turns[next(iter(self._turns))]
        return mine.has_place


def _file_locked(folder: Path, names: list[str]) -> Callable[[], None] | None:
    """Lock one of the files; return a function that unlocks it, or None if all are locked."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return partial(os.close, descriptor)
    return None
