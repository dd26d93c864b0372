"""Composition of the mail for a message of the outbox, from the data at the moment of sending."""

import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from email.mime.image import MIMEImage
from functools import partial
from threading import Lock
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone, translation

from detection.models import Alert, AlertTransition
from detection.reviews.visits import visits_coming
from ground_motion.core.errors import promised
from monitor.maps.rasters.visibility import (
    Scope,
    Visibility,
    visibilities_in,
    visibility_around,
    visibility_sentence,
    visibility_words,
)
from monitor.models.messages import Notification, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications.mail import letters, returns
from monitor.subscribers.subscriptions.selectors import (
    subscriptions_of,
    subscriptions_silent,
    subscriptions_to_bulletin,
)
from monitor.wording.cards.cards import AlertCard, KeptCards, alert_cards

logger = logging.getLogger(__name__)
Kind = OutgoingMessage.Kind
DIGESTS = {Kind.DIGEST, Kind.SUMMARY}
Made = TypeVar("Made")
MAX_KEPT = 256  # Most pictures of some 15 kB, or sentences, that are kept.


class Kept(dict[Hashable, Any]):
    """Cache of pictures and words by the values that they depend on; the oldest are dropped."""

    def get_or_make(self, about: Hashable, make: Callable[[], Made]) -> Made:
        """Return the value kept for the key `about`; make and keep it if it is missing."""
        if about not in self:
            while len(self) >= MAX_KEPT:
                del self[next(iter(self))]
            self[about] = make()
        kept: Made = self[about]
        return kept


_pictures = Kept()
_drawing = Lock()


def picture_of(alert: Alert, card: AlertCard, make: Callable[[Alert, AlertCard], MIMEImage]) -> MIMEImage | None:
    """Return a picture of an alert, drawn once a day for all its readers; None if it cannot be drawn."""
    with _drawing:
        try:
            key = make.__name__, alert.pk, alert.updated_at, timezone.localdate()
            return _pictures.get_or_make(key, lambda: make(alert, card))
        except Exception:
            logger.exception("the picture of alert %s could not be drawn", alert.code)
            return None


class Composer:
    """Callable that makes the mails of a round; what is said of an alert is read once per language, for all readers."""

    def __init__(self) -> None:
        self._cards = KeptCards()
        self._unseen = Kept()
        self._visibilities: dict[int, Visibility | None] = {}

    def read_ahead(self, messages: Sequence[OutgoingMessage]) -> None:
        """Read the alerts and regions of the digests among these messages, in a fixed number of queries."""
        digests = [one for one in messages if one.kind in DIGESTS and one.news]
        subscriptions = {item.subscription_id for message in digests for item in message.news}
        regions = Subscription.objects.filter(pk__in=subscriptions).values_list("pk", "region")
        self._visibilities = visibilities_in(dict(regions)) if subscriptions else {}
        by_language: dict[str, list[Alert]] = defaultdict(list)
        for message in digests:
            language = message.news[-1].subscription.language
            by_language[language] += [item.transition.alert for item in message.news]
        for language, alerts in by_language.items():
            with translation.override(language):
                self._cards.read_ahead(alerts)

    def __call__(self, message: OutgoingMessage) -> EmailMultiAlternatives:
        """Return the mail of a message that is still needed and was read by `outbox.messages_to_deliver`."""
        reader = message.news[-1].subscription if message.news else message.subscription
        if reader is None and message.kind in (Kind.SIGN, Kind.BULLETIN):
            reader = subscriptions_of(email=message.address).last()
        language, zone = (reader.language, reader.time_zone) if reader else (message.language, "UTC")
        with translation.override(language), timezone.override(ZoneInfo(zone)):
            mail = self._compose(message)
        if settings.BOUNCE_ADDRESS:  # Bounces go to this address; readers see and answer the other one.
            mail.extra_headers["From"] = mail.from_email
            mail.from_email = returns.return_address(message.pk)
        return mail

    def _compose(self, message: OutgoingMessage) -> EmailMultiAlternatives:
        kind = message.kind
        if kind in letters.LETTERS:
            return letters.letter(kind, message)
        if kind == Kind.VISITS:
            visits = visits_coming(visitor=promised(message.account))
            cards = alert_cards([visit.review.alert for visit in visits])
            return letters.visits_mail(message, list(zip(visits, cards, strict=True)))
        if kind == Kind.BULLETIN:
            bulletin = promised(message.bulletin)
            readers = subscriptions_to_bulletin(bulletin=bulletin).filter(email=message.address)
            return letters.bulletin_mail(key=message.key, bulletin=bulletin, subscriptions=list(readers))
        if kind == Kind.SIGN:
            silent = subscriptions_silent(now=timezone.now()).filter(email=message.address, channel=message.channel)
            places = [(one.label, visibility_sentence(one.region)) for one in silent]
            return letters.to_reader("sign", {"places": places}, key=message.key, subscriptions=list(silent))
        subscriptions = list({item.subscription_id: item.subscription for item in message.news}.values())
        to: letters.To = {"key": message.key, "subscriptions": subscriptions}
        if kind in DIGESTS:
            return letters.digest_mail(
                **to,
                places=self._places(message.news),
                draw=partial(picture_of, make=letters.card_part),
            )
        transition = promised(message.transition)
        alert, card = transition.alert, self._cards(transition.alert)
        if kind == Kind.CORRECTION:
            return letters.to_reader("correction", letters.news_context(card, transition), **to)
        about = (alert.pk, translation.get_language())
        unseen = self._unseen.get_or_make(about, lambda: visibility_around(alert.area))
        picture = picture_of(alert, card, letters.map_part)
        return letters.alert_mail(**to, card=card, transition=transition, unseen=unseen, picture=picture)

    def _places(self, news: list[Notification]) -> list[letters.RegionNews]:
        """Return the news by region. Each alert is in one region only, with all its steps since the last digest."""
        # An alert in several regions stands in the first of them and names the others.
        self._cards.read_ahead([one.transition.alert for one in news])
        steps: dict[int, dict[int, AlertTransition]] = {}
        regions: dict[int, dict[int, Subscription]] = {}
        for one in news:
            steps.setdefault(one.transition.alert_id, {})[one.transition_id] = one.transition
            regions.setdefault(one.transition.alert_id, {})[one.subscription_id] = one.subscription
        places: dict[int, tuple[Subscription, list[letters.AlertNews]]] = {}
        for alert, happened in steps.items():
            first, *others = regions[alert].values()
            taken = tuple(happened[pk] for pk in sorted(happened))
            also = tuple(dict.fromkeys(other.label for other in others))
            item = letters.AlertNews(self._cards(taken[-1].alert), taken, also)
            places.setdefault(first.pk, (first, []))[1].append(item)
        return [letters.RegionNews(one, items, self._unseen_in(one)) for one, items in places.values()]

    def _unseen_in(self, subscription: Subscription) -> str:
        if subscription.pk not in self._visibilities:
            self._visibilities |= visibilities_in({subscription.pk: subscription.region})
        visibility = self._visibilities[subscription.pk]
        return visibility_words(visibility, Scope.REGION) if visibility else ""
