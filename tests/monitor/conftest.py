"""What tests of pages, tiles, the interface for programs and the schedule may ask for."""

from collections.abc import Callable, Iterator

import pytest

from ml.models import Prediction
from monitor.beat import GuardedScheduler
from monitor.celery import app
from tests.makers import pairs as made_pairs


@pytest.fixture
def pair_predictions(db) -> list[Prediction]:
    """Three simulated images twelve days apart: coherence, its change and offsets of both pairs, in that order."""
    return made_pairs.make_dates()


@pytest.fixture
def make_scheduler() -> Iterator[Callable[..., GuardedScheduler]]:
    """Make schedulers of a beat in this process, which would write again as it ends, when no database is left."""
    made = []

    def make(**options) -> GuardedScheduler:
        made.append(GuardedScheduler(app=app, **options))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler._finalize.cancel()
        if connection := vars(scheduler).pop("connection", None):  # to RabbitMQ
            connection.release()
