"""Pages of an organisation's lines: a list with a form to add one, and the page of each with its charts and tables."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import hypot
from typing import Any

import numpy as np
from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, F, Func, IntegerField, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from detection.rules.motion import Figure
from ground_motion.core.errors import promised
from ground_motion.core.projections import EARTH
from ingest.products.encoding import unpack_series
from monitor.maps.imaging.lines import rate_profile, strip_chart
from monitor.maps.map.place_search import NumberField
from monitor.maps.map.selectors import map_at
from monitor.maps.rasters.answers import csv_response
from monitor.models.lines import BREAK_FIGURES, Line, LineBreak, LineReading, places_of
from monitor.models.subscriptions import Membership
from monitor.self_service.organisations import member_of
from monitor.self_service.subscriptions.links import private_page
from monitor.subscribers.organisations import lines
from monitor.subscribers.subscriptions import given_files
from monitor.web.request_limits import GIVEN_FILES, PREVIEWS, REPORTS, costly
from monitor.web.secret_links import Expired
from monitor.wording.cards.lines import break_words, fastest_words, station_words, unknown_words, verdict_sentence
from monitor.wording.dates import period_words
from monitor.wording.datum import ZERO, zero_columns, zero_sentence
from monitor.wording.figures import cell_text
from monitor.wording.images import data_set_name
from monitor.wording.refusals import Refusal, number_or_none

DRAWN = ("rate_mm_yr", "sigma_mm_yr", "strip")  # A page reads these columns only for the reading that it shows.
PROFILE = ("rate_mm_yr", "sigma_mm_yr", "slope_mm_m_yr", "curvature_mm_m2_yr")
DEFAULTS = {"kind": Line.Kind.RAIL, "width_m": 6, "first_km": 0, "limit_mm_m_yr": 2}


class LineForm(forms.Form):
    """Form of what an owner knows of a line."""

    name = forms.CharField(max_length=80, label=gettext_lazy("Name of the line"))
    kind = forms.ChoiceField(choices=Line.Kind.choices, label=gettext_lazy("What it is"))
    width_m = NumberField(min_value=1, max_value=100, label=gettext_lazy("Width in metres"))
    first_km = NumberField(
        min_value=-10_000, max_value=10_000, label=gettext_lazy("Kilometre at which the line begins")
    )
    limit_mm_m_yr = NumberField(
        min_value=0.1, max_value=50, label=gettext_lazy("Limit of differential settlement, mm per metre in a year")
    )

    @property
    def wish(self) -> dict[str, Any]:
        """Return the cleaned values as columns of a line."""
        given = self.cleaned_data
        return {
            **{name: given[name] for name in ("name", "kind", "limit_mm_m_yr")},
            "half_width_m": given["width_m"] / 2,
            "first_station_m": 1000 * given["first_km"],
        }


class NewLineForm(LineForm):
    """Form of a new line, with its file."""

    file = forms.FileField(label=gettext_lazy("File of the line"))


@costly(posted=PREVIEWS, files=GIVEN_FILES)
@private_page
def line_list(request: HttpRequest, token: str, organisation: int) -> HttpResponse:
    """List an organisation's lines; its owners add one by a file."""
    mine = member_of(token, organisation, as_owner=request.method == "POST")
    form = NewLineForm(request.POST, request.FILES) if request.method == "POST" else NewLineForm(initial=DEFAULTS)
    if form.is_bound and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            given_files.check_size(file.size, given_files.MAX_BYTES, file.name)
            course, length_m = given_files.line(content=file.read(), name=file.name)
            added = lines.line_add(organisation=mine.organisation, course=course, length_m=length_m, **form.wish)
            return redirect("organisation-line", token=token, organisation=organisation, line=added.pk)
        except Refusal as refusal:
            form.add_error("file", refusal.error)
    beyond: dict[int, list[LineBreak]] = {}
    for row in LineBreak.objects.filter(line__organisation=mine.organisation, is_beyond=True).exclude(reading=None):
        beyond.setdefault(row.line_id, []).append(row)
    rows = mine.organisation.lines.defer("geometry")
    rows = rows.annotate(is_read=Exists(LineReading.objects.filter(line=OuterRef("pk"))))
    context = {
        "token": token,
        "mine": mine,
        "organisation": mine.organisation,
        "form": form,
        "lines": [(line, len(places_of(beyond.get(line.pk, ()))) if line.is_read else None) for line in rows],
    }
    return render(request, "self_service/lines/list.html", context, status=422 if form.is_bound else 200)


