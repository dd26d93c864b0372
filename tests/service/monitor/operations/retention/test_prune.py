"""What is over goes, row and file; what somebody still needs stays, and its page with it."""

import os
import time
from datetime import timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from detection.models import Alert, Detection, GlacierSample, Scan, SealedEvidence
from ingest.foundation.storage import raster_storage
from ingest.models import (
    ContextLayer,
    Glacier,
    IngestJob,
    MeasurementPoint,
    Product,
    ReleaseChange,
    Scene,
    SceneDownload,
    ScenePair,
)
from ingest.products.releases import release_changes_make
from ingest.products.services import product_load
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scenes_load
from ml.models import GroundEvent, ModelVersion, Prediction, Run
from ml.runs.selectors import inputs_due
from monitor.operations.retention import services
from tests.makers import pairs as made

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SPEEDS = {"speed_m_day": 1.0, "peak_speed_m_day": 1.5, "speed_sigma_m_day": 0.1, "bearing_deg": 90.0}
RESULTS = "results of image pairs and old releases"


@pytest.fixture(autouse=True)
def short_memory(settings):
    """Results for 30 days, images for 20 and the newest two, one older release, rows of jobs for 10 days."""
    settings.KEEP_PREDICTION_RASTERS_DAYS, settings.KEEP_SCENE_DAYS, settings.KEEP_SCENES = 30, 20, 2
    settings.KEEP_RELEASES, settings.KEEP_JOB_DAYS = 1, 10


@pytest.fixture
def prune(django_capture_on_commit_callbacks):
    """Delete what is over; returns what went."""

    def work(**options) -> dict[str, int]:
        with django_capture_on_commit_callbacks(execute=True):
            return {one.kind.name: one.n for one in services.prune(**options) if one.n}

    return work


def aged(rows, days: float = 100) -> None:
    field = "loaded_at" if rows.model in (Scene, Product) else "created_at"
    rows.update(**{field: timezone.now() - days * DAY})


def settle(predictions) -> None:
    """Everything that was found has been searched."""
    for one in predictions:
        Scan.objects.get_or_create(prediction=one, defaults={"thresholds": {}})


def old_results(n: int = 3) -> list[Prediction]:
    """Make results of pairs of n images, all searched, from long ago."""
    predictions = made.make_dates(n=n)
    settle(predictions)
    aged(Prediction.objects.all())
    return predictions


def seen_in(prediction: Prediction, alert) -> Detection:
    scan, _ = Scan.objects.get_or_create(prediction=prediction, defaults={"thresholds": {}})
    names = ("area", "area_m2", "kind", "rate_mm_yr", "peak_rate_mm_yr", "rate_sigma_mm_yr")
    values = {name: getattr(alert, name) for name in names}
    return Detection.objects.create(scan=scan, alert=alert, score=0.9, n_points=20, **values, **SPEEDS)


def of_task(predictions, task: str) -> Prediction:
    return next(one for one in predictions if one.run.model_version.task == task)


def test_old_results_go_with_their_files_and_are_not_computed_again(prune):
    predictions, storage = made.make_dates(), raster_storage()
    settle(predictions)
    aged(Prediction.objects.all(), 29)
    assert prune() == {}
    aged(Prediction.objects.all(), 31)
    files = [one.raster.name for one in predictions]
    assert all(map(storage.exists, files))
    assert prune() == {RESULTS: len(predictions)}
    assert not Prediction.objects.exists()
    assert not any(map(storage.exists, files))
    assert Run.objects.count() == len(predictions)
    for task in ("coherence", "offsets"):
        assert not inputs_due(task=task, method=f"made-{task}").exists()
    assert not inputs_due(task="coherence-change", method="robust-z").exists()  # its predecessors are gone
    assert prune() == {}


