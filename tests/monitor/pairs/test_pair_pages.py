"""The operators' pages of images and pairs: what they say, who sees them, and that a grey is its value."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from PIL import Image

from detection.models import Detection, Scan
from ingest.models import Scene
from ml.models import ModelVersion, Run
from monitor.imaging import pixels as pair_pixels
from monitor.imaging.drawing import colour_table
from monitor.pairs import selectors as pair_selectors
from monitor.pairs.selectors import ImageChoice, PairChoice
from monitor.rasters.layers import RASTER_LAYERS_BY_NAME
from monitor.site.roles import OPERATORS
from tests.makers import pairs as made_pairs

pytestmark = pytest.mark.django_db

DAY = datetime(2021, 12, 1, 6, 30, tzinfo=UTC)
SIZE = (640, 800)  # of a simulated scene, rows and columns


@pytest.fixture
def operator(client):
    user = get_user_model().objects.create_user("anna")
    user.groups.add(Group.objects.get(name=OPERATORS))
    client.force_login(user)
    return client


def power(decibels: float) -> np.ndarray:
    """An image of made_pairs' raster size."""
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


def picture(client, pair, image: str = "reference", **parameters) -> np.ndarray:
    """(rows, cols, bands)"""
    answer = client.get(f"/pairs/{pair.pk}/image/{image}.png", parameters)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "image/png"
    return np.asarray(Image.open(BytesIO(answer.content)))


def test_windows_of_the_ratio_fit_together(operator, pair):
    whole = picture(operator, pair, "ratio")
    assert (picture(operator, pair, "ratio", row=118, col=30, rows=20, cols=20) == whole[118:138, 30:50]).all()


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
    Path(pair.secondary.raster.path).unlink()
    answer = operator.get(f"/pairs/{pair.pk}/image/reference.png")
    assert answer.status_code == 404
    assert "the image of 13 December 2021 is no longer in the storage" in answer.content.decode()
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    assert "the image of 13 December 2021 is no longer in the storage" in page
    assert "js/pairs/pair.js" not in page
    assert operator.get("/pairs/999999/").status_code == 404
    assert operator.get(f"/pairs/{10**30}/").status_code == 404


def test_a_broken_file_leaves_no_picture_and_no_fault_of_the_server(operator, pair):
    Path(pair.reference.raster.path).write_bytes(b"no picture at all")
    answer = operator.get(f"/pairs/{pair.pk}/image/reference.png")
    assert answer.status_code == 404
    assert "it is broken" in answer.content.decode()


@pytest.mark.parametrize("path", ["", "images/", "{pair}/", "{pair}/image/reference.png", "{pair}/runs/1.png"])
def test_only_operators_see_images_and_pairs(client, pair, path):
    address = f"/pairs/{path.format(pair=pair.pk)}"
    assert client.get(address)["Location"].startswith("/login/?next=/pairs/")
    client.force_login(get_user_model().objects.create_user("somebody"))
    assert client.get(address).status_code == 403
    assert client.post(address).status_code == 405


def test_the_page_of_a_pair_says_in_words_what_it_is(operator, pair):
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    assert "Radar images of 1 and 13 December 2021, 12 days apart" in page
    for words in (
        "Sentinel-1A, mode IW",
        "track 901 ascending, burst 901-0001-IW1",
        "to the right of its path, roughly east",
        "VV: sent vertically, received vertically",
        "40 metres each; 8.0 × 6.4 km, 200 × 160 pixels",
        "nothing is resampled",
        "simulated images",
        pair.reference.file_sha256,
        "pairscenes --out",
        "No model has compared these two images yet.",
        "image/reference.png?side=800",
        "image/secondary.png?side=800",
    ):
        assert words in page
    assert "style=" not in page
    assert "<script>" not in page


def test_a_resampled_pair_says_so(operator, pair):
    type(pair).objects.filter(pk=pair.pk).update(resampled=True)
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    assert "is resampled once, onto the pixels of the earlier one" in page


def test_what_the_models_said_stands_with_units_and_with_the_alerts_that_came_from_it(
    operator, pair_predictions, make_alert
):
    coherence, _, offsets = pair_predictions[:3]
    pair = coherence.run.pair
    coherence.statistics = {"looks": 12.34, "known_share": 0.875, "mean_coherence": 0.43}
    offsets.statistics = {
        "median_length_px": 0.21,
        "largest_length_px": 2.83,
        "median_dx_px": -0.1,
        "median_dy_px": 0.2,
        "known_share": 1,
    }
    coherence.save()
    offsets.save()
    alert = make_alert(kind="surface-change", coherence_before=0.8, coherence_after=0.2, change_sigma=-5.0)
    scan = Scan.objects.create(prediction=pair_predictions[1], thresholds={})
    figures = {"area": alert.area, "area_m2": 1e5, "kind": alert.kind, "score": 0.9, "n_points": 12}
    Detection.objects.create(scan=scan, alert=alert, **figures)
    page = operator.get(f"/pairs/{pair.pk}/").content.decode()
    for words in (
        "The two images match to 43% on average",
        "about 12 independent looks",
        "It has values for 88% of the image.",
        "Half of the measurements lie within 2.1 metres of where they were",
        "the farthest is 28 metres away (2.4 metres a day)",
        "the second image lies 1.0 metres to the west and 2.0 metres to the south of the first",
        f"{alert.code}: Changed surface",
        f"/rasters/{coherence.pk}.tif",
        f"/pairs/{pair.pk}/runs/{coherence.run_id}.png",
        "?raster=coherence&amp;date=2021-12-13-12d#",
        "By made coherence, version 1, on cpu",
    ):
        assert words in page