@costly(REPORTS, files=GIVEN_FILES)
@private_page
def line_page(request: HttpRequest, token: str, organisation: int, line: int) -> HttpResponse:
    """Show how a line moves and where it breaks; its owners change or remove it."""
    mine = member_of(token, organisation)
    shown = _line_of(mine, line)
    known = {name: getattr(shown, name) for name in ("name", "kind", "limit_mm_m_yr")}
    known |= {"width_m": 2 * shown.half_width_m, "first_km": shown.first_station_m / 1000}
    form = LineForm(request.POST if request.method == "POST" else None, initial=known)
    if request.method == "POST":
        if not mine.is_owner:
            raise PermissionDenied
        try:
            if request.POST.get("deed") == "remove":
                lines.line_remove(line=shown)
                return redirect("organisation-lines", token=token, organisation=organisation)
            if form.is_valid():
                lines.line_change(line=shown, **form.wish)
                return redirect(request.path)
        except Refusal as refusal:
            form.add_error(None, refusal.error)
    readings = _readings(shown)
    wanted = number_or_none(request.GET.get("reading", ""))
    reading = next((one for one in readings if one.pk == wanted), readings[0] if readings else None)
    if reading:
        reading.refresh_from_db(fields=DRAWN)
    n_beyond = len(places_of(shown.breaks.filter(is_beyond=True).exclude(reading=None)))
    context = {
        "token": token,
        "mine": mine,
        "organisation": mine.organisation,
        "line": shown,
        "form": form,
        "ends": [station_words(station) for station in _ends_m(shown)],
        "map_url": reverse("map") + map_at(*shown.geometry.extent),
        "others": [(one, _name(one)) for one in readings if one != reading],
        "n_beyond": n_beyond,
        "simulated": bool(reading and reading.product.simulated),
        **(_shown(shown, reading, n_beyond) if reading else {}),
    }
    return render(request, "self_service/lines/line.html", context, status=422 if form.errors else 200)


@costly(REPORTS)
@private_page
@require_GET
def line_file(request: HttpRequest, token: str, organisation: int, line: int, name: str) -> HttpResponse:
    """Export the profile of every reading of a line, or its breaks, as a table."""
    shown = _line_of(member_of(token, organisation), line)
    rows = {"profile": _profile_rows, "breaks": _break_rows}.get(name)
    if rows is None:
        raise Http404
    return csv_response(f"line-{name}", rows(shown))


@costly(REPORTS)
@private_page
@require_GET
def line_sections(request: HttpRequest, token: str, organisation: int, line: int) -> HttpResponse:
    """Export the profile of every reading of a line as GeoJSON: a piece of the line around each station."""
    shown = _line_of(member_of(token, organisation), line)
    whole = {"type": "FeatureCollection", "name": shown.name, "features": [*_sections(shown)]}
    return JsonResponse(whole, content_type="application/geo+json")


def _line_of(mine: Membership, pk: int) -> Line:
    line = mine.organisation.lines.filter(pk=pk).select_related("organisation").first()
    if line is None:
        raise Expired("it was removed")
    return line


def _readings(line: Line) -> list[LineReading]:
    """Return a line's readings, without what is drawn, with `n_beyond`, the number of their breaks beyond the limit.

    Those with breaks come first, then those that know most stations.
    """
    known = Func("rate_mm_yr", template="cardinality(array_remove(%(expressions)s, NULL))", output_field=IntegerField())
    counted = line.readings.annotate(n_beyond=Count("breaks", Q(breaks__is_beyond=True)))
    rows = counted.order_by(F("n_beyond").desc(), known.desc(), "pk").select_related("product")
    return list(rows.defer(*PROFILE, "strip"))


def _name(reading: LineReading) -> str:
    product = reading.product
    return f"{data_set_name(product.name)}, {period_words(product.dates[0], product.dates[-1])}"


def _ends_m(line: Line) -> tuple[float, float]:
    return line.first_station_m, line.first_station_m + line.length_m


def _stations_m(line: Line, reading: LineReading) -> list[float]:
    return [line.first_station_m + (at + 0.5) * reading.step_m for at in range(len(reading.rate_mm_yr))]


