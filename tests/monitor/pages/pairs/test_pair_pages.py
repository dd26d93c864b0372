"""The operators' pages and lists of images and pairs: what they say, states, choices, and who sees them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from detection.models import Alert, Detection, Scan
from ingest.models import Scene
from ml.models import ModelVersion, Run
from monitor.pages.pairs import selectors as pair_selectors
from monitor.pages.pairs.selectors import ImageChoice, PairChoice
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


def test_results_have_units_and_name_their_alerts(operator, pair_predictions, make_alert):
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


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "nothing in the two images could be matched"),
        ("beyond_reach", "the ground moved farther than was searched, 600 metres"),
        ("no_match", "nothing in one image looks like the other within 600 metres, as far as was searched"),
    ],
)
def test_a_run_without_an_answer_states_its_reason(operator, pair_predictions, reason, words):
    offsets = pair_predictions[2]
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


def test_ways_lead_from_the_data_page_to_the_pairs_for_operators_only(client, operator, pair):
    link = "/pairs/?track=901&amp;burst=901-0001-IW1"
    assert link not in client.get("/products/").content.decode()
    page = operator.get("/products/").content.decode()
    assert link in page
    assert 'href="/pairs/"' in page


def test_the_evidence_of_an_alert_leads_operators_to_its_pair(client, operator, pair_predictions, make_alert):
    alert = found_in(pair_predictions[1], make_alert)
    link = f'href="/pairs/{pair_predictions[1].run.pair_id}/"'
    assert link not in client.get(f"/alerts/{alert.code}/").content.decode()
    assert link in operator.get(f"/alerts/{alert.code}/").content.decode()
    assert link in operator.get(f"/review/{alert.code}/").content.decode()


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
