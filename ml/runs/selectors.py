"""Selectors of runs and predictions."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.gis.db.models import MultiPolygonField
from django.contrib.gis.geos import MultiPolygon
from django.db.models import Exists, F, FloatField, Func, Max, OuterRef, Q, QuerySet, Value, Window
from django.db.models.functions import Coalesce, RowNumber
from django.db.models.lookups import GreaterThanOrEqual

from ground_motion.core.errors import promised
from ground_motion.methods.coherence.change import MIN_PREDECESSORS, choose_in_season
from ground_motion.readers.records import Component, Technique
from ingest.models import Glacier, Product, Scene, ScenePair
from ingest.models.products import DERIVED
from ml.models import GroundEvent, ModelVersion, Prediction, Run
from ml.runs.queue import LEASE

Task = ModelVersion.Task
MAX_ANNOUNCED = 128  # Messages must not pile up, and workers begin fewer runs between two checks.
MAX_COMPANIONS = 8  # Each neighbouring file of a track counts as a track, because it has its own zero.
SAME_GROUND = ("track", "direction", "burst", "polarisation", "source_format", "simulated", "backscatter")
# Results against an old datum are made again, also those that the managers hide because a track was withdrawn.
MOVED = Q(started_at__lt=F("product__datum_moved_at")) | Q(started_at__lt=F("companions__datum_moved_at"))
MOVED &= Q(state=Run.State.SUCCEEDED)
MIN_SHARE = 0.5  # A predecessor must show this share of a pair's ground, because slices of one track overlap a little.


def fields_answering() -> QuerySet[Product]:
    """Return the current velocity fields, with rests of older releases but without products of two directions."""
    return Product.objects.current().filter(technique=Technique.INSAR).exclude(level=DERIVED)


def velocity_fields() -> QuerySet[Product]:
    """Return the current velocity fields that were loaded from files, without those of glaciers."""
    return fields_answering().filter(derived_from=None)


def inputs_due(
    *, task: str, method: str, version: str | None = None, weights_sha256: str = ""
) -> QuerySet[Product] | QuerySet[ScenePair]:
    """Return products or pairs ready for a task without a run of this version (None: any), with the same weights."""
    runs = Run.objects.filter(model_version__task=task, model_version__method=method)
    if version is not None:
        runs = runs.filter(model_version__version=version, model_version__weights_sha256=weights_sha256)
    if task == Task.DEFORMATION:
        runs = runs.exclude(pk__in=Run.objects.filter(MOVED).values("pk"))
        # Superseded velocity fields that still answer for a place that no newer release covers are searched, too.
        fields = Product.objects.answering().filter(technique=Technique.INSAR)
        return fields.exclude(pk__in=runs.filter(pair=None).values("product")).order_by("id")
    pairs = pairs_with_history() if task == Task.COHERENCE_CHANGE else ScenePair.objects.all()
    pairs = pairs.filter(reference__state=Scene.State.READY, secondary__state=Scene.State.READY)
    unseen = pairs.exclude(pk__in=runs.filter(product=None).values("pair"))
    # Sort as `_earlier` does.
    in_turn = unseen.order_by("secondary__acquired_at", "-reference__acquired_at", "id")
    return in_turn.select_related("reference", "secondary")


def trend_searches_due() -> QuerySet[Product]:
    """Return the current velocity fields with series that have not been searched, without derived ones."""
    fields = Product.objects.current().filter(has_series=True, technique=Technique.INSAR, points_deleted_at=None)
    return fields.filter(derived_from=None, trend_search=None).order_by("pk")


def companions_of(*, run: Run) -> list[Product]:
    """Return the products of one other track, on the same ground, that a run uses; largest shared area first.

    Only one other track is used, because the network was trained with two tracks: if possible one of the other
    direction, then the one that shares most ground. Both tracks measure the line of sight, in the same period, and are
    both real or both simulated. For a finished run, the products that it used are returned.
    """
    if run.state == Run.State.SUCCEEDED:
        return list(run.companions.order_by("id"))
    product = run.its_product
    if product.component != Component.LOS or not product.direction:
        return []
    shared = _shared_area(_polygon(product.footprint))
    beside = (
        velocity_fields()
        .filter(component=Component.LOS, simulated=product.simulated, footprint__intersects=product.footprint)
        .exclude(direction="")
        .annotate(shared=shared)
        .filter(shared__gt=0)
        .order_by("-shared", "id")
    )
    tracks: dict[tuple[bool, int | None], list[Any]] = {}
    for candidate in beside:
        is_other_way, known = candidate.direction != product.direction, None not in (candidate.track, product.track)
        is_another = is_other_way or (known and candidate.track != product.track)
        if is_another and _is_at_the_same_time(candidate, product):
            tracks.setdefault((is_other_way, candidate.track), []).append(candidate)
    if not tracks:
        return []
    best = max(tracks, key=lambda track: (track[0], sum(candidate.shared for candidate in tracks[track])))
    return tracks[best][:MAX_COMPANIONS]


def products_of(*, run: Run) -> list[Product]:
    """Return the products that a run used: first its own, then those of other tracks that it analysed with it."""
    return [run.its_product, *run.companions.order_by("id")]


def _is_at_the_same_time(product: Product, other: Product) -> bool:
    """Return whether at least half of the shorter product's period lies in the other's."""
    shorter = min(product.dates[-1] - product.dates[0], other.dates[-1] - other.dates[0])
    common = min(product.dates[-1], other.dates[-1]) - max(product.dates[0], other.dates[0])
    return common >= shorter / 2


def pairs_with_history() -> QuerySet[ScenePair]:
    """Return pairs whose coherence, and that of enough predecessors, is known, while no predecessor's is still to come.

    All coherence is by one version of one method, because figures of different methods cannot be compared.
    """
    coherence = Run.objects.filter(model_version__task=Task.COHERENCE)
    before = _predecessors(lambda name: OuterRef(f"pair__{name}"))
    to_come = before.filter(reference__state=Scene.State.READY, secondary__state=Scene.State.READY)  # Images are kept.
    alike = coherence.filter(model_version=OuterRef(OuterRef("model_version")), pair=OuterRef("pk"))
    known = before.filter(Exists(alike.filter(prediction__isnull=False))).order_by("id")
    ready = coherence.filter(
        prediction__isnull=False
    ).annotate(  # Old results are deleted, their runs are not.
        waited_for=Exists(to_come.exclude(Exists(alike.exclude(state__in=Run.UNSETTLED)))),
        enough=Exists(known[MIN_PREDECESSORS - 1 : MIN_PREDECESSORS]),
    )
    return ScenePair.objects.filter(pk__in=ready.filter(waited_for=False, enough=True).values("pair"))


def coherence_history(*, pair: ScenePair, most: int) -> tuple[Prediction, list[Prediction]]:
    """Return a pair's coherence and that of at most `most` predecessors by the same version, latest first.

    These are predecessors of the pair's season if there are enough (`choose_in_season`), else the latest.
    If several versions have results, the newest with enough predecessors counts. LookupError if none has enough.
    """
    coherence = Prediction.objects.filter(
        run__state=Run.State.SUCCEEDED, run__model_version__task=Task.COHERENCE
    ).order_by("-run__pair__secondary__acquired_at", "-id")
    before = list(_predecessors(_fields_of(pair).__getitem__).values_list("pk", flat=True))  # few, and found once
    for own in coherence.filter(run__pair=pair):
        same_version = coherence.filter(run__model_version=own.run.model_version, run__pair__in=before)
        known = list(same_version.select_related("run__pair__secondary"))
        if len(known) >= MIN_PREDECESSORS:
            days = [predecessor.run.its_pair.secondary.day for predecessor in known]
            return own, [known[index] for index in choose_in_season(days, pair.secondary.day, most)]
    raise LookupError(f"{pair} has too few predecessors whose coherence is known")


def changes_beside(*, pair: ScenePair) -> QuerySet[Prediction]:
    """Return coherence changes of earlier pairs of the same ground whose period overlaps or touches that of a pair.

    Pairs whose period only touches share an image with the pair, and so reveal whether that image is bad. Earlier
    means: ended before the pair, or with it and shorter; thus a run's input does not depend on the speed of workers.
    """
    ended_since = _earlier(_fields_of(pair).__getitem__).filter(secondary__acquired_at__gte=pair.reference.acquired_at)
    beside = list(ended_since.values_list("pk", flat=True))  # few, and found once
    changes = Prediction.objects.filter(run__model_version__task=Task.COHERENCE_CHANGE, run__pair__in=beside)
    return changes.select_related("run__pair__reference", "run__pair__secondary").order_by("id")


def changes_held_up() -> QuerySet[Run]:
    """Return unfinished runs of coherence change that wait for results of earlier pairs."""
    to_come = Run.objects.filter(
        pair=OuterRef("pk"), model_version__task__in=(Task.COHERENCE, Task.COHERENCE_CHANGE), state__in=Run.UNSETTLED
    )
    earlier = _earlier(lambda name: OuterRef(f"pair__{name}")).filter(Exists(to_come))
    return Run.objects.filter(Exists(earlier), model_version__task=Task.COHERENCE_CHANGE, state__in=Run.UNSETTLED)


def fastest_motion(*, pair: ScenePair) -> float:
    """Return the speed up to which a pair's motion is searched, m/day: that of its fastest glacier, or the default."""
    shown = Glacier.objects.filter(shown=True, outline__intersects=pair.footprint, layer__simulated=pair.simulated)
    of_glaciers = Coalesce("reach_m_day", Value(settings.OFFSETS_REACH_GLACIER_M_DAY))
    fastest: float | None = shown.aggregate(fastest=Max(of_glaciers))["fastest"]
    return max(fastest or 0.0, settings.OFFSETS_REACH_M_DAY)


