"""Drafts of bulletins, made from searches for changes of trend; operators edit and sign them, which freezes them.

Rain and groundwater near each of its places are read from gauges, in the period of the bulletin and in earlier years.
"""

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.gis.geos import MultiPoint, Point
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone, translation
from numpy.typing import NDArray
from shapely import from_wkb, union_all
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from detection.kinds import Family, family
from detection.lists import alerts_matching
from detection.models import PublicText
from detection.reviews.audit import audit_write
from detection.reviews.claims import Overtaken
from detection.reviews.proposals import text_overtake, text_propose
from detection.search.areas import to_django
from detection.selectors import alerts_public
from ground_motion.core.geometry import METRES_PER_DEGREE
from ground_motion.core.text import plain_text
from ground_motion.readers.records import Float32
from ground_motion.readers.stations.records import GaugeKind
from ingest.context.selectors import regions_at
from ingest.jobs.steps import Step, rows_due
from ingest.models import AdministrativeRegion, Gauge
from ml.models import TrendSearch
from ml.runs.selectors import trend_searches_due
from monitor.models.messages import Bulletin
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.whereabouts import area_names
from monitor.wording.families.changes import passes_sentences

MAX_PLACES = 300  # A bulletin names this many places, the surest first.
MAX_PROVISIONAL = 50  # Most alerts from new passes.
MAX_STILL = 60  # Most names of regions without a change.
MAX_TEXT_LENGTH = 4000
Row = dict[str, Any]
Days = NDArray[np.datetime64]
GAUGE_KM = 25.0
EARLIER_YEARS = 20
MEAN_DAYS = 30  # step of a gauge's chart
RAIN_SHARE = 0.8  # The sum of rain is known only if this share of the days has a value.


class PlaceAndPeriod(NamedTuple):
    """A place and a period, both days included. since: first day of the series that a chart shows."""

    longitude: float
    latitude: float
    since: date
    first: date
    last: date


class GaugePeriod(NamedTuple):
    """Mean of a gauge in a period, and in the same days of earlier years, None without any; mm/day or m.

    days, means: middle and mean (None if unknown) of each step of MEAN_DAYS since the first day that a chart shows.
    """

    code: str
    kind: str
    away_km: float
    mean: float
    usual: float | None
    days: list[str]
    means: list[float | None]


def bulletins_draft() -> None:
    """Add the searches that are in no bulletin to the draft; create one if needed. Simulated ground has its own.

    The draft leaves out fields that are superseded, and those that ended before the newest period of the others.
    """
    coming = rows_due(Step.TRENDS, trend_searches_due())
    for simulated in (False, True):
        if searches_undrafted(simulated=simulated).exists():
            _draft(simulated, awaiting=coming.filter(simulated=simulated).exists())


def bulletins_unsigned() -> QuerySet[Bulletin]:
    """Return the drafts that wait for the operators."""
    return Bulletin.objects.filter(signed_at=None)


def searches_undrafted(*, simulated: bool) -> QuerySet[TrendSearch]:
    """Return the current searches that are in no bulletin, and the outdated ones that are in the draft."""
    current = _current(simulated)
    drafted = bulletins_unsigned().filter(simulated=simulated).values("searches")
    outdated = TrendSearch.objects.filter(pk__in=drafted).exclude(pk__in=current.values("pk"))
    return (current.filter(bulletins=None, n_clusters__gt=0) | outdated).distinct()


def _current(simulated: bool) -> QuerySet[TrendSearch]:
    current = TrendSearch.objects.filter(product__superseded_by=None, product__simulated=simulated)
    newest = current.aggregate(newest=Max("first_day"))["newest"]
    return current.filter(last_day__gte=newest) if newest else current


