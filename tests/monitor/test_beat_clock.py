"""Beat goes on when the clock of its machine jumps, by whatever hand."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from monitor.beat import GuardedScheduler

pytestmark = pytest.mark.django_db(transaction=True)  # the scheduler opens its connection anew
NAMES = {"every five seconds", "every minute", "every six hours"}


@pytest.fixture
def clock(monkeypatch):
    """The wall clock, for beat, the rows of its schedule and their intervals alike."""
    now = [timezone.now()]
    monkeypatch.setattr("monitor.beat.time.time", lambda: now[0].timestamp())
    monkeypatch.setattr(ModelEntry, "_default_now", lambda self: now[0])
    monkeypatch.setattr("django_celery_beat.models.now", lambda: now[0])

    def forward(**span: float) -> datetime:
        now[0] += timedelta(**span)
        return now[0]

    return forward


@pytest.fixture
def beat(clock, monkeypatch, make_scheduler):
    """Start a beat; what it sends in so many seconds is listed instead."""
    sent: list[str] = []
    monkeypatch.setattr(GuardedScheduler, "setup_schedule", lambda self: None)  # that of the service
    monkeypatch.setattr(GuardedScheduler, "_leads", lambda self: True)
    monkeypatch.setattr(GuardedScheduler, "apply_entry", lambda self, entry, producer=None: sent.append(entry.name))
    for name, seconds in zip(sorted(NAMES), (5, 60, 6 * 3600), strict=True):
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")
        PeriodicTask.objects.create(name=name, task="made", interval=interval, last_run_at=clock())

    def start():
        scheduler = make_scheduler()

        def run(seconds: int) -> set[str]:
            sent.clear()
            for _ in range(seconds):
                clock(seconds=1)
                while scheduler.tick() == 0:
                    pass
            return set(sent) & NAMES

        return run

    return start


def test_beat_goes_on_when_the_clock_is_set_back_by_an_hour(beat, clock):
    run = beat()
    assert run(70) == {"every five seconds", "every minute"}
    clock(hours=-1)
    assert run(70) == {"every five seconds", "every minute"}


def test_beat_goes_on_when_it_starts_after_the_clock_was_set_back(beat, clock):
    beat()(70)
    clock(hours=-1)
    assert beat()(70) == {"every five seconds", "every minute"}


def test_beat_goes_on_when_the_clock_is_set_forward_by_an_hour(beat, clock):
    run = beat()
    run(70)
    clock(hours=1)
    assert run(70) == {"every five seconds", "every minute"}


def test_what_is_due_every_six_hours_is_sent_after_seven_and_a_clock_that_went_back(beat, clock):
    run = beat()
    run(10)
    clock(hours=-1)
    run(10)
    clock(hours=7)
    assert run(10) >= {"every six hours"}
