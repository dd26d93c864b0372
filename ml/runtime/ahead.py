"""Reading ahead by threads, in order and in bounded memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")


class Feed(NamedTuple):
    """Settings with which windows are read ahead of the computation.

    readers: number of threads that read, 0 for reading in the caller's thread; besides the item in use, readers + 1
    items are read or being read. pinned: whether to read into memory from which a GPU copies by itself.
    """

    readers: int = 0
    pinned: bool = False


AT_ONCE = Feed()


def fed(
    items: Iterable[Item], read: Callable[[Item], Read], feed: Feed = AT_ONCE
) -> Generator[tuple[Item, Read], None, None]:
    """Yield each item with the result of reading it, in order.

    Items are iterated in the caller's thread, never in a reader. An exception in a reader is raised at its item. Close
    the iterator to stop early: reads that have not begun are dropped, and those that have are waited for.
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
    """Return the first item and its result, and keep no reference to the result."""
    item, late = waiting.popleft()
    return item, late.result()
