"""Functions that make the mails, one for each kind; subject, text and HTML are in templates/notifications/mail."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from email.mime.image import MIMEImage
from typing import Any, NamedTuple, TypedDict, Unpack
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMultiAlternatives
from django.template.loader import get_template
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from shapely.geometry import shape

from detection.models import Alert, AlertTransition, FieldVisit
from ground_motion.core.errors import promised
from ingest.models import Product
from ingest.products.selectors import datums_of
from monitor.maps.imaging.plan_pictures import plan_png
from monitor.maps.map.plans import card_png, mail_plan, outlines_plan
from monitor.maps.rasters.visibility import visibility_sentence
from monitor.models.messages import Bulletin, Endpoint, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications.digests import MANY_PLACES
from monitor.subscribers.accounts.selectors import invitation_token
from monitor.subscribers.organisations.escalations import alerts_asked_about, take_path
from monitor.subscribers.reports.services import report_token
from monitor.subscribers.subscriptions import tokens
from monitor.subscribers.subscriptions.members import manage_token_of
from monitor.subscribers.subscriptions.services import described
from monitor.wording.cards import bulletins as bulletin_words
from monitor.wording.cards.cards import AlertCard, alert_card, alert_cards, what_happened
from monitor.wording.cards.lines import MAX_NAMED, break_words
from monitor.wording.dates import period_words
from monitor.wording.datum import doubt
from monitor.wording.figures import listed
from monitor.wording.images import data_set_name

Kind = OutgoingMessage.Kind
SHOWN_OF_MANY = 5  # A summary shows this many places of a region.
Drawer = Callable[[Alert, AlertCard], MIMEImage | None]


class Related(EmailMultiAlternatives):
    """Mail whose HTML shows what is attached."""

    mixed_subtype = "related"


class To(TypedDict):
    """Whom a mail goes to: the key of its message, and the subscriptions that brought it."""

    key: str
    subscriptions: Sequence[Subscription]


class AlertNews(NamedTuple):
    """Alert in a digest, with its steps since the last digest."""

    card: AlertCard
    steps: tuple[AlertTransition, ...]
    also: tuple[str, ...] = ()  # Other regions of this reader in which the alert lies.


class RegionNews(NamedTuple):
    """News in the region of a subscription. unseen: the sentence on what could not be detected there."""

    subscription: Subscription
    items: Sequence[AlertNews]
    unseen: str


class Item:
    """Alert for a digest's template. also: the sentence on its other regions; picture, cid: its `card_part`."""

    def __init__(self, news: AlertNews, draw: Drawer) -> None:
        self.card = card = news.card
        self.title, self.url = _title(card), settings.PUBLIC_URL + card.url
        self.happened = " ".join(what_happened(step) for step in news.steps)
        self.also = _("It also lies here: %(regions)s.") % {"regions": listed(news.also)} if news.also else ""
        self.picture = None if card.taken_back else draw(news.steps[-1].alert, card)
        self.cid = _cid(self.picture)


class Part:
    """News of a region for a digest's template.

    If there are many alerts, kinds counts them by kind, and items has only the most important ones.
    """

    def __init__(self, place: RegionNews, many: bool, draw: Drawer) -> None:
        self.label, self.unseen, self.n = place.subscription.label, place.unseen, len(place.items)
        self.kinds = Counter(news.card.kind_label for news in place.items).most_common() if many else []
        news = sorted(place.items, key=lambda news: -news.card.importance)
        self.items = [Item(one, draw) for one in (news[:SHOWN_OF_MANY] if many else news)]


def _link(message: OutgoingMessage) -> dict[str, Any]:
    """Return the link to all data held of an address, or none if nothing is held."""
    token = manage_token_of(email=message.address)
    url = absolute("subscription-manage", token) if token else ""
    return {"manage_url": url, "subscribe_url": absolute("subscribe")}


