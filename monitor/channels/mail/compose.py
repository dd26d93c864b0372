"""From a row of the outbox to a mail with words, as things stand at the moment of sending."""

from typing import NamedTuple

from django.core.mail import EmailMultiAlternatives

from detection.models import Alert, AlertTransition
from detection.rules.lifecycle import State
from monitor.cards.cards import AlertCard, alert_cards
from monitor.channels.mail import letters as emails
from monitor.models import Notification, OutgoingMail, Subscription
from monitor.subscriptions import selectors


class Letter(NamedTuple):
    message: EmailMultiAlternatives
    had_bounces: bool = False


class Composer:
    """Composes the mails of one round, as selectors.mails_to_compose reads them.

    What is said of an alert is made once for all its readers.
    """

    def __init__(self) -> None:
        self._cards: dict[tuple[int, str, object], AlertCard] = {}

    def __call__(self, mail: OutgoingMail) -> Letter | None:
        """The mail to send; None where there is nothing to say any more."""
        if mail.kind == OutgoingMail.Kind.CONFIRM:
            return self._confirm(mail)
        if mail.kind == OutgoingMail.Kind.LINK:
            held = selectors.subscriptions_of(email=mail.email).last()
            return Letter(emails.link_mail(key=mail.key, email=mail.email, subscription=held))
        return self._news(mail)

    def _confirm(self, mail: OutgoingMail) -> Letter | None:
        wanted = mail.subscription
        if wanted is None or wanted.confirmed_at or wanted.ended_at:
            return None
        return Letter(emails.confirm_mail(key=mail.key, subscription=wanted))

    def _news(self, mail: OutgoingMail) -> Letter | None:
        news = [one for one in mail.told if not _overtaken(one.transition)]
        if not news:
            return None
        subscriptions = list({one.subscription_id: one.subscription for one in news}.values())
        had_bounces = any(subscription.bounces for subscription in subscriptions)
        if mail.kind == OutgoingMail.Kind.DIGEST:
            return Letter(emails.digest_mail(key=mail.key, places=self._places(news)), had_bounces)
        assert mail.transition is not None  # noqa: S101 (every mail about one alert has its transition)
        card = self._card(mail.transition.alert)
        write = emails.correction_mail if mail.kind == OutgoingMail.Kind.CORRECTION else emails.alert_mail
        return Letter(
            write(key=mail.key, card=card, transition=mail.transition, subscriptions=subscriptions), had_bounces
        )

    def _places(self, news: list[Notification]) -> list[tuple[Subscription, list[emails.News]]]:
        """News by region, each alert once, with the last that is known of it."""
        places: dict[int, tuple[Subscription, dict[int, emails.News]]] = {}
        self._make_cards([one.transition.alert for one in news])
        for one in news:
            _, alerts = places.setdefault(one.subscription_id, (one.subscription, {}))
            alerts[one.transition.alert_id] = emails.News(self._card(one.transition.alert), one.transition)
        return [(subscription, list(alerts.values())) for subscription, alerts in places.values()]

    def _card(self, alert: Alert) -> AlertCard:
        self._make_cards([alert])
        return self._cards[_version(alert)]

    def _make_cards(self, alerts: list[Alert]) -> None:
        new = [alert for alert in alerts if _version(alert) not in self._cards]
        self._cards |= {_version(alert): card for alert, card in zip(new, alert_cards(new), strict=True)}


def _version(alert: Alert) -> tuple[int, str, object]:
    return alert.pk, alert.state, alert.updated_at


def _overtaken(transition: AlertTransition) -> bool:
    """Motion is told only as long as nobody has said that it is none, and a correction only as long as it holds."""
    return (transition.to_state == State.REJECTED) != (transition.alert.state == State.REJECTED)
