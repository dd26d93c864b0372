"""Views of stations and benchmarks: how a data set agrees with them, and their series with the points around."""

from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from ground_motion.readers.formats.registry import TITLES
from ground_motion.readers.records import Technique
from ground_motion.readers.stations.records import StationTechnique
from ground_motion.statistics.stations import agreement
from ingest.models import Product, Station
from ingest.products.comparison import MAX_STATIONS, Comparison, compared_with_curves, comparisons_of, stations_in
from monitor.maps.charts.selectors import bounded
from monitor.maps.imaging.charts import Curve, histogram_chart, scatter_chart, series_chart, spread_of
from monitor.maps.map.selectors import map_at
from monitor.web.request_limits import CHARTS, costly
from monitor.wording.components import component_label
from monitor.wording.datum import zero_sentence
from monitor.wording.figures import decimal, signed, whole, with_uncertainty
from monitor.wording.images import data_set_name

MAX_PRODUCTS = 6  # Most products on the page of a station.
AROUND_DEGREES = 0.02
TECHNIQUES: dict[str, Any] = {"gnss": gettext_lazy("GNSS station"), "levelling": gettext_lazy("levelling benchmark")}
MORE: dict[str, tuple[Any, Any]] = {  # component: words for a lower and for a higher rate than the station's
    "los": (gettext_lazy("more away from the satellite"), gettext_lazy("more toward the satellite")),
    "up": (gettext_lazy("more downward"), gettext_lazy("more upward")),
    "east": (gettext_lazy("more to the west"), gettext_lazy("more to the east")),
    "north": (gettext_lazy("more to the south"), gettext_lazy("more to the north")),
}
LEFT: dict[str, Any] = {
    "points": gettext_lazy("hardly any points within 1.6 km"),
    "period": gettext_lazy("less than two years in common"),
    "dates": gettext_lazy("too few dates in common, or gaps that are too long"),
    "direction": gettext_lazy("its direction is not measured, or not stated"),
}
SCATTER = gettext_lazy(
    "The stations scatter around that by %(scatter)s mm a year; their errors explain %(expected)s of it."
)


@costly(CHARTS)
@require_safe
@bounded()
def product_stations(request: HttpRequest, product: int) -> HttpResponse:
    """Show how a data set agrees with the stations on its ground."""
    fields = Product.objects.filter(technique=Technique.INSAR, points_deleted_at=None)
    loaded = get_object_or_404(fields, pk=product)
    comparisons = comparisons_of(product=loaded)
    known = [one for one in (comparison.difference for comparison in comparisons) if one]
    of_gnss = [
        one.difference for one in comparisons if one.difference and one.station.technique == StationTechnique.GNSS
    ]
    of_one_zero = of_gnss or known  # Heights of benchmarks have a zero of their own.
    found = agreement(of_one_zero)
    context = {
        "name": data_set_name(loaded.name),
        "component": component_label(loaded.component),
        "simulated": loaded.simulated,
        "rows": [_row(one) for one in comparisons],
        "more": max(0, stations_in(product=loaded).count() - MAX_STATIONS),
        "credits": sorted({one.station.file.attribution for one in comparisons} - {""}),
    }
    if found:
        rates = [
            (one.station.mm_yr, 2 * one.station.sigma_mm_yr, one.points.mm_yr, 2 * one.points.sigma_mm_yr)
            for one in known
        ]
        context |= {
            "sentence": agreement_sentence(found.n, found.bias_mm_yr, found.bias_sigma_mm_yr, loaded.component),
            "scatter": SCATTER
            % {"scatter": decimal(found.scatter_mm_yr, 1), "expected": decimal(found.expected_mm_yr, 1)}
            if found.n > 1
            else "",
            "zero": zero_sentence(loaded.datum),
            "chart": scatter_chart(rates),
            "histogram": histogram_chart(spread_of([one.mm_yr for one in of_one_zero])),
        }
    return render(request, "pages/stations/product.html", context)


@costly(CHARTS)
@require_safe
@bounded()
def station_detail(request: HttpRequest, station: int) -> HttpResponse:
    """Show the series of a station and of the points around it, in each data set there."""
    known = get_object_or_404(Station.objects.select_related("file"), pk=station)
    derived = Exists(Product.derived_from.through.objects.filter(from_product=OuterRef("pk")))
    fields = Product.objects.current().filter(technique=Technique.INSAR, footprint__intersects=known.position)
    context = {
        "station": known,
        "technique": TECHNIQUES[known.technique],
        "format": TITLES.get(known.file.source_format, known.file.source_format),
        "fields": [_field(product, known) for product in fields.order_by(derived, "pk")[:MAX_PRODUCTS]],
        "map_url": f"{reverse('map')}?context=stations{map_at(*known.position.buffer(AROUND_DEGREES).extent)}",
    }
    return render(request, "pages/stations/station.html", context)


def _row(one: Comparison) -> dict[str, Any]:
    row = {
        "code": one.station.code,
        "url": reverse("station-detail", args=[one.station.pk]),
        "technique": TECHNIQUES[one.station.technique],
        "left": LEFT[one.left] if one.left else "",
    }
    if found := one.difference:
        row |= {
            "points": f"{whole(found.n_points)} · {whole(found.radius_m)} m",
            "station": signed(found.station[0], sigma=found.station[1]),
            "around": signed(found.points[0], sigma=found.points[1]),
            "difference": signed(found.mm_yr, sigma=found.sigma_mm_yr),
        }
    return row


def _field(product: Product, station: Station) -> dict[str, Any]:
    one, curves = compared_with_curves(product=product, station=station)
    chart = None
    if curves:
        own = dict(zip(curves.station_dates, curves.station_mm.tolist(), strict=True))
        mean = dict(zip(curves.point_dates, curves.points_mm.tolist(), strict=True))
        days = sorted({*own, *mean})
        chart = series_chart(Curve(days, [own.get(day) for day in days], [mean.get(day) for day in days]))
    said = str(LEFT[one.left]) if one.left else ""
    if found := one.difference:
        numbers = found.mm_yr, found.sigma_mm_yr, product.component, found.n_points, found.radius_m
        said = difference_sentence(*numbers)
    return {
        "name": data_set_name(product.name),
        "component": component_label(product.component),
        "sentence": said,
        "url": reverse("product-stations", args=[product.pk]),
        "chart": chart,
    }


def agreement_sentence(n: int, bias_mm_yr: float, sigma_mm_yr: float, component: str) -> str:
    """Return the mean difference between points and n stations in one sentence. sigma_mm_yr: of that mean."""
    # Translators: %(number)s is "1.2 ± 0.4", %(way)s is "more upward"
    words = ngettext(
        "The points move %(number)s mm a year %(way)s than the one station here.",
        "At %(n)s stations, the points move %(number)s mm a year %(way)s than the stations, on average.",
        n,
    )
    way = MORE[component][bias_mm_yr > 0]
    return words % {"n": whole(n), "number": with_uncertainty(bias_mm_yr, sigma_mm_yr), "way": way}


def difference_sentence(difference: float, sigma: float, component: str, n_points: int, radius_m: float) -> str:
    """Return the difference at one station in a sentence, mm/yr."""
    words = _("The points (%(n)s within %(metres)s metres) move %(number)s mm a year %(way)s than the station.")
    return words % {
        "n": whole(n_points),
        "metres": whole(radius_m),
        "number": with_uncertainty(difference, sigma),
        "way": MORE[component][difference > 0],
    }