def _ended(message: OutgoingMessage) -> dict[str, Any]:
    """Return what is said of an endpoint that took nothing for a week or answered that it is gone."""
    endpoint, token = promised(message.endpoint), manage_token_of(email=message.address)
    about = ["organisation-ways", token, endpoint.organisation_id]
    return {
        "host": urlsplit(endpoint.url).hostname,
        "gone": endpoint.end_reason == Endpoint.EndReason.GONE,
        "ways_url": absolute(*(about if endpoint.organisation_id else ["subscription-ways", token])) if token else "",
        "subscribe_url": absolute("subscribe"),
    }


def _password(message: OutgoingMessage) -> dict[str, Any]:
    """Return the link to choose a new password; it works once, and for two hours."""
    account = promised(message.account)
    owner = urlsafe_base64_encode(force_bytes(account.pk))
    url = absolute("password-new", owner, default_token_generator.make_token(account))
    return {"account": account, "password_url": url}


def _ask(message: OutgoingMessage) -> dict[str, Any]:
    step = promised(message.step)
    card = alert_card(step.escalation.alert)
    return {
        "card": card,
        "organisation": promised(step.escalation.organisation).name,
        "step": step,
        "alert_url": settings.PUBLIC_URL + card.url,
        "take_url": settings.PUBLIC_URL + take_path(step),
        "simulated": card.simulated,
    }


def _asked(message: OutgoingMessage) -> dict[str, Any]:
    """Return all alerts that trusted organisations ask about and nobody has."""
    asked = alerts_asked_about()
    cards, n = alert_cards(list(asked[:SHOWN_OF_MANY])), asked.count()
    return {
        "n": n,
        "n_more": n - len(cards),
        "items": [(card, _title(card), settings.PUBLIC_URL + card.url) for card in cards],
        "taken_url": absolute("review-taken"),
        "simulated": any(card.simulated for card in cards),
        "doubt": doubt([datum for card in cards for datum in card.datums]),
    }


def _line(message: OutgoingMessage) -> dict[str, Any]:
    line, rows = promised(message.notice).line, promised(message.notice).places()
    products = [row.reading.product for row in rows if row.reading]
    sources = [f"{data_set_name(one.name)}, {period_words(one.dates[0], one.dates[-1])}" for one in products]
    token = tokens.member_token(promised(message.membership).pk)
    url = settings.PUBLIC_URL + reverse("organisation-line", args=[token, line.organisation_id, line.pk])
    shown = next((row.reading_id for row in rows if row.reading_id), None)
    return {
        "line": line,
        "organisation": line.organisation.name,
        "breaks": [break_words(line, row) for row in rows[:MAX_NAMED]],
        "n_breaks": len(rows),
        "n_more": max(0, len(rows) - MAX_NAMED),
        "sources": list(dict.fromkeys(sources)),
        "line_url": f"{url}?reading={shown}" if shown else url,
        "simulated": any(one.simulated for one in products),
    }


LETTERS: dict[str, Callable[[OutgoingMessage], dict[str, Any]]] = {  # The context of each kind's templates.
    Kind.CONFIRM: lambda message: {
        "subscription": message.subscription,
        "confirm_url": absolute("subscribe-confirm", tokens.confirm_token(promised(message.subscription).pk)),
        "unseen": visibility_sentence(promised(message.subscription).region),
    },
    Kind.LINK: _link,
    Kind.TEST: lambda message: {
        "subscription": message.subscription,
        "wanted": described(promised(message.subscription))["wanted"],
    },
    Kind.ENDED: _ended,
    Kind.INVITATION: lambda message: {
        "invitation": message.invitation,
        "join_url": absolute("invitation-open", invitation_token(promised(message.invitation).pk)),
    },
    Kind.MEMBERSHIP: lambda message: {
        "asked": message.membership,
        "join_url": absolute("organisation-join", tokens.join_token(promised(message.membership).pk)),
    },
    Kind.DISSOLVED: lambda message: {"organisation": message.about, "subscribe_url": absolute("subscribe")},
    Kind.RESET: _password,
    Kind.REPORT: lambda message: {  # The link confirms a resident's report, and later shows and deletes it.
        "report": message.report,
        "report_url": absolute("report-link", report_token(promised(message.report).pk)),
    },
    Kind.ASK: _ask,
    Kind.ASKED: _asked,
    Kind.LINE: _line,
}


