"""Items made in a thread while the previous one is used."""

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Generator[Item, None, None], depth: int) -> Iterator[Item]:
    """Yield items that a thread makes, at most `depth` of them in advance; its exceptions are raised here.

    Closing the iterator closes the items in their thread, ends it, and waits for it.
    """
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(depth)
    over = threading.Event()

    def put(item: Item | None, fault: BaseException | None) -> bool:
        while not over.is_set():
            try:
                ready.put((item, fault), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            with closing(items):
                for item in items:
                    if not put(item, None):
                        return
            put(None, StopIteration())
        except BaseException as fault:
            put(None, fault)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            item, fault = ready.get()
            if isinstance(fault, StopIteration):
                return
            if fault is not None:
                raise fault
            assert item is not None  # noqa: S101 (only an end or a fault comes without one)
            yield item
            del item  # nothing is kept while waiting for the next
    finally:
        over.set()
        thread.join()
