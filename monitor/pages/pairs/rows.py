"""Rows and labels of images, pairs and runs for the operators' pages."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from detection import pairs as pair_selectors
from detection.models import Alert
from ground_motion.core.areas import bounds_of
from ground_motion.core.errors import promised
from ground_motion.readers.formats.registry import TITLES
from ingest.models import Scene, ScenePair
from ml.models import Run
from monitor.maps.map.selectors import map_at
from monitor.maps.rasters.catalogue import day_label, raster_group
from monitor.maps.rasters.layers import LAYER_OF_TASK, RASTER_LAYERS
from monitor.wording import images as words
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.whereabouts import area_names
from monitor.wording.dates import two_days
from monitor.wording.refusals import plain_words

IMAGE_STATES = {
    "refused": pgettext_lazy("radar image", "not usable"),
    "alone": pgettext_lazy("radar image", "in no pair"),
    "paired": pgettext_lazy("radar image", "in a pair"),
    "ready": pgettext_lazy("radar image", "usable"),
    "deleted": pgettext_lazy("radar image", "image deleted"),
}
WHERE_TO_SAY = "on the page “Add data”, and send the file again"


def pair_rows(pairs: Sequence[ScenePair]) -> list[dict[str, Any]]:
    """Return the rows of one page of the list of pairs, in few queries; runs of pairs are expected to be prefetched."""
    alerts = pair_selectors.alerts_counted(pairs=pairs)
    places = area_names([(pair.footprint, pair.simulated) for pair in pairs])
    return [
        {
            "url": reverse("pair-detail", args=[pair.pk]),
            "days": two_days(*_days(pair)),
            "apart": words.apart(pair.temporal_baseline_days),
            "piece": words.piece(pair.reference),
            "polarisation": pair.reference.polarisation,
            "place": place,
            "simulated": pair.simulated,
            "picture": reverse("pair-image", args=[pair.pk, "secondary"]) if pair.secondary.raster else "",
            "runs": [
                {
                    "label": words.TASKS[run.model_version.task],
                    "state": run.state,
                    "state_words": words.run_state(run.state, run.share_done),
                }
                for run in pair.runs.all()
            ],
            "n_alerts": alerts[pair.pk],
        }
        for pair, place in zip(pairs, places, strict=True)
    ]


def image_row(scene: Scene, n_pairs: int) -> dict[str, Any]:
    """Return the row of an image in the list of images."""
    satellite = words.PLATFORMS.get(scene.platform, scene.platform)
    size = words.size(scene.rows, promised(scene.cols), promised(scene.posting_m)) if scene.rows else ""
    state = "alone" if scene.state == Scene.State.READY and scene.reason else scene.state
    return {
        "scene": scene,
        "title": _("Simulated image") if scene.simulated else TITLES.get(scene.source_format, scene.source_format),
        "facts": list(filter(None, (satellite, words.piece(scene), scene.polarisation, size))),
        "state": state,
        "state_words": IMAGE_STATES[state],
        "reason": plain_words(scene.reason.removeprefix(f"{scene.file_name}: "), WHERE_TO_SAY),
        "n_pairs": n_pairs,
        "pairs_url": f"{reverse('pair-list')}?{urlencode({'image': scene.pk})}",
    }


def pair_facts(pair: ScenePair) -> dict[str, Any]:
    """Return the properties of a pair in words, for its page."""
    first, second = pair.reference, pair.secondary
    day = promised(second.acquired_at).date().isoformat()
    licences = dict.fromkeys((scene.attribution, scene.licence) for scene in (first, second))
    return {
        "row": pair,
        "headline": words.headline(*_days(pair), pair.temporal_baseline_days),
        "place": area_names([(pair.footprint, pair.simulated)])[0],
        "source": pgettext("source", "simulated")
        if first.simulated
        else TITLES.get(first.source_format, first.source_format),
        "platform": words.platforms(first.platform, second.platform),
        "piece": words.piece(first),
        "look": words.look_side(first.direction, first.look_direction),
        "polarisation": words.polarisation(first.polarisation),
        "apart": words.apart(pair.temporal_baseline_days),
        "size": words.size(pair.rows, pair.cols, promised(first.posting_m)),
        "grid": _("The later image is resampled once, onto the pixels of the earlier one.")
        if pair.resampled
        else _("Both images share one grid; nothing is resampled."),
        "placed": words.PLACED.get(second.header.get("geolocation", ""), ""),
        "backscatter": words.BACKSCATTER.get(first.backscatter, first.backscatter or words.not_stated()),
        "extent": words.extent(*bounds_of(pair.footprint)),
        "map_url": f"{reverse('map')}?raster=radar&date={day}{map_at(*bounds_of(pair.footprint))}",
        "licences": [(attribution, licence) for attribution, licence in licences if attribution or licence],
        "images": {"earlier": first, "later": second}.items(),
    }


def run_rows(pair: ScenePair, runs: Sequence[Run], alerts: dict[int, list[Alert]]) -> list[dict[str, Any]]:
    """Return a row for each run on a pair, sorted by task, and a row for each task without a run."""
    cards = {card.code: card for card in alert_cards({a.pk: a for of_run in alerts.values() for a in of_run}.values())}
    rows = []
    for task, label in words.TASKS.items():
        of_task = [run for run in runs if run.model_version.task == task]
        rows += [_run_row(pair, run, label, [cards[alert.code] for alert in alerts.get(run.pk, [])]) for run in of_task]
        if not of_task:
            rows.append({"task": task, "label": label, "state": "none", "not_run": words.NOT_RUN[task]})
    return rows


def _run_row(pair: ScenePair, run: Run, label: Promise, cards: list[Any]) -> dict[str, Any]:
    task = run.model_version.task
    row: dict[str, Any] = {
        "id": run.pk,
        "row": run,
        "task": task,
        "label": label,
        "method": words.method_name(run.model_version.task, run.model_version.method),
        "state": run.state,
        "state_words": words.run_state(run.state, run.share_done),
        "alerts": cards,
    }
    prediction = getattr(run, "prediction", None)
    if prediction is None or run.state != Run.State.SUCCEEDED:
        return row
    layer, (_, group) = LAYER_OF_TASK[task], promised(raster_group(prediction))
    where = map_at(*bounds_of(pair.footprint))
    has_values = prediction.statistics.get("known_share") != 0
    return row | {
        "sentences": words.result_sentences(
            task, prediction.statistics, promised(pair.reference.posting_m), pair.temporal_baseline_days
        ),
        "layer": layer,
        "picture": reverse("pair-run-image", args=[pair.pk, run.pk]) if has_values else "",
        "map_url": f"{reverse('map')}?raster={layer.name}&date={group}{where}" if has_values else "",
        "more_maps": [
            (one.label, f"{reverse('map')}?raster={one.name}&date={group}{where}")
            for one in RASTER_LAYERS
            if one.task == task and one.needs and prediction.statistics.get(one.needs, 0) > 0
        ],
        "download_url": reverse("prediction-raster", args=[prediction.pk]),
    }


def neighbour_rows(pair: ScenePair) -> list[dict[str, str]]:
    """Return links to the previous and the next pair over the same ground."""
    rows = zip(("earlier", "later"), pair_selectors.neighbours(pair=pair), strict=True)
    return [
        {"which": which, "days": two_days(*_days(one)), "url": reverse("pair-detail", args=[one.pk])}
        for which, one in rows
        if one is not None
    ]


def viewer(pair: ScenePair, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the configuration of the script that compares the images of a pair. rows: as `run_rows` returns them."""
    images = {name: reverse("pair-image", args=[pair.pk, name]) for name in ("reference", "secondary", "ratio")}
    results = {f"run-{row['id']}": row["picture"] for row in rows if row.get("picture")}
    first, second = map(day_label, _days(pair))
    return {
        "rows": pair.rows,
        "cols": pair.cols,
        "posting_m": pair.reference.posting_m,
        "urls": images | results,
        "days": {"reference": first, "secondary": second},
    }


def _days(pair: ScenePair) -> tuple[date, date]:
    return promised(pair.reference.acquired_at).date(), promised(pair.secondary.acquired_at).date()
