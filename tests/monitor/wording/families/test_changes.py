"""Sentences say 'since' and 'faster than before' only where the series of an alert says so."""

from datetime import date
from types import SimpleNamespace

import pytest

from detection.kinds import Kind
from ml.deformation.motion.series import Trend
from monitor.wording.families import voice
from monitor.wording.families.changes import motion_of, season_sentence
from tests.monitor.wording.families.test_voices import velocity


def motion(trend: Trend, before: float | None, now: float, sigma_days: float = 10.0) -> SimpleNamespace:
    rates = {"rate_mm_yr": now, "rate_sigma_mm_yr": 1.0, "before_mm_yr": before, "before_sigma_mm_yr": 0.5}
    change = {"changed_on": date(2023, 3, 9), "changed_sigma_days": sigma_days, "season_mm": 0.0, "season_month": None}
    return SimpleNamespace(trend=trend.value, **rates, **change)


def sentence(trend: Trend, before: float | None, now: float, kind: Kind = Kind.SUBSIDENCE, **values) -> str:
    alert = velocity(kind, "up", -6.0, -7.0, motion=motion(trend, before, now, **values))
    return voice(kind).sentence(alert)


@pytest.mark.parametrize(
    ("trend", "before", "now", "words"),
    [
        (Trend.FASTER, -3.0, -8.0, "since March 2023. That is faster than before (about 3 mm a year)"),
        (Trend.SLOWER, -9.0, -4.0, "since March 2023. That is slower than before (about 9 mm a year)"),
        (Trend.SPEEDING, -3.0, -8.0, "It has moved faster and faster: it was about 3 mm a year in March 2023."),
        (Trend.SLOWING, -9.0, -1.5, "It has moved more and more slowly: it was about 9 mm a year in March 2023."),
        (Trend.AT_REST, -9.0, 0.1, "(probably 8.2 to 9.8) until March 2023. Since then it has been at rest."),
        (Trend.BEGAN, 0.2, -8.0, "(probably 6 to 10) since March 2023. Before that it was at rest."),
        (Trend.REVERSED, -7.0, 4.0, "March 2023. Since then it has risen by about 4 mm a year (probably 2 to 6)."),
    ],
)
def test_each_change_has_its_sentence(trend: Trend, before: float, now: float, words: str):
    assert words in sentence(trend, before, now)


def test_a_date_is_as_exact_as_it_is_known():
    assert "since early 2023" in sentence(Trend.FASTER, -3.0, -8.0, sigma_days=60.0)
    assert "since about 2023" in sentence(Trend.FASTER, -3.0, -8.0, sigma_days=200.0)


def test_without_a_change_the_sentence_names_the_period_of_the_data():
    for one in (sentence(Trend.STEADY, -5.0, -6.0), sentence(Trend.FASTER, 3.0, 8.0)):  # which contradicts the alert
        assert "between 2020 and 2024" in one
        assert "since" not in one
    assert motion_of(velocity(Kind.SUBSIDENCE, "up", -6.0, -7.0)) is None


@pytest.mark.parametrize(("season_mm", "n_sentences"), [(0.1, 0), (4.0, 1)])
def test_a_season_is_worth_a_word_from_half_a_millimetre_on(season_mm: float, n_sentences: int):
    one = motion(Trend.STEADY, None, -8.0)
    one.season_mm, one.season_month = season_mm, 10
    assert len(season_sentence(one)) == n_sentences
