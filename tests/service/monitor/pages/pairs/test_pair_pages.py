"""The operators' pages, lists and pictures of images and pairs: what they say, who sees them, what greys mean."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from PIL import Image

from detection import pairs as pair_selectors
from detection.models import Alert, Detection, Scan
from detection.pairs import ImageChoice, PairChoice
from ingest.models import Scene
from ml.models import ModelVersion, Run
from monitor.maps.imaging import pixels as pair_pixels
from monitor.maps.imaging.drawing import colour_table
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME
from tests.makers import pairs as made_pairs

pytestmark = pytest.mark.django_db


def found_in(prediction, make_alert) -> Alert:
    """Make an alert of a change that was seen in this result."""
    figures = {"kind": "surface-change", "coherence_before": 0.8, "coherence_after": 0.2, "change_sigma": -5.0}
    alert = make_alert(**figures)
    scan = Scan.objects.create(prediction=prediction, thresholds={})
    figures |= {"area": alert.area, "area_m2": 1e5, "score": 0.9, "n_points": 12}
    Detection.objects.create(scan=scan, alert=alert, **figures)
    return alert


def test_the_page_of_a_pair_says_in_words_what_it_is(operator, pair):
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    assert "Radar images of 1 and 13 December 2021, 12 days apart" in page
    for words in ("track 901 ascending, burst 901-0001-IW1", "8.0 × 6.4 km, 200 × 160 pixels", "nothing is resampled"):
        assert words in page
    for words in ("simulated images", pair.reference.file_sha256, "No model has compared", "image/secondary.png"):
        assert words in page
    type(pair).objects.filter(pk=pair.pk).update(resampled=True)
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    assert "is resampled once, onto the pixels of the earlier one" in page


def test_results_have_units_and_name_their_alerts_which_lead_operators_back(
    client, operator, pair_predictions, make_alert
):
    coherence, _, offsets = pair_predictions[:3]
    pair = coherence.run.pair
    coherence.statistics = {"looks": 12.34, "known_share": 0.875, "mean_coherence": 0.43}
    offsets.statistics = {"median_length_px": 0.21, "largest_length_px": 2.83, "known_share": 1}
    offsets.statistics |= {"median_dx_px": -0.1, "median_dy_px": 0.2}
    coherence.save()
    offsets.save()
    alert = found_in(pair_predictions[1], make_alert)
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    for words in ("match to 43 % on average", "about 12 independent looks", "values for 88 % of the image"):
        assert words in page
    for words in ("within 2.1 metres", "28 metres away (2.4 metres a day)", "1.0 metres to the west and 2.0 metres to"):
        assert words in page
    for words in (f"{alert.code}: Changed", f"/rasters/{coherence.pk}.tif", f"{pair.pk}/runs/{coherence.run_id}.png"):
        assert words in page
    evidence, link = f"/alerts/{alert.code}/", f'href="/pairs/{pair.pk}/"'
    assert link not in client.get(evidence).content.decode()
    assert link in operator.get(evidence).content.decode()
    assert link in operator.get(f"/review/{alert.code}/").content.decode()
    link = "/pairs/?track=901&amp;burst=901-0001-IW1"
    assert link not in client.get("/products/").content.decode()
    page = operator.get("/products/").content.decode()
    assert link in page
    assert 'href="/pairs/"' in page


REASONS = {
    "": "nothing in the two images could be matched",
    "beyond_reach": "the ground moved farther than was searched, 600 metres",
    "no_match": "nothing in one image looks like the other within 600 metres, as far as was searched",
}


def test_a_run_without_an_answer_states_its_reason(operator, pair_predictions):
    offsets = pair_predictions[2]
    for reason, words in REASONS.items():
        shares = {"reach_px": 60, "no_match_share": 0.3, f"{reason}_share": 0.7} if reason else {}
        offsets.statistics = {"known_share": 0.0, **shares}
        offsets.save()
        page = operator.get(f"/pairs/{offsets.run.pair_id}/").content.decode()
        assert f"It has no value for this pair: {words}." in page
        assert f"runs/{offsets.run_id}.png" not in page
        assert "?raster=speed" not in page
        assert reverse("prediction-raster", args=[offsets.pk]) in page


def test_runs_that_wait_or_failed_say_so(operator, pair):
    for task, state, error in (("coherence", "queued", ""), ("offsets", "failed", "the images are too small")):
        version = ModelVersion.objects.create(task=task, method=f"made-{task}", version="1")
        Run.objects.create(model_version=version, pair=pair, state=state, error=error)
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    assert "Waiting for a free worker." in page
    assert "the images are too small" in page
    listed = operator.get("/pairs/").content.decode()
    assert "Coherence: waiting" in listed
    assert "Offsets: failed" in listed
    assert "<strong>1</strong> run failed" in listed


DAY = datetime(2021, 12, 1, 6, 30, tzinfo=UTC)


def refuse(name: str, reason: str, **values) -> Scene:
    return Scene.objects.create(
        state="refused",
        name=name,
        file_name=name,
        reason=reason,
        source_format="opera-rtc",
        file_sha256=name.ljust(64, "0")[:64],
        **values,
    )


def test_refused_images_and_those_in_no_pair_say_why(operator, pair):
    alone = made_pairs.make_scene(DAY + timedelta(days=3))
    Scene.objects.filter(pk=alone.pk).update(reason="In no pair: the nearest image of this ground is 3 days apart.")
    refuse("empty.tif", "the file is empty. Download or export it again.")
    refuse("odd.tif", "odd.tif: it does not state its track. Add --track 117.", track=44, acquired_at=DAY)
    page = operator.get("/pairs/images/").content.decode()
    for words in ("<strong>3</strong> usable images", "<strong>2</strong> not usable", "<strong>1</strong> in no pair"):
        assert words in page
    for words in ("the file is empty.", "In no pair: the nearest image", "Type its track on the page “Add data”"):
        assert words in page
    assert "--track" not in page
    assert "odd.tif: its" not in page
    refused = operator.get("/pairs/images/?state=refused").content.decode()
    assert "empty.tif" in refused
    assert "made.tif" not in refused
    alone_only = operator.get("/pairs/images/?state=alone&track=901").content.decode()
    assert "In no pair" in alone_only
    assert "empty.tif" not in alone_only


def test_pairs_are_chosen_by_track_polarisation_days_and_findings(pair_predictions, make_alert):
    vh = made_pairs.make_pair(*(made_pairs.make_scene(DAY + timedelta(days=d), "VH") for d in (0, 12)))
    first, second = pair_predictions[0].run.pair, pair_predictions[3].run.pair

    def chosen(**wanted) -> set[int]:
        return {pair.pk for pair in pair_selectors.pairs_matching(wanted=PairChoice(**wanted))}

    assert pair_selectors.pairs_matching(wanted=PairChoice()).first() == second
    assert chosen() == {first.pk, second.pk, vh.pk}
    assert chosen(polarisation="VH") == {vh.pk}
    assert chosen(track=12) == chosen(days=6) == chosen(detected=True) == set()
    assert chosen(image=first.reference_id) == {first.pk}
    found_in(pair_predictions[4], make_alert)
    assert chosen(detected=True) == {second.pk}
    assert {s.pk for s in pair_selectors.images_matching(wanted=ImageChoice("paired"))} == {
        s.pk for s in Scene.objects.all()
    }


def test_a_long_list_has_pages_that_keep_the_choice(operator):
    for number in range(35):
        refuse(f"bad-{number:02d}.tif", "it is bad. Mend it.", track=44)
    page = operator.get("/pairs/images/?track=44").content.decode()
    assert "Page 1 of 2" in page
    assert 'href="?track=44&amp;page=2"' in page
    assert operator.get("/pairs/images/?track=44&page=2").content.decode().count("it is bad") == 5
    assert operator.get("/pairs/images/?track=x&page=-7&state=%00").status_code == 200


def picture(client, pair, image: str = "reference", **parameters) -> np.ndarray:
    """Return a picture as (rows, cols, bands)."""
    answer = client.get(f"/pairs/{pair.pk}/image/{image}.png", parameters)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "image/png"
    return np.asarray(Image.open(BytesIO(answer.content)))


def test_a_picture_of_a_window_shows_it_in_grey_and_the_ratio_red_where_the_later_image_is_brighter(operator, pair):
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
    assert picture(operator, pair, side=50).shape[:2] == (40, 50), "no picture is larger than was asked for"
    assert pair_pixels.piece_of({}, 16_700, 25_000).shape == (802, 1200)
    ratio = picture(operator, pair, "ratio")
    assert ratio[140, 20, :3].tolist() == [0x9E, 0x2A, 0x1C]
    assert ratio[60, 60, :3].min() > 240
    assert ratio[0, 0, 3] == 0


NO_WINDOWS = [
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
]


def test_only_known_images_and_windows_of_a_pair_exist(operator, pair):
    for parameters, words in NO_WINDOWS:
        answer = operator.get(f"/pairs/{pair.pk}/image/reference.png", parameters)
        assert (answer.status_code, words in answer.json()["error"]) == (400, True), parameters
        assert "160 x 200" in answer.json()["remedy"]
    for path in ("image/../../etc/passwd.png", "image/..%2Fsecret.png", "image/tertiary.png", "runs/1.png"):
        assert operator.get(f"/pairs/{pair.pk}/{path}").status_code == 404, path


def test_a_picture_is_sent_once_while_its_files_stay_and_says_that_one_is_broken_or_gone(operator, pair):
    path = f"/pairs/{pair.pk}/image/reference.png"
    first = operator.get(path)
    assert first["Cache-Control"] == "private, max-age=3600"
    assert operator.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert operator.get(path, {"rows": 50})["ETag"] != first["ETag"]
    pair.reference.raster.save("broken.tif", ContentFile(b"no picture at all"))
    answer = operator.get(path)
    assert (answer.status_code, "it is broken" in answer.content.decode()) == (404, True)
    pair.secondary.raster.delete(save=False)
    answer = operator.get(path)
    assert answer.status_code == 404
    assert "the image of 13 December 2021 is no longer in the storage" in answer.content.decode()
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    assert "the image of 13 December 2021 is no longer in the storage" in page
    assert "js/pages/pairs/pair.js" not in page
    assert operator.get("/pairs/999999/").status_code == 404
    assert operator.get(f"/pairs/{10**30}/").status_code == 404


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


def power(decibels: float) -> np.ndarray:
    """Return an image of made_pairs' raster size."""
    return made_pairs.full(10 ** (decibels / 10))


@pytest.fixture
def pair(db):
    """-20 dB in the west half, 0 dB in the east; in a corner of the later image 6 dB more; NaN at the top."""
    scenes = [made_pairs.make_scene(DAY + timedelta(days=days)) for days in (0, 12)]
    Scene.objects.filter(pk__in=[s.pk for s in scenes]).update(
        posting_m=made_pairs.CELL_M,
        rows=made_pairs.ROWS,
        cols=made_pairs.COLS,
        grid=list(made_pairs.raster_transform())[:6],
    )
    first, second = (Scene.objects.get(pk=scene.pk) for scene in scenes)
    image = power(-20.0)
    image[:, made_pairs.COLS // 2 :] = 1.0
    image[:10] = np.nan
    made_pairs.fill_scene(first, image)
    later = image.copy()
    later[120:, :40] *= 10**0.6
    made_pairs.fill_scene(second, later)
    return made_pairs.make_pair(first, second)
