"""The report of an alert, and the kinds that a network names."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from detection.kinds import KINDS
from detection.models import Alert
from detection.rules.lifecycle import State
from detection.selectors import detections_shown
from monitor.wording.cards.cards import alert_card

pytestmark = pytest.mark.django_db


def test_a_report_has_the_sentence_map_series_method_hashes_and_address(client, watched_region, settings):
    settings.PUBLIC_URL = "https://motion.example.org"
    alert = Alert.objects.filter(kind="subsidence").order_by("peak_rate_mm_yr").first()
    page = client.get(f"/alerts/{alert.code}/report/").content.decode()
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    detection, *_ = detections_shown(alert=alert)
    assert alert_card(alert).sentence in words
    assert "Simulated data." in words
    assert f"https://motion.example.org/alerts/{alert.code}/" in words
    assert detection.scan.prediction.raster_sha256 in words
    assert detection.scan.prediction.run.input_sha256 in words
    assert "Limits" in words
    assert page.count('<svg class="plan"') == 1
    assert '<svg class="drawn-chart"' in page
    assert re.search(r'<img src="/alerts/\w+/detections/\d+/points-1.png"', page)
    assert "<script" not in page
    assert f"/alerts/{alert.code}/report/" in client.get(alert.get_absolute_url()).content.decode()


def test_a_report_of_an_alert_without_any_run_still_prints(client, make_alert):
    figures = {"component": "", "rate_mm_yr": None, "peak_rate_mm_yr": None, "change_sigma": -5.0}
    alert = make_alert(kind="surface-change", **figures, coherence_before=0.8, coherence_after=0.3)
    page = client.get(f"/alerts/{alert.code}/report/").content.decode()
    assert '<svg class="plan"' in page
    assert "Simulated data." not in page


def test_the_page_says_what_it_may_be_and_how_likely_that_is(client, make_alert):
    shares = {"mining_subsidence": 0.7, "groundwater_subsidence": 0.3}
    alert = make_alert(kind="mining-subsidence", class_shares=shares)
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "Sinking ground, likely mining" in page
    assert "mining in 7, pumped groundwater in 3" in page
    by_sign = client.get(make_alert(kind="subsidence").get_absolute_url()).content.decode()
    assert "Possible cause" not in by_sign


def test_every_state_has_a_mark():
    style = (Path(settings.BASE_DIR) / "static/css/mark.css").read_text()
    plain = {State.FIRST}  # the mark as it is
    assert [state for state in set(State) - plain if f".mark--{state}" not in style] == []


def test_legend_and_about_page_have_a_row_for_every_kind(client):
    legend, about = (client.get(reverse(name)).content.decode() for name in ("map", "about"))
    for row in KINDS.values():
        assert f"<li>{row.short}</li>" in legend
        assert f'<li class="mark {row.mark.classes}"' in legend
        assert str(row.meaning) in about
