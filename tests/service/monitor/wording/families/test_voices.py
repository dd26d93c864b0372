"""Every kind in every state has words and a mark; velocity fields in plain words, never more certain than the data."""

import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings

from detection.kinds import KIND_OF_CLASS, KINDS, Family, Kind, Shape
from detection.rules.lifecycle import State
from detection.rules.motion import count_fast_places, motion_of
from ground_motion.methods.deformation.motion.series import Trend
from ground_motion.rasters.areas import KINDS as NETWORK_CLASSES
from ground_motion.statistics.datum import of_file
from monitor.wording.cards.cards import alert_card
from monitor.wording.families import VOICES, voice
from monitor.wording.families.changes import season_sentence
from monitor.wording.states import STATE_LABELS

PERIOD = (date(2020, 1, 3), date(2024, 12, 25))
STYLES = Path(settings.BASE_DIR) / "static/css"


def figures(kind: str, **values) -> SimpleNamespace:
    """Return an alert or a detection with figures of every family."""
    made = {"kind": kind, "extent": "local", "reference": "", "component": "los", "class_shares": {}, "reasons": []}
    made |= {"n_fast_places": 0, "peak_speed_m_day": 3.5}
    made |= {"first_motion": PERIOD[0], "last_motion": PERIOD[1], "places": []}
    made |= {"rate_mm_yr": -14.0, "rate_sigma_mm_yr": 1.0, "peak_rate_mm_yr": -15.0}
    made |= {"peak_low_mm_yr": None, "peak_high_mm_yr": None, "usual_speed_m_day": 0.4}
    made |= {"speed_m_day": 3.1, "speed_sigma_m_day": 0.15, "bearing_deg": 118.0}
    made |= {"onset": date(2023, 9, 20), "onset_sigma_days": 4.0}
    made |= {"coherence_before": 0.74, "coherence_after": 0.21, "change_sigma": -6.5}
    return SimpleNamespace(**made | values)


def velocity(kind: str, component: str, rate_mm_yr: float, peak_rate_mm_yr: float, **values) -> SimpleNamespace:
    return figures(kind, component=component, rate_mm_yr=rate_mm_yr, peak_rate_mm_yr=peak_rate_mm_yr, **values)


def motion(trend: Trend, before: float | None, now: float, sigma_days: float = 10.0) -> SimpleNamespace:
    rates = {"rate_mm_yr": now, "rate_sigma_mm_yr": 1.0, "before_mm_yr": before, "before_sigma_mm_yr": 0.5}
    change = {"changed_on": date(2023, 3, 9), "changed_sigma_days": sigma_days, "season_mm": 0.0, "season_month": None}
    return SimpleNamespace(trend=trend.value, **rates, **change)


def source(kind: str, **values) -> SimpleNamespace:
    """Return what a run read: a product for velocities, a pair of images for all else."""
    if KINDS[Kind(kind)].family is Family.VELOCITY:
        named = {"component": "los", "direction": "ascending", "posting_m": None, "n_dates": 200, "dates": PERIOD}
        named["datum"] = of_file(False)
        return SimpleNamespace(**(named | values))
    return SimpleNamespace(reference=SimpleNamespace(posting_m=30.0), temporal_baseline_days=12)


def test_an_event_has_last_words_of_its_own():
    rows = [row for row in KINDS.values() if row.event]
    assert len({(str(row.over), row.ended) for row in (*rows, KINDS[Kind.SUBSIDENCE])}) == len(rows) + 1


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_mark_of_its_own(kind):
    style = (STYLES / "mark.css").read_text()
    light, dark = (STYLES / "variables.css").read_text().split("prefers-color-scheme: dark")
    mark = KINDS[kind].mark
    assert re.search(rf"\.mark--{mark.shape}\b", style)
    assert f".tone--{mark.colour} " in style
    assert f"--kind-{mark.colour}:" in light
    assert f"--kind-{mark.colour}:" in dark
    assert [other for other, row in KINDS.items() if row.mark == mark] == [kind]


def test_the_table_is_complete():
    assert set(KINDS) == set(Kind)
    assert set(VOICES) == set(Family)
    assert set(STATE_LABELS) == set(State)
    assert set(KIND_OF_CLASS) == set(NETWORK_CLASSES) - {"uplift"}  # "uplift" names no cause.
    assert all(row.class_words for row in KINDS.values() if row.network_class)
    assert {row.mark.shape for row in KINDS.values()} <= set(Shape)
    names = [row.label for row in KINDS.values()]
    assert len(names) == len(set(names))


def test_one_direction_is_named_as_a_limit():
    def limits(*sources: SimpleNamespace) -> str:
        return " ".join(voice("subsidence").limits(figures("subsidence"), sources))

    ascending = source("subsidence")
    assert "one direction only" in limits(ascending)
    assert "one direction only" not in limits(ascending, source("subsidence", direction="descending"))
    few = limits(source("subsidence", posting_m=155.0, n_dates=13))
    assert "Only 13 images" in few
    assert "about 155 metres" in few


def test_the_fastest_part_is_named_where_it_differs_and_separate_places_are_counted():
    even = velocity("subsidence", "up", -9.0, -10.0, peak_low_mm_yr=-8.0, peak_high_mm_yr=-12.0)
    assert "fastest" not in voice("subsidence").sentence(even)
    places = [{"peak_rate_mm_yr": -45.2}, {"peak_rate_mm_yr": -30.0}]
    alert = velocity("subsidence", "up", -9.0, -45.2, places=places)
    reasons = voice("subsidence").finding(alert, source("subsidence")).reasons
    assert (
        reasons[-1] == "It moves fastest in 2 separate places: by up to 45 and 30 mm a year (away from the satellite)."
    )