def test_what_an_alert_a_glacier_an_event_or_an_unfinished_run_needs_is_kept(prune, make_alert, client):
    predictions = made.make_dates(n=5)
    seen, on_ice, of_event, unsearched = (
        [one for one in predictions if one.run.pair_id == pair.pk] for pair in ScenePair.objects.order_by("id")
    )
    settle([*seen, *on_ice, *of_event])
    aged(Prediction.objects.all())
    alert = make_alert(kind="moving-ground", simulated=True, **SPEEDS)
    shown = of_task(seen, "offsets")
    seen_in(shown, alert)
    layer = made_layer()
    glacier = Glacier.objects.create(layer=layer, position="POINT(-12 47)", surge_in_file="none", surge="none")
    GlacierSample.objects.create(glacier=glacier, prediction=of_task(on_ice, "offsets"), packed=b"")
    pair = of_event[0].run.pair
    times = {"happened_at": pair.reference.acquired_at + DAY, "over_at": pair.reference.acquired_at + 2 * DAY}
    place = {"position": "POINT(-12 47)", "reported_by": "operator"}
    GroundEvent.objects.create(kind="earthquake", name="a quake", **place, **times).pairs.set([pair])
    kept = {shown.pk, of_task(on_ice, "offsets").pk, *(one.pk for one in of_event)}
    kept |= {one.pk for one in unsearched if one.run.model_version.task != "coherence"}
    waiting = Run.objects.create(model_version=ModelVersion.objects.create(task="offsets", method="new"), pair=pair)
    assert prune() == {}  # a run waits that may need any result of this ground
    waiting.delete()
    prune()
    assert set(Prediction.objects.values_list("pk", flat=True)) == kept
    page = client.get(alert.get_absolute_url())
    assert page.status_code == 200
    download = reverse("prediction-raster", args=[shown.pk])
    assert download in page.content.decode()
    assert b"".join(client.get(download)).startswith(b"II")
    assert page.context["page"].map.config["evidence_raster"]["layer"] == "speed"


def made_layer() -> ContextLayer:
    layer = ContextLayer.objects.create(kind="glaciers", name="made", file_sha256="0" * 64, file_name="made")
    ContextLayer.objects.filter(pk=layer.pk).update(loaded_at=timezone.now() - 1000 * DAY)
    return layer


def with_images() -> list[Scene]:
    scenes = list(Scene.objects.order_by("acquired_at"))
    power = np.full((made.ROWS, made.COLS), 0.1, dtype=np.float32)
    return [made.fill_scene(scene, power) for scene in scenes]


def test_old_images_go_and_their_rows_follow_their_results(prune, settings):
    made.make_dates(n=5)
    scenes = with_images()
    settle(Prediction.objects.all())
    files = [scene.raster.name for scene in scenes]
    aged(Scene.objects.all(), 19)
    assert prune() == {}
    aged(Scene.objects.all(), 21)
    assert prune() == {"radar images": 3}
    assert [raster_storage().exists(name) for name in files] == [False] * 3 + [True] * 2
    states = list(Scene.objects.order_by("acquired_at").values_list("state", flat=True))
    assert states == ["deleted"] * 3 + ["ready"] * 2
    assert ScenePair.objects.count() == 4  # their results are kept
    assert not inputs_due(task="offsets", method="another").exclude(reference__in=scenes[3:]).exists()
    pairs_make(baselines_days=[12, 24])
    assert ScenePair.objects.count() == 4  # none of a deleted image is made

    aged(Prediction.objects.all(), 31)
    gone = prune()
    assert gone["image pairs"] == 3
    assert gone["rows of images"] == 3
    assert Scene.objects.count() == 2
    assert prune() == {}


def test_an_image_under_review_is_kept(prune, make_alert):
    made.make_dates(n=5)
    with_images()
    settle(Prediction.objects.all())
    aged(Scene.objects.all())
    alert = make_alert(kind="moving-ground", simulated=True, **SPEEDS)
    seen_in(Prediction.objects.filter(run__model_version__task="offsets").order_by("id").first(), alert)
    assert prune() == {"radar images": 1}
    alert.state = "rejected"
    alert.save()
    assert prune() == {"radar images": 2}