def _fields_of(pair: ScenePair) -> dict[str, Any]:
    """Return the fields by which a pair is compared with others, as name -> value."""
    return {
        "pk": pair.pk,
        "reference__acquired_at": pair.reference.acquired_at,
        "secondary__acquired_at": pair.secondary.acquired_at,
        "temporal_baseline_days": pair.temporal_baseline_days,
        "footprint": _polygon(pair.footprint),
        **{f"reference__{name}": getattr(pair.reference, name) for name in SAME_GROUND},
    }


def _predecessors(value: Callable[[str], Any]) -> QuerySet[ScenePair]:
    """Return pairs of the same ground and temporal baseline that ended earlier. value: field name -> value."""
    return _same_ground(value).filter(
        secondary__acquired_at__lt=value("secondary__acquired_at"),
        temporal_baseline_days=value("temporal_baseline_days"),
    )


def _earlier(value: Callable[[str], Any]) -> QuerySet[ScenePair]:
    """Return pairs of the same ground that ended earlier, or together and are shorter. value: field name -> value."""
    began, ended = (value(f"{image}__acquired_at") for image in ("reference", "secondary"))
    together = Q(reference__acquired_at__gt=began) | Q(reference__acquired_at=began, pk__lt=value("pk"))
    return _same_ground(value).filter(Q(secondary__acquired_at__lt=ended) | Q(together, secondary__acquired_at=ended))


