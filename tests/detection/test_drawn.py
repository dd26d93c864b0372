"""A place that a person draws: confirmed at once, reported as such, and joined by later detections."""

import json
from datetime import date

import pyarrow.parquet as pq
import pytest
from shapely import from_wkb

from detection.alerts.recompute import Recomputer
from detection.kinds import Kind
from detection.models import Alert, AlertLife, AuditEntry
from detection.reviews.drawn import Drawn, PlaceTaken, alert_draw
from detection.reviews.labels import labels_write
from detection.reviews.outlines import Unfit
from detection.reviews.proposals import proposal_waiting
from detection.reviews.record import judgements
from detection.reviews.services import may_take_back, review_publish
from detection.rules.verdicts import Verdict
from lab.replay.machine import Machine, clock_at
from lab.replay.places import square
from lab.replay.scenario import Event, Found, Measure
from monitor.wording.cards.cards import alert_card
from tests.makers.reviews import edit, say
from tests.waiting import reread

pytestmark = pytest.mark.django_db
TODAY = date(2021, 6, 1)


def outline(x_km: float = 0.0, size_m: float = 800.0) -> str:
    west, south, east, north = square(x_km, 0.0, size_m)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return json.dumps({"type": "Polygon", "coordinates": [ring]})


def drawn(**more) -> Drawn:
    plain = {"kind": "subsidence", "severity": "moderate", "outline": outline(), "seen_on": date(2021, 5, 20)}
    return Drawn(**plain | {"reason": "seen-on-site", "texts": {"en": "Cracks in the road.", "de": " "}} | more)


def draw(by, known=(), **more) -> Alert:
    with clock_at(TODAY):
        return alert_draw(drawn=drawn(**more), by=by, known=known)


def test_a_drawn_place_is_a_confirmed_alert_without_any_figure(anna):
    alert = draw(anna, note="Reported by the mayor.")
    alert.refresh_from_db()
    assert (alert.state, alert.source, alert.is_measured, alert.simulated) == ("confirmed", "person", False, False)
    assert (alert.rate_mm_yr, alert.speed_m_day, alert.change_sigma, alert.class_shares) == (None, None, None, {})
    assert 0.6e6 < alert.area_m2 < 0.7e6
    assert alert.by_hand.texts == {"en": "Cracks in the road."}
    step = alert.transitions.get()
    assert (step.from_state, step.to_state, step.actor) == ("", "confirmed", "a specialist")
    review = alert.reviews.get()
    assert (review.verdict, review.reviewer, review.internal_note) == ("drawn", anna, "Reported by the mayor.")
    assert not may_take_back(review=review, alert=alert)
    assert AlertLife.objects.get(alert=alert).views == {}
    entry = AuditEntry.objects.get(action="alert.drawn")
    assert (entry.actor, entry.subject, entry.after) == ("anna", alert.code, "confirmed")
    assert Recomputer(lambda run: None).recompute(alert).verdict == "drawn by a person"


def test_a_place_that_is_followed_already_is_drawn_only_by_one_who_knows(anna):
    first = draw(anna)
    with pytest.raises(PlaceTaken) as taken:
        draw(anna, outline=outline(x_km=0.9))  # 100 metres further
    assert taken.value.alerts == [first]
    assert Alert.objects.count() == 1
    draw(anna, outline=outline(x_km=0.9), known=[first.code])
    draw(anna, outline=outline(x_km=-2.0))
    assert Alert.objects.count() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "x"},
        {"severity": "grave"},
        {"reason": "plausible"},
        {"seen_on": date(2021, 6, 2)},
        {"outline": ""},
        {"outline": '{"type": "Point", "coordinates": [1, 2]}'},
        {"texts": {"en": "x" * 2000}},
        {"note": "x" * 2000},
    ],
)
def test_what_cannot_be_taken_leaves_nothing(anna, wrong):
    with pytest.raises(Unfit):
        draw(anna, **wrong)
    assert not Alert.objects.exists()


