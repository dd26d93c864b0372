"""Pictures of what each run saw of an alert and of the two images behind it; the table of what looked at its ground."""

import re
from io import BytesIO

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image
from shapely.geometry import MultiPolygon, box

from detection.kinds import Extent
from detection.models import Alert, AlertMethods, Detection
from detection.selectors import detections_current
from ingest.models import Scene
from ingest.products.selectors import PointColumns
from ml.models import Prediction
from monitor.maps.imaging.drawing import frame_of, picture, points_on, smoothed
from monitor.pages.alerts import pictures
from monitor.pages.alerts.evidence import agreement_block, how_likely, method_block
from monitor.pages.alerts.pictures import captions, evidence_png
from tests.makers.glaciers import watch_moving_ground

SQUARE = MultiPolygon([box(1_000.0, 1_000.0, 2_000.0, 1_500.0)])
pytestmark = pytest.mark.django_db


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)


def test_a_frame_shows_the_ground_around_and_its_cells_are_means_of_their_points():
    frame = frame_of(SQUARE)
    assert frame.bounds_m == (250.0, 250.0, 2_750.0, 2_250.0)
    assert frame.shape == (384, 480)
    x, y = np.array([251.0, 252.0, 2_749.0, 9_999.0]), np.array([2_249.0, 2_248.0, 251.0, 0.0])
    mean = points_on(frame, x, y, np.array([-3.0, -5.0, 2.0, 9.0], dtype=np.float32))
    assert mean[0, 0] == -4.0  # north-west
    assert mean[-1, -1] == 2.0
    assert np.isfinite(mean).sum() == 2


def test_scatter_is_averaged_before_rates_become_rings_and_gaps_stay():
    rng = np.random.default_rng(1)
    rates = (3.0 + rng.normal(0, 1.2, (40, 40))).astype(np.float32)
    rates[:, 30:] = np.nan
    means = smoothed(rates)
    assert np.isnan(means[:, 30:]).all()
    np.testing.assert_allclose(means[:, :30].mean(), 3.0, atol=0.1)
    assert np.nanstd(means) < 0.4


def test_a_picture_has_its_colours_its_gaps_and_the_outline():
    frame = frame_of(SQUARE)
    values = np.full((20, 25), 1.0, dtype=np.float32)
    values[:, 20:] = np.nan
    shown = pixels(picture(values, ("#000000", "#ff0000"), 0.0, 1.0, frame, SQUARE))
    assert shown.shape == (384, 480, 3)
    assert tuple(shown[192, 240]) == (255, 0, 0)
    assert tuple(shown[192, 460]) == (238, 238, 236)  # nothing is known
    assert (shown[:, 144] == 20).all(axis=1).sum() > 50  # the western edge, 1,000 m


@pytest.fixture
def alert(watched_region) -> Alert:
    return Alert.objects.filter(extent="local", state="provisional").order_by("id").first()


def test_every_run_that_saw_an_alert_has_its_pictures(alert, client):
    page = client.get(f"/alerts/{alert.code}/").content.decode()
    detection = detections_current(alert=alert)[0]
    address = f"/alerts/{alert.code}/detections/{detection.pk}"
    for name in ("score", "points-1", "rings-1", "points-2", "rings-2"):  # both tracks were looked at together
        assert f"{address}/{name}.png" in page
        answer = client.get(f"{address}/{name}.png")
        shown = pixels(answer.content)
        assert max(shown.shape) == 480
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 4
        assert client.get(f"{address}/{name}.png", headers={"if-none-match": answer["ETag"]}).status_code == 304
    assert client.get(f"{address}/points-3.png").status_code == 404
    assert detection.scan.prediction.raster_sha256 in page
    assert "docs/models/matched-filter.md" in page
    assert f"--repeat {detection.scan.prediction.run_id}" in page
    other = Alert.objects.exclude(pk=alert.pk).first().detections.first()
    assert client.get(f"/alerts/{alert.code}/detections/{other.pk}/score.png").status_code == 404
    Prediction.objects.filter(pk=detection.scan.prediction_id).update(raster="gone.tif", raster_sha256="0")
    assert client.get(f"{address}/score.png").status_code == 404
    Detection.objects.filter(pk=detection.pk).update(extent="region", reference="gnss")  # as the data set states them
    shown = pixels(client.get(f"{address}/points-1.png").content)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 4
    assert [client.get(f"{address}/{name}.png").status_code for name in ("score", "points-2")] == [404, 404]


def test_every_track_that_shows_the_ground_is_listed_whether_it_flagged_it_or_not(alert):
    (detection, *_) = detections_current(alert=alert)
    both = agreement_block(alert, [detection])
    assert [(row["source"], row["answer"]) for row in both.rows] == [
        (one["product"], "shows it by itself" if one["seen"] else "not clear by itself") for one in detection.reasons
    ]
    detection.reasons = detection.reasons[:1]
    Detection.objects.filter(alert=alert).exclude(pk=detection.pk).delete()
    block = agreement_block(alert, [detection])
    assert [row["answer"] for row in block.rows[1:]] == ["not flagged"]
    assert block.rows[1]["source"] != block.rows[0]["source"]
    assert block.sentence.startswith(("1 of 2 sets of measurements shows", "None of 2"))


