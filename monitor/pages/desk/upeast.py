"""Sheet of up and east, solved cell by cell from two tracks that see the same ground from opposite sides."""

from typing import Any

import numpy as np
from dash import html
from dash.development.base_component import Component
from django.contrib.gis.geos import GEOSGeometry
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from pyproj import Transformer

from core.areas import join_halves
from core.geometry import LineOfSight, decompose_up_east
from core.projections import local_system, transformer
from ingest.models import Product
from ingest.products.decomposition import (
    Cells,
    UpEastCells,
    cells_around,
    common_dates,
    decompose_cells,
    interpolate_dates,
)
from ingest.products.decomposition import DirectionPoints as TrackPoints
from ml.statistics.relations import relation
from monitor.maps.charts.traces import over_points
from monitor.pages.desk import drawings, parts, samples, words
from monitor.pages.desk.query import BY_NAME, PLACE, Attribute, View
from monitor.wording.figures import signed, whole

MAX_POINTS = 40_000  # of each track
MAX_SERIES = 500
MAX_CELLS = 6000
FIRST_DATES = 5  # whose mean is the zero of the series
POSTINGS_M = (50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
MIN_SHARED = 0.3  # share of one track's cells that the other must see as well; otherwise larger cells are tried
SIGHT = tuple(Attribute(name, "", "", name) for name in ("los_east", "los_north", "los_up"))


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
    said = _("%(cells)s cells of %(side)s m that both tracks see; northward motion is assumed to be zero.")
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
    read = samples.columns_of(product=product, ground=ground, attributes=[*wanted, *SIGHT], most=MAX_POINTS).values
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
    if len(dates) < 2 or not all(len(one.series_mm) for one in read):
        return []
    medians, sights = [], []
    for product, one in zip(tracks, read, strict=True):
        median = over_points(one.series_mm, 50).astype(np.float32)
        medians.append(interpolate_dates(median, product.dates, dates)[0])
        sights.append(LineOfSight(*np.nanmean(one.columns, axis=0)))
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