def test_what_the_computer_finds_there_later_joins_it_and_changes_nothing_that_the_person_said(anna):
    alert = draw(anna, kind="landslide", severity="strong")
    before, machine = alert.area.wkt, Machine()
    data = date(2018, 1, 1), date(2021, 6, 20)
    found = Found(value=-20.0, x_km=0.2, size_m=800)
    machine.happen(Event(day=date(2021, 7, 1), measure=Measure.VELOCITY, data=data, areas=(found,)))
    assert Alert.objects.count() == 1
    assert reread(alert).detections.count() == 1
    assert (alert.source, alert.state, alert.kind, alert.severity) == ("person", "confirmed", "landslide", "strong")
    assert (alert.is_measured, alert.rate_mm_yr, alert.area.wkt) == (True, -20.0, before)
    assert alert.by_hand.computed["kind"] != "landslide"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_place_of_every_kind_can_be_drawn_and_has_a_page(kind, anna, client):
    alert = draw(anna, kind=kind.value, texts={})
    card = alert_card(alert)
    assert (card.kind, card.headline, card.rate_label) == (kind.value, None, "reported by a specialist")
    assert not any("None" in sentence or "nan" in sentence for sentence in card.sentences)
    page = client.get(alert.get_absolute_url())
    assert page.status_code == 200
    assert "The outline was drawn by hand." in page.content.decode()


def test_data_that_do_not_show_it_do_not_end_it(anna):
    alert, machine = draw(anna), Machine()
    for year in (2022, 2023, 2024, 2025):
        data = date(year - 4, 1, 1), date(year, 5, 1)
        machine.happen(Event(day=date(year, 6, 1), measure=Measure.VELOCITY, data=data, areas=()))
    assert reread(alert).state == "confirmed"
    assert alert.transitions.count() == 1


def test_it_can_be_edited_but_not_made_what_was_never_computed(anna):
    alert = draw(anna)

    with pytest.raises(Unfit):
        edit(alert, anna, area="")
    assert edit(alert, anna, kind="landslide", severity="moderate", texts={"en": "Slope."}) is not None
    assert (reread(alert).kind, alert.by_hand.texts) == ("landslide", {"en": "Slope."})


def test_it_is_a_label_of_a_person_and_no_merit_or_fault_of_the_computer(anna, tmp_path):
    alert, other = draw(anna), draw(anna, outline=outline(x_km=5.0))
    other.refresh_from_db()
    say(other, Verdict.REJECT, anna, "construction")
    assert not judgements()
    assert labels_write(path=tmp_path / "labels.parquet") == 2
    rows = {row["alert"]: row for row in pq.read_table(tmp_path / "labels.parquet").to_pylist()}
    row = rows[alert.code]
    assert (row["found_by"], row["verdict"], row["reason_code"]) == ("person", "confirm", "seen-on-site")
    assert (row["rate_mm_yr"], row["score"], row["method"]) == (None, None, None)
    assert from_wkb(row["geometry"]).equals(from_wkb(bytes(alert.area.wkb)))
    assert rows[other.code]["verdict"] == "reject"


def test_where_a_second_person_has_to_agree_the_confirmation_is_proposed(anna, ben, settings, tmp_path):
    settings.SECOND_PERSON_FROM = "moderate"
    alert = draw(anna, reason="told")
    assert (alert.state, alert.is_measured, alert.source) == ("first", False, "person")
    assert labels_write(path=tmp_path / "labels.parquet") == 0
    review_publish(proposal=proposal_waiting(alert=alert), publisher=ben, expected_state="first")
    assert reread(alert).state == "confirmed"
    assert alert.reviews.last().public_note == "People who live or work there have reported the motion."
    assert labels_write(path=tmp_path / "labels.parquet") == 1
    assert draw(anna, outline=outline(x_km=5.0), severity="minor").state == "confirmed"