def _shown(line: Line, reading: LineReading, n_beyond: int) -> dict[str, Any]:
    """Return figures, charts and table of a reading. n_beyond: places beyond the limit in any reading of the line."""
    stations_m, breaks = _stations_m(line, reading), list(reading.breaks.all())
    between = reading.product.dates[0], reading.product.dates[-1]
    rates = [
        None if rate is None else Figure(rate, sigma, *between, along="up", against="local")
        for rate, sigma in zip(reading.rate_mm_yr, reading.sigma_mm_yr, strict=True)
    ]
    # All points share the error of the zero, so that it widens a rate, but no difference along the line.
    zero = reading.product.datum_sigma_mm_yr
    absolute = [rate and replace(rate, sigma=rate.sigma and hypot(rate.sigma, zero)) for rate in rates]
    first_m, last_m = _ends_m(line)
    ends_km = (first_m / 1000, last_m / 1000)
    at_km = [(line.first_station_m + one.station_m) / 1000 for one in breaks if one.is_beyond]
    n_dates = len(reading.dates)
    packed = bytes(reading.strip)
    size = 2 * n_dates
    cells = [packed[at : at + size] for at in range(0, len(packed), size)] if n_dates else []
    worded = [break_words(line, one) for one in breaks]
    return {
        "reading": reading,
        "reading_name": _name(reading),
        "breaks": worded,
        "verdict": verdict_sentence(n_beyond, worded),
        "fastest": fastest_words(stations_m, absolute),
        "zero": zero_sentence(reading.product.datum),
        "unknown": unknown_words(reading.rate_mm_yr, line.length_m),
        "strip": strip_chart(unpack_series(cells, n_dates), reading.dates, ends_km, at_km) if cells else None,
        "profile": rate_profile([at / 1000 for at in stations_m], rates, ends_km, at_km) if any(rates) else None,
    }


def _profile(line: Line) -> Iterator[tuple[LineReading, float, Sequence[float | None]]]:
    """Yield each station of every reading of a line: metres as its owner counts them, and the values of PROFILE."""
    for reading in line.readings.select_related("product").defer("strip"):
        columns = (getattr(reading, name) for name in PROFILE)
        for station_m, *row in zip(_stations_m(line, reading), *columns, strict=True):
            yield reading, station_m, row


def _profile_rows(line: Line) -> Iterator[Sequence[object]]:
    yield "data set", "station_km", *PROFILE, *ZERO
    for reading, station_m, row in _profile(line):
        zero = zero_columns(reading.product.datum).values()
        yield cell_text(data_set_name(reading.product.name)), round(station_m / 1000, 4), *row, *zero


def _sections(line: Line) -> Iterator[dict[str, Any]]:
    """Yield the piece of a line around each station of every reading as a GeoJSON feature."""
    corners = np.array(line.geometry.coords)
    along_m = np.concatenate([[0.0], np.cumsum(EARTH.line_lengths(*corners.T))])
    for reading, station_m, row in _profile(line):
        middle_m = station_m - line.first_station_m
        ends_m = np.clip([middle_m - reading.step_m / 2, middle_m + reading.step_m / 2], 0, along_m[-1])
        first, last = np.column_stack([np.interp(ends_m, along_m, column) for column in corners.T])
        between = corners[(along_m > ends_m[0]) & (along_m < ends_m[1])]
        course = np.round([first, *between, last], 7).tolist()
        own = {"data_set": data_set_name(reading.product.name), "station_km": round(station_m / 1000, 4)}
        properties = own | dict(zip(PROFILE, row, strict=True)) | zero_columns(reading.product.datum)
        yield {"type": "Feature", "geometry": {"type": "LineString", "coordinates": course}, "properties": properties}


def _break_rows(line: Line) -> Iterator[Sequence[object]]:
    names = ("station_m", "from_m", "to_m")
    yield ("data set", "station_km", "from_km", "to_km", *BREAK_FIGURES, "is_beyond")
    for row in line.breaks.exclude(reading=None).select_related("reading__product"):
        stations = [round((line.first_station_m + getattr(row, name)) / 1000, 4) for name in names]
        name = cell_text(data_set_name(promised(row.reading).product.name))
        yield (name, *stations, *(getattr(row, figure) for figure in BREAK_FIGURES), row.is_beyond)
