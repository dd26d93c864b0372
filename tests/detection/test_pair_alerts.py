"""From images, simulated and real, and real velocity fields to alerts: what is there, once, and nothing else."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.contrib.gis.geos import Polygon
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from detection import selectors
from detection.alerts import services
from detection.kinds import Extent, Kind
from detection.models import Alert, AlertMotion, Detection
from detection.rules.lifecycle import State
from detection.selectors import shorter_pairs_cover
from ingest.models import ScenePair
from ml.models import GroundEvent, Prediction, Run
from monitor.pages.alerts.blocks import places_block
from monitor.wording.cards.cards import alert_card
from tests.makers import pairs as made_pairs
from tests.makers.watching import search_all, watch, watch_images

pytestmark = pytest.mark.django_db


@pytest.fixture
def watched_images(request, simulated_scenes, filled_once) -> None:
    """Images searched by one tracker: the network, or the parameter of a test."""
    tracker = getattr(request, "param", "model")
    filled_once(f"images, {tracker}", lambda: watch_images(*simulated_scenes, tracker=tracker))


@pytest.mark.parametrize("watched_images", ["model", "multi-kernel"], indirect=True)
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


def test_searching_again_raises_no_second_alert(watched_images):
    call_command("detect")
    before = Alert.objects.count()
    call_command("detect")
    assert Alert.objects.count() == before
    assert not selectors.predictions_unscanned().exists()


def test_a_later_change_at_the_same_place_is_another_event(watched_images):
    """A surface changes once; when it changes again, that is news of its own."""
    call_command("detect")
    first = Alert.objects.get(kind="surface-change")
    (detection,) = first.detections.all()
    early = first.first_motion - timedelta(days=90), first.last_motion - timedelta(days=90)
    Alert.objects.filter(pk=first.pk).update(first_motion=early[0], last_motion=early[1])
    detection.pk = None
    services.carry_into_alert(detection)
    assert Alert.objects.filter(kind="surface-change").count() == 2


@pytest.mark.parametrize("known", [0, 1, 2])
@pytest.mark.parametrize("confirmed", [False, True])
def test_a_loss_that_the_shorter_pairs_of_its_days_do_not_show_is_no_event(known, confirmed):
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
    made_pairs.make_prediction(made_pairs.make_pair(scenes[0], scenes[2]), "coherence-change", changed)
    Prediction.objects.update(statistics={"weather": 0.0})
    search_all()
    assert Detection.objects.count() == (0 if known == 2 and not confirmed else 1)


def test_whether_shorter_pairs_cover_many_areas_is_one_question():
    first = datetime(2023, 11, 20, 6, 30, tzinfo=UTC)
    scenes = [made_pairs.make_scene(first + timedelta(days=12 * i)) for i in (0, 1, 2)]
    still = {"change_sigma": made_pairs.full(0.0), "area_sigma": made_pairs.full(0.02)}
    for reference in (0, 1):
        pair = made_pairs.make_pair(scenes[reference], scenes[reference + 1])
        made_pairs.make_prediction(pair, "coherence-change", still)
    long_pair = made_pairs.make_pair(scenes[0], scenes[2])
    inside, outside = scenes[1].footprint, Polygon.from_bbox((0, 0, 1, 1))
    with CaptureQueriesContext(connection) as asked:
        covered = shorter_pairs_cover(pair=long_pair, areas=[inside, outside] * 20)
    assert covered == [True, False] * 20
    assert len(asked) == 1


@pytest.mark.long
@pytest.mark.realdata
@pytest.mark.parametrize(("tracker", "polarisations"), [("model", "V?"), ("multi-kernel", "VV")])
def test_real_land_without_known_events_raises_no_alert(real_data, tracker, polarisations):
    """The land burst whose fields change most: 22 dates, 22 pairs of each polarisation."""
    images = sorted((real_data / "opera_rtc_10sgd").glob(f"*-292324-IW2_*_{polarisations}.tif"))
    watch_images(*images, tracker=tracker, baselines_days=(6, 12))
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
