"""Collections of what the pages show: alerts, data sets and glaciers."""

from collections.abc import Sequence
from typing import Any

from django.contrib.gis.db.models import Extent as BoundsOf
from django.db.models import Max, Min, QuerySet
from django.urls import reverse

from detection.glaciers.selectors import motion_of, motions_known
from detection.kinds import Kind
from detection.lists import alerts_matching
from detection.models import AREA_FIGURES, Alert, GlacierMotion
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from detection.selectors import alert_by_code, alerts_public
from ingest.models import Product
from ingest.products.selectors import last_date, products
from ingest.readers.records import Component
from monitor.open_data.api.rows import product_row
from monitor.open_data.standards.collections import Extent, Feature, Rows, geojson
from monitor.open_data.standards.queries import Filter, Query
from monitor.pages.glaciers.rows import ident_of
from monitor.wording.cards.cards import alert_cards
from monitor.wording.refusals import number_or_none

CARD_WORDS = (
    "code",
    "kind",
    "kind_label",
    "place",
    "state",
    "state_label",
    "severity",
    "severity_label",
    "sentence",
    "simulated",
    "url",
    "first_seen",
    "updated",
)
FIGURES = (*AREA_FIGURES, "extent", "component", "first_motion", "last_motion")


class Alerts(Rows):
    name = "alerts"
    title = "Places where the ground moves"
    description = (
        "Outlines of alerts with their figures; rejected and merged ones come only on request. Rates are in mm a year, "
        "sign: see component; uncertainties are one standard deviation."
    )
    filters = {
        "kind": Filter("what moves", tuple(Kind)),
        "state": Filter("how far it is reviewed", tuple(State)),
        "severity": Filter("how much it matters", tuple(Severity)),
    }

    def rows(self, query: Query) -> QuerySet[Alert]:
        found = alerts_matching(**query.filters, area=query.area)
        if query.during is None:
            return found
        return found.filter(first_motion__lte=query.during.end.date(), last_motion__gte=query.during.start.date())

    def features(self, rows: Sequence[Alert]) -> list[Feature]:
        return [
            {
                "type": "Feature",
                "id": card.code,
                "geometry": geojson(alert.area),
                "properties": {name: getattr(card, name) for name in CARD_WORDS}
                | {name: getattr(alert, name) for name in FIGURES},
            }
            for alert, card in zip(rows, alert_cards(rows), strict=True)
        ]

    def feature(self, ident: str) -> Feature | None:
        try:
            return self.only(alert_by_code(code=ident))
        except Alert.DoesNotExist:
            return None

    def extent(self) -> Extent:
        whole = alerts_public().aggregate(box=BoundsOf("area"), first=Min("first_motion"), last=Max("last_motion"))
        return Extent(whole["box"], whole["first"], whole["last"])


class Products(Rows):
    name = "products"
    title = "Data sets: velocity fields"
    description = "Boxes around the points of each velocity field, with its dates, source and licence."
    filters = {"component": Filter("what its rates measure", tuple(Component))}

    def rows(self, query: Query) -> QuerySet[Product]:
        return products_wanted(products(), query).filter(**query.filters)

    def features(self, rows: Sequence[Product]) -> list[Feature]:
        return [product_feature(row) for row in rows]

    def feature(self, ident: str) -> Feature | None:
        return self.only(row_of(products(), ident))

    def extent(self) -> Extent:
        return extent_of_products(products())


def product_feature(row: Product) -> Feature:
    properties = product_row(row)
    del properties["bbox"]
    return {"type": "Feature", "id": str(row.pk), "geometry": geojson(row.footprint), "properties": properties}


def products_wanted(rows: QuerySet[Product], query: Query) -> QuerySet[Product]:
    """Those on the ground and in the time that are asked for."""
    if query.area is not None:
        rows = rows.filter(footprint__intersects=query.area)
    if query.during is None:
        return rows
    ends = rows.alias(last=last_date("dates"))
    return ends.filter(dates__0__lte=query.during.end.date(), last__gte=query.during.start.date())


def extent_of_products(rows: QuerySet[Product]) -> Extent:
    whole = rows.aggregate(box=BoundsOf("footprint"), first=Min("dates__0"), last=Max(last_date("dates")))
    return Extent(whole["box"], whole["first"], whole["last"])


class Glaciers(Rows):
    name = "glaciers"
    title = "Glaciers whose motion is followed"
    description = "Outlines of glaciers with their speed in the newest pair of radar images, m a day."

    def rows(self, query: Query) -> QuerySet[GlacierMotion]:
        found = motions_known()
        return found if query.area is None else found.filter(glacier__outline__intersects=query.area)

    def features(self, rows: Sequence[GlacierMotion]) -> list[Feature]:
        return [
            {
                "type": "Feature",
                "id": ident_of(motion.glacier),
                "geometry": geojson(motion.glacier.outline),
                "properties": _glacier_properties(motion),
            }
            for motion in rows
        ]

    def feature(self, ident: str) -> Feature | None:
        motion = motion_of(ident=ident)
        return None if motion is None or motion.speed_m_day is None else self.only(motion)

    def extent(self) -> Extent:
        return Extent(motions_known().aggregate(box=BoundsOf("glacier__outline"))["box"])


def _glacier_properties(motion: GlacierMotion) -> dict[str, Any]:
    glacier = motion.glacier
    return {
        "name": glacier.name,
        "state": motion.state,
        "speed_m_day": motion.speed_m_day,
        "sigma_m_day": motion.sigma_m_day,
        "usual_m_day": motion.usual_m_day,
        "n_pairs": motion.n_pairs,
        "last_day": motion.last_day,
        "surge": glacier.surge,
        "simulated": glacier.layer.simulated,
        "attribution": glacier.layer.attribution,
        "url": reverse("glacier-detail", args=[ident_of(glacier)]),
    }


def row_of(rows: QuerySet, ident: str) -> Any | None:
    """The row with this key, or None for what is no key."""
    return rows.filter(pk=number_or_none(ident)).first()