def test_the_methods_are_counted_in_a_sentence_and_each_has_its_answer(alert):
    detections = list(detections_current(alert=alert))
    assert method_block(alert, detections) is None  # nobody else has looked yet
    look = {"method": "ada", "version": "2", "score": 0.995, "share": 0.83, "peak_rate_mm_yr": -12.0}
    kept = AlertMethods.objects.create(alert=alert, looks=[look], basis="", compared_at=timezone.now())
    page = Client().get(f"/alerts/{alert.code}/").content.decode()
    assert "Both methods flag this place." in page
    assert "83 % of the outline" in page
    kept.looks = [look | {"score": 0.2, "share": 0.0}, look | {"method": "model", "score": 0.0, "share": 0.0}]
    kept.save()
    block = method_block(alert, detections)
    assert block.sentence.startswith("1 of 3 methods flags this place.")
    assert [row["answer"] for row in block.rows[1:]] == ["sees a hint of it, too weak to count", "does not see it"]


def test_ground_that_sinks_is_brown_also_where_hardly_any_point_stands_beside_it(alert, monkeypatch):
    """A town that sinks as a whole has points inside the outline only: its colours are against the zero of the data."""
    detection = detections_current(alert=alert)[0]
    detection.reasons = detection.reasons[:1]
    west, south, east, north = detection.area.extent
    n = 2_000
    inside = np.random.default_rng(0).uniform(size=(2, n)) * [[east - west], [north - south]] + [[west], [south]]
    rates = np.full(n, -14.0, dtype=np.float32)
    monkeypatch.setattr(pictures, "product_points", lambda **which: PointColumns(*inside, rates, rates))
    assert [one.name for one in captions(detection)] == ["score", "points-1", "rings-1"]
    shown = pixels(evidence_png(detection, "points-1"))
    rows, cols = (slice(size // 2 - 10, size // 2 + 10) for size in shown.shape[:2])
    red, _, blue, *_ = np.median(shown[rows, cols].reshape(-1, shown.shape[2]).astype(float), axis=0)
    assert red > blue + 50


def null_of(*tails: tuple[float, float, int, float]) -> dict:
    return {"thresholds_log_odds": {"model": 1.0, "matched-filter": 2.0}, "tails": tails}


LOUD, QUIET = null_of((0.0, 0.9, 12, 30.0), (1.0, 0.3, 12, 20.0)), null_of((0.0, 0.1, 12, 1.0), (0.0, 0.1, 12, 1.0))


def test_an_area_says_how_rarely_errors_alone_show_such_a_place_in_all_clusters_of_its_data():
    at = [Detection(score=score, extent=Extent.LOCAL) for score in (0.9, 0.999, 1.0)]
    lines = [how_likely({"null": LOUD}, one) for one in at] + [how_likely({"null": QUIET}, at[1])]
    numbers = [int(re.search(r"one of ([\d,]+) such", line)[1].replace(",", "")) for line in lines]
    assert 2 < numbers[0] < numbers[1] < numbers[2] < numbers[3] == 1000
    assert "less than one of 1,000" in lines[3]
    assert how_likely({"clusters": [{"null": QUIET}, {"null": LOUD}, {}]}, at[0]) == lines[0]
    unknown = null_of() | {"expected_false_areas": None}
    for statistics in ({}, {"null": unknown}, {"clusters": [{"null": LOUD}, {"null": unknown}]}):
        assert how_likely(statistics, at[0]) == ""
    assert how_likely({"null": LOUD}, Detection(score=1.0, extent=Extent.REGION)) == ""


def test_both_images_their_difference_and_the_result_are_on_the_page_where_their_licence_allows_it(client):
    moving = watch_moving_ground()
    page, folder = client.get(moving.get_absolute_url()).content.decode(), f"{moving.get_absolute_url()}detections/"
    folder += f"{Detection.objects.get(alert=moving).pk}/"
    shown = {}
    for name in ("before", "after", "difference", "result"):
        assert f"{folder}{name}.png" in page
        shown[name] = pixels(client.get(f"{folder}{name}.png").content)
        assert max(shown[name].shape) == 480
    row, col = shown["after"].shape[0] * 9 // 10, 10  # in the south, beside the outline
    assert shown["after"][row, col].sum() > shown["before"][row, col].sum()
    red, _, blue = shown["difference"][row, col]
    assert red > blue + 50  # brighter
    assert "Radar image of 1 January 2020" in page
    assert "Arrows point to where it moves" in page
    assert "A computer looked for each patch of the earlier radar image in the later one." in page
    Scene.objects.update(simulated=False, licence="")
    before, result = f"{folder}before.png", f"{folder}result.png"
    assert before not in client.get(moving.get_absolute_url()).content.decode()
    assert [client.get(address).status_code for address in (before, result)] == [404, 200]
    terms = {"licence": "Copernicus Sentinel data terms", "attribution": "Contains modified Copernicus Sentinel data"}
    Scene.objects.update(**terms)
    assert client.get(before).status_code == 200
    page = client.get(moving.get_absolute_url()).content.decode()
    assert "Contains modified Copernicus Sentinel data, 2020." in page
