"""The two images behind an alert are shown to everybody where their licence allows it, with what was found."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from detection import selectors
from detection.alerts import services
from detection.models import Alert, Detection
from ingest.models import Scene, ScenePair
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import make_offsets

pytestmark = pytest.mark.django_db


@pytest.fixture
def moving() -> Alert:
    """Ground that moves to the north-east between two images; the later one is brighter in the south."""
    make_offsets([2.0])
    pair = ScenePair.objects.select_related("reference", "secondary").get()
    later = made_pairs.full(0.1)
    later[made_pairs.ROWS // 2 :] *= 10**0.6
    for scene, power in ((pair.reference, made_pairs.full(0.1)), (pair.secondary, later)):
        made_pairs.fill_scene(scene, power)
    grid = list(made_pairs.raster_transform())[:6]
    size = {"posting_m": made_pairs.CELL_M, "rows": made_pairs.ROWS, "cols": made_pairs.COLS, "grid": grid}
    Scene.objects.update(**size)
    for prediction in selectors.predictions_unscanned():
        services.prediction_scan(prediction=prediction)
    return Alert.objects.get()


def addresses(alert: Alert, names: tuple[str, ...]) -> list[str]:
    detection = Detection.objects.get(alert=alert)
    return [f"/alerts/{alert.code}/detections/{detection.pk}/{name}.png" for name in names]


def test_both_images_their_difference_and_the_result_are_on_the_page(client, moving):
    page = client.get(moving.get_absolute_url()).content.decode()
    shown = {}
    for name in ("before", "after", "difference", "result"):
        (address,) = addresses(moving, (name,))
        assert address in page
        shown[name] = np.asarray(Image.open(BytesIO(client.get(address).content)).convert("RGB")).astype(int)
        assert max(shown[name].shape) == 480
    row, col = shown["after"].shape[0] * 9 // 10, 10  # in the south, beside the outline
    assert shown["after"][row, col].sum() > shown["before"][row, col].sum()
    red, _, blue = shown["difference"][row, col]
    assert red > blue + 50  # brighter
    assert "Radar image of 1 January 2020" in page
    assert "Arrows point to where it moves" in page
    assert "A computer looked for each patch of the earlier radar image in the later one." in page


def test_images_whose_licence_is_not_known_are_not_shown(client, moving):
    Scene.objects.update(simulated=False, licence="")
    before, result = addresses(moving, ("before", "result"))
    assert before not in client.get(moving.get_absolute_url()).content.decode()
    assert [client.get(address).status_code for address in (before, result)] == [404, 200]
    terms = {"licence": "Copernicus Sentinel data terms", "attribution": "Contains modified Copernicus Sentinel data"}
    Scene.objects.update(**terms)
    assert client.get(before).status_code == 200
    page = client.get(moving.get_absolute_url()).content.decode()
    assert "Contains modified Copernicus Sentinel data, 2020." in page
