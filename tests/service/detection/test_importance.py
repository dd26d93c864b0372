"""What matters first: the rule of importance in scenarios, the stored column, and that no list has another order."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.management import call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from detection.alerts.importance import importance_refresh, importances_recompute, terms_of
from detection.alerts.life import alert_transition, life_of
from detection.models import Alert, AlertExposure, AlertLife, AlertMotion, AlertTransition, AuditEntry
from detection.rules.importance import (
    MAX_STEPS,
    MAX_WAIT_STEPS,
    MIN_MOVING,
    MODERATE_STEPS,
    STRONG_STEPS,
    Terms,
    importance,
    severity,
)
from detection.rules.lifecycle import SeriesMotion, State
from detection.rules.severity import Severity
from detection.rules.updates import Figures, ViewFigures, changes
from detection.selectors import steepest_tilts
from ingest.models import Product
from monitor.subscribers.subscriptions.selectors import subscriptions_matching
from monitor.wording.cards.cards import what_happened
from tests.waiting import reread

MINOR, MODERATE, STRONG = Severity
END = date(2024, 12, 25)
NAN = float("nan")


def place(rate: float | None = -9.0, sigma: float | None = 1.0, **more) -> SimpleNamespace:
    """Return a place in a velocity field, as its columns are; the fastest part is as fast as the whole."""
    usual = {"kind": "subsidence", "state": "first", "n_views": 2, "area_m2": 2e5, "last_motion": END, "motion": None}
    fastest = {"peak_rate_mm_yr": rate, "peak_low_mm_yr": None, "peak_high_mm_yr": None}
    usual |= {"component": "up", "extent": "local", "reference": "", "first_motion": date(2020, 1, 3)}
    usual |= {"n_fast_places": 0}
    nothing = dict.fromkeys(("speed_m_day", "peak_speed_m_day", "speed_sigma_m_day"))
    return SimpleNamespace(**usual | fastest | nothing | {"rate_mm_yr": rate, "rate_sigma_mm_yr": sigma} | more)


def changed(trend: str, before: float, now: float, sigma: float = 0.2, days_ago: int = 400, **more) -> SimpleNamespace:
    """Return a place whose rate has changed."""
    motion = SimpleNamespace(trend=trend, rate_mm_yr=now, rate_sigma_mm_yr=sigma, before_mm_yr=before)
    motion.changed_on, motion.before_sigma_mm_yr = END - timedelta(days=days_ago), sigma
    return place(**{"rate": (before + now) / 2, "sigma": sigma} | more | {"motion": motion})


def moved(speed: float, sigma: float = 0.1, kind: str = "moving-ground", **more) -> SimpleNamespace:
    """Return a place that moves by metres a day."""
    speeds = {"speed_m_day": speed, "peak_speed_m_day": speed, "speed_sigma_m_day": sigma}
    return place(None, None, kind=kind, **speeds | more)


def score(one: SimpleNamespace, exposure_weight: int | None = None, **more) -> float:
    return importance(one, exposure_weight=exposure_weight, **more).score


MINE = changed("faster", -36.0, -58.0, sigma=8.5, n_views=1, kind="mining-subsidence")
SCENARIOS = {  # the most important first
    "faster than before under buildings comes before all that is steady, slower or at rest": [
        score(changed("faster", -10.0, -20.0), 2),
        score(place(-20.0), 2),
        score(changed("slower", -40.0, -20.0), 2),
        score(changed("at rest", -80.0, 0.4), 2),
    ],
    "an accelerating mine under 340 buildings precedes everything slower": [
        score(MINE, 2),
        score(place(-50.0, 1.0), 2),
        score(changed("faster", -20.0, -40.0), 1),
        score(place(-30.0, kind="landslide"), 1),
        score(place(-57.0, 1.0), 1),
    ],
    "also if its error is all of the 17 mm": [
        score(changed("faster", -36.0, -58.0, sigma=17.0, n_views=2), 2),
        score(place(-38.0, 1.0), 2),
    ],
    "a surge of metres a day precedes millimetres a year without buildings, and a steady glacier the slow ones": [
        score(moved(3.4, kind="glacier-surge")),
        score(moved(3.4)),
        score(place(-100.0), 0),
        score(place(-20.0), 2),
    ],
    "evidence seen once is uncertainty": [
        score(place(-9.0, 1.0, n_views=2)),
        score(place(-9.0, 4.0, n_views=2)),
        score(place(-9.0, 4.0, n_views=1)),
        score(place(-1.6, 3.1)),
    ],
    "evidence seen once costs sure motion nothing": [score(place(-90.0, 0.01, n_views=1)), score(place(-89.0, 0.01))],
    "a rate below its error is behind every real motion, whatever stands on it": [
        score(place(-2.0, 0.5)),
        score(place(-1.6, 3.1), 2),
    ],
    "at rest under 1,000 buildings is behind motion with none": [
        score(place(-2.0, 0.5)),
        score(place(-1.6, 3.1)),
        score(changed("at rest", -80.0, 0.4), 2),
    ],
    "finished is last, whatever it was": [score(place(-2.0, 0.5)), score(moved(9.0, state="finished"), 2)],
    "a landslide precedes the same rate of groundwater, and a change of the surface is behind both": [
        score(place(kind="landslide")),
        score(place(kind="groundwater-subsidence")),
        score(place(None, None, kind="surface-change")),
    ],
    "the fastest part counts, by its own error": [
        score(place(peak_rate_mm_yr=-40.0, peak_low_mm_yr=-38.0, peak_high_mm_yr=-42.0)),
        score(place(peak_rate_mm_yr=-40.0, peak_low_mm_yr=-10.0, peak_high_mm_yr=-70.0)),
        score(place()),
    ],
    "a fastest part that is sure moves, even if the rate of the whole is not": [
        score(place(-2.0, 3.0, peak_rate_mm_yr=-30.0, peak_low_mm_yr=-25.0, peak_high_mm_yr=-35.0)),
        score(place(-9.0)),
    ],
    "an error that is not known is neither none nor large": [
        score(place(-9.0, 0.5)),
        score(place(-9.0, None)),
        score(place(-9.0, 5.0)),
    ],
    "acceleration long ago is none": [
        score(changed("faster", -10.0, -20.0)),
        score(changed("faster", -10.0, -20.0, days_ago=2000)),
    ],
    "a steep tilt counts as motion": [score(place(tilt := -9.0), tilt_mm_m_yr=0.67), score(place(tilt))],
    "rising or sinking makes no difference to the order": [score(place(12.0)), score(place(-11.0)), score(place(10.0))],
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_matters_comes_first(scenario):
    scores = SCENARIOS[scenario]
    assert scores == sorted(set(scores), reverse=True)


@pytest.mark.parametrize("one", [place(-9.0), moved(3.0), MINE])
def test_both_signs_count_alike_and_no_error_or_rate_that_is_not_a_number_counts(one):
    turned = SimpleNamespace(**vars(one))
    for name in ("rate_mm_yr", "peak_rate_mm_yr"):
        setattr(turned, name, None if getattr(one, name) is None else -getattr(one, name))
    if one.motion:
        turned.motion = SimpleNamespace(**vars(one.motion))
        turned.motion.rate_mm_yr, turned.motion.before_mm_yr = -one.motion.rate_mm_yr, -one.motion.before_mm_yr
    assert importance(turned) == importance(one)
    assert score(place(-9.0, NAN)) == score(place(-9.0, None))
    assert score(place(NAN, NAN)) == score(place(None, None)) == 0.0
    assert score(place(-9.0, peak_rate_mm_yr=NAN)) == score(place(-9.0, peak_rate_mm_yr=None))


def test_time_lets_nothing_wait_for_ever_and_no_old_minor_case_precedes_a_new_strong_one():
    assert 0 < MAX_WAIT_STEPS <= STRONG_STEPS - MODERATE_STEPS
    assert score(place(-1.6, 3.1), 2) + MAX_WAIT_STEPS < MIN_MOVING


@pytest.mark.parametrize(
    ("one", "weight", "grade"),
    [
        (place(-10.9, 1.0), 0, MINOR),
        (place(-11.0, 1.0), 0, MODERATE),
        (place(-40.9, 1.0), 0, MODERATE),
        (place(41.0, 1.0), 0, STRONG),
        (place(-11.0, 1.0), 2, STRONG),
        (place(-11.0, 1.0, n_views=1), 1, MODERATE),
        (changed("at rest", -38.0, 0.6, sigma=5.4), 2, MINOR),  # "0.6 ± 10.9 mm a year, at rest"
        (changed("slowing", -11.0, -1.57, sigma=1.573), 2, MINOR),  # "1.6 ± 3.1 mm a year"
        (place(-90.0, state="finished"), 2, MINOR),
        (moved(0.5), 0, STRONG),
        (place(None, None, kind="surface-change", area_m2=99_000.0), 2, MINOR),
        (place(None, None, kind="surface-change", area_m2=1e5), 2, MODERATE),
        (place(None, None, kind="surface-change", area_m2=1e6), 0, STRONG),
    ],
)
def test_the_severity_follows_from_the_same_motion(one, weight, grade):
    assert severity(one, importance(one, exposure_weight=weight)) is grade


@pytest.mark.parametrize("grade", Severity)
def test_a_grade_that_a_person_gave_counts_in_the_order_and_leaves_the_computed_one(grade):
    for one in (place(-3.0), place(-30.0), place(-300.0)):
        terms, plain = importance(one, exposure_weight=1, judgement=grade), importance(one, exposure_weight=1)
        assert severity(one, Terms(terms.score, 0.0, 0.0, 0.0, 0.0)) is grade
        assert severity(one, terms) is severity(one, plain)
    assert score(changed("at rest", -38.0, 0.6), judgement=grade) < MIN_MOVING


rates, weights = st.floats(0, 400), st.integers(0, 2)


@given(rates, st.floats(0, 60), st.integers(1, 3), weights, rates, st.floats(0, 60), weights)
def test_more_of_anything_never_makes_it_less(rate, sigma, n_views, weight, faster, surer, heavier):
    one = score(place(rate, sigma, n_views=n_views), weight)
    assert score(place(rate + faster, sigma, n_views=n_views), weight) >= one
    assert score(place(rate, max(0.0, sigma - surer), n_views=n_views), weight) >= one
    assert score(place(rate, sigma, n_views=n_views + 1), weight) >= one
    assert score(place(rate, sigma, n_views=n_views), max(weight, heavier)) >= one
    assert one <= MAX_STEPS + 2


# Below, rows.


def test_the_stored_importance_of_every_alert_is_what_its_rows_say(watched_region):
    alerts = list(Alert.objects.select_related("motion", "exposure"))
    tilts = steepest_tilts(alerts=alerts)
    assert len({one.importance for one in alerts}) > 3
    for alert in alerts:
        terms = terms_of(alert, tilts.get(alert.pk))
        assert (alert.importance, alert.severity) == (terms.score, severity(alert, terms))
        assert alert.life.told["severity"] == alert.severity  # it began with it


@pytest.mark.django_db
def test_whatever_an_alerts_importance_follows_from_refreshes_it(make_alert):
    alert = make_alert()
    footprint = MultiPolygon(Polygon.from_bbox((-13, 46, -11, 48)))
    known = {"component": "up", "dates": [date(2020, 1, 1), END], "n_points": 10, "simulated": False}
    product = Product.objects.create(name="made", footprint=footprint, **known)
    figures = {"before_mm_yr": -14.0, "rate_sigma_mm_yr": 0.2, "season_mm": 0.0, "n_dates": 100, "fit": {}}
    figures |= {"product": product, "changed_on": alert.last_motion - timedelta(days=400)}

    def refreshed() -> float:
        importance_refresh(alert=alert)
        return reread(alert).importance

    first = refreshed()
    AlertExposure.objects.create(alert=alert, weight=2)
    assert refreshed() == pytest.approx(first + 2)
    motion = AlertMotion.objects.create(alert=alert, trend="faster", rate_mm_yr=-28.0, **figures)
    assert refreshed() > first + 3
    motion.trend, motion.rate_mm_yr = "at rest", 0.2
    motion.save()
    assert refreshed() < first + MIN_MOVING
    assert (alert.severity, reread(alert).severity) == ("minor", "minor")


@pytest.mark.django_db
def test_a_new_rule_is_applied_in_silence(make_alert, make_subscription, monkeypatch):
    """After an upgrade, the order and the severities are new, nothing is reported, and no later data report it."""
    alert, other = make_alert(severity="strong"), make_alert(longitude=3.0, severity="strong")
    for one, told in ((alert, "strong"), (other, "moderate")):
        AlertLife.objects.create(alert=one, told={"severity": told, "kind": one.kind}, told_at=timezone.now())
    Alert.objects.update(importance=0.0, severity="strong")
    before = Alert.objects.values_list("updated_at", flat=True).order_by("pk")[:2]
    steps = AlertTransition.objects.count()
    monkeypatch.setattr("monitor.operations.management.commands.prepare.call_command", lambda *_, **__: None)
    call_command("prepare")
    assert [one.severity for one in Alert.objects.order_by("pk")] == ["moderate", "moderate"]
    assert reread(alert).importance == reread(other).importance > MODERATE_STEPS
    assert [one.told["severity"] for one in AlertLife.objects.order_by("pk")] == ["moderate", "moderate"]
    assert AlertTransition.objects.count() == steps
    entries = AuditEntry.objects.order_by("pk").values_list("subject", "before", "after")
    after = f"moderate, {alert.importance:g} steps"
    assert list(entries) == [(one.code, "strong, 0 steps", after) for one in (alert, other)]
    assert list(Alert.objects.values_list("updated_at", flat=True).order_by("pk")) == list(before)
    assert (importances_recompute(), entries.count()) == (0, 2)


@pytest.mark.django_db
def test_who_was_told_of_a_place_hears_of_its_end_though_it_is_of_low_importance_then(make_alert, make_subscription):
    """The end lowers the severity, and names the former one, by which its readers were chosen; so does waking up."""
    subscription = make_subscription(lowest_severity="strong")
    alert = make_alert(severity="strong", rate_mm_yr=-90.0, peak_rate_mm_yr=-90.0, state="confirmed")
    importance_refresh(alert=alert)
    life_of(alert, [])
    ended = alert_transition(alert=alert, to=State.FINISHED, reason="no motion after 1 May 2024 in made data")
    assert (reread(alert).severity, alert.importance < MIN_MOVING) == ("minor", True)
    assert list(subscriptions_matching(transition=ended)) == [subscription]
    assert "Its importance is low now. It was high before." in what_happened(ended)
    woken = alert_transition(alert=alert, to=State.CONFIRMED, reason="moves again: seen in made data")
    assert reread(alert).severity == "strong"
    assert list(subscriptions_matching(transition=woken)) == [subscription]
    assert [one["after"] for one in woken.update.changes] == ["strong"]


def test_ground_that_has_come_to_rest_is_reported_as_of_lower_importance_once_newer_data_show_it():
    told = figures_told("strong", until=date(2023, 1, 1))
    now = figures_told("minor", until=date(2024, 1, 1), at_rest_since=date(2023, 6, 1))
    assert [one.cause for one in changes(told, now)] == ["severity"]
    assert changes(told, figures_told("minor", until=date(2023, 1, 1), at_rest_since=date(2023, 6, 1))) == ()


def figures_told(grade: str, until: date, at_rest_since: date | None = None) -> Figures:
    view = ViewFigures(-20.0, 1.0, 1e5, until, "made")
    series = SeriesMotion(at_rest_since=at_rest_since)
    return Figures("subsidence", grade, "mm/yr", {"up": view}, "up", {}, series)
