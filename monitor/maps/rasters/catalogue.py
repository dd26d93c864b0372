"""Catalogue of rasters: the dates of each layer, and the files of one date in a box."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache, partial
from typing import Any, NamedTuple

from django.contrib.gis.db.models import Extent
from django.contrib.gis.geos import GEOSGeometry
from django.contrib.postgres.aggregates import BoolOr
from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.db.models.fields.files import FieldFile
from django.db.models.functions import ExtractYear, TruncDate
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ground_motion.core.areas import box_of
from ground_motion.core.errors import promised
from ground_motion.readers.records import Technique
from ingest.foundation.geos import geos
from ingest.models import Product, ReleaseChange, Scene
from ingest.products.selectors import datums_of, last_date
from ml.models import ModelVersion, Prediction, Run
from monitor.maps.imaging.drawing import Bounds, InputGrid
from monitor.maps.rasters.layers import (
    ARROW_LAYER,
    FIELDS,
    LAYER_OF_TASK,
    RASTER_LAYERS,
    RASTER_LAYERS_BY_NAME,
    RELEASES,
    VELOCITY,
    RasterLayer,
)
from monitor.wording.dates import month_words
from monitor.wording.datum import zero_of_several
from monitor.wording.figures import whole
from monitor.wording.points import release_words

ACROSS_DEGREES = 180.0  # areas that fill less than half of a parallel across 180 degrees are bounded across it
OF_PRODUCTS = ModelVersion.Task.DEFORMATION
POLARISATIONS = ("VV", "HH", "VH", "HV")  # The first available one is shown.
_PAIR = re.compile(r"(\d{4}-\d{2}-\d{2})-(\d{1,4})d", re.ASCII)
DAY = re.compile(r"(\d{4}-\d{2}-\d{2})", re.ASCII)
_YEAR = re.compile(r"(\d{4})", re.ASCII)
_YEARS = re.compile(r"(\d{4})-(\d{4})", re.ASCII)


class BoundsOf(Extent):
    """West, south, east and north of areas (EPSG:4326); west > east across 180 degrees (RFC 7946, section 5.2)."""

    # Compute both boxes: with longitudes from -180 to 180, and from 0 to 360.
    template = "ARRAY[ST_Extent(%(expressions)s)::text, ST_Extent(ST_ShiftLongitude(%(expressions)s))::text]"

    def as_sql(self, *args: Any, **options: Any) -> tuple[str, tuple[str | int, ...]]:
        """Return the SQL of both boxes, with the parameters of each."""
        sql, parameters = super().as_sql(*args, **options)
        return sql, (*parameters, *parameters)

    def convert_value(self, value: Any, expression: Any, connection: Any) -> Bounds | None:
        """Return the bounds in that form of the two in which they are narrower; None without areas."""
        plain: Bounds | None
        plain, turned = (connection.ops.convert_extent(box) for box in value)
        if plain is None or plain[2] - plain[0] <= ACROSS_DEGREES or turned[2] - turned[0] >= ACROSS_DEGREES:
            return plain
        west, south, east, north = turned
        return west, south, east - 360, north


class RasterGroup(NamedTuple):
    """Rasters of one layer and date, shown together. bounds: as from `BoundsOf`."""

    key: str
    label: str
    date: date
    n_rasters: int
    bounds: Bounds
    simulated: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the group for JSON."""
        return self._asdict() | {"date": self.date.isoformat(), "bounds": [round(edge, 5) for edge in self.bounds]}


class RasterSource(NamedTuple):
    """File in the storage "rasters", or a velocity field. grid: of its pair of images; None if it has no pair."""

    file: FieldFile | None
    fingerprint: str
    grid: InputGrid | None = None
    product: Product | None = None


def rasters_available(layers: Iterable[RasterLayer] = RASTER_LAYERS) -> list[tuple[RasterLayer, list[RasterGroup]]]:
    """Return those of the layers that have rasters, each with its groups of rasters, the oldest first."""
    # Layers that need the same statistic share one query of products or of pairs.
    of_products, of_pairs = cache(_groups_of_products), cache(_groups_of_pairs)
    listed = [(layer, _groups(layer, of_products, of_pairs)) for layer in layers]
    return [(_described(layer), dates) for layer, dates in listed if dates]


def _described(layer: RasterLayer) -> RasterLayer:
    """Return a layer whose description says what its rates are relative to, if it shows rates."""
    if layer.task != VELOCITY:
        return layer
    return layer._replace(description=f"{layer.description} {zero_of_several(datums_of(_velocity_fields(layer)))}")


def groups_by_day(groups: Iterable[RasterGroup]) -> dict[str, RasterGroup]:
    """Return a layer's groups by date (ISO 8601), the oldest first; of pairs that end on one day, the shortest."""
    return {group.date.isoformat(): group for group in groups}


