"""Scheduled tasks: of each kind one at a time, wherever the workers are; a second one returns at once."""

import logging
from collections.abc import Callable
from functools import wraps

from celery import shared_task

from ingest.locks import Lock, short_text_key, try_locked

logger = logging.getLogger(__name__)


def stage(work: Callable[[], None]) -> Callable[[], None]:
    """Make a Celery task of this name that returns at once while another worker runs it, to free its slot."""

    @shared_task(ignore_result=True)
    @wraps(work)
    def once_at_a_time() -> None:
        with try_locked(Lock.STAGE, short_text_key(f"{work.__module__}.{work.__name__}")) as alone:
            if alone:
                work()
            else:
                logger.info("%s is going on elsewhere", work.__name__)

    task: Callable[[], None] = once_at_a_time
    return task
