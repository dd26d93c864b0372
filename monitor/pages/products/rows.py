"""Facts about loaded data: rows of their list, and the facts and declarations on the page of one velocity field."""

import tomllib
from collections.abc import Sequence
from datetime import date
from functools import reduce
from itertools import groupby
from operator import attrgetter, or_
from typing import Any, NamedTuple

from django.db.models import Max, Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ground_motion.core.areas import bounds_of
from ground_motion.core.errors import promised
from ground_motion.readers.formats.registry import TITLES
from ingest.models import Product, ReleaseChange, Scene
from ingest.models.products import DERIVED
from ingest.products.settling import SAME
from ml.models import LivingSeries, Run
from ml.runs.selectors import runs_of_products
from monitor.maps.map.selectors import map_at
from monitor.pages.uploads.forms import SIGN_WORDS, UNIT_WORDS
from monitor.wording.components import component_label
from monitor.wording.datum import zero_sentence
from monitor.wording.families.changes import living_sentence
from monitor.wording.figures import listed, mm_a_year, signed, whole
from monitor.wording.images import DIRECTION_WORDS, data_set_name, method_name, piece, run_state
from monitor.wording.points import change_sentences, release_name

GROUND = ("source_format", "simulated", "track", "burst")  # These are the same for all scenes of a stack.


class Stated(NamedTuple):
    """A fact about a data set, its value in words, and who states it."""

    label: str
    value: Any
    by: str


def data_row(product: Product) -> dict[str, Any]:
    """Return what the list of data says of a velocity field."""
    return {
        "row": product,
        "name": data_set_name(product.name),
        "component_label": component_label(product.component),
        "track_label": _track_label(product),
        "years_label": _years(product.dates[0], product.dates[-1]),
        "released": release_name(product.release) or date_format(product.loaded_at),
        "url": reverse("product-detail", args=[product.pk]),
    }


def data_facts(product: Product, with_runs: bool) -> dict[str, Any]:
    """Return what the page of a velocity field says of it. with_runs: for those who work here."""
    prolonged = LivingSeries.objects.filter(product=product).annotate(until=Max("dates__day")).first()
    runs = runs_of_products(products=[product.pk]).get(product.pk, []) if with_runs else []
    return data_row(product) | {
        "level_label": f"{TITLES.get(product.source_format, product.source_format)} {product.level}",
        "newer": product.superseded_by and data_row(product.superseded_by),
        "older": [data_row(older) for older in product.supersedes.all()],
        "changes": [_change(change) for change in product.changes_before.select_related("older")],
        "derived_from": [data_row(source) for source in product.derived_from.all()],
        "bounds_url": reverse("map") + map_at(*bounds_of(product.footprint)),
        "runs": [_run(run) for run in runs],
        "living": living_sentence(prolonged.until, prolonged.difference) if prolonged and prolonged.until else "",
        "stated": _stated(product),
        "column_list": product.header.get("declared", {}).get("mapping", ""),
    }


def _stated(product: Product) -> list[Stated]:
    """Return the record of a data set: what holds for its values, and whether its file or its sender said so."""
    declared = product.header.get("declared", {})
    listing = tomllib.loads(declared.get("mapping", ""))
    file, sender = _("the file itself"), _("the person who gave the file")
    unstated = "" if "declared" in product.header else _("not recorded")
    if product.level == DERIVED:
        unstated = _("computed here from other data sets")

    def by(*names: str) -> str:
        if unstated:
            return unstated
        if any(name in declared for name in names):
            return sender
        return _("the column list given with the file") if any(name in listing for name in names) else file

    def value(name: str, words: dict[str, Any]) -> Any:
        known = declared.get(name) or listing.get(name) or product.header.get(name, "")
        return words.get(known, known) or _("as its format defines it")

    dates = _("velocities only")
    if product.has_series:
        dates = ngettext("%(number)s date", "%(number)s dates", product.n_dates) % {"number": whole(product.n_dates)}
    values = [
        Stated(_("Unit of its values"), value("unit", UNIT_WORDS), by("unit")),
        Stated(_("A positive value moves"), value("positive", SIGN_WORDS), by("positive")),
    ]
    rows = [
        *([] if unstated else values),
        Stated(_("Track (relative orbit)"), _track_label(product), by("track")),
        Stated(_("Period"), f"{_between(product.dates[0], product.dates[-1])}, {dates}", by("first_day", "dates")),
        Stated(_("Tile"), "" if product.tile.startswith(SAME) else product.tile, by("tile")),
        Stated(_("Zero of speeds"), _zero(product), _("computed here from the loaded data")),
    ]
    return [row for row in rows if row.value]


def _zero(product: Product) -> str:
    """Return what speeds are relative to, and the rate of still ground that was subtracted from the file's."""
    if not product.datum_mm_yr:
        return zero_sentence(product.datum)
    # Translators: %(rate)s is "+10.0 mm a year"
    less = _("In the file, still ground has a speed of %(rate)s; this is subtracted.")
    return f"{zero_sentence(product.datum)} {less % {'rate': mm_a_year(signed(product.datum_mm_yr, 1))}}"


def stacks(scenes: QuerySet[Scene], keys: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return the stacks of these keys, each with its scenes, by one query."""
    if not keys:
        return []
    wanted = reduce(or_, (Q(**dict(zip(GROUND, key, strict=True))) for key in keys))
    found = scenes.filter(wanted).order_by(*GROUND, "acquired_at", "polarisation")
    return [_stack(list(stack)) for _key, stack in groupby(found, key=attrgetter(*GROUND))]


def _stack(scenes: list[Scene]) -> dict[str, Any]:
    first, last = scenes[0], scenes[-1]
    days = promised(first.acquired_at).date(), promised(last.acquired_at).date()
    title = (
        _("Simulated images")
        if first.simulated
        # Translators: %(format)s is the name of a format or a source, "Sentinel-1 GRD"
        else _("%(format)s images") % {"format": TITLES[first.source_format]}
    )
    return {
        "name": ", ".join(part for part in (title, piece(first)) if part),
        "polarisations": listed(sorted({scene.polarisation for scene in scenes})),
        "track_label": _track_label(first),
        "years_label": _years(*days),
        "period_label": _between(*days),
        "scenes": scenes,
        "bounds_url": f"{reverse('map')}?raster=radar{map_at(*bounds_of(first.footprint))}",
    }


def _years(first: date, last: date) -> str:
    return f"{first.year}" if first.year == last.year else f"{first.year}–{last.year}"


def _between(first: date, last: date) -> str:
    # Translators: two dates, "2019-01-05 to 2023-12-28"
    return _("%(first)s to %(last)s") % {"first": first.isoformat(), "last": last.isoformat()}


def _track_label(data: Product | Scene) -> str:
    """Return the track and direction of a field or an image, such as '117 ascending'; empty if neither is stated."""
    direction = str(DIRECTION_WORDS.get(data.direction, data.direction))
    return direction if data.track is None else f"{data.track:03d} {direction}".strip()


def _run(run: Run) -> dict[str, Any]:
    return {
        "model": f"{method_name(run.model_version.task, run.model_version.method)} {run.model_version.version}",
        "state": run_state(run.state, run.share_done),
        "row": run,
    }


def _change(change: ReleaseChange) -> dict[str, Any]:
    return {
        "sentence": change_sentences(
            change.older.release, change.n_gone, change.n_new, change.common_offset_mm_yr, change.verdicts
        ),
        "url": reverse("product-change", args=[change.newer_id]),
        "map_url": f"{reverse('map')}?raster=release-change{map_at(*bounds_of(change.newer.footprint))}",
    }
