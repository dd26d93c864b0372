"""Selectors of alerts and detections."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import partial

from django.contrib.gis.db.models import PointField
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.db.models import Exists, F, Func, JSONField, OuterRef, Q, QuerySet, Value, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from detection.figures import FIGURES
from detection.kinds import EVENTS, FAMILIES, Extent, Family, Kind, family
from detection.models import Alert, AlertRelation, Claim, Detection, Review, Scan, SealedEvidence
from detection.rules.codes import decode
from detection.rules.lifecycle import LIVING, Source, State
from detection.rules.verdicts import Verdict
from detection.tables.alerts import MERGED_INTO
from ground_motion.methods.deformation.sealed import FORMAT, OF_MAIN
from ground_motion.readers.records import Technique
from ground_motion.statistics.datum import Datum
from ingest.models import Product, Scene, ScenePair
from ingest.products.selectors import datums_by, last_date
from ingest.products.settling import VERSIONS
from ml.models import GroundEvent, ModelVersion, Prediction, Run
from ml.runs.selectors import MOVED, predictions_finished

Task = ModelVersion.Task
RUN = "scan__prediction__run"
WITH_RUN = (f"{RUN}__product", f"{RUN}__pair__reference", f"{RUN}__pair__secondary", f"{RUN}__model_version")
PUBLIC_STATES = [State.FIRST, State.PROVISIONAL, State.CONFIRMED, State.FINISHED]
UNREVIEWED_STATES = [State.FIRST, State.PROVISIONAL]
SEALED_OF_ALERT = (*OF_MAIN, "area_m2", "first_motion", "last_motion", "kind", "simulated")
FOLLOWED_STATES = [*LIVING, State.FINISHED]  # Finished ones may resume.
# An alert that no data show has none of these figures.
UNMEASURED = dict.fromkeys(row.name for row in FIGURES if row.family and row.stored)
MOST_IMPORTANT_FIRST = ("-importance", "-id")  # All lists have this order; see detection.rules.importance.
SAME_VIEW = (*VERSIONS, "track", "direction", "burst")
OF_PLACES = ("tilt_mm_m_yr", "tilt_low_mm_m_yr", "tilt_high_mm_m_yr")  # see `ground_motion.rasters.areas.place_as_dict`


def alerts_of_runs(*, pair: ScenePair) -> dict[int, list[Alert]]:
    """Return the alerts that each run on a pair detected, by the run's primary key, with one query."""
    rows = Detection.objects.filter(**{f"{RUN}__pair": pair}).select_related("alert").annotate(run=F(f"{RUN}__id"))
    of_run: dict[int, dict[int, Alert]] = defaultdict(dict)
    for row in rows.order_by("-score", "id"):
        of_run[row.run][row.alert_id] = row.alert
    return {run: list(alerts.values()) for run, alerts in of_run.items()}


def alert_datums(*, alerts: Iterable[Alert]) -> dict[int, list[Datum]]:
    """Return each datum of the velocity fields that show an alert, by the alert's primary key.

    A superseded release counts only where no current one shows the alert.
    """
    shown = Detection.objects.filter(alert__in=alerts, **{f"{RUN}__product__technique": Technique.INSAR})
    found = defaultdict[int, list[Datum]](list)
    current = Q(**{f"{RUN}__product__superseded_by": None})
    for rows in (shown.filter(current), shown.exclude(current)):
        for (pk,), datum in datums_by(rows.exclude(alert__in=[*found]), "alert", product=f"{RUN}__product__"):
            found[pk].append(datum)
    return found


def predictions_unscanned() -> QuerySet[Prediction]:
    """Return finished predictions that are due to be searched: they wait for no other one and will not be made again.

    A change of coherence waits for the offsets of its pair: ground that moved by metres has lost its coherence too.
    """
    offsets = Run.objects.filter(model_version__task=Task.OFFSETS)
    awaited = offsets.filter(Q(state__in=Run.UNSETTLED) | Q(prediction__isnull=False, prediction__scan=None))
    return (
        predictions_finished()
        .filter(scan=None)
        .exclude(run__in=Run.objects.filter(MOVED).values("pk"))
        .exclude(run__model_version__task=Task.COHERENCE)
        .exclude(Q(run__model_version__task=Task.COHERENCE_CHANGE) & Q(run__pair__in=awaited.values("pair")))
    )


def predictions_in_turn() -> QuerySet[Prediction]:
    """Return unscanned predictions in the order of search: pairs that span an event, then each product in turn."""
    track = [f"run__pair__reference__{name}" for name in ("source_format", "track", "direction", "burst")]
    urgent = GroundEvent.pairs.through.objects.filter(scenepair=OuterRef("run__pair"))
    turn = Window(RowNumber(), partition_by=["run__product", *track], order_by="id")
    return predictions_unscanned().annotate(urgent=Exists(urgent), turn=turn).order_by("-urgent", "turn", "id")