@transaction.atomic
def _draft(simulated: bool, awaiting: bool) -> None:
    """Write the draft. Without current searches, delete it, unless the site is `awaiting` the search of newer data."""
    known = bulletins_unsigned().select_for_update().filter(simulated=simulated).first()
    draft = known or Bulletin(simulated=simulated)
    wanted = Q(bulletins=None, n_clusters__gt=0) | (Q(bulletins=known) if known else Q(pk=None))
    searches = list(_current(simulated).filter(wanted).select_related("product").distinct())
    if not searches:
        if known and not awaiting:
            known.delete()
        return
    draft.first_day = min(search.first_day for search in searches)
    draft.last_day = max(search.last_day for search in searches)
    draft.content = _content(searches, simulated)
    draft.n_places = sum(len(region["places"]) for region in draft.content["regions"])
    draft.area = to_django(union_all([from_wkb(bytes(search.product.footprint.wkb)) for search in searches]))
    draft.save()
    draft.searches.set(searches)


def bulletin_edit(*, bulletin: Bulletin, expected: str, texts: dict[str, str], actor: User, sign: bool) -> bool:
    """Save an operator's texts, and sign if wanted. Return False if the draft is signed, or not the `expected` one.

    A draft with texts is signed once a second person agrees, where one has to; a change of the draft ends what waits.

    texts: slug of a region, or "introduction": text; expected: `version_of` the draft that the operator saw.
    """
    with transaction.atomic():
        draft = bulletins_unsigned().select_for_update().filter(pk=bulletin.pk).first()
        if draft is None or version_of(draft) != expected:
            return False
        clean = {name: plain_text(text).strip()[:MAX_TEXT_LENGTH] for name, text in texts.items()}
        draft.introduction = clean.pop("introduction", "")
        slugs = {region["slug"] for region in draft.content["regions"]}
        draft.comments = {slug: text for slug, text in clean.items() if slug in slugs and text}
        draft.save()
        subject, change = f"bulletin {draft.pk}", {"introduction": draft.introduction, "comments": draft.comments}
        audit_write(actor=actor, action="bulletin edited", subject=subject, detail=f"{draft.last_day}")
        if not sign:
            text_overtake(subject=subject, by=actor)
        elif text_propose(subject=subject, change=change, by=actor) is None:
            _sign(draft, actor.get_username(), actor)
    return True


def bulletin_publish(text: PublicText, publisher: User) -> None:
    """Sign a draft with the texts to which a second person has agreed. Raises Overtaken if there is no such draft."""
    draft = bulletins_unsigned().select_for_update().filter(pk=text.name).first()
    if draft is None:
        raise Overtaken("there is no such draft any more")
    draft.introduction, draft.comments = text.change["introduction"], text.change["comments"]
    _sign(draft, text.proposer.get_username() if text.proposer else "", publisher)


def _sign(draft: Bulletin, signed_by: str, actor: User) -> None:
    alerts_renew(bulletin=draft)
    draft.signed_at, draft.signed_by = timezone.now(), signed_by
    draft.save()
    audit_write(actor=actor, action="bulletin signed", subject=f"bulletin {draft.pk}", detail=f"{draft.last_day}")


def alerts_renew(*, bulletin: Bulletin) -> None:
    """Look up the alerts of a draft again, because they may be newer than the draft; nothing is stored."""
    bulletin.content["provisional"] = _provisional(bulletin.simulated)
    places = [one for region in bulletin.content["regions"] for one in region["places"]]
    if places:
        _add_alerts(places, [shape(place["outline"]) for place in places], bulletin.simulated)


def version_of(bulletin: Bulletin) -> str:
    """Return a text that changes whenever a draft is saved."""
    return bulletin.updated_at.isoformat()


