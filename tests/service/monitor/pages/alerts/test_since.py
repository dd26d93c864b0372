"""What has changed between two releases: a layer of the map, a sentence and a picture on the alert's page."""

from datetime import date
from functools import partial
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from detection.models import Alert, Detection
from detection.selectors import detections_current
from ground_motion.statistics.comparison import Verdict
from ingest.models import ReleaseChange
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME
from monitor.wording.points import VerdictShare, release_words, since_sentence
from tests.makers.releases import release_before

pytestmark = pytest.mark.django_db
LAYER = RASTER_LAYERS_BY_NAME["release-change"]


@pytest.fixture
def alert(watched_region) -> Alert:
    return Alert.objects.filter(extent="local", state="provisional").order_by("id").first()


@pytest.fixture
def detection(alert) -> Detection:
    return detections_current(alert=alert)[0]


@pytest.fixture
def compare_releases(alert, detection):
    """Give the product of an alert a release before it, with one verdict and change on all of the alert's ground."""
    return partial(release_before, detection.scan.prediction.run.product, alert.area)


def layers(client) -> dict:
    return {layer["name"]: layer for layer in client.get("/rasters.json").json()["layers"]}


def test_layer_and_page_say_what_changed_where_there_is_a_release_before(client, alert, detection, compare_releases):
    page, picture = f"/alerts/{alert.code}/", f"/alerts/{alert.code}/detections/{detection.pk}/change.png"
    assert LAYER.name not in layers(client)
    assert "What has changed since" not in client.get(page).content.decode()
    assert client.get(picture).status_code == 404
    change = compare_releases(Verdict.FASTER, -3.0)
    layer = layers(client)[LAYER.name]
    assert layer["classes"] == ["unchanged", "slower", "points vanished", "faster", "new motion"]
    assert len(layer["classes"]) == len(layer["colours"])
    (group,) = layer["groups"]
    assert group["key"] == f"{change.older.dates[-1]:%Y}-{change.newer.dates[-1]:%Y}"
    assert "compared with 2018–2022, version 1" in group["label"]
    for key in ("2020", "0000-2020", "2020-0000", "x"):
        assert client.get(f"/tiles/rasters/{LAYER.name}/{key}/10/500/300.png").status_code == 404
    shown = client.get(page).content.decode()
    assert "Since the release 2018–2022, version 1, 100 % of this ground moves faster, by 3.0 ± 1.2 mm a year." in shown
    assert picture in shown
    assert f"?raster={LAYER.name}&amp;date=" in shown
    ReleaseChange.objects.update(verdicts=None)  # Earlier comparisons have no verdicts.
    assert LAYER.name not in layers(client)


def test_a_picture_shows_each_verdict_in_its_colour(client, alert, detection, compare_releases):
    for verdict in Verdict:
        change = compare_releases(verdict)
        answer = client.get(f"/alerts/{alert.code}/detections/{detection.pk}/change.png")
        shown = np.asarray(Image.open(BytesIO(answer.content)).convert("RGB")).reshape(-1, 3)
        wanted = [int(LAYER.stops[verdict][i : i + 2], 16) for i in (1, 3, 5)]
        assert (abs(shown.astype(int) - wanted).max(axis=1) <= 2).sum() > 500, verdict
        again = client.get(answer.request["PATH_INFO"], headers={"If-None-Match": answer["ETag"]})
        assert again.status_code == 304
        change.older.delete()


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("2019_2023_1", "2019–2023, version 1"),
        ("2019_2023", "2019–2023"),
        ("spring", "spring (January 2019 to December 2023)"),
        ("", "January 2019 to December 2023"),
    ],
)
def test_a_release_is_told_apart_by_its_years(release, words):
    assert release_words(release, date(2019, 1, 3), date(2023, 12, 28)) == words


def test_a_change_of_little_of_the_ground_is_none():
    much, little = VerdictShare(0.92, 0.4, 0.6), VerdictShare(0.08, 5.0, 0.6)
    said = since_sentence("2018_2022_1", {Verdict.UNCHANGED: much, Verdict.FASTER: little})
    assert said == "Since the release 2018–2022, version 1, the speed here is unchanged within its uncertainty."
    vanished = since_sentence("", {Verdict.UNCHANGED: little, Verdict.VANISHED: VerdictShare(0.5, np.nan, np.nan)})
    assert vanished == "Since the previous release, most points vanished from 50 % of this ground."
