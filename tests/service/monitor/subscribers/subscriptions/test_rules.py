"""What a subscription wants: one function decides of news and of the past alike."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from detection.alerts.services import alert_transition
from detection.models import AlertExposure, AlertTransition
from detection.rules.lifecycle import State
from monitor.self_service.subscriptions.views import replay
from monitor.subscribers.subscriptions import selectors
from monitor.subscribers.subscriptions.selectors import Wanted
from tests.makers.organisations import FORM

pytestmark = pytest.mark.django_db
EVERY = Wanted(["subsidence", "uplift"], "minor", unreviewed=True)
WISHES = [
    EVERY,
    EVERY._replace(kinds=["uplift"]),
    EVERY._replace(lowest_severity="strong"),
    EVERY._replace(unreviewed=False),
    EVERY._replace(updates=False),
    EVERY._replace(least_exposure=10),
]


@pytest.fixture
def lived(make_alert) -> None:
    """Make alerts that differ in all that wishes distinguish: kind, severity, review, an end, and what stands there."""
    crowded, empty, unknown = make_alert(severity="strong"), make_alert(kind="uplift"), make_alert()
    AlertExposure.objects.create(alert=crowded, people=4.0, buildings=12)
    AlertExposure.objects.create(alert=empty, people=0.0, buildings=0)
    AlertExposure.objects.create(alert=unknown)
    alert_transition(alert=crowded, to=State.CONFIRMED, reason="seen in the field", actor="operator")
    alert_transition(alert=unknown, to=State.FINISHED, reason="at rest")


@pytest.mark.parametrize("wish", WISHES)
def test_the_past_is_matched_as_news_are(lived, make_subscription, wish):
    subscription = make_subscription(**wish._asdict())
    reported = {
        one.pk
        for one in AlertTransition.objects.select_related("alert")
        if subscription in selectors.subscriptions_matching(transition=one)
    }
    past = replay(region=subscription.region, wish=wish, frequency="at-once")
    assert {one.pk for one in past.steps} == reported
    assert reported
    if wish.least_exposure:  # It leaves out empty ground and keeps what nobody has counted.
        assert {one.alert.kind for one in past.steps} == {"subsidence"}
        assert len({one.alert_id for one in past.steps}) == 2


def lived_at(make_alert, start: datetime, minutes: Iterable[int]) -> None:
    """Make alerts that were first seen these minutes after a time."""
    for n, after in enumerate(minutes):
        alert = make_alert(longitude=-12.0 + n / 1e6)
        alert.transitions.update(created_at=start + timedelta(minutes=after))


def test_the_preview_counts_mails_as_they_are_gathered(make_alert, subscription, settings):
    start = (timezone.now() - timedelta(days=20)).replace(hour=12)  # all before the next digest
    lived_at(make_alert, start, (0, 1, 2, 30, 50, 60 * 24 * 3))

    def mails(frequency: str) -> int:
        return replay(region=subscription.region, wish=EVERY, frequency=frequency).n_mails

    assert mails("at-once") == 6
    settings.GATHERING = {"mail": (5.0, 60.0)}
    assert mails("at-once") == 3
    assert mails("daily") == 2
    lived_at(make_alert, start - timedelta(days=10), (n // 12 * 100 for n in range(36)))
    assert mails("at-once") == 3 + 2  # A first load counts as a summary.


def test_the_list_has_links_with_and_without_a_script(lived, make_subscription, client):
    wish = FORM | {"lowest_severity": "strong", "unreviewed": "on", "frequency": "weekly", "least_exposure": "10"}
    answer = client.post("/subscribe/preview.json", wish).json()
    assert answer["mails"] == 1
    assert len(answer["items"]) == 2
    assert all(item["url"].startswith("/alerts/") for item in answer["items"])
    page = client.post("/subscribe/", wish | {"look": "back"})
    assert page.status_code == 200
    text = page.content.decode()
    assert answer["items"][0]["url"] in text
    assert answer["sentence"] in text
    assert client.post("/subscribe/", wish | {"look": "back", "kinds": []}).status_code == 422
    client.post("/subscribe/", wish | {"email": "a@example.org"})
    assert selectors.subscriptions_of(email="a@example.org").get().least_exposure == 10