def letter(kind: str, message: OutgoingMessage) -> EmailMultiAlternatives:
    """Return the mail of a message whose kind is in LETTERS: the message says all that the mail needs."""
    context = LETTERS[kind](message)
    if kind == Kind.TEST:
        return to_reader("test", context, key=message.key, subscriptions=[promised(message.subscription)])
    return _mail("password" if kind == Kind.RESET else kind, message, context)


def visits_mail(message: OutgoingMessage, visits: Sequence[tuple[FieldVisit, AlertCard]]) -> EmailMultiAlternatives:
    """Return the mail that reminds an operator of visits on site: when, where, and where to report what was found."""
    rows = [(one.day, card, absolute("review-case", card.code)) for one, card in visits]
    return _mail("visits", message, {"visits": rows})


def bulletin_mail(*, bulletin: Bulletin, **to: Unpack[To]) -> EmailMultiAlternatives:
    """Return the mail of a signed bulletin: its first sentence, a map, its texts, and its places by region."""
    regions = bulletin_words.regions_in_words(bulletin.content, bulletin.comments)
    names, picture = listed([one.name for one in regions]), None
    fields = {pk for region in bulletin.content["regions"] for place in region["places"] for pk in place["fields"]}
    if regions:
        places = [place for region in regions for place in region.places]
        outlines = [(place.number, place.place["kind"], shape(place.place["outline"])) for place in places]
        picture = _inline("bulletin", f"{bulletin.pk}", plan_png(outlines_plan(names, outlines, bulletin.simulated)))
    context = {
        "headline": bulletin_words.headline(bulletin.n_places, bulletin.first_day, bulletin.last_day),
        "introduction": bulletin.introduction,
        "regions": regions,
        "still": bulletin_words.still_sentence(bulletin.content),
        "simulated": bulletin.simulated,
        "doubt": doubt(datums_of(Product.objects.filter(pk__in=fields))),
        "bulletin_url": absolute("bulletin-detail", bulletin.pk),
        "map_cid": _cid(picture),
        "names": names,
    }
    return to_reader("bulletin", context, [picture], **to)


def alert_mail(
    *,
    card: AlertCard,
    transition: AlertTransition,
    unseen: str,
    picture: MIMEImage | None = None,
    **to: Unpack[To],
) -> EmailMultiAlternatives:
    """Return the mail about what is new about one alert."""
    # unseen: what would not be detected around it; that of each reader's own region stands in digests and on the page
    # of the subscription. picture: of `map_part`.
    context = {"unseen": unseen, "map_cid": _cid(picture), **news_context(card, transition)}
    return to_reader("alert", context, [picture], **to)


def digest_mail(
    *,
    places: Sequence[RegionNews],
    draw: Drawer,
    **to: Unpack[To],
) -> EmailMultiAlternatives:
    """Return the digest of news by region; many places become a summary that links to all of them."""
    # subscriptions: all that caused it, even without a region in it. draw: returns an alert's `card_part`, or None.
    cards = {news.card.code: news.card for place in places for news in place.items}
    many = len(cards) > MANY_PLACES
    parts = [Part(place, many, draw) for place in places]
    context = {
        "places": parts,
        "n_alerts": len(cards),
        "place_names": sorted({card.place for card in cards.values()}),
        "simulated": any(card.simulated for card in cards.values()),
        "doubt": doubt([datum for card in cards.values() for datum in card.datums]),
        "news_url": absolute("subscription-news", tokens.manage_token(to["subscriptions"][0].pk)) if many else "",
    }
    pictures = [item.picture for part in parts for item in part.items]
    return to_reader("digest", context, pictures, **to)


