"""Runs on pairs: what is due when, what a run leaves, what real chips must show; runs of an event go before others."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone

from ground_motion.core.rasters import write_cog
from ground_motion.methods.coherence import CoherenceMethod
from ingest.foundation.storage import save_with_raster
from ingest.models import ContextLayer, Glacier, Scene, ScenePair
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scenes_load
from ml import tasks
from ml.models import GroundEvent, ModelVersion, Prediction, Run
from ml.runs import events, selectors, services
from ml.runs.repetition import run_repeat
from ml.runs.stored import read_prediction
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import make_event
from tests.waiting import reread

pytestmark = pytest.mark.django_db

DATES = ("20211101", "20211113", "20211125", "20211207", "20211219")


@pytest.fixture
def pairs(make_rtc) -> list[ScenePair]:
    for date in DATES:
        scenes_load(path=make_rtc(date))
    pairs_make(baselines_days=[12])
    return list(ScenePair.objects.order_by("secondary__acquired_at"))


@pytest.fixture
def five_pairs(pairs, make_rtc) -> list[ScenePair]:
    """And one more, twelve days later."""
    scenes_load(path=make_rtc("20211231"))
    pairs_make(baselines_days=[12])
    return list(ScenePair.objects.order_by("secondary__acquired_at"))


def execute(method: str) -> list[Run]:
    return [services.run_execute(run_id=run.pk) for run in services.runs_queue(method=method)]


def test_a_run_on_a_pair_leaves_its_raster_and_is_given_the_looks_where_both_images_have_the_same(pairs):
    for pair in pairs[:2]:
        type(pair.reference).objects.filter(pk=pair.reference_id).update(looks=4.4)
    for run in execute("guarnieri-prati"):
        known = run.pair_id == pairs[0].pk  # of the second pair one image is known, of the others none
        assert (run.prediction.statistics["looks"] == 4.4) == known
        assert reread(run).state == Run.State.SUCCEEDED
        assert len(run.input_sha256) == 64
        raster = read_prediction(run.prediction)
        assert list(raster.bands) == ["coherence", "coherence_sigma"]
        assert raster.epsg == run.pair.reference.epsg
    assert execute("guarnieri-prati") == []


def test_the_network_is_told_the_window_of_the_service_and_in_a_repetition_that_of_the_run(pairs, settings):
    settings.COHERENCE_WINDOW = "3x11"
    run = services.runs_queue(method="residual-unet")[0]
    services.run_execute(run_id=run.pk)
    settings.COHERENCE_WINDOW = "5x5"
    run.refresh_from_db()
    assert run_repeat(run=run).same
    assert reread(run).parameters["window"] == "3x11"


@pytest.fixture
def glacier(pairs) -> Glacier:
    """One whose outline the pairs show."""
    layer = ContextLayer.objects.create(kind="glaciers", name="made", file_sha256="0" * 64, file_name="made")
    ground = pairs[0].footprint
    named = {"glacier_id": "MADE-1", "surge_in_file": "none", "surge": "none"}
    return Glacier.objects.create(layer=layer, position=ground.centroid, outline=ground, **named)


def test_offsets_of_a_pair_that_shows_a_glacier_reach_farther_and_its_own_reach_goes_before(pairs, glacier, settings):
    assert selectors.fastest_motion(pair=pairs[0]) == 50
    Glacier.objects.update(reach_m_day=20)
    assert selectors.fastest_motion(pair=pairs[0]) == 20
    Glacier.objects.update(reach_m_day=1)
    assert selectors.fastest_motion(pair=pairs[0]) == 5  # never less than elsewhere
    Glacier.objects.update(shown=False)
    settings.OFFSETS_REACH_M_DAY = 7.5
    assert selectors.fastest_motion(pair=pairs[0]) == 7.5


def test_a_run_keeps_the_reach_that_it_used_and_repeats_with_it(pairs, glacier):
    run = services.runs_queue(method="ncc")[0]
    services.run_execute(run_id=run.pk)
    assert reread(run).parameters == {"reach_m_day": 50.0, "search_px": 20, "reach_px": 20}  # 12 days, 30 m
    assert run.prediction.statistics["reach_px"] == 20
    assert run.prediction.statistics["no_match_share"] > 0.5  # speckle of its own in each image
    Glacier.objects.all().delete()
    assert run_repeat(run=run).same
    assert reread(run).parameters["search_px"] == 20


def test_a_change_needs_three_predecessors_whose_coherence_is_known(pairs):
    assert not selectors.inputs_due(task="coherence-change", method="robust-z").exists()
    execute("guarnieri-prati")
    assert list(selectors.inputs_due(task="coherence-change", method="robust-z")) == pairs[3:]
    (run,) = execute("robust-z")
    assert reread(run).pair == pairs[3]
    raster = read_prediction(run.prediction)
    first = ["change_sigma", "coherence_before", "coherence_after", "area_sigma"]
    assert list(raster.bands) == [*first, "confirmed_sigma", "onset_day", "confidence", "backscatter_change_db"]
    assert np.isnan(raster.bands["confidence"]).all()  # one pair confirms nothing


def test_change_is_found_in_the_coherence_of_the_scatterers_where_a_raster_holds_it(pairs, tmp_path):
    runs = execute("guarnieri-prati")
    for run, of_scatterers in zip(runs, (None, 0.7, 0.7, 0.5), strict=True):  # the oldest holds one coherence only
        stored = read_prediction(run.prediction)
        level = np.full(stored.shape, 1.0, np.float32)
        both = {"coherence": 0.7 * level if of_scatterers is None else 0.1 * level, "coherence_sigma": 0.05 * level}
        if of_scatterers is not None:
            both |= {"scatterers_coherence": of_scatterers * level, "scatterers_coherence_sigma": 0.1 * level}
        write_cog(tmp_path / "both.tif", both, stored.transform, stored.epsg, ["1"] * len(both), {})
        save_with_raster(run.prediction, tmp_path / "both.tif")
    (run,) = execute("robust-z")
    bands = read_prediction(run.prediction).bands
    assert np.nanmedian(bands["coherence_before"]) == pytest.approx(0.7)
    assert np.nanmedian(bands["coherence_after"]) == pytest.approx(0.5)
    assert np.nanmedian(bands["area_sigma"]) == pytest.approx(0.1 * CoherenceMethod.find("guarnieri-prati").area_share)


def test_changes_of_earlier_pairs_of_the_ground_that_overlap_or_meet_in_time_count(five_pairs):
    pairs_make(baselines_days=[12, 24])
    execute("guarnieri-prati")
    runs = execute("robust-z")
    dates = {f"{run.pair.reference.acquired_at:%m%d}-{run.pair.secondary.acquired_at:%m%d}": run for run in runs}
    assert set(dates) == {"1207-1219", "1219-1231", "1207-1231"}
    beside = selectors.changes_beside(pair=dates["1207-1231"].pair)
    assert [one.run for one in beside] == [dates["1207-1219"], dates["1219-1231"]]
    assert not selectors.changes_beside(pair=dates["1207-1219"].pair)
    assert [one.run for one in selectors.changes_beside(pair=dates["1219-1231"].pair)] == [dates["1207-1219"]]


def test_a_change_waits_for_the_changes_that_it_is_compared_with_whichever_worker_is_first(five_pairs):
    execute("guarnieri-prati")
    first, second = services.runs_queue(method="robust-z")
    assert selectors.runs_to_announce(queued_before=timezone.now()) == [first]
    services.run_execute(run_id=second.pk)
    assert (reread(second).state, second.parameters) == (Run.State.QUEUED, {})
    services.run_execute(run_id=first.pk)
    assert selectors.runs_to_announce(queued_before=timezone.now()) == [second]
    services.run_execute(run_id=second.pk)
    assert reread(second).parameters["changes_beside"] == [first.prediction.pk]


@pytest.mark.parametrize("why", ["its run failed", "its image is deleted"])
def test_a_predecessor_that_will_never_be_known_is_not_waited_for(five_pairs, why):
    first, *others = services.runs_queue(method="guarnieri-prati")
    for run in others:
        services.run_execute(run_id=run.pk)
    assert not selectors.inputs_due(task="coherence-change", method="robust-z").exists()
    if why == "its run failed":
        Run.objects.filter(pk=first.pk).update(state=Run.State.FAILED)
    else:
        Scene.objects.filter(pk=first.pair.reference_id).update(state="deleted", reason="too old", raster="")
        first.delete()
    due = selectors.inputs_due(task="coherence-change", method="robust-z")
    assert [f"{pair.secondary.acquired_at:%Y%m%d}" for pair in due] == ["20211231"]


def test_pairs_of_other_ground_or_another_baseline_are_no_predecessors(pairs, make_rtc):
    for date in DATES[:4]:
        scenes_load(path=make_rtc(date, burst="292322-IW2"))
    pairs_make(baselines_days=[12, 24])
    execute("guarnieri-prati")
    due = set(selectors.inputs_due(task="coherence-change", method="robust-z"))
    assert due == {pairs[3]}
    own, before = selectors.coherence_history(pair=pairs[3], most=12)
    assert own.run.pair == pairs[3]
    assert [prediction.run.pair for prediction in before] == pairs[2::-1]


def test_figures_of_different_methods_are_not_compared(pairs):
    for run in services.runs_queue(method="guarnieri-prati")[:3]:
        services.run_execute(run_id=run.pk)
    Run.objects.filter(state=Run.State.QUEUED).delete()
    services.run_execute(
        run_id=services.run_queue(subject=pairs[3], version=services.model_version_current(method="pearson")).pk
    )
    assert not selectors.inputs_due(task="coherence-change", method="robust-z").exists()
    with pytest.raises(LookupError, match="too few predecessors"):
        selectors.coherence_history(pair=pairs[3], most=12)
    execute("pearson")
    assert list(selectors.inputs_due(task="coherence-change", method="robust-z")) == [pairs[3]]


def test_the_scheduled_task_queues_every_method_and_the_command_refuses_the_wrong_input(pairs, settings):
    tasks.queue_due_runs()
    queued = set(Run.objects.values_list("model_version__task", flat=True))
    assert queued == {"coherence", "offsets"}
    with pytest.raises(CommandError, match="does not run on a product"):
        call_command("run", "multi-kernel", product=1)
    with pytest.raises(CommandError, match="there is no pair 0"):
        call_command("run", "multi-kernel", pair=0)
    call_command("run", "ncc", pair=pairs[0].pk)
    assert Prediction.objects.get().run.model_version.method == "ncc"
    with pytest.raises(IntegrityError, match="a_run_has_one_input"):
        Run.objects.create(model_version=ModelVersion.objects.first())


@pytest.mark.long
@pytest.mark.realdata
def test_real_land_stands_still_and_keeps_its_coherence_and_the_sea_is_unknown(
    real_data, django_capture_on_commit_callbacks
):
    """A burst of land and one of sea on six dates, by the scheduled jobs: what is promised of ground without events."""
    for date in ["20211119", "20211125", "20211201", "20211207", "20211213", "20211219"]:
        for path in sorted((real_data / "opera_rtc_10sgd").glob(f"*-292320-IW?_{date}T*_VV.tif")):
            scenes_load(path=path)
    pairs_make(baselines_days=[6, 12])
    for _ in range(2):  # the change becomes due when coherence is known
        with django_capture_on_commit_callbacks(execute=False):
            tasks.queue_due_runs()
        for run in Run.objects.filter(state=Run.State.QUEUED).order_by("id"):
            tasks.execute_run(run.pk)
    assert not Run.objects.exclude(state=Run.State.SUCCEEDED).exists()
    assert Run.objects.filter(model_version__task=ModelVersion.Task.COHERENCE).count() == 2 * 9
    assert Run.objects.filter(model_version__task=ModelVersion.Task.COHERENCE_CHANGE).count() == 2 * 3
    coherence: dict[object, dict[str, float]] = defaultdict(dict)
    for prediction in selectors.predictions_finished():
        run, burst = prediction.run, prediction.run.pair.reference.burst
        bands = read_prediction(prediction).bands
        if run.model_version.task == ModelVersion.Task.COHERENCE:
            reference, secondary = run.pair.reference, run.pair.secondary
            seen = reference.acquired_at.date(), secondary.acquired_at.date(), reference.polarisation
            coherence[seen][burst] = float(np.nanmean(bands["coherence"]))
        if run.model_version.task == ModelVersion.Task.OFFSETS and burst.endswith("IW1"):
            assert np.isnan(bands["dx_px"]).all()
        elif run.model_version.task == ModelVersion.Task.OFFSETS:
            assert np.nanmedian(np.hypot(bands["dx_px"], bands["dy_px"])) <= 0.2
            assert np.isfinite(bands["dx_px"]).mean() > 0.15
    assert len(coherence) == 9
    for of_bursts in coherence.values():
        sea = of_bursts.pop("292320-IW1")
        assert min(of_bursts.values()) > sea


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


def test_each_polarisation_has_its_own_and_elsewhere_there_is_none(scenes):
    made_pairs.make_pair(scenes[1], scenes[2])
    other = [made_pairs.make_scene(scene.acquired_at, polarisation="VH") for scene in scenes[1:3]]
    made_pairs.make_pair(*other)
    event = make_event(DAY)
    assert event.pairs.count() == 2
    GroundEvent.objects.filter(pk=event.pk).update(position="SRID=4326;POINT(20 47)")
    event.refresh_from_db()
    assert events.event_pairs_find(event=event) == []
    assert not event.pairs.exists()


def test_an_image_of_the_same_day_may_be_from_before_it(scenes):
    made_pairs.make_pair(scenes[1], scenes[2])
    day = scenes[2].acquired_at.replace(hour=0, minute=0)
    assert not make_event(day).pairs.exists()
    assert make_event(between=(day + timedelta(hours=3),) * 2).pairs.count() == 1


def test_a_pair_that_comes_within_two_months_is_found_and_a_closer_one_takes_its_place(scenes, settings):
    event = make_event(DAY)
    assert not event.pairs.exists()
    made_pairs.make_pair(scenes[0], scenes[2])
    settings.SCHEDULED_METHODS = {}
    tasks.queue_due_runs()
    assert event.pairs.count() == 1
    nearest = made_pairs.make_pair(scenes[1], scenes[2])
    tasks.queue_due_runs()
    assert event.pairs.get() == nearest
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
