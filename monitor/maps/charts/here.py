"""Ground motion around one place: the points within 50, 100 or 200 m, their mean series and the nearest alerts.

A place that somebody asks for is not stored, cached or logged.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry, Point
from django.urls import reverse
from django.utils.translation import gettext as _
from shapely import Point as Spot
from shapely import from_wkb, transform
from shapely.ops import nearest_points

from detection.models import Alert
from detection.rules.importance import MIN_MOVING
from detection.rules.motion import Figure
from detection.selectors import alerts_public
from ground_motion.core.areas import wrap_longitude
from ground_motion.readers.records import Component
from ingest.context.selectors import Contact
from ingest.foundation.geos import geos
from ingest.models import Product
from ingest.products.selectors import AreaSeries
from ml.runs.provisional import provisional_within
from monitor.maps.charts import words
from monitor.maps.charts.rows import trace_row
from monitor.maps.charts.selectors import Period, PointsIn, points_within, products_over
from monitor.maps.charts.traces import PeriodFit, Trace, by_direction, fit_in, of_area, reference_of
from monitor.maps.imaging.charts import curves
from monitor.maps.imaging.plans import KM_PER_DEGREE
from monitor.maps.map.series import changes_body, number
from monitor.wording.cards.buildings import building_words
from monitor.wording.cards.cards import AlertCard, alert_cards
from monitor.wording.cards.looks import Looks, looks_at_place, looks_body
from monitor.wording.cards.whereabouts import area_places
from monitor.wording.families.velocity import GAPS, limits_of_fields
from monitor.wording.figures import decimal, whole
from monitor.wording.places import toward
from monitor.wording.refusals import Missing, Refusal, finite_numbers
from monitor.wording.regions import disc

RADII_M = (50.0, 100.0, 200.0)
ENOUGH_POINTS, ENOUGH_CELLS = 8, 3  # Few cells are enough, because a cell of a coarse grid is the mean of many points.
CELL_M = 40.0  # A grid of this posting or more is coarse.
DIGITS = 4  # About 10 m: a shared address names a neighbourhood rather than a room.
ALERTS_KM, MAX_ALERTS = 5.0, 3
AHEAD = {Component.UP: 0, Component.LOS: 1}  # These components matter most to a resident and come first.


class PlaceTrack(NamedTuple):
    """Points of one direction around a place. coherence: the median of their temporal coherence, None if unknown."""

    trace: Trace
    fit: PeriodFit
    sigma_mm_yr: float | None  # standard deviation of the mean rate; it includes that of the datum
    coherence: float | None
    points: list[PointsIn]

    @property
    def rate(self) -> Figure:
        """Return the mean rate of the points."""
        product, mm_yr = self.trace.product, self.trace.stated_mm_yr
        first, last = product.dates[0], product.dates[-1]
        return Figure(mm_yr, self.sigma_mm_yr, first, last, along=product.component, against="local")

    @property
    def changes(self) -> list[dict[str, object]]:
        """Return the changes of motion in the mean series, each with a sentence."""
        return changes_body(self.trace.product, self.fit.changes)


class AlertNear(NamedTuple):
    """Alert near a place. distance_m: to its outline, 0 inside; bearing_deg: toward it, clockwise from north."""

    card: AlertCard
    distance_m: float
    bearing_deg: float

    @property
    def where(self) -> str:
        """Return where the alert lies from the place: 'here', '300 m to the south-east', '2.4 km to the north'."""
        metres = self.distance_m
        if metres < 1:
            return _("here: the place lies in the affected area")
        far = f"{decimal(metres / 1000, 1)} km" if metres >= 1000 else f"{whole(max(10, round(metres, -1)))} m"
        # Translators: %(distance)s is "300 m", %(toward)s is "to the south-east"
        return _("%(distance)s %(toward)s") % {"distance": far, "toward": toward(self.bearing_deg)}


class Here(NamedTuple):
    """Answer about a place. tracks: the one of the sentence first; empty if no point is within radius_m."""

    longitude: float
    latitude: float
    radius_m: float
    tracks: list[PlaceTrack]
    alerts: list[AlertNear]
    simulated: bool
    name: str  # '3 km south of Aldwick, Westshore'
    contact: Contact | None
    looks: Looks
    building: list[str]  # Sentences on the building here; empty if none is known

    @property
    def address(self) -> str:
        """Return the address of the page about this place."""
        return f"{reverse('here')}?lat={self.latitude}&lon={self.longitude}"

    @property
    def sentence(self) -> str:
        """Return the answer in one sentence, and what only new passes show here."""
        if self.tracks:
            own = words.here_sentence(self.tracks[0].rate, self.tracks[0].trace.product.datum_sigma_mm_yr)
        else:
            none = _("No points within %(radius)s m of this place: that does not mean that the ground is stable.")
            own = none % {"radius": whole(self.radius_m)}
        here = (near.card for near in self.alerts if near.distance_m == 0)
        return " ".join([own, *(card.brief for card in here if card.provisional)])

    @property
    def motion(self) -> str:
        """Return 'moves', 'still', 'unclear' or 'none'."""
        main = self.tracks[0] if self.tracks else None
        return words.motion_at(main.rate, main.trace.product.datum_sigma_mm_yr) if main else "none"

    @property
    def how_sure(self) -> list[str]:
        """Return sentences on how sure the answer is."""
        if not self.tracks:
            return []
        main = self.tracks[0]
        scatter = main.trace.stated_sigma_mm_yr or 0.0
        n_points, enough = main.trace.n_points, _enough(main.points)
        zero = main.trace.product.datum
        return words.sure_sentences(main.rate, n_points, self.radius_m, scatter, main.coherence, enough, zero)

    @property
    def limits(self) -> list[str]:
        """Return sentences on the limits of the answer."""
        if not self.tracks:
            return [str(GAPS)]
        component = self.tracks[0].rate.along
        products = [track.trace.product for track in self.tracks if track.rate.along == component]
        return [str(words.NOT_A_BUILDING), *limits_of_fields(component, products), str(GAPS)]


def position_of(latitude: str, longitude: str) -> tuple[float, float]:
    """Parse latitude and longitude, degrees, into longitude and latitude rounded to DIGITS. Raises Refusal."""
    numbers = finite_numbers(f"{latitude},{longitude}")
    if len(numbers) != 2 or abs(numbers[0]) > 90 or abs(numbers[1]) > 360:
        raise Refusal(
            _("this is no position on the earth"),
            # Translators: lat= and lon= are written in an address, as they stand
            _("Give lat= from −90 to 90 and lon= from −180 to 180 in degrees, for example lat=46.99&lon=-12."),
        )
    return round(wrap_longitude(numbers[1]), DIGITS), round(numbers[0], DIGITS)


def look(longitude: float, latitude: float) -> Here:
    """Return what is known about a place. Raises Refusal, Missing if no data set covers it."""
    area = geos(disc(longitude, latitude, RADII_M[-1]))
    products = list(products_over(area=area))
    if not products:
        raise Missing(
            _("no measurements are loaded for this place"),
            _("The data sets are listed under “Data”, with their areas."),
        )
    radius_m = _radius_m(longitude, latitude, products)
    found = points_within(products=products, longitude=longitude, latitude=latitude, radius_m=radius_m)
    tracks = [_track(parts, area) for parts in by_direction(found)]
    tracks.sort(key=lambda track: (AHEAD.get(Component(track.rate.along), len(AHEAD)), -track.trace.n_points))
    simulated = tracks[0].trace.product.simulated if tracks else products[0].simulated
    place = Point(longitude, latitude, srid=4326)
    noise_mm = {track.trace.product.track: track.fit.band_mm for track in tracks if track.fit.fitted}
    return Here(
        longitude,
        latitude,
        radius_m,
        tracks,
        _alerts_near(longitude, latitude),
        simulated,
        *area_places([(place, simulated)])[0],
        looks_at_place(place, noise_mm),
        building_words(longitude=longitude, latitude=latitude),
    )


def _radius_m(longitude: float, latitude: float, products: Sequence[Product]) -> float:
    """Return the smallest radius with enough points of one direction, vertical motion first; else the largest."""
    for component in AHEAD:
        those = [product for product in products if product.component == component]
        for radius_m in RADII_M if those else ():
            found = points_within(
                products=those, longitude=longitude, latitude=latitude, radius_m=radius_m, with_series=False
            )
            if any(sum(part.n_points for part in parts) >= _enough(parts) for parts in by_direction(found)):
                return radius_m
    return RADII_M[-1]


def _enough(parts: Sequence[PointsIn]) -> int:
    return ENOUGH_CELLS if (parts[0].product.posting_m or 0.0) >= CELL_M else ENOUGH_POINTS


def _track(parts: list[PointsIn], area: GEOSGeometry) -> PlaceTrack:
    trace = of_area(parts, area, [reference_of(part.product, None) for part in parts])
    fit = fit_in(trace, Period(None, None))
    stds, coherences = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("velocity_std_mm_yr", "temporal_coherence")
    )
    coherence = float(np.nanmedian(coherences)) if np.isfinite(coherences).any() else None
    # Errors of neighbouring points are alike (atmosphere, reference): their mean is no better than one of them.
    stated = float(np.sqrt(np.nanmean(stds**2))) if np.isfinite(stds).any() else None
    common = stated if stated is not None else fit.sigma_mm_yr if fit.fitted else None
    scatter = (trace.stated_sigma_mm_yr or 0.0) / np.sqrt(trace.n_points)
    is_known = common is not None or trace.n_points > 1
    datum = trace.product.datum_sigma_mm_yr
    sigma_mm_yr = float(np.linalg.norm([common or 0.0, scatter, datum])) if is_known else None
    return PlaceTrack(trace, fit, sigma_mm_yr, coherence, parts)


def _alerts_near(longitude: float, latitude: float) -> list[AlertNear]:
    """Return the nearest alerts within ALERTS_KM, the nearest first, those without motion last."""
    around = geos(disc(longitude, latitude, 1000 * ALERTS_KM))
    metres = 1000 * KM_PER_DEGREE * np.array([np.cos(np.radians(latitude)), 1.0])
    near: list[tuple[float, float, Alert]] = []
    for alert in alerts_public().filter(area__intersects=around):
        outline = transform(
            from_wkb(bytes(alert.area.wkb)),
            lambda xy: ((xy - (longitude, latitude) + 180) % 360 - 180) * metres,  # This is right across the date line.
        )
        closest = nearest_points(outline, Spot(0, 0))[0]
        near.append((closest.distance(Spot(0, 0)), float(np.degrees(np.arctan2(closest.x, closest.y))) % 360, alert))
    near = sorted(near, key=lambda one: (one[2].importance < MIN_MOVING, one[0]))[:MAX_ALERTS]
    cards = alert_cards([alert for _distance, _bearing, alert in near]) if near else []
    return [AlertNear(card, *one[:2]) for one, card in zip(near, cards, strict=True)]


def track_curves(here: Here) -> list[dict[str, Any]]:
    """Return the charts of the first two tracks with a series, for `shared/_series.html`."""
    shown = [track.trace for track in here.tracks if track.trace.product.component in AHEAD and len(track.trace.dates)]
    series = []
    for one in shown[:2]:
        known = np.isfinite(one.values_mm)
        dates = [day for day, keep in zip(one.dates, known, strict=True) if keep]
        lines = (np.asarray(line)[known] for line in (one.values_mm, one.low_mm, one.high_mm))
        mean = AreaSeries(one.n_points, one.n_points, dates, *lines)
        added = provisional_within(product=one.product, area=one.place)
        series.append({"product": one.product, "series": mean, "provisional": added})
    return curves(None, series, [])


def here_body(here: Here) -> dict[str, object]:
    """Return what is known about a place as JSON."""
    tracks = [
        trace_row(track.trace, track.fit)
        | {
            "mean_mm_yr": number(track.rate.value),
            "mean_sigma_mm_yr": number(track.sigma_mm_yr),
            "temporal_coherence": number(track.coherence),
        }
        for track in here.tracks
    ]
    alerts = [
        {"distance_m": round(alert.distance_m), "where": alert.where}
        | {name: getattr(alert.card, name) for name in ("code", "url", "kind_label", "brief", "state_label")}
        for alert in here.alerts
    ]
    names = ("latitude", "longitude", "radius_m", "motion", "sentence", "how_sure", "limits", "simulated", "contact")
    return {
        **{name: getattr(here, name) for name in (*names, "building")},
        "place": here.name,
        "url": here.address,
        "tracks": tracks,
        "alerts": alerts,
        "looks": looks_body(here.looks.ahead),
    }
