"""Collections of what the site's pages show: alerts, data sets, buildings, regions, glaciers and stations."""

from collections.abc import Sequence
from typing import ClassVar

from django.db.models import Count, F, Func, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse

from detection.figures import STORED
from detection.glaciers.selectors import motion_of, motions_known
from detection.kinds import Kind
from detection.lists import alerts_matching
from detection.models import Alert, GlacierMotion
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from detection.selectors import alert_by_code, alerts_public
from ground_motion.core.errors import promised
from ground_motion.readers.records import Component
from ground_motion.readers.stations.records import StationTechnique
from ingest.foundation.geos import geojson
from ingest.models import AdministrativeRegion, Product, Station
from ingest.products.selectors import last_date, products
from ml.models import BuildingMotion
from ml.runs.ledgers import motions_current
from monitor.maps.charts.selectors import bounded
from monitor.open_data.api.operations import product_row
from monitor.open_data.api.schemas import AlertOut, BuildingOut, ProductOut, StationOut
from monitor.open_data.standards.collections import (
    Extent,
    Feature,
    Part,
    Rows,
    extent_of,
    rows_matching,
)
from monitor.open_data.standards.cql2 import Queryables
from monitor.open_data.standards.queries import Filter, Query
from monitor.pages.glaciers.views import ident_of
from monitor.wording.cards.buildings import FIGURES as BUILDING_FIGURES
from monitor.wording.cards.buildings import figures_with_zero
from monitor.wording.cards.cards import PROPERTIES, alert_cards, alert_properties
from monitor.wording.datum import ZERO
from monitor.wording.regions import level_label

MOTION_FIGURES = ("state", "speed_m_day", "sigma_m_day", "usual_m_day", "n_pairs", "last_day")
PERIOD = ("dates__0", last_date("dates"))  # of a velocity field or a station
OF_STATIONS = ("code", "technique", "frame", "first_date", "last_date", "n_dates")
OF_PRODUCTS = ("component", "level", "direction", "track", "release", "n_points", "licence", "simulated")
FACTS = ("importance", "extent", "component", "first_motion", "last_motion")
OF_FILES = ("simulated", "attribution")
MEASURED = {
    "los": "Velocity along the line of sight",
    "up": "Vertical velocity",
    "east": "Velocity to the east",
    "north": "Velocity to the north",
}


class Alerts(Rows):
    """Collection of alerts: public ones, or those of the states that the query names."""

    known = staticmethod(alerts_public)
    name = "alerts"
    title = "Places where the ground moves"
    description = (
        "Outlines of alerts with their figures; rejected and merged ones come only on request. Rates are in mm a year, "
        "sign: see component; uncertainties are one standard deviation. The lists of the site are sorted by "
        "importance, the highest first."
    )
    filters = {
        "kind": Filter("what moves", tuple(Kind)),
        "state": Filter("how far it is reviewed", tuple(State)),
        "severity": Filter("how much it matters", tuple(Severity)),
    }
    queryables: ClassVar[Queryables] = {name: name for name in (*filters, "simulated", *STORED, *FACTS)} | {
        "geometry": "area"
    }
    period = ("first_motion", "last_motion")
    shown, answers = PROPERTIES, (AlertOut,)

    def rows(self, query: Query) -> QuerySet[Alert]:
        """Return the alerts that fit the query."""
        kind, state, severity = (query.filters.get(name, "") for name in ("kind", "state", "severity"))
        alerts = alerts_matching(kind=kind, state=state, severity=severity)
        return rows_matching(alerts, query, "area", self.period)

    def features(self, rows: Sequence[Alert]) -> list[Feature]:
        """Return alerts with the words of their cards and their figures."""
        found = []
        for alert, card in zip(rows, alert_cards(rows), strict=True):
            own = dict.fromkeys(PROPERTIES) | alert_properties(alert, card)
            found.append({"type": "Feature", "id": card.code, "geometry": geojson(alert.area), "properties": own})
        return found

    def feature(self, ident: str) -> Feature | None:
        """Return the alert with this code."""
        try:
            return self.features([alert_by_code(code=ident)])[0]
        except Alert.DoesNotExist:
            return None


