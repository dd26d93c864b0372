"""Lists of sites stored with a subscription, and the sites that lie in moving ground."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.contrib.gis.geos import GEOSGeometry
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from shapely import MultiPolygon, to_wkb

from detection.models import Alert
from detection.rules.lifecycle import TAKEN_BACK
from monitor.models.messages import Notification
from monitor.models.subscriptions import Asset, Subscription
from monitor.subscribers.subscriptions.selectors import living_at
from monitor.wording.figures import listed_few, whole

MAX_NAMED = 10


class SiteArea(NamedTuple):
    """Site of a list: a point in degrees, and the area within its radius."""

    name: str
    longitude: float
    latitude: float
    radius_m: float
    area: MultiPolygon


def assets_replace(*, subscription: Subscription, sites: Sequence[SiteArea]) -> None:
    """Replace the sites of a subscription, within the caller's transaction."""
    Asset.objects.filter(subscription=subscription).delete()
    areas = [{"area": GEOSGeometry(to_wkb(site.area, hex=True), 4326)} for site in sites]
    rows = [Asset(subscription=subscription, **site._asdict() | area) for site, area in zip(sites, areas, strict=True)]
    Asset.objects.bulk_create(rows, batch_size=500)


def assets_concerned(*, alerts: Iterable[int], subscriptions: Iterable[int]) -> dict[tuple[int, int], dict[int, str]]:
    """Return {(subscription, alert): {site id: name}} of sites whose area intersects the alert, by one query."""
    found: dict[tuple[int, int], dict[int, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT asset.subscription_id, alert.id, asset.id, asset.name FROM monitor_asset asset"
            " JOIN detection_alert alert ON ST_Intersects(asset.area, alert.area)"
            " WHERE alert.id = ANY(%s) AND asset.subscription_id = ANY(%s) ORDER BY asset.id",
            [list(alerts), list(subscriptions)],
        )
        for subscription, alert, pk, name in cursor.fetchall():
            found.setdefault((subscription, alert), {})[pk] = name
    return found


def sites_now(subscription: Subscription) -> str:
    """Return a sentence on the sites of a list that lie in moving ground of wanted kinds; empty if there is no list."""
    if not subscription.n_assets:
        return ""
    alerts = Alert.objects.filter(living_at(subscription))
    found = assets_concerned(alerts=alerts.values_list("pk", flat=True), subscriptions=[subscription.source])
    names = {pk: name for one in found.values() for pk, name in one.items()}
    return sites_sentence([names[pk] for pk in sorted(names)], subscription)


def sites_sentence(names: Sequence[str], subscription: Subscription) -> str:
    """Return a sentence: '12 of your 340 sites lie in moving ground: Dam, Mill and 10 more.' names: of those 12."""
    of = subscription.n_assets
    if of == 1:
        one = _("Your site %(name)s lies in moving ground.") % {"name": names[0]} if names else ""
        return one or _("Your site does not lie in moving ground.")
    if not names:
        return _("None of your %(all)s sites lies in moving ground.") % {"all": whole(of)}
    sentence = ngettext(
        "%(n)s of your %(all)s sites lies in moving ground: %(names)s.",
        "%(n)s of your %(all)s sites lie in moving ground: %(names)s.",
        len(names),
    )
    return sentence % _figures(names, of)


def _figures(names: Sequence[str], of: int) -> dict[str, str]:
    return {"n": whole(len(names)), "all": whole(of), "names": listed_few(names, MAX_NAMED)}


def concerned_read(*, news: Sequence[Notification]) -> None:
    """Set `sites` of each news item to those within its alert: one query, or none if no subscription has a list."""
    of_lists = [item for item in news if item.subscription.n_assets and item.transition.alert.state not in TAKEN_BACK]
    lists, alerts = {one.subscription.source for one in of_lists}, {one.transition.alert_id for one in of_lists}
    found = assets_concerned(alerts=alerts, subscriptions=lists) if lists else {}
    for item in news:
        item.sites = found.get((item.subscription.source, item.transition.alert_id), {})


def sites_of_news(news: Sequence[Notification]) -> list[str]:
    """Return sentences that name the sites within the alerts of a mail, one sentence for each list of sites."""
    if any(item.sites is None for item in news):
        concerned_read(news=news)
    lists: dict[int, Subscription] = {}
    found: dict[int, dict[int, str]] = {}
    for item in news:
        if item.sites:
            lists[item.subscription.source] = item.subscription
            found.setdefault(item.subscription.source, {}).update(item.sites)
    sentences = []
    for subscription, names in found.items():
        if lists[subscription].n_assets == 1:
            sentences.append(_("Your site %(name)s is concerned.") % {"name": next(iter(names.values()))})
            continue
        sentence = ngettext(
            "%(n)s of your %(all)s sites is concerned: %(names)s.",
            "%(n)s of your %(all)s sites are concerned: %(names)s.",
            len(names),
        )
        sentences.append(sentence % _figures([names[pk] for pk in sorted(names)], lists[subscription].n_assets))
    return sentences