def test_a_run_without_any_answer_says_so_and_shows_no_empty_picture(operator, pair_predictions):
    offsets = pair_predictions[2]
    offsets.statistics = {"known_share": 0.0}
    offsets.save()
    page = operator.get(f"/pairs/{offsets.run.pair_id}/").content.decode()
    assert "It has no value for this pair: nothing in the two images could be matched." in page
    assert f"runs/{offsets.run_id}.png" not in page


def test_a_run_without_any_answer_says_which_reason_it_has(operator, pair_predictions):
    offsets = pair_predictions[2]
    for name, words in (
        ("beyond_reach", "the ground moved farther than it was looked for, 600 metres"),
        ("no_texture", "the images show no texture that could be recognised"),
        ("too_few_pixels", "the two images show too little ground in common"),
        ("no_match", "nothing in one image looks like the other, as far as it was looked for, 600 metres"),
    ):
        offsets.statistics = {"known_share": 0.0, "reach_px": 60, "no_match_share": 0.3, f"{name}_share": 0.7}
        offsets.save()
        page = operator.get(f"/pairs/{offsets.run.pair_id}/").content.decode()
        assert f"It has no value for this pair: {words}." in page


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
    for words in (
        "<strong>3</strong> usable images",
        "<strong>2</strong> not usable",
        "<strong>1</strong> in no pair",
        "Day not known",
        "the file is empty. Download or export it again.",
        "In no pair: the nearest image",
        "Type its track on the page “Add data”",
        "in 1 pair",
    ):
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
    alert = make_alert()
    scan = Scan.objects.create(prediction=pair_predictions[4], thresholds={})
    Detection.objects.create(
        scan=scan, alert=alert, area=alert.area, area_m2=1, kind="surface-change", score=1, n_points=1
    )
    assert chosen(detected=True) == {second.pk}
    assert {s.pk for s in pair_selectors.images_matching(wanted=ImageChoice("paired"))} == {
        s.pk for s in Scene.objects.all()
    }


def test_the_lists_ask_no_more_for_many_than_for_few(operator, pair_predictions, django_assert_max_num_queries):
    for path in ("/pairs/", "/pairs/images/"):
        operator.get(path)
    with django_assert_max_num_queries(20) as few:
        operator.get("/pairs/")
    with django_assert_max_num_queries(16) as few_images:
        operator.get("/pairs/images/")
    made_pairs.make_dates(first=datetime(2022, 6, 1, tzinfo=UTC), n=12)
    with django_assert_max_num_queries(len(few)):
        assert operator.get("/pairs/").content.decode().count("pair-row") >= 13
    with django_assert_max_num_queries(len(few_images)):
        operator.get("/pairs/images/")


def test_a_long_list_has_pages_that_keep_the_choice(operator):
    for number in range(35):
        refuse(f"bad-{number:02d}.tif", "it is bad. Mend it.", track=44)
    page = operator.get("/pairs/images/?track=44").content.decode()
    assert "Page 1 of 2" in page
    assert 'href="?track=44&amp;page=2"' in page
    assert operator.get("/pairs/images/?track=44&page=2").content.decode().count("it is bad") == 5
    assert operator.get("/pairs/images/?track=x&page=-7&state=%00").status_code == 200


def test_empty_lists_say_what_to_do(operator):
    assert "No radar image is loaded yet." in operator.get("/pairs/").content.decode()
    assert "No radar image is loaded yet." in operator.get("/pairs/images/").content.decode()


def test_ways_lead_from_the_data_page_to_the_pairs_for_operators_only(client, pair):
    link = "/pairs/?track=901&amp;burst=901-0001-IW1"
    assert link not in client.get("/products/").content.decode()
    user = get_user_model().objects.create_user("anna")
    user.groups.add(Group.objects.get(name=OPERATORS))
    client.force_login(user)
    page = client.get("/products/").content.decode()
    assert link in page
    assert '<a href="/pairs/">Images</a>' in page


def test_the_evidence_of_an_alert_leads_operators_to_its_pair(client, pair_predictions, make_alert):
    alert = make_alert(kind="surface-change", coherence_before=0.8, coherence_after=0.2, change_sigma=-5.0)
    scan = Scan.objects.create(prediction=pair_predictions[1], thresholds={})
    Detection.objects.create(
        scan=scan,
        alert=alert,
        area=alert.area,
        area_m2=1e5,
        kind=alert.kind,
        score=0.9,
        n_points=12,
        coherence_before=0.8,
        coherence_after=0.2,
        change_sigma=-5.0,
    )
    link = f'href="/pairs/{pair_predictions[1].run.pair_id}/"'
    assert link not in client.get(f"/alerts/{alert.code}/").content.decode()
    user = get_user_model().objects.create_user("anna")
    user.groups.add(Group.objects.get(name=OPERATORS))
    client.force_login(user)
    assert link in client.get(f"/alerts/{alert.code}/").content.decode()
    assert link in client.get(f"/review/{alert.code}/").content.decode()
