"""What Python writes for people beside the alerts: in a made-up language, nothing but figures and names is left."""

import re
from datetime import UTC, date, datetime
from itertools import product

import pytest
from django.contrib.auth import get_user_model

from detection.rules.motion import Figure
from ground_motion.runtime.methods import methods
from monitor.maps.charts.words import chart_sentence, profile_sentence
from monitor.maps.imaging.pixels import NearCoherence, NearMotion
from monitor.maps.map.layers import LAYERS
from monitor.maps.rasters.catalogue import pair_label
from monitor.maps.rasters.layers import RASTER_LAYERS
from monitor.maps.rasters.visibility import Scope, Visibility, visibility_words
from monitor.models.messages import OutgoingMessage
from monitor.operations.jobs import kinds as jobs
from monitor.operations.jobs.kinds import ADVICE
from monitor.pages.events.words import KIND_WORDS, LOOK_FOR, coherence_near, motion_near, waiting_sentence, when_words
from monitor.pages.uploads import forms as uploads
from monitor.self_service.subscriptions.forms import FREQUENCY_WORDS, SEVERITY_WORDS
from monitor.subscribers.subscriptions.places import DISTANCES
from monitor.wording import glaciers, images, regions, surroundings
from monitor.wording.components import WAYS
from monitor.wording.places import place_name
from monitor.wording.refusals import Refusal
from monitor.wording.updates import preview_sentence
from tests.fixtures.language import left_over
from tests.makers.regions import make_region

pytestmark = pytest.mark.usefixtures("made_up_language")
NAMES = ("Aldwick", "Westshore", "UTC", "km", "mm", "kB", "MB", "GB", "dB", "VV", "Sentinel")
DAY, LATER = date(2021, 12, 1), date(2021, 12, 13)


def whole(*texts: object) -> bool:
    return all("⟦" in str(text) and not left_over(text, NAMES) for text in texts)


@pytest.mark.parametrize(("n_moving", "n_unreviewed"), [(0, 0), (1, 0), (1, 1), (3, 0), (3, 2), (3, 3)])
def test_regions(n_moving, n_unreviewed):
    assert whole(*(regions.moving_sentence("Westshore", n_moving, n_unreviewed, one) for one in (True, False)))
    assert whole(regions.year_sentence(2026, n_moving, n_unreviewed))
    assert whole(regions.measured_sentence(n_moving, DAY, LATER), *map(regions.level_label, range(4)))


@pytest.mark.parametrize(("component", "sign", "n_lines"), list(product(WAYS, (-1, 1), (1, 2, 3))))
def test_charts_and_profiles(component, sign, n_lines):
    moves, still = (Figure(*rate, DAY, LATER, along=component) for rate in ((12.0 * sign, 0.5), (0.3, None)))
    for rates in ([moves] * n_lines, [still] * n_lines, [moves, *[still] * n_lines]):
        assert whole(chart_sentence(rates, [rate is moves for rate in rates], DAY, LATER))
    for peak in ((0.0, 12.0 * sign), (600.0, 12.0 * sign), (0.0, 0.1)):
        assert whole(profile_sentence(component, 2000.0, 200.0, n_lines, peak))


