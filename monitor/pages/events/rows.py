"""Rows for the runs on a pair that spans an event."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise

from detection.models import Alert
from ground_motion.core.areas import bounds_of
from ground_motion.core.errors import promised
from ingest.models import ScenePair
from ml.models import Run
from ml.runs import events
from monitor.maps.map.selectors import map_at
from monitor.maps.rasters.catalogue import raster_group
from monitor.maps.rasters.layers import LAYER_OF_TASK
from monitor.wording import images as words
from monitor.wording.cards.cards import alert_cards


def run_rows(pair: ScenePair, runs: Sequence[Run], alerts: dict[int, list[Alert]]) -> list[dict[str, Any]]:
    """Return a row for each run on a pair, sorted by task, and a row for each task without a run."""
    cards = {card.code: card for card in alert_cards({a.pk: a for of_run in alerts.values() for a in of_run}.values())}
    rows = []
    for task in sorted(events.TASKS):
        label, of_task = words.TASKS[task], [run for run in runs if run.model_version.task == task]
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
        "method": words.method_name(task, run.model_version.method),
        "state": run.state,
        "state_words": words.run_state(run.state, run.share_done),
        "alerts": cards,
    }
    prediction = getattr(run, "prediction", None)
    if prediction is None or run.state != Run.State.SUCCEEDED:
        return row
    (_, group), where = promised(raster_group(prediction)), map_at(*bounds_of(pair.footprint))
    has_values = prediction.statistics.get("known_share") != 0
    posting_m, days = promised(pair.reference.posting_m), pair.temporal_baseline_days
    return row | {
        "sentences": words.result_sentences(task, prediction.statistics, posting_m, days),
        "map_url": f"{reverse('map')}?raster={LAYER_OF_TASK[task].name}&date={group}{where}" if has_values else "",
        "download_url": reverse("prediction-raster", args=[prediction.pk]),
    }