def to_reader(
    name: str, context: dict[str, Any], pictures: Sequence[MIMEImage | None] = (), **to: Unpack[To]
) -> EmailMultiAlternatives:
    """Return a mail that ends with the subscriptions which brought it; one click ends them all (RFC 8058)."""
    subscriptions = to["subscriptions"]
    stop_url = absolute("subscribe-stop", tokens.stop_token(sorted(subscription.pk for subscription in subscriptions)))
    headers = {"List-Unsubscribe": f"<{stop_url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    context |= {
        "labels": listed(list(dict.fromkeys(map(_label, subscriptions)))),
        "stop_url": stop_url,
        "manage_url": absolute("subscription-manage", tokens.manage_token(subscriptions[0].pk)),
    }
    return _rendered(name, context, pictures, to=subscriptions[0].email, key=to["key"], headers=headers)


def absolute(name: str, *args: object) -> str:
    """Return the public address of a page."""
    return settings.PUBLIC_URL + reverse(name, args=args)


def message_id(key: str) -> str:
    """Return the Message-ID for a message's key. It is always the same, so that a second copy is recognised."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{host}>"


def _title(card: AlertCard) -> str:
    # Translators: kind and place of an alert: "Landslide, 3 km south of Aldwick"
    title = _("Correction: %(kind)s, %(place)s") if card.taken_back else _("%(kind)s, %(place)s")
    return title % {"kind": card.kind_label, "place": card.place}


def _label(subscription: Subscription) -> str:
    """Return the label of a subscription; for a member's seat, with the organisation's name."""
    if not subscription.shared_id:
        return subscription.label
    # Translators: a place, and the organisation that follows it: "2 km around Aldwick (Aldwick Waterworks)"
    return _("%(place)s (%(organisation)s)") % {"place": subscription.label, "organisation": subscription.name}


def map_part(alert: Alert, card: AlertCard) -> MIMEImage:
    """Return the map of an alert as a picture within the mail, so that opening the mail loads nothing from a server."""
    return _inline("map", alert.code, plan_png(mail_plan(alert, card)))


def card_part(alert: Alert, _card: AlertCard) -> MIMEImage:
    """Return the picture of an alert's card, embedded in a digest."""
    return _inline("card", alert.code, card_png(alert))


def _inline(name: str, code: str, png: bytes) -> MIMEImage:
    part = MIMEImage(png, "png")
    part["Content-ID"] = message_id(f"{name}:{code}")
    part.add_header("Content-Disposition", "inline", filename=f"{code}.png")
    return part


def _cid(picture: MIMEImage | None) -> str:
    return picture["Content-ID"].strip("<>") if picture else ""


def news_context(card: AlertCard, transition: AlertTransition) -> dict[str, Any]:
    """Return what a mail says of one step of an alert."""
    return {
        "card": card,
        "what_happened": what_happened(transition),
        "alert_url": settings.PUBLIC_URL + card.url,
        "simulated": card.simulated,
    }


def _mail(name: str, message: OutgoingMessage, context: dict[str, Any]) -> EmailMultiAlternatives:
    return _rendered(name, context, to=message.address, key=message.key)


def _rendered(
    name: str,
    context: dict[str, Any],
    pictures: Sequence[MIMEImage | None] = (),
    *,
    to: str,
    key: str,
    headers: dict[str, str] | None = None,
) -> EmailMultiAlternatives:
    """Return a mail made from its templates."""
    context["site_url"] = settings.PUBLIC_URL
    own = {"Message-ID": message_id(key), "Auto-Submitted": "auto-generated"}
    own["Content-Language"] = get_language() or settings.LANGUAGE_CODE
    templates = (get_template(f"notifications/mail/{name}{part}") for part in ("_subject.txt", ".txt", ".html"))
    subject, text, html = (template.render(context) for template in templates)
    mail = Related(" ".join(subject.split()), text.strip() + "\n", to=[to], headers=own | (headers or {}))
    mail.attach_alternative(html, "text/html")
    for picture in filter(None, pictures):
        mail.attach(picture)
    return mail