def test_a_deleted_image_that_is_loaded_again_takes_its_place_again(prune, make_rtc, settings):
    settings.KEEP_SCENES = 0
    path = make_rtc()
    (scene,) = scenes_load(path=path)
    aged(Scene.objects.all())
    pair = made.make_pair(scene, made.make_scene(scene.acquired_at + 12 * DAY))
    Run.objects.create(
        model_version=ModelVersion.objects.create(task="offsets", method="made"), pair=pair, state="failed"
    )
    assert prune() == {"radar images": 1, "image pairs": 1, "rows of images": 1}
    (scene,) = scenes_load(path=path)
    aged(Scene.objects.all())
    event_pair = made.make_pair(scene, Scene.objects.exclude(pk=scene.pk).get())
    made.make_prediction(event_pair, "offsets", {"dx_px": made.full(0)})
    assert prune() == {"radar images": 1}
    (again,) = scenes_load(path=path)
    assert (again.pk, again.state) == (scene.pk, "ready")
    assert raster_storage().exists(again.raster.name)


def release_of(make_egms, year: int, n: int = 40) -> Product:
    path = make_egms(
        f"EGMS_L2b_117_0227_IW2_VV_{year}_{year + 4}_1.csv",
        n=n,
        change=lambda table: table["height_ortho"].__setitem__(0, year / 10),
    )
    return product_load(path=path)


def predicted(product: Product) -> Prediction:
    version, _ = ModelVersion.objects.get_or_create(task="deformation", method="made", version="1")
    run = Run.objects.create(model_version=version, product=product, state="succeeded", finished_at=timezone.now())
    prediction = Prediction(run=run, raster_sha256="0" * 64, statistics={})
    made.keep(prediction.raster, {"probability": made.full(0.5)}, f"deformation-{product.pk}.tif")
    prediction.save()
    return prediction


def test_old_releases_go_but_not_what_alerts_were_seen_in(prune, make_egms, make_alert, client):
    releases = [release_of(make_egms, year) for year in (2016, 2017, 2018, 2019, 2020)]
    release_changes_make()
    predictions = [predicted(release) for release in releases]
    settle(predictions)
    over = make_alert(state="finished", longitude=13.2, latitude=38.6923)
    going_on = make_alert(longitude=13.2, latitude=38.6923)
    seen_in(predictions[0], over)  # in no later one
    seen_in(predictions[1], going_on)
    seen_in(predictions[4], going_on)
    files = [one.raster.name for one in (*predictions, *ReleaseChange.objects.order_by("older"))]
    assert len(files) == 9
    pages = [client.get(alert.get_absolute_url()).context["page"].evidence.rows for alert in (over, going_on)]
    assert [len(evidence) for evidence in pages] == [1, 1]

    assert prune() == {"superseded releases": 2}
    points = dict(MeasurementPoint.objects.values_list("product_id").annotate(n=Count("pid")))
    # the first is all that its alert has, of the second the row is left, the third is gone, the others are the newest
    assert points == {releases[0].pk: 40, releases[3].pk: 40, releases[4].pk: 40}
    assert list(Product.objects.order_by("id")) == [releases[0], releases[1], *releases[3:]]
    storage = raster_storage()
    assert not storage.exists(predictions[2].raster.name)
    assert sum(storage.exists(name) for name in files) == 9 - 1 - 2  # its result, and the changes from and to it
    assert [len(client.get(a.get_absolute_url()).context["page"].evidence.rows) for a in (over, going_on)] == [1, 1]
    assert client.get(f"{over.get_absolute_url()}series.json").status_code == 200
    assert client.get(reverse("workbench-product", args=[releases[1].pk])).status_code == 404
    page = client.get(reverse("product-detail", args=[releases[1].pk])).content.decode()
    assert "Its points were deleted on" in page
    release_changes_make()  # the first is compared with its new follower, the second has nothing to compare
    assert prune() == {}


def test_rows_of_finished_files_go_and_waiting_ones_stay(prune):
    jobs = [
        IngestJob.objects.create(source="upload", original_name=f"{state} {path}", state=state, stored_path=path)
        for state, path in [("queued", ""), ("running", ""), ("loaded", ""), ("rejected", ""), ("failed", "/a/file")]
    ]
    downloads = [
        SceneDownload.objects.create(
            source="asf", scene_id=f"{n}", state=state, acquired_at=timezone.now() - days * DAY
        )
        for n, (state, days) in enumerate([("loaded", 100), ("loaded", 20), ("wanted", 100), ("failed", 100)])
    ]
    aged(IngestJob.objects.all()), aged(SceneDownload.objects.all())
    assert prune() == {"rows of finished files": 2, "rows of finished downloads": 2}
    assert set(IngestJob.objects.values_list("pk", flat=True)) == {jobs[0].pk, jobs[1].pk, jobs[4].pk}
    assert set(SceneDownload.objects.values_list("pk", flat=True)) == {downloads[1].pk, downloads[2].pk}


