"""Every mail is written in the language of its reader, whoever asked for it and whoever sends it."""

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone, translation

from monitor import tasks
from monitor.models.messages import OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications import rounds
from monitor.notifications.mail import compose
from monitor.subscribers.subscriptions import services, tokens
from monitor.wording.cards import cards as cards_module
from tests.makers.organisations import FORM
from tests.waiting import reread

pytestmark = pytest.mark.django_db
GERMAN = {"Accept-Language": "de"}


@pytest.fixture(autouse=True)
def _kept_in_memory(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def languages() -> dict[str, str]:
    rounds.messages_send()
    return {one.to[0]: one.extra_headers["Content-Language"] for one in mail.outbox}


def test_a_subscription_speaks_the_language_of_its_page():
    Client().post("/subscribe/", FORM | {"email": "anna@example.org", "time_zone": "Europe/Berlin"}, headers=GERMAN)
    wanted = Subscription.objects.get()
    assert (wanted.language, wanted.time_zone) == ("de", "Europe/Berlin")
    with translation.override("fr"):  # whatever the sender speaks
        assert languages() == {"anna@example.org": "de"}
        assert translation.get_language() == "fr"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "x" * 300, "Europe/\0"])
def test_a_clock_that_there_is_not_is_utc(name):
    assert services.time_zone_known(name) == "UTC"


def test_each_reader_of_the_same_news_gets_their_own_words(make_alert, make_subscription, monkeypatch):
    made = []
    real = cards_module.alert_cards
    monkeypatch.setattr(
        compose,
        "alert_cards",
        lambda alerts: real(alerts) if not alerts else made.append(translation.get_language()) or real(alerts),
    )
    for email, language in (("a@x.org", "de"), ("b@x.org", "de"), ("c@x.org", "es"), ("d@x.org", "en")):
        make_subscription(email=email, language=language)
    make_alert()
    tasks.announce_transitions()
    assert languages() == {"a@x.org": "de", "b@x.org": "de", "c@x.org": "es", "d@x.org": "en"}
    assert sorted(made) == ["de", "en", "es"]  # once for each language


def test_a_reader_changes_the_language_of_all_their_mails(make_subscription):
    one, other = make_subscription(), make_subscription()
    path = f"/subscriptions/{tokens.manage_token(one.pk)}/"
    assert 'name="language"' in Client().get(path).content.decode()
    Client().post(path, {"deed": "read", "language": "fr", "time_zone": "Europe/Paris"})
    assert (reread(other).language, other.time_zone) == ("fr", "Europe/Paris")
    Client().post(path, {"deed": "read", "language": "xx", "time_zone": "Nowhere"})
    assert (reread(other).language, other.time_zone) == ("fr", "Europe/Paris")


def test_a_mail_that_no_subscription_speaks_for_follows_who_asked():
    with translation.override("es"):
        services.link_request(email="anna@example.org")
    assert OutgoingMessage.objects.get().language == "es"
    assert languages() == {"anna@example.org": "es"}


def test_a_day_is_the_readers_day(make_subscription):
    seen = []
    reader = make_subscription(language="en", time_zone="Pacific/Auckland")
    message = OutgoingMessage(kind="confirm", key="k", address=reader.email, subscription=reader)
    message.news = []
    composer = compose.Composer()
    composer._compose = lambda message: seen.append(timezone.get_current_timezone_name())
    composer(message)
    assert seen == ["Pacific/Auckland"]
