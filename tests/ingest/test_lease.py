"""A heartbeat beats while the work lasts, and not a beat longer."""

import threading

from django.db import OperationalError

from ingest.leases import heartbeat
from tests.waiting import HANG_SECONDS


def test_the_lease_is_prolonged_while_the_block_works():
    beaten = threading.Event()
    with heartbeat(beaten.set, every_seconds=0.001):
        assert beaten.wait(HANG_SECONDS)


def test_a_finished_block_beats_no_more():
    with heartbeat(lambda: None, every_seconds=60):
        during = threading.active_count()
    assert threading.active_count() == during - 1


def test_a_database_that_is_away_for_a_moment_does_not_end_the_heartbeat():
    tries, recovered = [], threading.Event()

    def prolong() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("the server closed the connection")
        recovered.set()

    with heartbeat(prolong, every_seconds=0.001):
        assert recovered.wait(HANG_SECONDS)
