"""Alerts from image pairs in words, and on their pages."""

from datetime import date
from types import SimpleNamespace

import pytest

from monitor.wording.cards.cards import alert_card
from monitor.wording.families import voice
from monitor.wording.figures import speed_words


@pytest.mark.parametrize(
    ("speed", "sigma", "expected"),
    [
        (3.06, 0.1, "3.1 ± 0.2 metres a day"),
        (12.4, 0.1, "12 ± 1 metres a day"),
        (0.42, 0.05, "42 ± 10 centimetres a day"),
        (0.42, None, "42 centimetres a day"),
        (3.0, 0.001, "3.0 ± 0.1 metres a day"),
    ],
)
def test_speeds_carry_their_unit_and_never_a_margin_of_zero(speed, sigma, expected):
    assert speed_words(speed, sigma) == expected


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
