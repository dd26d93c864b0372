"""The block of fastest places: their intervals, their nested outlines, and the tilt in plain words."""

from types import SimpleNamespace

from detection.models import Alert, Detection
from detection.selectors import OF_PLACES, steepest_tilts
from monitor.pages.alerts.blocks import places_rows
from monitor.wording.cards.cards import alert_cards
from monitor.wording.points import tilt_sentence

TILT = {"tilt_mm_m_yr": 0.043, "tilt_low_mm_m_yr": 0.031, "tilt_high_mm_m_yr": 0.06}


def square(side: float) -> dict:
    return {"type": "Polygon", "coordinates": [[[0, 0], [side, 0], [side, side], [0, side], [0, 0]]]}


def detection(peak: float, **more) -> SimpleNamespace:
    place = {"peak_rate_mm_yr": peak, "peak_low_mm_yr": 0.8 * peak, "peak_high_mm_yr": 1.2 * peak}
    place |= {"motion": square(0.01), "half": square(0.006), "core": square(0.003), **more}
    return SimpleNamespace(peak_rate_mm_yr=peak, places=[place])


def test_the_fastest_detection_gives_rows_and_outlines():
    block = places_rows([detection(-10.0), detection(-30.0, **TILT)])
    assert block["rows"] == [
        {"rate": "30 mm a year", "between": "24 to 36", "half": "44 hectares", "core": "11 hectares"}
    ]
    assert [one["properties"]["level"] for one in block["outlines"]["features"]] == ["half", "core"]
    assert "ten metres long moves about 0.4 mm a year more than the other (probably 0.3 to 0.6)" in block["tilt"]


def test_without_places_there_is_no_block_and_without_a_tilt_no_sentence():
    assert places_rows([SimpleNamespace(peak_rate_mm_yr=-5.0, places=[])]) is None
    assert places_rows([detection(-10.0)])["tilt"] == ""
    assert "both ends of a building move alike" in tilt_sentence({**TILT, "tilt_mm_m_yr": 0.003})


def test_the_steepest_tilt_of_an_alert_is_that_of_the_detection_that_gave_its_rates(watched_region):
    alerts = list(Alert.objects.all())
    for one in Detection.objects.all():
        Detection.objects.filter(pk=one.pk).update(places=[{**TILT, "tilt_mm_m_yr": 0.3 + one.pk}, TILT, {}])
    tilts = steepest_tilts(alerts=alerts)
    assert tilts
    for alert in alerts:
        own = alert.detections.filter(peak_rate_mm_yr=alert.peak_rate_mm_yr).values_list("pk", flat=True)
        assert tilts[alert.pk][0] - 0.3 in own
        assert tilts[alert.pk][1:] == tuple(TILT[name] for name in OF_PLACES[1:])
    Detection.objects.update(places=[dict.fromkeys(OF_PLACES, 0.5)])
    card = alert_cards(alerts[:1])[0]
    assert "one end of a house ten metres long would move by about 5.0 mm a year" in card.tilt_sentence
    assert card.tilt_sentence in card.sentences
    alerts[0].state = "finished"
    assert alert_cards(alerts[:1])[0].tilt_sentence == ""
