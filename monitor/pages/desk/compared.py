"""Sheets of the workbench that compare two attributes, two data sets, two tracks (up and east), or many series."""

import math
from typing import Any

import numpy as np
from dash import html
from dash.development.base_component import Component
from django.contrib.gis.geos import GEOSGeometry
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from pyproj import Transformer

from ground_motion.core.areas import join_halves
from ground_motion.core.geometry import LineOfSight, decompose_up_east
from ground_motion.core.projections import local_system, transformer
from ground_motion.statistics.decomposition import (
    Cells,
    UpEastCells,
    cells_around,
    common_dates,
    decompose_cells,
    interpolate_dates,
)
from ground_motion.statistics.decomposition import DirectionPoints as TrackPoints
from ground_motion.statistics.many_series import fit_parabolas, group
from ground_motion.statistics.relations import Relation, ninths, relation
from ingest.models import Product
from monitor.maps.charts.traces import over_points
from monitor.pages.desk import drawings, parts, samples, words
from monitor.pages.desk.differences import Difference, Picture, cell_side_m, difference, picture
from monitor.pages.desk.query import BY_NAME, PLACE, Attribute, View
from monitor.wording.figures import percent, signed, whole

MAX_POINTS = 40_000  # of each track
MAX_SERIES = 500
MAX_CELLS = 6000
FIRST_DATES = 5  # whose mean is the zero of the series
POSTINGS_M = (50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
MIN_SHARED = 0.3  # share of one track's cells that the other must see as well; otherwise larger cells are tried
SIGHT = tuple(Attribute(name, "", "", name) for name in ("los_east", "los_north", "los_up"))


def cross(view: View, product: Product) -> list[Component]:
    """Return the sheet that plots one attribute of the points against another."""
    x, y = BY_NAME[view.x], BY_NAME[view.y]
    n_points, n_read, found = _related(view, product, x, y)
    if found is None:
        missing = _("This data set does not state both for any point here, or too few points stand here.")
        return [parts.fault(missing, _("Choose another attribute, data set or area."))]
    if found.x.size:
        drawn = _("Each dot is one point. The dashed line follows most of them and is not moved by outliers.")
    else:
        drawn = _(
            "The stronger the colour, the more points stand there. The dashed line follows most of them and is "
            "not moved by outliers."
        )
    return [
        html.P(words.related(found), className="verdict"),
        parts.extent(min(n_read, found.n), n_points if n_read < n_points else found.n),
        parts.relation_chart("relation", words.against(x, y), drawn, found, (words.titled(x), words.titled(y))),
        parts.figures_table(
            _("How the two go together"),
            [
                [_("Points with both"), whole(found.n)],
                [_("Correlation (Pearson)"), words.number(found.pearson)],
                [_("Rank correlation (Spearman)"), words.number(found.spearman)],
                [_("Slope of the robust line (Theil–Sen)"), words.number(found.slope, 4)],
                [_("Scatter around it, %(unit)s") % {"unit": y.unit}, words.number(found.scatter)],
            ],
        ),
    ]


def _related(view: View, product: Product, x: Attribute, y: Attribute) -> tuple[int, int, Relation | None]:
    """Return the number of points on the ground, the number read, and the relation of attributes x and y, or None."""
    if x.sql and y.sql:
        n_points, values = samples.columns_of(product=product, ground=view.ground, attributes=(x, y))
        return n_points, len(values), relation(*values.T)
    stored = [one for one in (x, y) if one.sql]
    n_points, columns, series_mm = samples.series_of(product=product, ground=view.ground, attributes=stored)
    made = fit_parabolas(product.dates, series_mm) if len(series_mm) else None
    if made is None:
        return n_points, 0, None
    known = {"acceleration": made.acceleration_mm_yr2, "season": made.season_mm}
    known |= {one.name: columns[:, place] for place, one in enumerate(stored)}
    return n_points, len(series_mm), relation(known[x.name], known[y.name])


def compare(view: View, product: Product) -> list[Component]:
    """Return the sheet that shows where two data sets differ, and by how much. view.other: id of the second one."""
    other = Product.objects.get(pk=view.other or 0)
    found, drawn, zoom = _differences(view, product, other)
    if found is None or drawn is None:
        apart = _("The two data sets have no cell in common here.")
        return [parts.fault(apart, _("Choose another data set or another area."))]
    unit, change = str(BY_NAME["velocity"].unit), found.change_mm_yr
    low, high = drawings.ends(change)
    related = relation(found.first_mm_yr, found.second_mm_yr)
    row, column = np.nonzero(np.isfinite(drawn.change_mm_yr))
    cells = drawn.longitude[column], drawn.latitude[row], drawn.change_mm_yr[row, column]
    _west, south, _east, north = ninths(*cells[:2]).boxes[0]
    side = _("Cells of about %(side)s m.") % {"side": whole(round(cell_side_m(zoom, (south + north) / 2), -1))}
    charts = [
        parts.values_map(
            (view, product),
            "differences",
            _("Where they differ"),
            parts.sentences(_("Second minus first. Blue: the second is more positive; brown: more negative."), side),
            cells,
            _("Second minus first by part of the ground, %(unit)s"),
        ),
        parts.chart(
            "difference-histogram",
            _("How much they differ"),
            parts.sentences(
                _("Share of cells by their difference. Line: the median."), words.outer_bars(change, low, high)
            ),
            drawings.histogram(change, unit, _("% of cells"), found.median_mm_yr),
        ),
    ]
    if related:
        titles = _("First (mm/year)"), _("Second (mm/year)")
        said = _("Cells covered by both data sets, with the 1:1 line.")
        heading = _("One against the other")
        charts.append(parts.relation_chart("agreement", heading, said, related, titles, of_cells=True, height=360))
    return [
        html.P(words.compared(found), className="verdict"),
        html.P(words.beyond(found)),
        html.P(words.views(product, other), className="soft"),
        parts.columns(*charts),
        _differences_table(found),
        parts.map_data({"differences": parts.positions(*cells, unit=unit, side_m=drawn.side_m)}),
    ]


def _differences(view: View, product: Product, other: Product) -> tuple[Difference | None, Picture | None, int]:
    ground = product.footprint.intersection(other.footprint)
    if view.ground:
        ground = ground.intersection(view.ground)
    if ground.empty or not ground.area:
        return None, None, 0
    zoom = samples.cells_zoom(ground)
    wanted = [BY_NAME[name] for name in (*PLACE, "uncertainty")]
    first, second = (
        samples.cells_of(product=one, ground=ground, zoom=zoom, attributes=wanted) for one in (product, other)
    )
    found = difference(first, second)
    return found, picture(found.column, found.row, found.change_mm_yr, zoom) if found else None, zoom


def _differences_table(found: Difference) -> Component:
    change = found.change_mm_yr
    low, high = np.percentile(change, [5, 95])
    beyond = percent(found.share_beyond, 1) if math.isfinite(found.share_beyond) else "–"
    rows = [
        [_("Cells covered by both"), whole(change.size)],
        [_("Cells of the first alone"), whole(found.n_only_first)],
        [_("Cells of the second alone"), whole(found.n_only_second)],
        [_("Median difference, mm/year"), signed(found.median_mm_yr, 2)],
        [_("Scatter around it, %(unit)s") % {"unit": BY_NAME["velocity"].unit}, words.number(found.spread_mm_yr)],
        [_("5 % of the differences are below, mm/year"), signed(float(low), 2)],
        [_("5 % of the differences are above, mm/year"), signed(float(high), 2)],
        [_("Beyond two standard deviations"), beyond],
        [_("Correlation (Pearson)"), words.number(found.correlation)],
    ]
    return parts.figures_table(_("Second minus first"), rows)


def groups(view: View, product: Product) -> list[Component]:
    """Return the sheet of groups of similar series, with the positions of each group's points."""
    if not product.has_series:
        return [
            parts.fault(
                _("This data set has velocities only, and no series to compare."), _("Choose another data set.")
            )
        ]
    wanted = [BY_NAME[name] for name in PLACE]
    n_points, places, series_mm = samples.series_of(product=product, ground=view.ground, attributes=wanted)
    found = group(series_mm, view.groups, by_shape=view.way == "shape")
    if found is None:
        return [parts.fault(_("Too few points with series stand here to form groups."), _("Choose a larger area."))]
    names = [_("Group %(number)s") % {"number": place + 1} for place in range(len(found.groups))]
    named = list(zip(names, found.groups, strict=True))
    medians = [(name, one.median_mm) for name, one in named]
    members = [one.members for one in found.groups]
    longitude, latitude = places[np.concatenate(members), :2].T
    of_group = np.concatenate([np.full(member.size, place) for place, member in enumerate(members)])
    n_used = of_group.size
    text = _("The %(groups)s groups explain %(share)s of how the series differ from each other.")
    left_out = _("%(count)s more were left out because they miss too many dates.") % {"count": whole(found.n_left_out)}
    rows = [
        [
            name,
            whole(one.members.size),
            percent(one.members.size / n_used),
            signed(float(np.median(places[one.members, 2])), 1),
            signed(float(one.median_mm[-1] - one.median_mm[0]), 1),
        ]
        for name, one in named
    ]
    figures = [_("Median velocity, mm/year"), _("From the first to the last date, mm")]
    head = [_("Group"), _("Points"), _("Share"), *figures]
    return [
        html.P(text % {"groups": len(names), "share": percent(found.explained)}, className="verdict"),
        parts.extent(n_used, max(n_points - found.n_left_out, n_used), left_out if found.n_left_out else ""),
        parts.columns(
            parts.chart(
                "shapes",
                _("How the groups moved"),
                parts.sentences(
                    _(
                        "Lines: the median series of each group, relative to its own mean; shaded: the middle two "
                        "thirds."
                    ),
                    words.sides(product),
                ),
                drawings.lines(product.dates, medians, "mm", [(one.low_mm, one.high_mm) for one in found.groups]),
                parts.series_table(product.dates, medians),
            ),
            parts.ground_map(
                "members",
                _("Where they are"),
                _("Every group has its colour and its mark. The table counts the points of each by part of ground."),
                parts.ground_table(
                    (view, product),
                    _("Points of each group by part of the ground"),
                    ninths(longitude, latitude),
                    names,
                    lambda inside: [whole(int(n)) for n in np.bincount(of_group[inside], minlength=len(names))],
                ),
            ),
        ),
        parts.table(_("The groups"), head, rows, is_open=True),
        parts.map_data({"members": parts.positions(longitude, latitude, of_group) | {"names": names}}),
    ]


def up_and_east(view: View, product: Product) -> list[Component]:
    """Return the sheet of up and east. view.other: id of the data set that sees the ground from the other side."""
    other = Product.objects.get(pk=view.other or 0)
    ground = product.footprint.intersection(other.footprint)
    if view.ground:
        ground = ground.intersection(view.ground)
    solved = _solved((product, other), ground) if ground.area else None
    if solved is None:
        apart = _("The two tracks have no cell in common here.")
        return [parts.fault(apart, _("Choose another data set or another area."))]
    cells, found, longitude, latitude = solved
    unit, side = str(BY_NAME["velocity"].unit), whole(cells.posting_m)
    text = _("The median cell moves %(up)s mm a year up and %(east)s mm a year east.")
    middle = {
        "up": signed(float(np.median(found.up_mm_yr)), 1),
        "east": signed(float(np.median(found.east_mm_yr)), 1),
    }
    said = _("Both satellite tracks see %(cells)s squares of %(side)s m. Motion to the north is assumed to be zero.")
    maps = {
        name: parts.positions(longitude, latitude, values, unit=unit, side_m=cells.posting_m)
        for name, values in (("up", found.up_mm_yr), ("east", found.east_mm_yr))
    }
    return [
        html.P(text % middle, className="verdict"),
        html.P(said % {"cells": whole(found.cell.size), "side": side}, id="extent", className="soft"),
        parts.columns(
            _map_part((view, product), "up", _("Up and down"), (longitude, latitude, found.up_mm_yr)),
            _map_part((view, product), "east", _("East and west"), (longitude, latitude, found.east_mm_yr)),
            *_against(found),
            *_through_time((product, other), ground),
        ),
        parts.map_data(maps),
    ]


def _solved(
    tracks: tuple[Product, Product], ground: GEOSGeometry
) -> tuple[Cells, UpEastCells, NDArray[Any], NDArray[Any]] | None:
    """Return the smallest cells that both tracks share often enough, their rates, and longitude and latitude."""
    to_metres = transformer(4326, local_system(*join_halves(ground).centroid.coords[0]))
    first, second = (_points_of(track, ground, to_metres) for track in tracks)
    if not first.x.size or not second.x.size:
        return None
    x, y = (np.concatenate([one[axis] for one in (first, second)]) for axis in (0, 1))
    best = None
    for posting_m in POSTINGS_M:
        cells = cells_around(x, y, posting_m)
        found = decompose_cells(cells, first, second, ((), ()))
        fewer = min(np.unique(cells.number_of(one.x, one.y)).size for one in (first, second))
        if found.cell.size:
            best = cells, found
        if MIN_SHARED * fewer <= found.cell.size <= MAX_CELLS:
            break
    if best is None:
        return None
    longitude, latitude = to_metres.transform(*best[0].centre(best[1].cell), direction="INVERSE")
    return *best, np.asarray(longitude), np.asarray(latitude)


def _points_of(product: Product, ground: GEOSGeometry, to_metres: Transformer) -> TrackPoints:
    wanted = [BY_NAME[name] for name in (*PLACE, "uncertainty", "height")]
    _n_points, read = samples.columns_of(product=product, ground=ground, attributes=[*wanted, *SIGHT], most=MAX_POINTS)
    x, y = to_metres.transform(read[:, 0], read[:, 1])
    velocity, std, height = read[:, 2:5].T.astype(np.float32)
    nothing = np.empty((len(read), 0), np.float32)
    return TrackPoints(np.asarray(x), np.asarray(y), velocity, std, height, read[:, 5:].astype(np.float32), nothing)


def _map_part(sheet: tuple[View, Product], name: str, heading: str, cells: tuple[NDArray[Any], ...]) -> Component:
    said = {"up": _("Blue: up; brown: down."), "east": _("Blue: east; brown: west.")}[name]
    caption = {"up": _("Up by part of the ground, %(unit)s"), "east": _("East by part of the ground, %(unit)s")}[name]
    return parts.values_map(sheet, name, heading, said, cells, caption)


def _against(found: UpEastCells) -> list[Component]:
    related = relation(found.east_mm_yr.astype(np.float64), found.up_mm_yr.astype(np.float64))
    if related is None:
        return []
    titles = _("East (mm/year)"), _("Up (mm/year)")
    said = parts.sentences(words.related(related), words.at_the_edge(related))
    heading = _("Up against east")
    return [parts.relation_chart("upeast", heading, said, related, titles, of_cells=True, height=320)]


def _through_time(tracks: tuple[Product, Product], ground: GEOSGeometry) -> list[Component]:
    """Return the chart of up and east of the whole ground through time; no chart if a track has no series."""
    dates = common_dates(tracks[0].dates, tracks[1].dates)
    read = [samples.series_of(product=track, ground=ground, attributes=SIGHT, most=MAX_SERIES) for track in tracks]
    if len(dates) < 2 or not all(len(series_mm) for *_, series_mm in read):
        return []
    medians, sights = [], []
    for product, (_n_points, columns, series_mm) in zip(tracks, read, strict=True):
        median = over_points(series_mm, 50).astype(np.float32)
        medians.append(interpolate_dates(median, product.dates, dates)[0])
        sights.append(LineOfSight(*np.nanmean(columns, axis=0)))
    up, east = decompose_up_east(medians[0], sights[0], medians[1], sights[1])
    named = [(name, values - np.nanmean(values[:FIRST_DATES])) for name, values in ((_("up"), up), (_("east"), east))]
    return [
        parts.chart(
            "upeast-series",
            _("How the ground moved up and east"),
            parts.sentences(
                _("Median of the points on the ground; choose a small area for one place."),
                words.moved_most([(name, float(values[-1])) for name, values in named]),
            ),
            drawings.lines(dates, named, "mm"),
            parts.series_table(dates, named),
        )
    ]