def product_title(row: Product) -> str:
    """Return what a velocity field is, in English; its name may be that of a file."""
    track = "" if row.track is None else f", track {row.track:03d} {row.direction}".rstrip()
    return f"{MEASURED[row.component]}{track}, {row.dates[0]:%Y} to {row.dates[-1]:%Y}"


def product_feature(row: Product) -> Feature:
    """Return a velocity field as a feature."""
    own = {"title": product_title(row)} | {name: value for name, value in product_row(row).items() if name != "bbox"}
    return {"type": "Feature", "id": str(row.pk), "geometry": geojson(row.footprint), "properties": own}


class Products(Rows):
    """Collection of velocity fields, whose geometries are boxes around their points."""

    known, feature_of = staticmethod(products), staticmethod(product_feature)
    name = "products"
    title = "Data sets: velocity fields"
    description = "Boxes around the points of each velocity field, with its dates, source and licence."
    filters = {"component": Filter("what its rates measure", tuple(Component))}
    queryables: ClassVar[Queryables] = {name: name for name in ("id", "name", *OF_PRODUCTS)} | {
        "first_date": F("dates__0"),
        "last_date": last_date("dates"),
        "geometry": "footprint",
    }
    period = PERIOD
    shown = ("title", *(name for name in ProductOut.model_fields if name != "bbox"))
    answers = (ProductOut,)


def building_feature(motion: BuildingMotion) -> Feature:
    """Return a building's motion in one data set as a feature."""
    building, product = motion.building, motion.ledger.product
    properties = {"building": building.pk, "product": product.pk, "component": product.component}
    properties |= figures_with_zero(motion)
    properties |= {"since": product.dates[0], "until": product.dates[-1], "simulated": product.simulated}
    outline = geojson(building.outline or building.position)
    return {"type": "Feature", "id": str(motion.pk), "geometry": outline, "properties": properties}


class Buildings(Rows):
    """Collection of buildings whose motion points show, once for each data set."""

    known, feature_of = staticmethod(motions_current), staticmethod(building_feature)
    name = "buildings"
    title = "How buildings move"
    description = (
        "Footprints of buildings with rate (mm a year, sign: see component), tilt and class of damage, once for each "
        "data set whose points show them; low and high are the ends of the 90 % interval. Damage is 1 (negligible), 2 "
        "(slight), 3 (moderate or worse) or 0 (unknown)."
    )
    filters = {"product": Filter("id of a data set")}
    # The ends of the rate's interval are stored without the error of the zero.
    queryables: ClassVar[Queryables] = {
        name: name for name in BUILDING_FIGURES if name not in {"rate_low", "rate_high"}
    } | {
        "building": "building_id",
        "product": "ledger__product_id",
        "component": "ledger__product__component",
        "simulated": "ledger__product__simulated",
        "geometry": "building__position",
    }
    period = (F("ledger__product__dates__0"), last_date("ledger__product__dates"))
    shown = ("building", "product", "component", *BUILDING_FIGURES, *ZERO, "since", "until", "simulated")
    answers, counts = (BuildingOut,), False

    def part(self, query: Query) -> Part:
        """Return a page of buildings; a nation has millions, so that each query is limited in time."""
        with bounded():
            return super().part(query)

    def extent(self) -> Extent:
        """Return the extent of the data sets with buildings: that of millions of buildings would take long."""
        return extent_of(Product.objects.current().filter(buildings__isnull=False), "footprint", PERIOD)