def offsets_of(*, pair: ScenePair) -> Prediction | None:
    """Return the latest offsets of a pair."""
    of_pair = predictions_finished().filter(run__model_version__task=Task.OFFSETS, run__pair=pair)
    return of_pair.order_by("-run__finished_at", "-id").first()


def shorter_pairs_cover(*, pair: ScenePair, areas: Sequence[GEOSGeometry]) -> list[bool]:
    """Return, for each area, whether an image between the pair's two covers it, with known changes from and to both."""
    if not areas:
        return []
    # A point inside stands for the area, because outlines of cells at a scene's edge reach past its footprint.
    changes = predictions_finished().filter(run__model_version__task=Task.COHERENCE_CHANGE)
    begun = changes.filter(run__pair__reference=pair.reference_id, run__pair__secondary=OuterRef("pk"))
    ended = changes.filter(run__pair__reference=OuterRef("pk"), run__pair__secondary=pair.secondary_id)
    grounds = list(Scene.objects.filter(Exists(begun), Exists(ended)).values_list("footprint", flat=True))
    middles = [area.point_on_surface for area in areas]
    return [any(ground.covers(middle) for ground in grounds if ground) for middle in middles]


def newer_searched(*, release: str, area: OuterRef) -> QuerySet[Product]:
    """Return the searched products that answer for an area in place of the release of the outer query's row.

    release: the prefix of the release's columns in that row.
    """
    return Product.objects.filter(
        **{name: OuterRef(f"{release}{name}") for name in (*VERSIONS, "tile")},
        newer_releases__lt=OuterRef(f"{release}newer_releases"),
        # A point inside stands for the area, because outlines of cells reach past the footprint.
        footprint__covers=Func(area, function="ST_PointOnSurface", output_field=PointField(srid=4326)),
        runs__prediction__scan__isnull=False,
    ).exclude(tile="")


def detections_current(*, alert: Alert) -> QuerySet[Detection]:
    """Return the alert's detections in the latest successful run of each product: what is known of it now.

    If a newer run searched this product together with another track on the same ground, its result counts instead. Of
    two runs by one version that each searched both tracks, that of the product with more points counts, so that the
    order in which tracks were loaded decides nothing.
    Detections in a release count until a newer release of its tile that covers their ground has been searched.
    Of two products of one track that show the same place, the one whose data end last counts.
    """
    latest = (
        Run.objects.filter(prediction__scan__isnull=False)
        .order_by("product_id", "pair_id", "model_version__task", "-finished_at", "-id")
        .distinct("product_id", "pair_id", "model_version__task")
        .values("pk")
    )
    again = Detection.objects.annotate(ends=last_date(f"{RUN}__product__dates")).filter(
        **{
            f"{RUN}__product__{name}": OuterRef(f"{RUN}__product__{name}")
            for name in (*VERSIONS, "track", "direction", "burst")
        },
        scan__prediction__run__in=latest,
        alert=OuterRef("alert"),
        area__intersects=OuterRef("area"),
        ends__gt=OuterRef("ends"),
    )
    run = RUN
    own = {name: OuterRef(f"{run}__product__{name}") for name in ("n_points", "file_sha256")}
    has_more_points = Q(product__n_points__gt=own["n_points"]) | Q(
        product__n_points=own["n_points"], product__file_sha256__gt=own["file_sha256"]
    )
    each_other = Run.companions.through.objects.filter(run=OuterRef(OuterRef(run)), product=OuterRef("product"))
    alike = Q(Exists(each_other), model_version=OuterRef(f"{run}__model_version"))
    joint = Run.objects.filter(
        (alike & has_more_points) | (~alike & Q(finished_at__gt=OuterRef(f"{run}__finished_at"))),
        prediction__scan__isnull=False,
        companions=OuterRef(f"{run}__product"),
        product__superseded_by=None,
        product__footprint__covers=OuterRef("area"),
    )
    return (
        alert.detections.annotate(ends=last_date(f"{RUN}__product__dates"))
        .filter(scan__prediction__run__in=latest)
        .exclude(Exists(joint))
        .exclude(Exists(newer_searched(release=f"{RUN}__product__", area=OuterRef("area"))))
        .exclude(Exists(again))
        .select_related(*WITH_RUN)
        .order_by("-area_m2")
    )


