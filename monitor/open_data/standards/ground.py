"""Collections of what the site's pages show: alerts, data sets, glaciers and stations."""

from collections.abc import Sequence
from typing import ClassVar

from django.db.models import F, Func, IntegerField, QuerySet
from django.urls import reverse

from detection.figures import FIGURES, STORED
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
from ingest.models import Product, Station
from ingest.products.selectors import last_date, products
from monitor.open_data.api.operations import product_row
from monitor.open_data.standards.collections import Feature, Rows, geojson, rows_matching
from monitor.open_data.standards.cql2 import Queryables
from monitor.open_data.standards.queries import Filter, Query
from monitor.pages.glaciers.views import ident_of
from monitor.wording.cards.cards import BRIEF, alert_cards

MOTION_FIGURES = ("state", "speed_m_day", "sigma_m_day", "usual_m_day", "n_pairs", "last_day")
PERIOD = ("dates__0", last_date("dates"))  # of a velocity field or a station
OF_STATIONS = ("code", "technique", "frame", "first_date", "last_date", "n_dates")
OF_PRODUCTS = ("component", "level", "direction", "track", "release", "n_points", "licence", "simulated")
FACTS = ("importance", "extent", "component", "first_motion", "last_motion")


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
    queryables = {name: name for name in (*filters, "simulated", *STORED, *FACTS)} | {"geometry": "area"}
    period = ("first_motion", "last_motion")

    def rows(self, query: Query) -> QuerySet[Alert]:
        """Return the alerts that fit the query."""
        kind, state, severity = (query.filters.get(name, "") for name in ("kind", "state", "severity"))
        alerts = alerts_matching(kind=kind, state=state, severity=severity)
        return rows_matching(alerts, query, "area", self.period)

    def features(self, rows: Sequence[Alert]) -> list[Feature]:
        """Return alerts with the words of their cards and their figures."""
        found = []
        for alert, card in zip(rows, alert_cards(rows), strict=True):
            own = {name: getattr(card, name) for name in (*BRIEF, "first_seen", "updated")}
            own |= {name: getattr(alert, name) for name in (*(row.name for row in FIGURES), *FACTS)}
            found.append({"type": "Feature", "id": card.code, "geometry": geojson(alert.area), "properties": own})
        return found

    def feature(self, ident: str) -> Feature | None:
        """Return the alert with this code."""
        try:
            return self.features([alert_by_code(code=ident)])[0]
        except Alert.DoesNotExist:
            return None


def product_feature(row: Product) -> Feature:
    """Return a velocity field as a feature."""
    own = {name: value for name, value in product_row(row).items() if name != "bbox"}
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


def glacier_feature(motion: GlacierMotion) -> Feature:
    """Return a glacier with its speed as a feature."""
    glacier = motion.glacier
    properties = {
        "name": glacier.name,
        **{name: getattr(motion, name) for name in MOTION_FIGURES},
        "surge": glacier.surge,
        "simulated": glacier.layer.simulated,
        "attribution": glacier.layer.attribution,
        "url": reverse("glacier-detail", args=[ident_of(glacier)]),
    }
    outline = geojson(promised(glacier.outline))
    return {"type": "Feature", "id": ident_of(glacier), "geometry": outline, "properties": properties}


class Glaciers(Rows):
    """Collection of glaciers whose motion is known."""

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
