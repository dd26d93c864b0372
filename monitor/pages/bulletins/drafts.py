"""Drafts of bulletins, made from searches for changes of trend; operators edit and sign them, which freezes them."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone, translation
from shapely import from_wkb, union_all
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from detection.kinds import Family, family
from detection.lists import Order, alerts_matching
from detection.reviews.audit import audit_write
from detection.search.areas import to_django
from ingest.models import AdministrativeRegion
from ingest.stations.selectors import gauges_around
from ingest.text import plain_text
from ml.models import TrendSearch
from monitor.models.bulletins import Bulletin
from monitor.wording.cards.whereabouts import area_names

MOST_PLACES = 300  # of a bulletin, the surest first
MOST_STILL = 60  # names of regions without a change
LONGEST_TEXT = 4000
Row = dict[str, Any]


def bulletins_draft() -> None:
    """Add the searches that are in no bulletin to the draft; create one if needed. Simulated ground has its own.

    Fields that ended before the newest period of the others are old news.
    """
    for simulated in (False, True):
        current = TrendSearch.objects.filter(product__superseded_by=None, product__simulated=simulated)
        newest = current.aggregate(newest=Max("first_day"))["newest"]
        current = current.filter(last_day__gte=newest) if newest else current
        if current.filter(bulletins=None, n_clusters__gt=0).exists():
            _draft(simulated, current)


@transaction.atomic
def _draft(simulated: bool, current: QuerySet[TrendSearch]) -> Bulletin:
    known = Bulletin.objects.select_for_update().filter(simulated=simulated, signed_at=None).first()
    draft = known or Bulletin(simulated=simulated)
    wanted = Q(bulletins=None, n_clusters__gt=0) | (Q(bulletins=known) if known else Q(pk=None))
    searches = list(current.filter(wanted).select_related("product").distinct())
    draft.first_day = min(one.first_day for one in searches)
    draft.last_day = max(one.last_day for one in searches)
    draft.content = _content(searches, simulated)
    draft.n_places = sum(len(region["places"]) for region in draft.content["regions"])
    draft.area = to_django(union_all([from_wkb(bytes(one.product.footprint.wkb)) for one in searches]))
    draft.save()
    draft.searches.set(searches)
    return draft


def bulletin_edit(
    *, bulletin: Bulletin, expected: str, texts: dict[str, str], actor: AbstractBaseUser, sign: bool
) -> bool:
    """Save an operator's texts, and sign if wanted. Return False if the draft is signed, or not the `expected` one.

    texts: slug of a region, or "introduction": text; expected: `version_of` the draft that the operator saw.
    """
    with transaction.atomic():
        draft = Bulletin.objects.select_for_update().filter(pk=bulletin.pk, signed_at=None).first()
        if draft is None or version_of(draft) != expected:
            return False
        clean = {name: plain_text(text).strip()[:LONGEST_TEXT] for name, text in texts.items()}
        draft.introduction = clean.pop("introduction", "")
        slugs = {region["slug"] for region in draft.content["regions"]}
        draft.comments = {slug: text for slug, text in clean.items() if slug in slugs and text}
        if sign:
            draft.signed_at, draft.signed_by = timezone.now(), actor.get_username()
        draft.save()
        deed = "bulletin signed" if sign else "bulletin edited"
        audit_write(actor=actor, action=deed, subject=f"bulletin {draft.pk}", detail=f"{draft.last_day}")
    return True


def version_of(bulletin: Bulletin) -> str:
    """Return a text that changes whenever a draft is saved."""
    return bulletin.updated_at.isoformat()


def _content(searches: Sequence[TrendSearch], simulated: bool) -> Row:
    merged = _merged(searches)
    places, more = merged[:MOST_PLACES], merged[MOST_PLACES:]
    outlines = [(to_django(shape(one["outline"])), simulated) for one in places]
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            for one, name in zip(places, area_names(outlines), strict=True):
                one["names"][code] = name
    earlier = Bulletin.objects.filter(simulated=simulated).exclude(signed_at=None).first()
    named = [one for region in earlier.content["regions"] for one in region["places"]] if earlier else []
    known = [(one["trend"], shape(one["outline"])) for one in named]
    regions: dict[str, Row] = {}
    for one, (outline, _simulated) in zip(places, outlines, strict=True):
        _complete(one, outline, simulated)
        own = shape(one["outline"])
        again = any(trend == one["trend"] and before.intersects(own) for trend, before in known)
        one["in_bulletin_of"] = earlier.last_day.isoformat() if earlier and again else ""
        region = _region_at(outline, simulated)
        row = {"slug": region.slug if region else "", "name": region.name if region else "", "places": []}
        regions.setdefault(row["slug"], row)["places"].append(one)
    unnamed = [_region_at(to_django(shape(one["outline"])), simulated) for one in more]
    return {
        "regions": sorted(regions.values(), key=lambda one: (not one["slug"], one["name"])),
        "still": _still(searches, simulated, {*regions, *(one.slug for one in unnamed if one)}),
        "n_fields": len(searches),
        "n_clusters": sum(one.n_clusters for one in searches),
        "credits": sorted({search.product.attribution for search in searches} - {""}),
    }


def _merged(searches: Sequence[TrendSearch]) -> list[Row]:
    """Return the places of all searches, the surest first; overlapping places of several fields are one place.

    n_fields counts the fields that show the same trend there.
    """
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


def _complete(place: Row, outline: MultiPolygon, simulated: bool) -> None:
    """Add to a place its alert and the gauges nearby."""
    alerts = alerts_matching(area=outline, order=Order.STRONGEST).filter(simulated=simulated)
    alert = next((one for one in alerts if family(one.kind) is Family.VELOCITY), None)
    place["kind"], place["code"] = (alert.kind, alert.code) if alert else ("", "")
    middle = outline.point_on_surface
    days = {"first": date.fromisoformat(place["first_day"]), "last": date.fromisoformat(place["last_day"])}
    gauges = gauges_around(longitude=middle.x, latitude=middle.y, **days)
    place["gauges"] = [one._asdict() for one in gauges]


def _region_at(outline: MultiPolygon, simulated: bool) -> AdministrativeRegion | None:
    """Return the province or state at a place, else the next smaller unit, else the country."""
    regions = AdministrativeRegion.objects.filter(
        outline__contains=outline.point_on_surface, layer__simulated=simulated
    ).defer("outline")
    return min(regions, key=lambda one: (one.level == 0, one.level, one.pk), default=None)


def _still(searches: Sequence[TrendSearch], simulated: bool, changed: set[str]) -> list[str]:
    """Return the names of the regions that were searched and show no change."""
    names: set[str] = set()
    for footprint in {search.product.footprint.wkt for search in searches}:
        there = AdministrativeRegion.objects.filter(
            outline__intersects=GEOSGeometry(footprint, srid=4326), layer__simulated=simulated
        ).defer("outline")
        levels = sorted({one.level for one in there}, key=lambda level: (level == 0, level))
        names |= {one.name for one in there if one.level == levels[0] and one.slug not in changed}
    return sorted(names)[:MOST_STILL]
