"""Pictures of a pair and of what was measured in it: that a grey is its value, and what is refused."""

from io import BytesIO

import numpy as np
import pytest
from django.core.files.base import ContentFile
from PIL import Image

from monitor.maps.imaging import pixels as pair_pixels
from monitor.maps.imaging.drawing import colour_table
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME
from tests.makers import pairs as made_pairs

pytestmark = pytest.mark.django_db


def picture(client, pair, image: str = "reference", **parameters) -> np.ndarray:
    """Return a picture as (rows, cols, bands)."""
    answer = client.get(f"/pairs/{pair.pk}/image/{image}.png", parameters)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "image/png"
    return np.asarray(Image.open(BytesIO(answer.content)))


def test_a_picture_of_a_window_shows_that_window_in_the_grey_of_its_value(operator, pair):
    whole = picture(operator, pair)
    assert whole.shape == (made_pairs.ROWS, made_pairs.COLS, 2)
    assert (whole[:10, :, 1] == 0).all()
    assert (whole[10:, :, 1] == 255).all()
    assert set(whole[10:, :100, 0].ravel()) == {0}
    assert set(whole[10:, 100:, 0].ravel()) == {255}
    window = picture(operator, pair, row=20, col=90, rows=30, cols=40)
    assert (window == whole[20:50, 90:130]).all()
    changed = picture(operator, pair, "secondary", row=120, col=0, rows=40, cols=40)[..., 0]
    assert set(changed.ravel()) == {round(255 * 6 / 20)}


def test_the_ratio_is_red_where_the_later_image_is_brighter(operator, pair):
    ratio = picture(operator, pair, "ratio")
    assert ratio[140, 20, :3].tolist() == [0x9E, 0x2A, 0x1C]
    assert ratio[60, 60, :3].min() > 240
    assert ratio[0, 0, 3] == 0


def test_no_picture_is_larger_than_was_asked_for_or_than_the_window(operator, pair):
    assert picture(operator, pair, side=50).shape[:2] == (40, 50)
    assert picture(operator, pair, rows=20, cols=10).shape[:2] == (20, 10)
    assert pair_pixels.piece_of({}, 16_700, 25_000).shape == (802, 1200)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"row": "-1"}, "row is no whole number"),
        ({"cols": "1e9"}, "cols is no whole number"),
        ({"rows": "nan"}, "rows is no whole number"),
        ({"rows": "9" * 40}, "rows is no whole number"),
        ({"col": "٣"}, "col is no whole number"),
        ({"row": "9999999"}, "lie outside the grid"),
        ({"row": "100", "rows": "61"}, "are not inside"),
        ({"cols": "0"}, "are not inside"),
        ({"side": "1201"}, "a picture has 16 to 1200 pixels"),
        ({"side": "3"}, "a picture has 16 to 1200 pixels"),
    ],
)
def test_a_window_that_is_none_is_refused_in_words(operator, pair, parameters, words):
    answer = operator.get(f"/pairs/{pair.pk}/image/reference.png", parameters)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert "160 x 200" in answer.json()["remedy"]


@pytest.mark.parametrize(
    "path", ["image/../../etc/passwd.png", "image/..%2Fsecret.png", "image/tertiary.png", "runs/1.png"]
)
def test_only_known_images_of_a_pair_exist(operator, pair, path):
    assert operator.get(f"/pairs/{pair.pk}/{path}").status_code == 404