def regions_known() -> QuerySet[AdministrativeRegion]:
    """Return all regions that have a page, each with the number of alerts that the public sees there."""
    inside = alerts_matching().filter(area__intersects=OuterRef("outline")).order_by().values(every=Value(1))
    alerts = Coalesce(Subquery(inside.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)
    return AdministrativeRegion.objects.select_related("layer").exclude(slug=None).annotate(alerts=alerts)


def region_feature(region: AdministrativeRegion) -> Feature:
    """Return a region as a feature."""
    properties = {"name": region.title, "level": region.level, "kind": level_label(region.level)}
    properties |= {name: getattr(region, name) for name in ("code", "alerts")}
    properties |= {name: getattr(region.layer, name) for name in OF_FILES}
    properties |= {"url": reverse("region-detail", args=[region.slug])}
    return {"type": "Feature", "id": region.slug, "geometry": geojson(region.outline), "properties": properties}


class Regions(Rows):
    """Collection of administrative regions."""

    known, feature_of = staticmethod(regions_known), staticmethod(region_feature)
    name = "regions"
    title = "Regions and how many places move in each"
    description = "Outlines of countries, provinces and smaller units, with the number of alerts that touch each."
    filters = {"level": Filter("0: country, 1: province or state, above: smaller units")}
    queryables: ClassVar[Queryables] = {name: name for name in ("name", "level", "code", "alerts")} | {
        "simulated": "layer__simulated",
        "geometry": "outline",
    }
    most, few = 200, 20  # The limits are low, because an outline may have ten thousand corners.
    shown = ("name", "level", "kind", "code", "alerts", *OF_FILES, "url")

    def feature(self, ident: str) -> Feature | None:
        """Return the region with this name in an address."""
        region = self.known().filter(slug=ident).first() if "\0" not in ident else None
        return region_feature(region) if region else None


def glacier_feature(motion: GlacierMotion) -> Feature:
    """Return a glacier with its speed as a feature."""
    glacier = motion.glacier
    properties = {
        "name": glacier.name,
        **{name: getattr(motion, name) for name in MOTION_FIGURES},
        "surge": glacier.surge,
        **{name: getattr(glacier.layer, name) for name in OF_FILES},
        "url": reverse("glacier-detail", args=[ident_of(glacier)]),
    }
    outline = geojson(promised(glacier.outline))
    return {"type": "Feature", "id": ident_of(glacier), "geometry": outline, "properties": properties}


class Glaciers(Rows):
    """Collection of glaciers whose motion is known."""

    shown = ("name", *MOTION_FIGURES, "surge", *OF_FILES, "url")
    answers = (ProductOut,)
    feature_of = staticmethod(glacier_feature)
    name = "glaciers"
    title = "Glaciers whose motion is followed"
    description = "Outlines of glaciers with their speed in the newest pair of radar images, m a day."
    known = staticmethod(motions_known)
    queryables = {name: name for name in MOTION_FIGURES} | {
        "name": "glacier__name",
        "surge": "glacier__surge",
        "simulated": "glacier__layer__simulated",
        "geometry": "glacier__outline",
    }

    def feature(self, ident: str) -> Feature | None:
        """Return the glacier with this identifier."""
        motion = motion_of(ident=ident)
        return None if motion is None or motion.speed_m_day is None else glacier_feature(motion)


def stations_known() -> QuerySet[Station]:
    """Return all stations with the first and last date and the number of dates of their series, without the series."""
    length = Func(F("dates"), function="cardinality", output_field=IntegerField())
    period = {"first_date": F("dates__0"), "last_date": last_date("dates"), "n_dates": length}
    return Station.objects.select_related("file").defer("dates", "packed").annotate(**period)


def station_feature(station: Station) -> Feature:
    """Return a station as a feature."""
    file = {name: getattr(station.file, name) for name in ("attribution", "licence", "simulated")}
    url = reverse("station-detail", args=[station.pk])
    properties = {name: getattr(station, name) for name in OF_STATIONS} | file | {"url": url}
    return {"type": "Feature", "id": str(station.pk), "geometry": geojson(station.position), "properties": properties}


class Stations(Rows):
    """Collection of GNSS stations and levelling benchmarks."""

    known, feature_of = staticmethod(stations_known), staticmethod(station_feature)
    name = "stations"
    title = "GNSS stations and levelling benchmarks"
    description = "Positions and periods of their series; the page of a station compares it with the points around it."
    filters = {"technique": Filter("how it was measured", tuple(StationTechnique))}
    queryables = {name: name for name in OF_STATIONS} | {"simulated": "file__simulated", "geometry": "position"}
    period = PERIOD
    shown, answers = (*OF_STATIONS, "attribution", "licence", "simulated", "url"), (StationOut,)