def group_on(*, layer: RasterLayer, day: str = "") -> RasterGroup | None:
    """Return a layer's group of a day in ISO 8601, or its newest; None if it has none."""
    on = _day(day) if day else None
    groups = groups_by_day(_groups(layer, partial(_groups_of_products, on=on), partial(_groups_of_pairs, on=on), on))
    return groups.get(day or max(groups, default=""))


def _groups(
    layer: RasterLayer,
    of_products: Callable[[str], list[RasterGroup]],
    of_pairs: Callable[[str], dict[str, list[RasterGroup]]],
    on: date | None = None,
) -> list[RasterGroup]:
    """Return a layer's groups of rasters, the oldest first. on: count only what may be of this day: far faster."""
    if layer.task == OF_PRODUCTS:
        return of_products(layer.needs)
    if layer.task == VELOCITY:
        return _by_year(_velocity_fields(layer), "", on)
    if layer.task == RELEASES:
        return _groups_of_releases(on)
    return of_pairs(layer.needs).get(layer.task, []) if layer.task else _groups_of_scenes(on)


def raster_sources(*, layer: RasterLayer, group: str, bounds: Bounds) -> list[RasterSource] | None:
    """Return the files of a layer's group that may overlap a box, sorted by priority; None for an invalid group."""
    box = geos(box_of(bounds))
    if layer.task in (OF_PRODUCTS, VELOCITY):
        return _sources_of_year(layer, group, box)
    if layer.task == RELEASES:
        return _sources_of_releases(group, box)
    return _sources_of_pairs(layer, group, box) if layer.task else _sources_of_scenes(group, box)


def raster_group(prediction: Prediction) -> tuple[str, str] | None:
    """Return the names of the layer and the group that show a prediction; None if no layer shows its task."""
    run = prediction.run
    layer, pair = LAYER_OF_TASK.get(run.model_version.task), run.pair
    if layer is None:
        return None
    if pair is None:
        return layer.name, f"{promised(run.product).dates[-1]:%Y}"
    return layer.name, f"{pair.secondary.acquired_at:%Y-%m-%d}-{pair.temporal_baseline_days}d"


def evidence_raster(predictions: Sequence[Prediction]) -> dict[str, Any] | None:
    """Describe the newest of an alert's rasters from image pairs, for its small map; None if it has none."""
    of_pairs = [(pair, prediction) for prediction in predictions if (pair := prediction.run.pair)]
    if not of_pairs:
        return None
    pair, newest = max(of_pairs, key=lambda row: (promised(row[0].secondary.acquired_at), row[1].pk))
    if (place := raster_group(newest)) is None:
        return None
    name, group = place
    layer = RASTER_LAYERS_BY_NAME[name]
    days = promised(pair.reference.acquired_at).date(), promised(pair.secondary.acquired_at).date()
    # Translators: a layer and its date: "Coherence, 13 Dec 2021 (12 days since 1 December)."
    shown = _("%(layer)s, %(date)s.") % {"layer": layer.label, "date": pair_label(*days, pair.temporal_baseline_days)}
    caption = f"{shown} {layer.caption}"
    return {"layer": name, "group": group, "arrows": layer is ARROW_LAYER, "fastest": layer.high, "caption": caption}


def day_label(day: date) -> str:
    """Return a date in words, such as '13 Dec 2021'."""
    return date_format(day, "SHORT_DATE_FORMAT")


def pair_label(reference: date, secondary: date, days: int) -> str:
    """Return the dates of a pair in words, such as '13 Dec 2021 (12 days since 1 Dec 2021)'."""
    # Translators: two dates, "13 Dec 2021 (12 days since 1 Dec 2021)"
    words = ngettext("%(last)s (%(days)s day since %(first)s)", "%(last)s (%(days)s days since %(first)s)", days)
    return words % {"last": day_label(secondary), "days": whole(days), "first": day_label(reference)}


def _succeeded(needs: str = "") -> QuerySet[Prediction]:
    """Return the predictions of successful runs. needs: name of a statistic that must be above 0."""
    figure = {f"statistics__{needs}__gt": 0} if needs else {}
    return Prediction.objects.filter(run__state=Run.State.SUCCEEDED, **figure)


def newest_of_products(needs: str) -> QuerySet[Prediction]:
    """Return the newest prediction of each product. needs: name of a statistic that must be above 0."""
    newest = _succeeded(needs).order_by("run__product_id", "-run__finished_at", "-id").distinct("run__product_id")
    return newest.filter(run__model_version__task=OF_PRODUCTS)