def alerts_resting_on(*, product: Product) -> QuerySet[Alert]:
    """Return the followed alerts that end with a product, because no other standing data show them."""
    seen = Detection.every.filter(**{f"{RUN}__product__in": [product.pk, product.corrects_id]})
    others = Detection.objects.filter(alert=OuterRef("pk")).exclude(**{f"{RUN}__product": product})
    computed = Alert.objects.filter(state__in=FOLLOWED_STATES, source=Source.COMPUTER)
    return computed.filter(pk__in=seen.values("alert")).exclude(Exists(others))


def detections_shown(*, alert: Alert) -> list[Detection]:
    """Return the current detections of an alert; if there are none, the last one."""
    current = list(detections_current(alert=alert))
    return current or list(alert.detections.select_related(*WITH_RUN).order_by(f"-{RUN}__finished_at", "-pk")[:1])


def evidence_of(*, alert: Alert) -> tuple[SealedEvidence | None, SealedEvidence | None]:
    """Return (sealed evidence of an alert's present state, or why there is none; its last package, if there is one)."""
    basis = evidence_basis(alert=alert, current=detections_current(alert=alert))
    return alert.sealed.filter(basis=basis).exclude(file="", why="").first(), alert.sealed.exclude(file="").first()


def evidence_basis(*, alert: Alert, current: Iterable[Detection]) -> str:
    """Return a hash of everything that a package states, so that an unchanged alert keeps its package."""
    figures = [str(getattr(alert, name)) for name in SEALED_OF_ALERT]
    made_from = [f"{FORMAT}", *(str(detection.pk) for detection in current), *figures]
    return hashlib.sha256(" ".join(made_from).encode()).hexdigest()


def scans_beside(*, alert: Alert) -> list[Scan]:
    """Return the latest searches of velocity fields that show the alert's ground without detecting it."""
    looked = Scan.objects.filter(
        prediction__run__product__footprint__intersects=alert.area,
        prediction__run__product__superseded_by=None,
        prediction__run__product__simulated=alert.simulated,
    ).exclude(detections__alert=alert)
    latest = looked.order_by("prediction__run__product_id", "-prediction__run__finished_at", "-pk")
    return list(latest.select_related("prediction__run__product").distinct("prediction__run__product_id"))


def alerts_public() -> QuerySet[Alert]:
    """Return the alerts that everybody may see, most important first."""
    return Alert.objects.filter(state__in=[state.value for state in PUBLIC_STATES]).order_by(*MOST_IMPORTANT_FIRST)


def alert_by_code(*, code: str) -> Alert:
    """Return the alert with a code. Raises Alert.DoesNotExist, also for a text that is no code."""
    try:
        return Alert.objects.get(pk=decode(code))
    except (ValueError, OverflowError) as fault:
        raise Alert.DoesNotExist(str(fault)) from fault


def alerts_touching(
    *, area: MultiPolygon, family: Family, extent: str, during: tuple[date, date] | None = None
) -> QuerySet[Alert]:
    """Return alerts of a family and extent that touch an area; merged ones only if a person called them duplicates.

    during: days that the alert's dates must overlap, because motion that continues in the next pair is one event.
    """
    duplicates = Review.objects.filter(verdict=Verdict.DUPLICATE, taken_back_by=None).exclude(other=None)
    alerts = Alert.objects.exclude(Q(state=State.MERGED) & ~Q(pk__in=duplicates.values("alert")))
    alerts = alerts.filter(area__intersects=area, kind__in=FAMILIES[family], extent=extent)
    if during:
        alerts = alerts.filter(first_motion__lte=during[1], last_motion__gte=during[0])
    return alerts


def alerts_overtaken(*, alert: Alert, family: Family) -> list[Alert]:
    """Return unreviewed alerts that touch this one, and were detected in standing data, but in no latest run."""
    beside = alerts_touching(area=alert.area, family=family, extent=alert.extent).exclude(pk=alert.pk)
    beside = beside.filter(Exists(Detection.objects.filter(alert=OuterRef("pk"))))
    unreviewed = beside.filter(state__in=UNREVIEWED_STATES, by_hand=None)
    return [neighbour for neighbour in unreviewed if not detections_current(alert=neighbour).exists()]


def alerts_missed(
    *, views: Iterable[str], seen: Product | ScenePair, family: Family, found: Iterable[int]
) -> QuerySet[Alert]:
    """Return followed alerts of some views on the ground of `seen`, except `found`, ended events and surges."""
    return (
        Alert.objects.filter(state__in=FOLLOWED_STATES, kind__in=FAMILIES[family])
        .exclude(Q(kind=Kind.GLACIER_SURGE) | Q(kind__in=EVENTS, state=State.FINISHED))
        .filter(life__views__has_any_keys=sorted(views), area__intersects=seen.footprint, simulated=seen.simulated)
        .exclude(pk__in=found)
        .select_related("life")
        .order_by("pk")
    )