CITY = {"peak_low_mm_yr": -65.0, "peak_high_mm_yr": -84.0}


def test_the_headline_of_a_sinking_city_is_its_fastest_place():
    city, own = velocity("subsidence", "up", -9.0, -75.2, n_fast_places=4, **CITY), voice("subsidence")
    headline = own.headline(city)
    assert (headline.number, headline.margin, headline.part) == ("75", "12", "in the fastest part")
    assert headline.beside == "9.0 ± 2.0 on average"
    assert own.label(city) == "sinking 75 mm/year in the fastest part"
    assert own.brief(city) == "The fastest part sank by about 75 mm a year between 2020 and 2024."
    said = own.sentence(city)
    assert said.startswith("The fastest part sank by about 75 mm a year (probably 65 to 84) between")
    average = "on average over this area, it was 9 mm a year (probably 7 to 11) in the same time."
    assert f"It is one of 4 such places; {average}" in said
    one = velocity("subsidence", "up", -9.0, -75.2, n_fast_places=1, **CITY)
    assert f"O{average[1:]}" in own.sentence(one)


def test_after_a_change_the_headline_is_the_present_rate_with_the_fastest_part_beside_it():
    changed = {"n_fast_places": 4, "motion": motion(Trend.FASTER, -4.0, -12.0), **CITY}
    headline = voice("subsidence").headline(velocity("subsidence", "up", -9.0, -75.2, **changed))
    assert (headline.number, headline.part) == ("12", "on average")
    assert headline.beside == "75 ± 12 in the fastest part between 2020 and 2024"
    at_rest = changed | {"motion": motion(Trend.AT_REST, -9.0, 0.1)}
    assert voice("subsidence").headline(velocity("subsidence", "up", -9.0, -75.2, **at_rest)).beside == ""


def test_places_count_as_fast_that_surely_move_twice_as_fast_as_the_median():
    places = [{"peak_low_mm_yr": low} for low in (-65.0, -30.0, -18.0, -17.9)]
    assert count_fast_places(places, -9.0) == 3
    assert count_fast_places([], -9.0) == 0


def test_without_a_change_the_sentence_names_the_period_of_the_data():
    for changed in (motion(Trend.STEADY, -5.0, -6.0), motion(Trend.FASTER, 3.0, 8.0)):  # which contradicts the alert
        one = voice("subsidence").sentence(velocity("subsidence", "up", -6.0, -7.0, motion=changed))
        assert "between 2020 and 2024" in one
        assert "since" not in one
    assert motion_of(velocity("subsidence", "up", -6.0, -7.0)) is None


@pytest.mark.parametrize(("season_mm", "n_sentences"), [(0.1, 0), (4.0, 1)])
def test_a_season_is_worth_a_word_from_half_a_millimetre_on(season_mm: float, n_sentences: int):
    one = motion(Trend.STEADY, None, -8.0)
    one.season_mm, one.season_month = season_mm, 10
    assert len(season_sentence(one)) == n_sentences


@pytest.mark.parametrize("kind", ["surface-change", "moving-ground", "glacier-surge", "fast-landslide"])
def test_nothing_is_claimed_that_two_images_cannot_show(kind):
    pair = SimpleNamespace(reference=SimpleNamespace(posting_m=30.0), temporal_baseline_days=12)
    lines = voice(kind).advice(kind, "first") + voice(kind).limits(SimpleNamespace(kind=kind), [pair])
    text = " ".join(lines).lower()
    assert "danger" not in text
    assert "as a hint, not as a finding" in text
    assert "does not show" in text


NO_RATE = {"component": "", "rate_mm_yr": None, "peak_rate_mm_yr": None, "rate_sigma_mm_yr": None}


@pytest.fixture
def changed(make_alert):
    figures = {"coherence_before": 0.74, "coherence_after": 0.21, "change_sigma": -6.5}
    figures |= {"first_motion": date(2023, 10, 4), "last_motion": date(2023, 10, 16)}
    return make_alert(**NO_RATE, kind="surface-change", **figures)


@pytest.fixture
def moving(make_alert):
    figures = {"speed_m_day": 3.1, "peak_speed_m_day": 3.5, "speed_sigma_m_day": 0.15, "bearing_deg": 118.0}
    figures |= {"first_motion": date(2023, 9, 22), "last_motion": date(2023, 11, 9)}
    return make_alert(**NO_RATE, kind="moving-ground", severity="strong", longitude=-11.9, **figures)


def test_lists_and_feeds_have_them_too_and_their_own_pages_no_empty_series(client, changed, moving):
    for path in ("/", "/alerts/", "/alerts.atom", "/alerts.geojson", "/api/v1/alerts"):
        page = client.get(path).content.decode()
        assert "Changed surface" in page, path
        assert "Fast-moving ground" in page, path
    for alert in (changed, moving):
        page = client.get(alert.get_absolute_url()).content.decode()
        assert alert_card(alert).sentence in page
        assert "How the ground moved" not in page
        assert "What you can do" in page
        assert client.get(f"{alert.get_absolute_url()}series.json").json()["series"] == []