def _groups_of_pairs(needs: str, on: date | None = None) -> dict[str, list[RasterGroup]]:
    rows = (
        _succeeded(needs)
        .filter(run__pair__isnull=False)
        .values(
            task=F("run__model_version__task"),
            last=TruncDate("run__pair__secondary__acquired_at"),
            days=F("run__pair__temporal_baseline_days"),
        )
        .filter(**{"last": on} if on else {})
        .annotate(
            first=Min(TruncDate("run__pair__reference__acquired_at")),
            n=Count("run__pair", distinct=True),
            bounds=BoundsOf("run__pair__footprint"),
            made_up=BoolOr(Q(run__pair__secondary__simulated=True) | Q(run__pair__reference__simulated=True)),
        )
        .order_by("last", "-days")  # The shortest of the pairs that end on one day counts as the newest.
    )
    by_task: dict[str, list[RasterGroup]] = {}
    for row in rows:
        key, label = f"{row['last']}-{row['days']}d", pair_label(row["first"], row["last"], row["days"])
        by_task.setdefault(row["task"], []).append(_group(key, label, row["last"], row))
    return by_task


def _groups_of_products(needs: str, on: date | None = None) -> list[RasterGroup]:
    found = _succeeded(needs).filter(run__product__isnull=False, run__model_version__task=OF_PRODUCTS)
    return _by_year(found, "run__product__", on)


def _velocity_fields(layer: RasterLayer) -> QuerySet[Product]:
    """Return the current velocity fields that a layer shows."""
    component, direction = FIELDS[layer.name]
    current = Product.objects.current().filter(technique=Technique.INSAR, component=component)
    return current if direction is None else current.filter(direction=direction)


def _by_year(found: QuerySet[Any], product: str, on: date | None) -> list[RasterGroup]:
    """Group products by the year of their last date, as the tracks of one release end days apart.

    product: path from a row to its product; on: only the year of this day, or None for all.
    """
    rows = (
        found.annotate(last=last_date(f"{product}dates"))
        .filter(**{"last__year": on.year} if on else {})
        .values(year=ExtractYear("last"))
        .annotate(
            last_day=Max("last"),
            n=Count(f"{product}id", distinct=True),
            bounds=BoundsOf(f"{product}footprint"),
            made_up=BoolOr(f"{product}simulated"),
        )
        .order_by("year")
    )
    # Translators: %(month)s is "March 2024"
    label = _("measured until %(month)s")
    return [
        _group(f"{row['year']:04d}", label % {"month": month_words(row["last_day"])}, row["last_day"], row)
        for row in rows
    ]


def _compared() -> QuerySet[ReleaseChange]:
    """Return the comparisons of releases that have verdicts, with the last date of each release."""
    changes = ReleaseChange.objects.filter(verdicts__isnull=False)
    return changes.annotate(older_last=last_date("older__dates"), last=last_date("newer__dates"))


def release_change_of(*, products: Sequence[Product]) -> tuple[ReleaseChange, str] | None:
    """Return the newest comparison of the first product that has any, and its group on the map; None without one."""
    changes = _compared().filter(newer__in=products).select_related("older", "newer").order_by("updated_at")
    of_product = {change.newer_id: change for change in changes}
    change = next((of_product[product.pk] for product in products if product.pk in of_product), None)
    return None if change is None else (change, f"{change.older.dates[-1]:%Y}-{change.newer.dates[-1]:%Y}")


def _groups_of_releases(on: date | None) -> list[RasterGroup]:
    """Group comparisons by the years in which both releases end, because tracks of one release end days apart."""
    rows = (
        _compared()
        .filter(**{"last__year": on.year} if on else {})
        .values(older_year=ExtractYear("older_last"), year=ExtractYear("last"))
        .annotate(
            last_day=Max("last"),
            n=Count("id"),
            bounds=BoundsOf("newer__footprint"),
            made_up=BoolOr(Q(newer__simulated=True) | Q(older__simulated=True)),
            older_name=Max("older__release"),
            older_first=Min("older__dates__0"),
            older_end=Max("older_last"),
            newer_name=Max("newer__release"),
            newer_first=Min("newer__dates__0"),
        )
        .order_by("year", "older_year")
    )
    # Translators: two releases, each "2019–2023, version 1"
    label = _("%(newer)s, compared with %(older)s")
    return [
        _group(
            f"{row['older_year']:04d}-{row['year']:04d}",
            label
            % {
                "older": release_words(row["older_name"], row["older_first"], row["older_end"]),
                "newer": release_words(row["newer_name"], row["newer_first"], row["last_day"]),
            },
            row["last_day"],
            row,
        )
        for row in rows
    ]


