"""Reading ahead by threads, in order and in bounded memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")


class Feed(NamedTuple):
    """Settings with which windows are read ahead of the computation.

    readers: threads that read; without any, whoever wants an item reads it. So many and one more items are read, or
    being read, beside the one in use. pinned: into memory from which a GPU copies by itself.
    """

    readers: int = 0
    pinned: bool = False


AT_ONCE = Feed()


def fed(
    items: Iterable[Item], read: Callable[[Item], Read], feed: Feed = AT_ONCE
) -> Generator[tuple[Item, Read], None, None]:
    """Yield each item and what was read of it, in their order.

    Items are drawn where the result is used, never in a reader. What a reader raises is raised at its item. Close the
    iterator to stop early: what no reader has begun is left out, and what one has is waited for.
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
    """Read one item so that nobody holds what was read but the one who uses it."""
    item, late = waiting.popleft()
    return item, late.result()