def _content(searches: Sequence[TrendSearch], simulated: bool) -> Row:
    """Return the content of a bulletin, in a number of queries that does not depend on the number of places."""
    places = _merged(searches)
    outlines = [shape(place["outline"]) for place in places]
    sampled = [at for search in searches if search.sampled for at in search.sampled.coords]
    inside = [(middle.x, middle.y) for middle in (outline.representative_point() for outline in outlines)]
    found = regions_at(points=[*inside, *sampled], simulated=simulated)
    _complete(places[:MAX_PLACES], outlines[:MAX_PLACES], simulated)
    regions: dict[str, Row] = {}
    for one, region in zip(places[:MAX_PLACES], found, strict=False):
        row: Row = _named(region) if region else {"slug": "", "name": "", "names": {}}
        regions.setdefault(row["slug"], row | {"places": []})["places"].append(one)
    changed = {region.slug for region in found[: len(places)] if region}
    still = {one.slug: _named(one) for one in found[len(places) :] if one and one.slug not in changed}
    return {
        "regions": sorted(regions.values(), key=lambda one: (not one["slug"], one["name"])),
        "still": sorted(still.values(), key=lambda one: one["name"])[:MAX_STILL],
        "provisional": _provisional(simulated),
        "n_fields": len(searches),
        "n_clusters": sum(one.n_clusters for one in searches),
        "credits": sorted({search.product.attribution for search in searches} - {""}),
    }


def _provisional(simulated: bool) -> list[Row]:
    """Return what new passes show beyond the releases: each alert's code, and its words in every language."""
    alerts = list(alerts_public().filter(simulated=simulated, passes__isnull=False)[:MAX_PROVISIONAL])
    rows: list[Row] = [{"code": alert.code, "words": {}} for alert in alerts]
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            for row, alert, card in zip(rows, alerts, alert_cards(alerts), strict=True):
                row["words"][code] = " ".join([f"{card.place}: {card.brief}", *passes_sentences(alert)])
    return rows


def _named(region: AdministrativeRegion) -> Row:
    """Return what names a region in every language."""
    return {"slug": region.slug, "name": region.name, "names": region.names}


def _merged(searches: Sequence[TrendSearch]) -> list[Row]:
    """Return the places of all searches, surest first. Overlapping places are one; n_fields counts their fields."""
    rows = [(one["sigmas"], search, one) for search in searches for one in search.places]
    kept: list[tuple[BaseGeometry, Row]] = []
    for _sigmas, search, place in sorted(rows, key=lambda row: -row[0]):
        outline, number = shape(place["outline"]), search.product_id
        same = next((one for known, one in kept if number not in one["fields"] and known.intersects(outline)), None)
        if same is not None:
            same["fields"].append(number)
            same["n_fields"] += same["trend"] == place["trend"]
            continue
        days = {"first_day": search.first_day.isoformat(), "last_day": search.last_day.isoformat()}
        source = {"component": search.product.component, "source": search.product.name, "fields": [number]}
        kept.append((outline, place | days | source | {"n_fields": 1, "names": {}}))
    return [one for _outline, one in kept]


def _complete(places: Sequence[Row], outlines: Sequence[BaseGeometry], simulated: bool) -> None:
    """Add to each place its names, its alert, the gauges nearby, and the earlier bulletin that names its change."""
    if not places:
        return
    areas = [(to_django(one), simulated) for one in outlines]
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            for place, name in zip(places, area_names(areas), strict=True):
                place["names"][code] = name
    _add_alerts(places, outlines, simulated)
    earlier = Bulletin.objects.filter(simulated=simulated).exclude(signed_at=None).first()
    named = [one for region in earlier.content["regions"] for one in region["places"]] if earlier else []
    known = [(one["trend"], shape(one["outline"])) for one in named]
    gauges = gauges_around(places=[_period(*pair) for pair in zip(places, outlines, strict=True)])
    for place, outline, nearby in zip(places, outlines, gauges, strict=True):
        place["gauges"] = [one._asdict() for one in nearby]
        again = any(trend == place["trend"] and before.intersects(outline) for trend, before in known)
        place["in_bulletin_of"] = earlier.last_day.isoformat() if earlier and again else ""


