"""Reading ahead by threads, in order and in bounded memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")


class Feed(NamedTuple):
    """How windows are read ahead of the computation.

    readers: number of threads that read; 0 to read in the caller's thread. Besides the item in use, readers + 1 items
    are read or being read. pinned: whether to read into pinned memory, from which a GPU copies without the CPU.
    computes: whether the readers do the work as well, so that several items are computed at a time on a CPU.
    """

    readers: int = 0
    pinned: bool = False
    computes: bool = False


AT_ONCE = Feed()


def read_ahead(
    items: Iterable[Item], read: Callable[[Item], Read], feed: Feed = AT_ONCE
) -> Generator[tuple[Item, Read], None, None]:
    """Yield each item with the result of reading it, in order.

    Items are iterated in the caller's thread, never in a reader. An exception in a reader is raised when its item is
    due. Close the iterator to stop early: reads that have not begun are dropped; those that have begun are waited for.
    """
    if not feed.readers:
        for item in items:
            yield item, read(item)
        return
    waiting: deque[tuple[Item, Future[Read]]] = deque()
    with ThreadPoolExecutor(feed.readers, thread_name_prefix="reader") as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(read, item)))
                if len(waiting) > feed.readers + 1:
                    yield _first(waiting)
            while waiting:
                yield _first(waiting)
        finally:
            for _, late in waiting:
                late.cancel()


def _first(waiting: deque[tuple[Item, Future[Any]]]) -> tuple[Item, Any]:
    """Remove and return the first item and its result, so that no reference to the result is kept here."""
    item, late = waiting.popleft()
    return item, late.result()
