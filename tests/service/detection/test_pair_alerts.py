"""From images, velocity fields and tracks that see the same ground to alerts: what is there, once, and nothing else."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.management import call_command
from django.urls import reverse
from rasterio.windows import Window

from detection import selectors
from detection.alerts import describe
from detection.kinds import Extent, Kind
from detection.models import Alert, AlertMotion, Detection, Scan
from detection.rules.lifecycle import State
from detection.selectors import shorter_pairs_cover
from ground_motion.readers.records import Declaration, Submission
from ingest.models import Product, ScenePair
from ingest.products.services import product_load
from ml.models import GroundEvent, Prediction, Run
from ml.runs.repetition import run_repeat
from ml.runs.selectors import companions_of
from monitor.pages.alerts.motion import places_block
from monitor.web.guards import OPERATORS
from monitor.wording.cards.cards import alert_card
from monitor.wording.points import agreement_sentences
from tests.makers import pairs as made_pairs
from tests.makers.people import account, signed_in
from tests.makers.watching import search_all, watch, watch_images

pytestmark = pytest.mark.django_db


def test_one_alert_for_what_changed_and_one_for_what_moves(watched_images, capsys):
    call_command("detect")
    assert "5 areas" in capsys.readouterr().out
    changed, moving = Alert.objects.get(kind="surface-change"), Alert.objects.get(kind="moving-ground")
    assert Alert.objects.count() == 2
    # the ellipse of 900 by 600 m that lost its coherence between the sixth and the seventh image
    assert (str(changed.first_motion), str(changed.last_motion)) == ("2023-10-04", "2023-10-16")
    assert 0.6 * 424_000 < changed.area_m2 < 1.4 * 424_000
    assert changed.coherence_before - changed.coherence_after > 0.3
    assert changed.state == State.FIRST
    # the body of 2,400 by 1,500 m that moves by 3 m a day toward 120 degrees since the fifth image
    assert str(moving.first_motion) == "2023-09-22"
    assert moving.speed_m_day == pytest.approx(3.0, abs=0.4)
    assert moving.bearing_deg == pytest.approx(120, abs=10)
    assert moving.state == State.PROVISIONAL
    assert moving.detections.count() == 4
    assert all(alert.simulated and alert.rate_mm_yr is None for alert in (changed, moving))
    assert not selectors.predictions_unscanned().exists()


def across_an_event(pair: ScenePair) -> None:
    times = {"happened_at": pair.reference.acquired_at, "over_at": pair.secondary.acquired_at}
    where = {"position": pair.footprint.centroid, "reported_by": "test", "kind": "earthquake"}
    GroundEvent.objects.create(name="made", **times, **where).pairs.add(pair)


def test_a_change_waits_for_the_offsets_of_its_pair(watched_images):
    of_change = Run.objects.filter(model_version__task="coherence-change").order_by("id")
    pair = of_change[0].pair
    Run.objects.filter(pair=pair, model_version__task="offsets").update(state=Run.State.QUEUED)
    waiting = {prediction.run_id for prediction in selectors.predictions_unscanned()}
    assert not waiting & set(of_change.values_list("pk", flat=True))  # offsets that are not searched yet come first
    in_turn = list(selectors.predictions_in_turn())
    assert {prediction.run_id for prediction in in_turn} == waiting
    urgent = in_turn[-1].run.pair
    across_an_event(urgent)
    assert selectors.predictions_in_turn()[0].run.pair == urgent
    search_all()
    left = {prediction.run for prediction in selectors.predictions_unscanned()}
    assert left == set(of_change) - {of_change[0]}


@pytest.mark.parametrize(("known", "confirmed"), [(0, False), (1, False), (2, False), (2, True)])
def test_a_loss_that_the_shorter_pairs_of_its_days_do_not_show_is_no_event(known, confirmed, django_assert_num_queries):
    """known: of how many of the two shorter pairs the change has been computed."""
    first = datetime(2023, 11, 20, 6, 30, tzinfo=UTC)
    scenes = [made_pairs.make_scene(first + timedelta(days=12 * i)) for i in (0, 1, 2)]
    still = {"change_sigma": made_pairs.full(0.0), "coherence_before": made_pairs.full(0.7)}
    still |= {"coherence_after": made_pairs.full(0.7), "area_sigma": made_pairs.full(0.02)}
    lost = made_pairs.bump() > 0.3
    changed = still | {"change_sigma": -8 * lost.astype(np.float32)}
    changed |= {"coherence_after": np.where(lost, np.float32(0.2), still["coherence_after"])}
    changed |= {"confidence": np.where(lost & confirmed, np.float32(0.95), np.float32(np.nan))}
    for reference in (0, 1):
        pair = made_pairs.make_pair(scenes[reference], scenes[reference + 1])
        if reference < known:
            made_pairs.make_prediction(pair, "coherence-change", still)
    long_pair = made_pairs.make_pair(scenes[0], scenes[2])
    made_pairs.make_prediction(long_pair, "coherence-change", changed)
    Prediction.objects.update(statistics={"weather": 0.0})
    search_all()
    assert Detection.objects.count() == (0 if known == 2 and not confirmed else 1)
    areas = [scenes[1].footprint, Polygon.from_bbox((0, 0, 1, 1))] * 20
    with django_assert_num_queries(1):
        assert shorter_pairs_cover(pair=long_pair, areas=areas) == [known == 2, False] * 20


def middle_of(image: Path, folder: Path) -> Path:
    """Write the middle of an image, a third as wide and a third as high, under its name."""
    with rasterio.open(image) as whole:
        window = Window(whole.width // 3, whole.height // 3, whole.width // 3, whole.height // 3)
        profile = whole.profile | {"width": window.width, "height": window.height}
        profile |= {"transform": whole.window_transform(window)}
        with rasterio.open(folder / image.name, "w", **profile) as part:
            part.update_tags(**whole.tags())
            part.write(whole.read(window=window))
    return folder / image.name


@pytest.mark.long
@pytest.mark.realdata
@pytest.mark.parametrize(("tracker", "polarisation"), [("model", "VH"), ("multi-kernel", "VV")])
def test_real_land_without_known_events_raises_no_alert(real_data, tracker, polarisation, tmp_path):
    """The middle of the land burst whose fields change most: 22 dates, 22 pairs of each polarisation."""
    images = sorted((real_data / "opera_rtc_10sgd").glob(f"*-292324-IW2_*_{polarisation}.tif"))
    watch_images(*(middle_of(image, tmp_path) for image in images), tracker=tracker, baselines_days=(6, 12))
    call_command("detect")
    assert Alert.objects.count() == 0


@pytest.mark.realdata
def test_mexico_city_has_one_alert_with_nested_levels_that_claims_no_change(real_data):
    """Half a year of images: that it sinks since a date cannot be known."""
    watch(real_data / "mexicocity_s1" / "cum.h5", method="model")
    alert = Alert.objects.get(extent=Extent.LOCAL)
    assert alert.kind == Kind.GROUNDWATER
    levels = places_block(list(Detection.objects.filter(alert=alert))).outlines["features"]
    assert {one["properties"]["level"] for one in levels} == {"half", "core"}
    card = alert_card(alert)
    assert card.sentence.startswith("The fastest part sank by about ")
    assert "between January and July 2018" in card.sentence
    assert "since" not in card.sentence
    assert not AlertMotion.objects.exclude(trend="steady").exists()


@pytest.mark.realdata
def test_ustica_has_none(real_data):
    tracks = sorted((real_data / "egms_ustica").glob("EGMS_L2b_*.zip"))
    assert len(tracks) == 2
    watch(*tracks, method="model")
    assert not Alert.objects.exists()


def test_a_second_track_is_looked_at_with_the_first_its_word_counts_and_it_is_repeated_so(tracks_in_turn):
    alone, together = Run.objects.order_by("pk")
    assert list(alone.companions.all()) == []
    assert list(together.companions.all()) == [alone.product]
    assert together.input_sha256 not in {alone.product.file_sha256, together.product.file_sha256}
    alert = Alert.objects.filter(state=State.PROVISIONAL).first()
    (current,) = selectors.detections_current(alert=alert)
    assert current.scan.prediction.run == together
    assert {one["orbit"] for one in current.reasons} == {901, 902}
    assert all(one["seen"] for one in current.reasons)
    assert "Each of them shows the motion by itself." in agreement_sentences(current.reasons)
    assert current.n_points > max(one["n_points"] for one in current.reasons)
    assert run_repeat(run=alone).same  # as it saw the ground then: the other track has come since
    assert run_repeat(run=together).same


@pytest.fixture
def make_product(db):
    def make(number: int, east: float = 0.0, **values) -> Product:
        figures = {"component": "los", "direction": "ascending", "dates": [date(2020, 1, 1), date(2024, 1, 1)]}
        figures |= {"n_points": 10, "file_sha256": f"{number:064}", "simulated": False}
        figures |= {"footprint": MultiPolygon(Polygon.from_bbox((12 + east, 47, 13 + east, 48)))}
        return Product.objects.create(name=f"product {number}", track=number, **figures | values)

    return make


def companions(product: Product) -> list[int]:
    return [one.track for one in companions_of(run=Run(product=product))]


def test_the_other_direction_goes_before_a_larger_share(make_product):
    product = make_product(1)
    make_product(2)  # the same direction and all of the ground
    make_product(3, east=0.5, direction="descending")
    make_product(4, east=0.2, direction="descending")
    assert companions(product) == [4]


def test_neighbouring_files_of_the_best_track_come_together_without_older_releases(make_product):
    product = make_product(1)
    newer = make_product(2, east=0.6, burst="a")
    make_product(3, superseded_by=newer, direction="descending")
    Product.objects.filter(pk=make_product(9, east=-0.6, burst="b").pk).update(track=2)
    assert sorted(companions(product)) == [2, 2]


@pytest.mark.parametrize(
    "other",
    [
        {"component": "up", "direction": ""},
        {"direction": ""},
        {"simulated": True},
        {"east": 2.0},
        {"dates": [date(2010, 1, 1), date(2020, 6, 1)]},
        {"technique": "tracking"},
    ],
)
def test_what_is_no_other_view_of_the_same_motion_is_left_out(make_product, other):
    product = make_product(1)
    make_product(2, **other)
    assert companions(product) == []


EAST_M, NORTH_M = 4_300_000, 3_000_000


def bowl(east_km: np.ndarray, north_km: np.ndarray) -> np.ndarray:
    """Ground of 40 km that sinks by 9 mm/yr in its middle."""
    return -9 * np.exp(-(((east_km - 22) ** 2 + (north_km - 23) ** 2) / 15**2))


def write_plain(folder: Path, motion: Callable[[np.ndarray, np.ndarray], np.ndarray], seed: int = 1, **facts: str):
    """Load a plain on cells of 500 m. motion: km -> mm/yr; facts: of its mapping."""
    east, north = np.meshgrid(*[(np.arange(90) + 0.5) * 0.5] * 2)
    rate = motion(east, north) + np.random.default_rng(seed).normal(0, 0.4, east.shape)
    places = zip((EAST_M + 1000 * east).flat, (NORTH_M + 1000 * north).flat, rate.flat, strict=True)
    table = folder / f"{'-'.join(facts.values())}-{seed}.csv"
    table.write_text("\n".join(["easting,northing,velocity", *(f"{x},{y},{v:.2f}" for x, y, v in places), ""]))
    stated = "".join(f'{name} = "{value}"\n' for name, value in facts.items())
    mapping = table.with_suffix(".toml")
    mapping.write_text(
        f'unit = "mm/yr"\nepsg = 3035\n{stated}first_day = 2018-01-01\nlast_day = 2022-12-31\n'
        '[columns]\neasting = "easting"\nnorthing = "northing"\nvelocity = "velocity"\n'
    )
    return product_load(path=table, submission=Submission(declared=Declaration(mapping=mapping)))


def sinking_plain(folder: Path, reference: str, seed: int = 1, direction: str = "ascending"):
    """A track over the bowl, in which a place of 1.5 km is fast."""

    def motion(east_km: np.ndarray, north_km: np.ndarray) -> np.ndarray:
        return bowl(east_km, north_km) - 60 * np.exp(-(((east_km - 25) ** 2 + (north_km - 20) ** 2) / 1.5**2))

    return write_plain(folder, motion, seed, positive="toward", reference=reference, direction=direction)


@pytest.mark.parametrize("reference", ["gnss", "local"])
def test_sinking_plain_is_one_region_and_the_fast_place_in_it_its_own_alert(tmp_path, client, reference):
    sinking_plain(tmp_path, reference, 2, "descending")
    assert sinking_plain(tmp_path, reference).reference == reference
    watch()
    region = Alert.objects.get(extent=Extent.REGION)
    places = Alert.objects.filter(extent=Extent.LOCAL)
    fastest = max(places, key=lambda place: abs(place.peak_rate_mm_yr))
    assert abs(fastest.peak_rate_mm_yr) > 40
    assert fastest.n_fast_places == 1
    assert region.kind == "subsidence"
    assert region.reference == {"gnss": "datum", "local": "local"}[reference]
    assert region.peak_rate_mm_yr == pytest.approx(-9, abs=2.5)
    assert abs(region.peak_low_mm_yr) < abs(region.peak_rate_mm_yr) < abs(region.peak_high_mm_yr)
    assert region.area_m2 > 2 * sum(place.area_m2 for place in places)
    page = client.get(region.get_absolute_url()).content.decode()
    assert {"gnss": "the zero of the data set", "local": "the stillest ground in these data"}[reference] in page
    assert {"gnss": "If the zero of the data set is wrong", "local": "Assumed:"}[reference] in page
    assert "motion of the whole region does not show" not in page


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ({"product": "asc", "track": "ascending", "orbit": None}, "asc"),  # Neither file states its track.
        ({"product": "dsc", "track": "descending", "orbit": None}, "dsc"),
        ({"track": "descending"}, "dsc"),  # It was stored by an earlier release.
    ],
)
def test_figures_are_of_the_field_that_gave_the_rate_not_of_the_one_that_was_searched(monkeypatch, reason, expected):
    fields = [Product(name=name, direction=way) for name, way in (("dsc", "descending"), ("asc", "ascending"))]
    run = Run(product=fields[0])
    monkeypatch.setattr(describe, "products_of", lambda *, run: fields)
    detection = Detection(scan=Scan(prediction=Prediction(run=run)), reasons=[reason])
    assert describe.measured_in(detection).name == expected


def test_a_region_that_one_track_alone_shows_is_for_operators_and_not_for_the_public(tmp_path, client):
    sinking_plain(tmp_path, "local")
    watch()
    assert not Alert.objects.filter(extent=Extent.REGION).exists()
    said = "Not public, because no other track shows it: a region of"
    pages = [reverse("product-detail", args=[product.pk]) for product in Product.objects.all()]
    assert not any(said in client.get(page).content.decode() for page in pages)
    operator = signed_in(account("olga", OPERATORS))
    assert any(said in operator.get(page).content.decode() for page in pages)
