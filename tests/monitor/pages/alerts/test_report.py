"""The report of an alert: everything on paper, nothing that needs a script."""

import re

import pytest

from detection.models import Alert
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