def _add_alerts(places: Sequence[Row], outlines: Sequence[BaseGeometry], simulated: bool) -> None:
    """Add to each place the most important public alert of velocity fields that touches it."""
    touching = alerts_matching(area=to_django(union_all(outlines))).filter(simulated=simulated)
    alerts = [(one, from_wkb(bytes(one.area.wkb))) for one in touching if family(one.kind) is Family.VELOCITY]
    for place, outline in zip(places, outlines, strict=True):
        alert = next((one for one, area in alerts if area.intersects(outline)), None)
        place["kind"], place["code"] = (alert.kind, alert.code) if alert else ("", "")


def _period(place: Row, outline: BaseGeometry) -> PlaceAndPeriod:
    days = (place["fit"]["dates"][0], place["first_day"], place["last_day"])
    since, first, last = (date.fromisoformat(day) for day in days)
    middle = outline.representative_point()
    return PlaceAndPeriod(middle.x, middle.y, since, first, last)


def gauges_around(*, places: Sequence[PlaceAndPeriod]) -> list[list[GaugePeriod]]:
    """Return, for each place, the nearest gauge of each kind within GAUGE_KM with a mean in the period. One query."""
    if not places:
        return []
    positions = MultiPoint(*(Point(place.longitude, place.latitude) for place in places), srid=4326)
    northernmost = max(abs(place.latitude) for place in places)
    reach = GAUGE_KM / METRES_PER_DEGREE * 1000 / max(0.02, math.cos(math.radians(northernmost)))
    first, last = min(place.first for place in places), max(place.last for place in places)
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    near = list(Gauge.objects.filter(position__dwithin=(positions, reach), dates__overlap=days))
    means = cache(_gauge_period)  # Many places share a gauge and a period.
    return [_nearest_gauges(place, near, means) for place in places]


def _nearest_gauges(
    place: PlaceAndPeriod, gauges: Sequence[Gauge], means: Callable[[Gauge, date, date, date], GaugePeriod | None]
) -> list[GaugePeriod]:
    found: dict[str, GaugePeriod] = {}
    for away, gauge in sorted(((_away_km(one, place), one) for one in gauges), key=lambda pair: pair[0]):
        if away <= GAUGE_KM and gauge.kind not in found:
            period = means(gauge, place.since, place.first, place.last)
            if period is not None:
                found[gauge.kind] = period._replace(away_km=away)
    return [found[kind] for kind in sorted(found)]


def _gauge_period(gauge: Gauge, since: date, first: date, last: date) -> GaugePeriod | None:
    """Return a gauge's figures without its distance; None without a mean in the period."""
    days, values = np.array(gauge.dates, dtype="datetime64[D]"), gauge.series.values
    now = _mean(gauge.kind, days, values, first, last)
    if now is None:
        return None
    backs = [timedelta(days=round(365.25 * years)) for years in range(1, EARLIER_YEARS + 1)]
    earlier = [_mean(gauge.kind, days, values, first - back, last - back) for back in backs]
    known = [mean for mean in earlier if mean is not None]
    begins = [since + timedelta(days=at) for at in range(0, (last - since).days - MEAN_DAYS + 2, MEAN_DAYS)]
    means = [_mean(gauge.kind, days, values, begin, begin + timedelta(days=MEAN_DAYS - 1)) for begin in begins]
    middles = [(one + timedelta(days=MEAN_DAYS // 2)).isoformat() for one in begins]
    return GaugePeriod(gauge.code, gauge.kind, 0.0, now, float(np.mean(known)) if known else None, middles, means)


def _away_km(gauge: Gauge, place: PlaceAndPeriod) -> float:
    east = (gauge.position.x - place.longitude) * math.cos(math.radians(place.latitude))
    return math.hypot(east, gauge.position.y - place.latitude) * METRES_PER_DEGREE / 1000


def _mean(kind: str, days: Days, values: Float32, first: date, last: date) -> float | None:
    """Return the mean of the values of a period, both days included; None with too few values."""
    fewest = RAIN_SHARE * ((last - first).days + 1) if kind == GaugeKind.RAIN else 1
    within = (days >= np.datetime64(first)) & (days <= np.datetime64(last))
    return float(values[within].mean()) if within.sum() >= fewest else None