def test_glaciers():
    for state, n_pairs in product(glaciers.STATE_WORDS, (1, 7)):
        assert whole(glaciers.verdict(state, 3.1, 0.2, 0.4, DAY, n_pairs), glaciers.STATE_WORDS[state])
    moment = {"day": "2023-10-10", "sigma_days": 3.4}
    assert whole(glaciers.moment_words(moment), glaciers.moment_words(None))
    days = [date(2018 + at // 12, 1 + at % 12, 15) for at in range(36)]
    assert whole(glaciers.season_sentence(days, [1 + abs(day.month - 6) / 10 for day in days]))
    assert whole(glaciers.season_sentence(days, [1.0] * 36))
    assert whole(*(glaciers.error_sentence(ground, 0.12) for ground in ("stationary", "slowest", "image")))


def test_images_and_pairs():
    assert whole(*images.TASKS.values(), *images.NOT_RUN.values())
    assert whole(*(images.run_state(state, 0.4) for state in images.RUN_STATES))
    assert whole(*(images.method_name(task, name) for task in (*images.TASKS, "deformation") for name in methods(task)))
    assert whole(images.headline(DAY, LATER, 12), images.piece(_Image()), images.track_of_series("track 12 ascending"))
    assert whole(pair_label(DAY, LATER, 12))


class _Image:
    track, direction, burst = 137, "descending", "292320-1"


@pytest.mark.parametrize(
    ("task", "statistics"),
    [
        ("coherence", {"mean_coherence": 0.43, "median_sigma": 0.09, "looks": 12.3, "known_share": 0.7}),
        ("offsets", {"median_length_px": 0.2, "largest_length_px": 9.1, "median_dx_px": -1.0, "median_dy_px": 2.0}),
        ("offsets", {"median_dx_px": 0.0, "median_dy_px": 0.0}),
        ("offsets", {"known_share": 0}),
        *(("offsets", {"known_share": 0, f"{reason}_share": 1.0, "reach_px": 30}) for reason in images.NO_VALUE),
    ],
)
def test_results_of_models(task, statistics):
    assert whole(*images.result_sentences(task, statistics, 30.0, 12))


def test_events():
    moment, end = datetime(2023, 10, 14, 6, 30, tzinfo=UTC), datetime(2023, 10, 15, tzinfo=UTC)
    assert whole(*KIND_WORDS.values(), *LOOK_FOR.values(), when_words(moment, moment), when_words(moment, end))
    still, moved = NearMotion(0.0, None, 1.0, 0.0), NearMotion(0.004, 12.3, 0.6, 182.0)
    assert whole(*(motion_near(one, 2.5) for one in (None, still, moved)))
    assert whole(coherence_near(None, 10), coherence_near(NearCoherence(0.62, 0.1, 0.09), 10))
    for before, after in product((None, moment), (None, end)):
        assert whole(waiting_sentence(before, after, [6, 12, 24]))


def test_surroundings_and_places():
    for bearing in range(0, 360, 45):
        assert whole(surroundings.near_words("Aldwick", 3000.0, bearing), surroundings.ground_sentence(9, 12, bearing))
    assert whole(surroundings.ground_sentence(-400.0, 30.0, None), surroundings.ground_sentence(543.2, 0.5, None))
    assert whole(
        surroundings.where_sentence("Aldwick", "Westshore", ""), surroundings.where_sentence("", "Westshore", "")
    )
    assert whole(*(surroundings.mine_sentence(names) for names in ([""], ["Aldwick"], ["Aldwick"] * 9)))
    for n, surge in product((1, 3, 4, 9), ("observed", "probable", "possible", "none", "unknown")):
        assert whole(surroundings.glacier_sentence([("Aldwick", surge), ("", surge)] * n))
    for n, accuracy, more in product((1, 5), (None, 100.0, 5000.0), (True, False)):
        assert whole(surroundings.landslide_sentence(n, DAY, accuracy, more))
    assert whole(surroundings.missing_sentence(list(surroundings.KIND_WORDS)))
    assert whole(place_name(-99.1, 19.4, simulated=True), place_name(99.1, -19.4))


def test_areas_that_people_choose():
    assert whole(regions.circle(9.0, 47.0, 800.0).label, regions.drawn(regions.rectangle(9, 47, 9.1, 47.1)).label)
    assert whole(regions.around_line([(9.0, 47.0), (9.1, 47.0)], 200.0).label)
    wrong = [regions.rectangle(0, 0, 30, 30), "{}", '{"type": "Polygon", "coordinates": [[]]}']
    for text in (*wrong, regions.rectangle(9, 47, 9, 47), regions.rectangle(9, -95, 10, 47)):
        with pytest.raises(Refusal) as refused:
            regions.drawn(text)
        assert whole(refused.value.error), text
    for circle in ((400, 0, 800), (9, 47, 1e9), (9, 89, 800)):
        with pytest.raises(Refusal) as refused:
            regions.circle(*circle)
        assert whole(refused.value.error), circle


@pytest.mark.parametrize(("scope", "unseen", "noticed"), list(product(Scope, (0.0, 0.12), (3.6, float("inf")))))
def test_what_would_be_noticed(scope, unseen, noticed):
    assert whole(visibility_words(Visibility(unseen, noticed, DAY), scope))


def test_subscriptions():
    begin = datetime.now(UTC)
    assert whole(*(preview_sentence(mails, 2, start) for mails in (0, 1, 7) for start in (None, begin)))
    assert whole(*(words for table in (DISTANCES, SEVERITY_WORDS, FREQUENCY_WORDS) for _, words in table))


def test_layers_uploads_and_jobs():
    for layer in RASTER_LAYERS:
        texts = (layer.label, layer.unit, *layer.words, layer.description)
        assert whole(*(text for text in (*texts, layer.details, layer.caption) if text and text != "dB"))
    assert whole(*(text for layer in LAYERS for text in (layer.label, layer.description)))
    tables = (uploads.UNIT_WORDS, uploads.SIGN_WORDS, uploads.SCALE_WORDS, uploads.STATE_WORDS, uploads.SOURCE_WORDS)
    assert whole(*(text for table in (*tables, jobs.GROUPS, ADVICE) for text in table.values()))
    assert whole(*OutgoingMessage.Kind.labels, *OutgoingMessage.State.labels)
    assert whole(*(kind.label for kind in jobs.KINDS.values()))


def visible(page: str) -> str:
    body = page[page.index("<main") : page.index("</main>")]
    return re.sub(r"<(script|style|svg|code|pre).*?</\1>|<[^>]+>|&[a-z]+;", " ", body, flags=re.DOTALL)


OF_OPERATORS = ["/events/", "/jobs/"]
PUBLIC = ["/about/", "/alerts/", "/glaciers/", "/places/?q=4", "/record/", "/regions/", "/subscribe/"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", [*PUBLIC, "/regions/westshore/", *OF_OPERATORS])
def test_whole_pages(client, make_alert, address):
    make_region("Westshore")
    make_alert()
    if address in OF_OPERATORS:
        client.force_login(get_user_model().objects.create_superuser("anna"))
    answer = client.get(address)
    assert answer.status_code == 200
    left = " ".join(left_over(visible(answer.content.decode()), (*NAMES, "CAP", "CSV", "GeoJSON")))
    assert not left, left


@pytest.mark.django_db
def test_the_map_asks_for_words_in_the_language_of_its_reader(client):
    page = client.get("/?language=de").content.decode()
    assert '"alerts": "/alerts.geojson?language=de"' in page
    for address in ("/alerts.geojson", "/rasters.json"):
        assert client.get(f"{address}?language=de")["Content-Language"] == "de"
    assert '"alerts": "/alerts.geojson"' in client.get("/").content.decode()