def alerts_uncompared() -> QuerySet[Alert]:
    """Return followed alerts of velocity fields that other methods have not examined since they last changed."""
    stale = Q(methods=None) | Q(methods__compared_at__lt=F("updated_at"))
    return Alert.objects.filter(stale, state__in=FOLLOWED_STATES, kind__in=FAMILIES[Family.VELOCITY]).order_by("id")


def alerts_nested(*, alert: Alert) -> list[Alert]:
    """Return the living alerts of places on a wide region, or of the regions around a place, most important first."""
    if family(alert.kind) is not Family.VELOCITY or alert.state not in PUBLIC_STATES:
        return []
    other = Extent.LOCAL if alert.extent == Extent.REGION else Extent.REGION
    here = alerts_touching(area=alert.area, family=Family.VELOCITY, extent=other).filter(state__in=LIVING)
    return list(here.filter(simulated=alert.simulated).select_related("motion").order_by(*MOST_IMPORTANT_FIRST))


def alerts_to_review(*, states: Iterable[str] = tuple(UNREVIEWED_STATES)) -> QuerySet[Alert]:
    """Return unreviewed alerts, most important first; those with a planned visit (`visit_planned`) come last.

    Column visit_due: the day of a visit has come, and the visit has no result.
    """
    visit = Review.objects.filter(alert=OuterRef("pk"), verdict=Verdict.FIELD_VISIT, taken_back_by=None)
    today, open_visit = timezone.now().date(), visit.exclude(visit__result__gt="")
    due = open_visit.filter(visit__day__lte=today)
    waiting = Alert.objects.filter(state__in=list(states))
    waiting = waiting.annotate(visit_due=Exists(due), visit_planned=Exists(open_visit) & ~Exists(due))
    return waiting.order_by("visit_planned", *MOST_IMPORTANT_FIRST)


def alerts_reviewed_lately(*, limit: int) -> QuerySet[Alert]:
    """Return the alerts that people have judged, the latest first."""
    ended = Q(state=State.FINISHED, transitions__review__verdict=Verdict.FINISH)
    judged = Alert.objects.filter(Q(state__in=[State.CONFIRMED, State.REJECTED]) | ended).distinct()
    return judged.order_by("-updated_at", "-id")[:limit]


def followed_as(*, alert: Alert) -> Alert:
    """Return the alert under which the place of a merged one is followed now; any other alert itself."""
    while alert.state == State.MERGED:
        into = AlertRelation.objects.filter(alert=alert, relation=MERGED_INTO).select_related("other").last()
        if into is None:
            return alert
        alert = into.other
    return alert


def reviews_standing(*, alert: Alert) -> list[Review]:
    """Return the standing verdicts of specialists on an alert, latest first.

    These are the verdict that led to its state, and later visits without a result.
    """
    standing = []
    reviews = alert.reviews.exclude(verdict=Verdict.TAKEN_BACK).exclude(visit__result__gt="")
    reviews = reviews.filter(taken_back_by=None).select_related("transition")
    for review in reviews.order_by("-created_at", "-id"):
        if review.transition is None or review.transition.to_state == alert.state:
            standing.append(review)
        if review.transition:
            break
    return standing


def claims_living(*, now: datetime) -> dict[int, Claim]:
    """Return alert's primary key -> living claim on it."""
    return {claim.alert_id: claim for claim in Claim.objects.filter(until__gte=now).select_related("holder")}


Tilt = tuple[float, float, float]


def steepest_tilts(*, alerts: Sequence[Alert]) -> dict[int, Tilt]:
    """Return alert's primary key -> steepest measured tilt, mm a year per m: (value, low, high of its 90 % interval).

    Only detections that gave the alert its rates count. Their outlines are large and are not read from the database.
    """
    each = partial(Func, F("places"), function="jsonb_path_query_array", output_field=JSONField())
    cast = "%(function)s(%(expressions)s::jsonpath)"
    columns = {f"every_{name}": each(Value(f"$[*].{name}"), template=cast) for name in OF_PLACES}
    rows = Detection.objects.filter(
        alert__in=[alert.pk for alert in alerts],
        rate_mm_yr=F("alert__rate_mm_yr"),
        peak_rate_mm_yr=F("alert__peak_rate_mm_yr"),
    ).annotate(**columns)
    steepest: dict[int, Tilt] = {}
    for number, *tilts in rows.order_by("pk").values_list("alert_id", *columns):
        if measured := list(zip(*tilts, strict=True)):
            steepest[number] = max(measured)
    return steepest
