"""Stored alerts come out the same when their runs are done again, or it is said what is missing."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError
from django.utils import timezone

from detection.alerts.recompute import Outcome, Recomputer
from detection.management.commands.recompute import draw_sample
from detection.models import Alert, Detection
from detection.selectors import detections_current
from ground_motion.rasters.results import RasterResult
from ground_motion.runtime.checkpoints import read_card
from ingest.models import Product
from ml.models import Prediction, Run
from ml.runs.repetition import run_again
from ml.runs.selectors import products_of
from ml.runs.stored import read_prediction
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import FIRST, STEP, follow, make_glacier, make_offsets

pytestmark = pytest.mark.django_db


def recomputed(alert: Alert, capsys) -> tuple[int, dict]:
    """The exit code and what is printed."""
    capsys.readouterr()
    try:
        call_command("recompute", alert.code, json=True)
        code = 0
    except SystemExit as end:
        code = end.code
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def alert(watched_region) -> Alert:
    return Alert.objects.filter(extent="local", state="provisional").order_by("id").first()


def test_a_velocity_alert_comes_out_the_same_and_nothing_is_written(alert, capsys):
    before = Prediction.objects.count(), Run.objects.count(), Alert.objects.get(pk=alert.pk).updated_at
    code, printed = recomputed(alert, capsys)
    assert (code, printed["outcome"], printed["iou"], printed["differences"]) == (0, "same", 1.0, [])
    assert {run["thresholds"]["enter"] for run in printed["runs"]} == {0.5}
    assert before == (Prediction.objects.count(), Run.objects.count(), Alert.objects.get(pk=alert.pk).updated_at)
    with pytest.raises(InternalError, match="read-only"):
        Recomputer(lambda run: Alert.objects.update(kind="unknown")).recompute(alert)


def as_stored(run: Run) -> RasterResult:
    """A run done again in no time."""
    prediction = run.prediction
    raster = read_prediction(prediction)
    return RasterResult(raster.bands, (), *raster[1:], {}, prediction.statistics, prediction.regions)


def test_an_outline_or_a_figure_that_differs_is_named(alert):
    Alert.objects.filter(pk=alert.pk).update(rate_mm_yr=alert.rate_mm_yr - 0.2)
    detection = detections_current(alert=alert).first()
    Detection.objects.filter(pk=detection.pk).update(n_points=3 * detection.n_points)
    alert.refresh_from_db()
    done = Recomputer(as_stored).recompute(alert)
    names = {one.name for one in done.differences}
    assert (done.outcome, done.iou) == (Outcome.DIFFERENT, 1.0)
    assert names == {"rate_mm_yr", f"run {detection.scan.prediction.run_id}: n_points"}


def test_changed_weights_are_named_with_both_hashes(alert, capsys):
    version = alert.detections.first().scan.prediction.run.model_version
    type(version).objects.filter(pk=version.pk).update(method="model", weights_sha256="a" * 64)
    code, printed = recomputed(alert, capsys)
    (reason,) = set(printed["missing"])
    assert (code, printed["iou"]) == (2, None)
    here = read_card("deformation").weights_sha256
    assert "a" * 64 in reason
    assert here in reason
    assert printed["verdict"] == f"weights changed: {'a' * 12} → {here[:12]}"


def test_deleted_points_changed_thresholds_and_other_input_are_named(alert, capsys):
    scan = detections_current(alert=alert).first().scan
    run = scan.prediction.run
    Run.objects.filter(pk=run.pk).update(input_sha256="b" * 64)
    assert f"its SHA-256 was {'b' * 64}" in recomputed(alert, capsys)[1]["missing"][0]
    Product.objects.update(points_deleted_at=timezone.now())
    printed, products = recomputed(alert, capsys)[1], products_of(run=run)
    assert all(f"{one.file_name} (SHA-256 {one.file_sha256})" in printed["missing"][0] for one in products)
    assert printed["verdict"] == "; ".join(f"missing: {one.file_name}" for one in products)
    scan.thresholds = {"enter": 0.5}
    scan.save(update_fields=["thresholds"])
    assert "thresholds of the search have changed: fewest_points" in recomputed(alert, capsys)[1]["missing"][0]
    alert.detections.all().delete()
    code, printed = recomputed(alert, capsys)
    assert (code, printed["runs"]) == (2, [])
    assert "superseded" in printed["missing"][0]


def test_an_unknown_code_is_an_error(db):
    with pytest.raises(CommandError, match="no alert 0000"):
        call_command("recompute", "0000")


def test_alerts_from_images_come_out_the_same_whatever_came_since(watched_images, capsys):
    """A change of coherence is compared with the pairs that were there, not with those that came later."""
    call_command("detect")
    changed, moving = Alert.objects.get(kind="surface-change"), Alert.objects.get(kind="moving-ground")
    recomputer = Recomputer(lambda run: run_again(run=run))
    for alert in (changed, moving):
        done = recomputer.recompute(alert)
        assert (done.outcome, done.iou, done.differences) == (Outcome.SAME, 1.0, []), alert.kind
    (detection,) = changed.detections.all()
    run = detection.scan.prediction.run
    Prediction.objects.filter(pk=run.parameters["predecessors"][0]).delete()
    code, printed = recomputed(changed, capsys)
    assert code == 2
    assert "no longer stored" in printed["missing"][0]


def test_a_surge_comes_out_the_same_from_the_series_that_it_was_found_in():
    """Pairs that came later made the series longer; each detection is found in the pairs that were there."""
    make_glacier()
    make_offsets([0.4] * 10 + [1.2, 2.0, 2.6])
    follow()
    last = Prediction.objects.order_by("run__pair__secondary__acquired_at").last()
    later = made_pairs.make_scene(FIRST + 14 * STEP)
    pair = made_pairs.make_pair(last.run.pair.secondary, later)
    made_pairs.make_prediction(pair, "offsets", read_prediction(last).bands)
    follow()
    alert = Alert.objects.get()
    assert (alert.state, alert.detections.count()) == ("provisional", 4)
    done = Recomputer(as_stored).recompute(alert)
    assert (done.verdict, done.iou, done.differences, len(done.runs)) == ("the same", 1.0, [], 14)
    first, *_, newest = alert.detections.order_by("id")
    assert [len(one.surge_series.predictions) for one in (first, newest)] == [13, 14]
    alert.detections.filter(pk=newest.pk).update(speed_m_day=9.0)
    assert "speed_m_day" in Recomputer(as_stored).recompute(alert).differences[0].name
    Prediction.objects.filter(pk=first.surge_series.predictions[2]).delete()
    verdict = Recomputer(as_stored).recompute(alert).verdict
    assert set(verdict.split("; ")) == {"missing: results of 1 of 13 pairs", "missing: results of 1 of 14 pairs"}


def test_a_draw_is_a_table_that_can_be_drawn_again(watched_region, capsys, monkeypatch):
    monkeypatch.setattr("detection.management.commands.recompute.run_again", as_stored)
    call_command("recompute", random=1, seed=1)
    heading, row, counted = capsys.readouterr().out.splitlines()
    assert heading.split()[:4] == ["code", "family", "kind", "IoU"]
    assert " velocity " in row
    assert row.split()[3] == "1.0000"
    assert row.endswith("the same")
    assert counted == "1 alerts: 1 the same"
    draws = [[alert.code for alert in draw_sample(3, seed)] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert row.startswith(draws[0][0])