def test_a_picture_is_not_sent_again_while_its_files_stay(operator, pair):
    path = f"/pairs/{pair.pk}/image/reference.png"
    first = operator.get(path)
    assert first["Cache-Control"] == "private, max-age=3600"
    again = operator.get(path, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    assert operator.get(path, {"rows": 50})["ETag"] != first["ETag"]


def test_a_file_that_is_gone_is_said_and_not_found(operator, pair):
    pair.secondary.raster.delete(save=False)
    answer = operator.get(f"/pairs/{pair.pk}/image/reference.png")
    assert answer.status_code == 404
    assert "the image of 13 December 2021 is no longer in the storage" in answer.content.decode()
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    assert "the image of 13 December 2021 is no longer in the storage" in page
    assert "js/pages/pairs/pair.js" not in page
    assert operator.get("/pairs/999999/").status_code == 404
    assert operator.get(f"/pairs/{10**30}/").status_code == 404


def test_a_broken_file_leaves_no_picture_and_no_fault_of_the_server(operator, pair):
    pair.reference.raster.save("broken.tif", ContentFile(b"no picture at all"))
    answer = operator.get(f"/pairs/{pair.pk}/image/reference.png")
    assert answer.status_code == 404
    assert "it is broken" in answer.content.decode()


def test_the_picture_of_a_run_has_the_colours_of_the_map(operator, pair_predictions):
    coherence, _, offsets = pair_predictions[:3]
    pair = coherence.run.pair
    for prediction, layer, value in ((coherence, "coherence", 0.8), (offsets, "speed", np.hypot(2, 2) * 10 / 12)):
        answer = operator.get(f"/pairs/{pair.pk}/runs/{prediction.run_id}.png", {"side": 200})
        pixels = np.asarray(Image.open(BytesIO(answer.content)))
        chosen = RASTER_LAYERS_BY_NAME[layer]
        share = min(1, (value - chosen.low) / (chosen.high - chosen.low))
        assert pixels.shape == (160, 200, 4)
        assert pixels[80, 100, :3].tolist() == colour_table(chosen.stops)[round(255 * share)].tolist()
    other = pair_predictions[3].run.pair
    assert operator.get(f"/pairs/{other.pk}/runs/{coherence.run_id}.png").status_code == 404


def test_known_decibels_have_the_grey_between_black_and_white():
    stretch = pair_pixels.Stretch(-20.0, 0.0)
    image = 10 ** (np.array([[-30.0, -20.0, -15.0, -10.0, 0.0, 5.0, np.nan]], dtype=np.float32) / 10)
    pixels = np.asarray(Image.open(BytesIO(pair_pixels.grey_png(image, stretch))))
    assert pixels[0, :, 0].tolist() == [0, 0, 64, 128, 255, 255, 0]
    assert pixels[0, :, 1].tolist() == [255] * 6 + [0]


def test_both_images_share_one_stretch_of_their_middle_values():
    ramp = np.linspace(-30, 0, 101, dtype=np.float32)
    stretch = pair_pixels.common_stretch([10 ** (ramp / 10), 10 ** (ramp / 10)])
    assert stretch == pytest.approx((-29.4, -0.6), abs=0.02)
    unknown = np.full((3, 3), np.nan, dtype=np.float32)
    assert pair_pixels.common_stretch([unknown, unknown]) == pair_pixels.NO_STRETCH


def test_what_became_brighter_is_red_and_what_became_darker_blue():
    one = np.ones((1, 3), dtype=np.float32)
    later = np.array([[10**0.6, 1.0, 10**-0.6]], dtype=np.float32)
    ratio = pair_pixels.ratio_db(one, later, side=1)
    assert ratio[0] == pytest.approx([6, 0, -6], abs=1e-5)
    red, same, blue = np.asarray(Image.open(BytesIO(pair_pixels.ratio_png(ratio))))[0, :, :3].tolist()
    assert [red, blue] == [[0x9E, 0x2A, 0x1C], [0x1D, 0x4A, 0x94]]
    assert min(same) > 240


def test_the_ratio_is_of_means_over_the_known_pixels_around():
    reference, later = np.ones((5, 5), dtype=np.float32), np.ones((5, 5), dtype=np.float32)
    later[2, 2], later[0, 0] = 26.0, np.nan
    ratio = pair_pixels.ratio_db(reference, later)
    assert ratio[2, 2] == pytest.approx(10 * np.log10((23 + 26) / 24))
    assert np.isnan(ratio[0, 0])
    assert pair_pixels.ratio_db(reference, np.ones((5, 5), dtype=np.float32)) == pytest.approx(0)