@pytest.mark.parametrize("storage_kind", ["disk"])  # an object's age cannot be made up
def test_packages_of_earlier_figures_go_but_their_seals_stay(prune, make_alert):
    now, alert = timezone.now(), make_alert()
    rows = [
        SealedEvidence.objects.create(
            alert=alert,
            basis=f"{days}",
            file=raster_storage().save(f"evidence-{days}.zip", ContentFile(b"package")),
            seal=f"{days}",
            checked_at=now - days * DAY,
        )
        for days in (0, 1, 900)
    ]
    SealedEvidence.objects.create(alert=alert, basis="past", why="past", checked_at=now)
    assert prune() == {"packages of sealed evidence": 2}
    kept = SealedEvidence.objects.exclude(seal="").order_by("-checked_at")
    assert [bool(row.file) for row in kept] == [True, False, False]
    assert [raster_storage().exists(row.file.name) for row in rows] == [True, False, False]


def test_files_without_a_row_are_swept_up_after_a_day(prune):
    predictions, storage = made.make_dates(), raster_storage()
    lost, young = (storage.save(name, ContentFile(b"x" * 1000)) for name in ("lost.tif", "young.tif"))
    two_days_ago = time.time() - 2 * 86400
    for name in (lost, *(one.raster.name for one in predictions)):
        os.utime(storage.path(name), (two_days_ago, two_days_ago))
    assert prune() == {"files without a row": 1}
    assert not storage.exists(lost)
    assert storage.exists(young)
    assert all(storage.exists(one.raster.name) for one in predictions)


@pytest.mark.parametrize("storage_kind", ["disk"])  # an object's age cannot be made up
def test_a_process_that_dies_between_row_and_file_leaves_a_file_that_the_next_one_takes(prune):
    predictions = old_results()
    services.prune()  # its commit hooks never run: as if it was killed there
    storage, two_days_ago = raster_storage(), time.time() - 2 * 86400
    assert not Prediction.objects.exists()
    for one in predictions:
        os.utime(storage.path(one.raster.name), (two_days_ago, two_days_ago))
    assert prune() == {"files without a row": len(predictions)}
    assert not os.listdir(storage.location)


def test_a_dry_run_says_what_would_go_and_deletes_nothing():
    predictions, out = old_results(), StringIO()
    call_command("prune", "--dry-run", stdout=out)
    text = out.getvalue()
    assert f"{len(predictions)} {RESULTS}" in " ".join(text.split())
    assert "KEEP_PREDICTION_RASTERS_DAYS" in text
    taken = sum(one.raster.size for one in predictions)
    assert f"{taken / 1024:.1f} KB would be freed" in text
    assert Prediction.objects.count() == len(predictions)


def test_zero_days_keep_for_ever(prune, settings):
    settings.KEEP_PREDICTION_RASTERS_DAYS = settings.KEEP_SCENE_DAYS = 0
    old_results(n=5)
    with_images()
    aged(Scene.objects.all(), 9999)
    assert prune() == {}


def test_every_page_of_an_alert_outlives_pruning(prune, watched_region, client, settings, monkeypatch):
    settings.KEEP_RELEASES = 0
    addresses = [alert.get_absolute_url() for alert in Alert.objects.all()]
    addresses += [f"{address}series.json" for address in addresses]
    before = [client.get(address).content for address in addresses]
    assert addresses
    aged(Prediction.objects.all(), 5000), aged(Product.objects.all(), 5000)
    prune()
    for address, was in zip(addresses, before, strict=True):
        answer = client.get(address)
        assert answer.status_code == 200
        if address.endswith(".json"):
            assert answer.content == was
    assert all(one.raster.storage.exists(one.raster.name) for one in Prediction.objects.all())