def _same_ground(value: Callable[[str], Any]) -> QuerySet[ScenePair]:
    """Return pairs of the same track, polarisation and place. value: field name -> value."""
    same = {f"reference__{name}": value(f"reference__{name}") for name in SAME_GROUND}
    ground = value("footprint")
    whole = Func(ground, function="ST_Area", output_field=FloatField())
    enough = GreaterThanOrEqual(_shared_area(ground), whole * MIN_SHARE)  # Slow, and always true of equal footprints.
    return ScenePair.objects.filter(Q(footprint__equals=ground) | Q(enough), **same)


def _polygon(ground: MultiPolygon) -> Value:
    return Value(ground, output_field=MultiPolygonField(srid=4326))


def _shared_area(ground: object) -> Func:
    """Return the area that a footprint shares with other ground, in square degrees, for comparisons only."""
    intersection = "ST_Area(ST_Intersection(%(expressions)s))"
    return Func(F("footprint"), ground, template=intersection, output_field=FloatField())


def runs_to_announce(*, queued_before: datetime) -> list[Run]:
    """Return due runs that were never announced to the broker, or last announced before this time.

    Only the first MAX_ANNOUNCED due runs are considered, so that messages do not pile up: first those on pairs that
    span an event, then one of each track in turn, so that a nation with many runs does not keep a single burst waiting.
    """
    grounds = [Coalesce(f"pair__reference__{name}", f"product__{name}") for name in ("source_format", "track")]
    in_turn = Window(RowNumber(), partition_by=[*grounds, "pair__reference__burst"], order_by="id")
    urgent = Exists(GroundEvent.objects.filter(pairs=OuterRef("pair")))
    due = Run.objects.filter(LEASE.due()).exclude(pk__in=changes_held_up().values("pk"))
    first = due.annotate(urgent=urgent, turn=in_turn).order_by("-urgent", "turn", "id")
    waiting = first.select_related("model_version")[:MAX_ANNOUNCED]
    return [run for run in waiting if run.queued_at is None or run.queued_at < queued_before]


def runs_of_products(*, products: Collection[int]) -> dict[int, list[Run]]:
    """Return product's key -> all runs on that velocity field, the newest first, by one query. products: their keys."""
    runs: dict[int, list[Run]] = {}
    for run in Run.objects.filter(product__in=products).select_related("model_version", "prediction"):
        runs.setdefault(promised(run.product_id), []).append(run)
    return runs


def runs_unfinished() -> QuerySet[Run]:
    """Return runs that are queued or running."""
    return Run.objects.filter(state__in=Run.UNSETTLED)


def predictions_finished() -> QuerySet[Prediction]:
    """Return predictions of succeeded runs, oldest first."""
    return (
        Prediction.objects.filter(run__state=Run.State.SUCCEEDED)
        .select_related("run__product", "run__model_version", "run__pair__reference", "run__pair__secondary")
        .order_by("id")
    )
