"""The list beside the map is computed once for all visitors, and anew when an alert changes."""

import pytest

from monitor.maps.map import views

pytestmark = pytest.mark.django_db


def test_cards_are_made_once_for_each_language_and_state_of_the_alerts(client, make_alert, monkeypatch):
    made, original = [], views.alert_cards
    monkeypatch.setattr(views, "alert_cards", lambda alerts: made.append(1) or original(alerts))

    def page(language: str = "en") -> str:
        return client.get("/", headers={"Accept-Language": language}).content.decode()

    alert = make_alert()
    for _ in range(2):
        assert alert.code in page()
        assert 'lang="de"' in page("de")
    assert len(made) == 2
    second = make_alert()
    assert second.code in page()
    alert.state = "withdrawn"
    alert.save()
    assert alert.code not in page()
    assert len(made) == 4