def _groups_of_scenes(on: date | None) -> list[RasterGroup]:
    rows = (
        Scene.objects.exclude(raster="")
        .values(day=TruncDate("acquired_at"))
        .filter(**{"day": on} if on else {})
        .annotate(n=Count("id"), bounds=BoundsOf("footprint"), made_up=BoolOr("simulated"))
        .order_by("day")
    )
    return [_group(row["day"].isoformat(), day_label(row["day"]), row["day"], row) for row in rows]


def _group(key: str, label: str, day: date, row: Mapping[str, Any]) -> RasterGroup:
    return RasterGroup(key, label, day, row["n"], row["bounds"], row["made_up"])


def _sources_of_year(layer: RasterLayer, group: str, box: GEOSGeometry) -> list[RasterSource] | None:
    """Return the velocity fields that end in a group's year, or what was found in them; None for an invalid group."""
    year = _YEAR.fullmatch(group)
    if year is None or not int(year[1]):
        return None
    found: QuerySet[Any] = newest_of_products(layer.needs).annotate(last=last_date("run__product__dates"))
    if layer.task != VELOCITY:
        found = found.filter(last__year=int(year[1]), run__product__footprint__intersects=box)
        return [RasterSource(one.raster, f"{one.pk} {one.raster_sha256}") for one in found]
    found = _velocity_fields(layer).annotate(last=last_date("dates")).order_by("id")
    fields = found.filter(last__year=int(year[1]), footprint__intersects=box)
    return [RasterSource(None, f"{one.pk} {one.datum_moved_at}", product=one) for one in fields]


def _sources_of_releases(group: str, box: GEOSGeometry) -> list[RasterSource] | None:
    years = _YEARS.fullmatch(group)
    if years is None or not (int(years[1]) and int(years[2])):
        return None
    changes = (
        _compared()
        .filter(Q(older_last__year=int(years[1]), last__year=int(years[2])), newer__footprint__intersects=box)
        .order_by("newer_id", "-updated_at")
        .distinct("newer_id")
    )
    return [RasterSource(change.raster, f"{change.pk} {change.updated_at}") for change in changes]


def _sources_of_pairs(layer: RasterLayer, group: str, box: GEOSGeometry) -> list[RasterSource] | None:
    parts = _PAIR.fullmatch(group)
    day = _day(parts[1]) if parts else None
    if parts is None or day is None:
        return None
    predictions = (
        _succeeded()
        .filter(
            run__model_version__task=layer.task,
            run__pair__secondary__acquired_at__date=day,
            run__pair__temporal_baseline_days=int(parts[2]),
            run__pair__footprint__intersects=box,
        )
        .select_related("run__pair__reference", "run__pair__secondary")
        .order_by("run__pair_id", "-run__finished_at", "-id")
        .distinct("run__pair_id")
    )
    pairs = [(promised(one.run.pair), one) for one in predictions]
    chosen = _one_polarisation([(pair.reference, pair.secondary.acquired_at, one) for pair, one in pairs])
    return [
        RasterSource(one.raster, f"{one.pk} {one.raster_sha256}", images_of(one))
        for one in chosen
        if not layer.needs or one.statistics.get(layer.needs, 0) > 0
    ]


def _sources_of_scenes(group: str, box: GEOSGeometry) -> list[RasterSource] | None:
    parts = DAY.fullmatch(group)
    day = _day(parts[1]) if parts else None
    if day is None:
        return None
    scenes = Scene.objects.exclude(raster="").filter(acquired_at__date=day, footprint__intersects=box).order_by("id")
    chosen = _one_polarisation([(scene, None, scene) for scene in scenes])
    return [RasterSource(one.raster, f"{one.pk} {one.file_sha256}") for one in chosen]


def _one_polarisation(images: Sequence[tuple[Scene, datetime | None, Any]]) -> list[Any]:
    """Return one item per image or pair, in its best polarisation. images: scene, time of second image, item."""
    best: dict[tuple[Any, ...], tuple[int, Any]] = {}
    for scene, until, one in images:
        place = (scene.track, scene.burst, scene.acquired_at, until)
        order = POLARISATIONS.index(scene.polarisation) if scene.polarisation in POLARISATIONS else len(POLARISATIONS)
        if place not in best or order < best[place][0]:
            best[place] = (order, one)
    return [best[place][1] for place in sorted(best)]


def images_of(prediction: Prediction) -> InputGrid:
    """Return the grid, the dates and the overall shift of the images behind a prediction."""
    pair, statistics = promised(prediction.run.pair), prediction.statistics
    shift = statistics.get("median_dx_px", 0.0), statistics.get("median_dy_px", 0.0)
    a, b, _, d, e, _ = promised(pair.reference.grid)
    last = (promised(pair.secondary.acquired_at).date() - date(1970, 1, 1)).days
    return InputGrid(promised(pair.reference.posting_m), (a, d), (b, e), pair.temporal_baseline_days, last, shift)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
