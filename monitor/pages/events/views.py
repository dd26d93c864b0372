"""Views of event response: operators report events and see the results of the image pairs that span them."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.gis.db.models.functions import Distance
from django.contrib.gis.geos import Point
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_safe
from rasterio.errors import RasterioError

from detection.lists import alerts_matching
from detection.models import Alert
from detection.reviews.audit import audit_write
from detection.selectors import alerts_of_runs
from ground_motion.core.areas import bounds_of
from ground_motion.core.errors import promised
from ground_motion.methods.deformation.quakes import MIN_OFFSETS_M, Mechanism, quake_reach
from ground_motion.methods.offsets.motion import PixelScale
from ingest.foundation.storage import stored_tiff
from ingest.models import Scene, ScenePair
from ingest.scenes.looks import looks_at
from ml.models import GroundEvent, Prediction, Run
from ml.runs import events
from ml.runs.events import event_report
from monitor.maps.imaging.pixels import Around, near_coherence, near_motion
from monitor.maps.map.place_search import NumberField, PlaceForm
from monitor.maps.map.selectors import map_at
from monitor.maps.rasters.catalogue import raster_group
from monitor.maps.rasters.layers import LAYER_OF_TASK
from monitor.pages.events import words
from monitor.web.guards import account_in, may_view_work, operators_only
from monitor.wording import images as image_words
from monitor.wording.cards.cards import alert_cards
from monitor.wording.figures import short, whole

logger = logging.getLogger(__name__)

MAX_DISTANCE_KM, MIN_DISTANCE_KM = 200.0, 0.5
MAX_PAIRS, MAX_SENTENCES = 12, 3  # Only the nearest pairs are shown; a large earthquake has hundreds.
MAX_EVENTS = 200
FIRST_YEAR = 2014  # year of the first Sentinel-1 images


class EventForm(PlaceForm):
    """Form for the kind, place, time and radius of an event."""

    kind = forms.ChoiceField(choices=list(words.KIND_WORDS.items()), label=gettext_lazy("What"))
    name = forms.CharField(max_length=120, required=False, label=gettext_lazy("Its name, if it has one"))
    happened_on = forms.DateField(
        label=gettext_lazy("Day (UTC)"),
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": gettext_lazy("Choose the day it happened on.")},
    )
    happened_at = forms.TimeField(
        label=gettext_lazy("Time (UTC), if you know it"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}),
    )
    radius_km = NumberField(
        label=gettext_lazy("Search radius, km"),
        initial=10,
        error_messages={"required": gettext_lazy("Type how far around the place to look, in km.")},
    )

    field_order = ("kind", "place", "happened_on", "happened_at", "radius_km", "name")

    def clean_happened_on(self) -> Any:
        """Return the day. Raises ValidationError unless it lies between FIRST_YEAR and today."""
        day = self.cleaned_data["happened_on"]
        if day > timezone.now().date():
            raise forms.ValidationError(_("This day has not come yet."))
        if day.year < FIRST_YEAR:
            raise forms.ValidationError(_("There are no such images before %(year)s.") % {"year": str(FIRST_YEAR)})
        return day

    def clean_radius_km(self) -> float:
        """Return the radius, km. Raises ValidationError beyond its limits."""
        radius_km = float(self.cleaned_data["radius_km"])
        if not MIN_DISTANCE_KM <= radius_km <= MAX_DISTANCE_KM:
            between = _("Type a distance between %(least)s and %(most)s km.")
            raise forms.ValidationError(between % {"least": short(MIN_DISTANCE_KM), "most": short(MAX_DISTANCE_KM)})
        return radius_km

    def report(self) -> dict[str, Any]:
        """Return the arguments of `event_report`. Without a time, the period is that day, 0 to 24 h UTC."""
        cleaned = self.cleaned_data
        moment, (longitude, latitude) = cleaned.get("happened_at"), cleaned["position"]
        first = datetime.combine(cleaned["happened_on"], moment or time(), tzinfo=UTC)
        return {
            "kind": cleaned["kind"],
            "name": cleaned["name"] or cleaned["place"],
            "position": Point(longitude, latitude, srid=4326),
            "radius_km": cleaned["radius_km"],
            "between": (first, first if moment else first + timedelta(days=1)),
        }


def _row(event: GroundEvent) -> dict[str, Any]:
    runs = [run for pair in event.pairs.all() for run in pair.runs.all() if run.model_version.task in events.TASKS]
    waiting = sum(run.state in run.UNSETTLED for run in runs)
    pairs = event.pairs.all()
    if event.withdrawn_at:
        state = pgettext("event", "withdrawn by the catalogue")
    elif not pairs:
        state = pgettext("event", "no pair spans it yet")
    elif waiting or not runs:
        state = pgettext("event", "running")
    elif not any(run.state == run.State.SUCCEEDED for run in runs):
        state = pgettext("event", "no result: every run failed")
    else:
        state = pgettext("event", "finished")
    return {
        "url": reverse("event-detail", args=[event.pk]),
        "kind": words.KIND_WORDS[event.kind],
        "name": event.name,
        "when": words.when_words(event.happened_at, event.over_at),
        "state": state,
        "n_pairs": len(pairs),
        "row": event,
    }


def _reported(event: GroundEvent, pairs: Sequence[dict[str, Any]], after: Scene | None) -> dict[str, Any]:
    """Return what the page of an event of catalogues adds: its figures, and what is known of it by now."""
    mechanism, reach = Mechanism(event.mechanism) if event.mechanism else None, None
    if event.magnitude and event.depth_km is not None:
        reach = quake_reach(event.magnitude, event.depth_km, mechanism)
    has_results = any("near" in run for pair in pairs for run in pair["runs"])
    is_little = reach is not None and reach.peak_m < MIN_OFFSETS_M and not has_results
    motion = _results(event, pairs, after, "offsets")
    motion += [str(words.INTERFEROGRAM_NEEDED)] if is_little else []
    if n := event.n_ordered:
        ordered = ngettext("%(n)s interferogram of it was ordered.", "%(n)s interferograms of it were ordered.", n)
        motion.append(ordered % {"n": whole(n)})
    return {
        "size": words.size_words(event.magnitude, event.depth_km),
        "expected": words.expected_words(reach, event.radius_km, mechanism) if event.magnitude else "",
        "catalogues": [
            (words.CATALOGUES.get(host, host), report["url"], report["withdrawn"])
            for host, report in sorted(event.reports.items())
        ],
        "steps": [
            (_("First image"), [_first_image(event, after)]),
            (_("Motion"), motion),
            (_("Changed surface"), _results(event, pairs, after, "coherence")),
            (_("People"), [words.people_words(event.people, event.radius_km)]),
        ],
    }


def _first_image(event: GroundEvent, after: Scene | None) -> str:
    if after is not None:
        track = image_words.track_words(after.track, after.direction) if after.track else image_words.piece(after)
        return words.look_words(promised(after.acquired_at), track, is_taken=True)
    if event.withdrawn_at:
        return str(words.NOT_YET["withdrawn"])
    looks = looks_at(area=event.ground, after=timezone.now())
    first = max(looks, key=lambda look: (look.is_likely, look.is_likely or look.probability), default=None)
    track = image_words.track_words(first.track, first.direction) if first else ""
    return words.look_words(first.at if first else None, track, is_taken=False)


def _results(event: GroundEvent, pairs: Sequence[dict[str, Any]], after: Scene | None, task: str) -> list[str]:
    """Return what the nearest pairs show around an event, or why nothing is known yet."""
    runs = [run for pair in pairs for run in pair["runs"] if run["task"] == task]
    if found := [run["near"] for run in runs if "near" in run]:
        return found[:MAX_SENTENCES]
    if any(run["state"] in ("queued", "running", "none") for run in runs):
        why = "run"
    else:
        why = "failed" if runs else "pair" if after else "image"
    return [str(words.NOT_YET["withdrawn" if event.withdrawn_at else why])]


def _pair(event: GroundEvent, pair: ScenePair) -> dict[str, Any]:
    runs = events.runs_of_pair(pair=pair)
    rows = _run_rows(pair, runs, alerts_of_runs(pair=pair))
    predictions = {run.pk: run.prediction for run in runs if hasattr(run, "prediction")}
    for row in rows:
        # The sentences about the surroundings of the event come first; what they already say is not repeated.
        if prediction := predictions.get(row.get("id", 0)):
            near = row["near"] = _near(event, pair, prediction)
            row["sentences"] = [near, *(one for one in row.get("sentences", []) if one not in near)]
    days = promised(pair.reference.acquired_at).date(), promised(pair.secondary.acquired_at).date()
    return {
        "headline": image_words.headline(*days, pair.temporal_baseline_days),
        "piece": f"{image_words.piece(pair.reference)}, {pair.reference.polarisation}",
        "simulated": pair.simulated,
        "runs": rows,
        "waiting": any(row["state"] in ("queued", "running", "none") for row in rows),
    }


def _near(event: GroundEvent, pair: ScenePair, prediction: Prediction) -> str:
    around = Around(event.position.x, event.position.y, 1000 * event.radius_km)
    try:
        with stored_tiff(prediction.raster) as raster:
            if "coherence" in raster.descriptions:
                return words.coherence_near(near_coherence(raster, around), event.radius_km)
            scale = PixelScale(promised(pair.reference.posting_m), pair.temporal_baseline_days)
            return words.motion_near(near_motion(raster, around, scale), event.radius_km)
    except (OSError, RasterioError, ValueError) as fault:
        logger.warning("raster %s cannot be read: %s", prediction.raster.name, fault)
        return _("The file of this result cannot be read.")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_protect
def event_list(request: HttpRequest) -> HttpResponseBase:
    """Show the events that catalogues report, and to those who work here all of them; on POST, report an event."""
    if request.method == "POST":
        return _report(request)
    return _list(request, EventForm())


@operators_only
def _report(request: HttpRequest) -> HttpResponse:
    form = EventForm(request.POST)
    if not form.is_valid():
        return _list(request, form)
    with transaction.atomic():
        event = event_report(**form.report(), reported_by=request.user.get_username())
        audit_write(actor=account_in(request), action="event", subject=f"event {event.pk}", detail=str(event))
    return HttpResponseRedirect(f"{event.pk}/")


def _list(request: HttpRequest, form: EventForm) -> HttpResponse:
    shown = GroundEvent.objects.all() if may_view_work(request.user) else GroundEvent.objects.exclude(reports={})
    rows = [_row(event) for event in shown.prefetch_related("pairs__runs__model_version")[:MAX_EVENTS]]
    context = {"form": form, "events": rows}
    return render(request, "pages/events/list.html", context, status=422 if form.is_bound else 200)


@require_safe
@never_cache
def event_detail(request: HttpRequest, event: int) -> HttpResponseBase:
    """Show the page of an event, to everybody if catalogues report it."""
    found = GroundEvent.objects.filter(pk=event).first()
    page = _detail if found and found.reports else operators_only(_detail)
    return page(request, event=found)


def _detail(request: HttpRequest, event: GroundEvent | None) -> HttpResponse:
    if event is None:
        raise Http404
    spanning = event.pairs.select_related("reference", "secondary")
    nearest = spanning.annotate(away=Distance("footprint", event.position)).order_by("away", "temporal_baseline_days")
    pairs = [_pair(event, pair) for pair in nearest[:MAX_PAIRS]]
    images = events.images_around(event=event)
    before, after = (image.acquired_at if image else None for image in images)
    alerts = alerts_matching(area=event.area).filter(last_motion__gte=event.happened_at.date())
    context = {
        "event": _row(event),
        "look_for": words.LOOK_FOR[event.kind],
        "place_url": f"{reverse('map')}{map_at(*bounds_of(event.area))}",
        "pairs": pairs,
        "waiting": "" if pairs else words.waiting_sentence(before, after, settings.PAIR_BASELINES_DAYS),
        "alerts": alert_cards(alerts),
        **(_reported(event, pairs, images[1]) if event.reports else {}),
    }
    return render(request, "pages/events/detail.html", context)


def _run_rows(pair: ScenePair, runs: Sequence[Run], alerts: dict[int, list[Alert]]) -> list[dict[str, Any]]:
    """Return a row for each run on a pair, sorted by task, and a row for each task without a run."""
    cards = {card.code: card for card in alert_cards({a.pk: a for of_run in alerts.values() for a in of_run}.values())}
    rows = []
    for task in sorted(events.TASKS):
        label, of_task = image_words.TASKS[task], [run for run in runs if run.model_version.task == task]
        rows += [_run_row(pair, run, label, [cards[alert.code] for alert in alerts.get(run.pk, [])]) for run in of_task]
        if not of_task:
            rows.append({"task": task, "label": label, "state": "none", "not_run": image_words.NOT_RUN[task]})
    return rows


def _run_row(pair: ScenePair, run: Run, label: Promise, cards: list[Any]) -> dict[str, Any]:
    task = run.model_version.task
    row: dict[str, Any] = {
        "id": run.pk,
        "row": run,
        "task": task,
        "label": label,
        "method": image_words.method_name(task, run.model_version.method),
        "state": run.state,
        "state_words": image_words.run_state(run.state, run.share_done),
        "alerts": cards,
    }
    prediction = getattr(run, "prediction", None)
    if prediction is None or run.state != Run.State.SUCCEEDED:
        return row
    (_, group), where = promised(raster_group(prediction)), map_at(*bounds_of(pair.footprint))
    has_values = prediction.statistics.get("known_share") != 0
    posting_m, days = promised(pair.reference.posting_m), pair.temporal_baseline_days
    return row | {
        "sentences": image_words.result_sentences(task, prediction.statistics, posting_m, days),
        "map_url": f"{reverse('map')}?raster={LAYER_OF_TASK[task].name}&date={group}{where}" if has_values else "",
        "download_url": reverse("prediction-raster", args=[prediction.pk]),
    }
