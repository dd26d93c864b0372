"""Events: the pair across one is the nearest of each track, and its runs go before all others."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from ml import tasks
from ml.models import GroundEvent, ModelVersion, Run
from ml.runs import events
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import make_event

pytestmark = pytest.mark.django_db
DAY = datetime(2021, 12, 20, tzinfo=UTC)


@pytest.fixture
def scenes():
    """Every twelve days around the event, the last before it on the 13th."""
    return [made_pairs.make_scene(datetime(2021, 12, 1, 6, 30, tzinfo=UTC) + i * timedelta(days=12)) for i in range(4)]


def test_the_nearest_pair_across_it_is_found(scenes):
    for i, j in ((0, 1), (1, 2), (0, 2), (1, 3), (2, 3)):
        made_pairs.make_pair(scenes[i], scenes[j])
    event = make_event(DAY)
    (pair,) = event.pairs.all()
    assert (pair.reference, pair.secondary) == (scenes[1], scenes[2])
    before, after = events.images_around(event=event)
    assert (before, after) == (scenes[1], scenes[2])


def test_each_track_and_polarisation_has_its_own(scenes):
    made_pairs.make_pair(scenes[1], scenes[2])
    other = [made_pairs.make_scene(scene.acquired_at, polarisation="VH") for scene in scenes[1:3]]
    made_pairs.make_pair(*other)
    assert make_event(DAY).pairs.count() == 2


def test_an_image_of_the_same_day_may_be_from_before_it(scenes):
    made_pairs.make_pair(scenes[1], scenes[2])
    day = scenes[2].acquired_at.replace(hour=0, minute=0)
    assert not make_event(day).pairs.exists()
    assert make_event(between=(day + timedelta(hours=3),) * 2).pairs.count() == 1


def test_elsewhere_there_is_no_pair(scenes):
    made_pairs.make_pair(scenes[1], scenes[2])
    event = make_event(DAY)
    GroundEvent.objects.filter(pk=event.pk).update(position="SRID=4326;POINT(20 47)")
    event.refresh_from_db()
    assert events.event_pairs_find(event=event) == []
    assert not event.pairs.exists()


def test_a_pair_that_comes_later_is_found_and_a_closer_one_takes_its_place(scenes, monkeypatch, settings):
    event = make_event(DAY)
    assert not event.pairs.exists()
    made_pairs.make_pair(scenes[0], scenes[2])
    settings.SCHEDULED_METHODS = {}
    tasks.queue_due_runs()
    assert event.pairs.count() == 1
    nearest = made_pairs.make_pair(scenes[1], scenes[2])
    tasks.queue_due_runs()
    assert event.pairs.get() == nearest


def test_after_two_months_nothing_is_looked_for_any_more(scenes):
    event = make_event(DAY)
    GroundEvent.objects.filter(pk=event.pk).update(created_at=timezone.now() - events.MAX_WAIT - timedelta(days=1))
    assert not events.events_followed().exists()


def test_runs_of_an_event_go_before_all_others(scenes, monkeypatch):
    from ml.runs import services

    pairs = [made_pairs.make_pair(scenes[i], scenes[i + 1]) for i in range(3)]
    runs = {}
    for task in ("offsets", "coherence", "coherence-change"):
        version = ModelVersion.objects.create(task=task, method=f"made-{task}", version="1")
        runs[task] = [Run.objects.create(model_version=version, pair=pair, queued_at=timezone.now()) for pair in pairs]
    make_event(DAY)
    done = []

    def execute(*, run_id):
        done.append(run_id)
        Run.objects.filter(pk=run_id).update(state=Run.State.SUCCEEDED)

    asked = []
    monkeypatch.setattr(services, "run_execute", execute)
    monkeypatch.setattr(tasks.queue_due_runs, "apply_async", lambda **how: asked.append(len(done)))
    tasks.execute_run(runs["offsets"][0].pk)
    assert done == [runs["offsets"][1].pk, runs["offsets"][0].pk]
    tasks.execute_run(runs["offsets"][2].pk)
    tasks.execute_run(runs["coherence-change"][1].pk)
    assert done[2:] == [runs["coherence"][1].pk, runs["offsets"][2].pk, runs["coherence-change"][1].pk]
    assert not asked
    held = runs["coherence-change"][2]
    Run.objects.filter(pk=held.pk).update(queued_at=None)
    for waiting in (*runs["coherence"][::2], runs["coherence-change"][0]):
        tasks.execute_run(waiting.pk)
    assert asked == [8]  # when no announced run is left, what the results make due is looked for at once
