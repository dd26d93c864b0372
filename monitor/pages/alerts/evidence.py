"""Template context of an alert's pages, public, for reviewers and printed: card, evidence, limits, surroundings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from detection.alerts.describe import data_end
from detection.glaciers.selectors import motions_touching, series_of
from detection.kinds import Extent, Kind
from detection.models import Alert, AlertMotion, Detection, GlacierMotion
from detection.rules.motion import SHOWN_SIGMAS
from detection.rules.verdicts import Verdict
from detection.selectors import detections_shown, reviews_standing
from ground_motion.core.areas import bounds_of
from ground_motion.core.errors import promised
from ground_motion.methods.deformation.reliability import BASE_RATE, MOVING_MM_YR, reliability_of
from ingest.context.simulated_truth import truth_in, truth_is_loaded, truth_share
from ingest.models import Product, ScenePair
from ingest.products.selectors import AreaSeries
from ml.models import Run
from ml.runs.provisional import ProvisionalMean
from ml.runs.selectors import products_of
from monitor.maps.charts.selectors import points_exist
from monitor.maps.imaging.charts import curves, rates_chart
from monitor.maps.imaging.drawing import full_colour_mm_yr
from monitor.maps.map import selectors
from monitor.maps.map.plans import alert_plan
from monitor.maps.map.selectors import map_config
from monitor.maps.rasters.catalogue import evidence_raster
from monitor.pages.alerts import blocks
from monitor.pages.alerts.pictures import Captioned, SinceBlock, captions, since_block
from monitor.pages.glaciers.views import glacier_link, series_table
from monitor.subscribers.organisations.escalations import alerts_taken
from monitor.web.context import MAX_CREDITS, shortened, site_facts
from monitor.wording.cards.buildings import town_words
from monitor.wording.cards.cards import AlertCard, alert_card, alert_feature, exposure_block, kin, step_row
from monitor.wording.cards.looks import looks_at_alert
from monitor.wording.cards.whereabouts import surroundings, with_surroundings
from monitor.wording.components import colour_caption, component_label, direction
from monitor.wording.families.changes import WHY, provisional_sentence
from monitor.wording.families.voice import Evidence as EvidenceWords
from monitor.wording.families.voice import Finding
from monitor.wording.figures import area_label, figure, percent, whole
from monitor.wording.images import data_set_name
from monitor.wording.places import coordinates
from monitor.wording.states import VERDICT_HEADINGS, in_language

MAX_SERIES = 2
MOST = {"evidence": 4, "agreement": 8, "reviews": 2, "limits": 8, "credits": MAX_CREDITS}
MAX_NOTE_LENGTH = 500
PICTURES = ("points-1", "score")  # by priority: the first available one is printed


@dataclass(frozen=True)
class Cause:
    """Possible causes: sentences, and the share of each cause, 0-1, by its words."""

    sentences: list[str]
    shares: list[tuple[str, float]]


@dataclass(frozen=True)
class EvidenceRow:
    """What one run shows of an alert. pair_url: shown to operators only; likely: how often such a score is right."""

    detection: Detection
    run: Run
    source: str
    product_url: str
    pair_url: str
    finding: Finding
    pictures: list[Captioned]
    likely: str
    score: float
    area_label: str
    made: blocks.Provenance


@dataclass(frozen=True)
class Evidence:
    """Evidence for an alert. words: of its family; rows: of the runs that show it, the newest data first."""

    words: EvidenceWords
    rows: list[EvidenceRow]


@dataclass(frozen=True)
class History:
    """Steps of an alert, and the alerts that it was split from or merged with."""

    steps: list[dict[str, Any]]
    kin: list[dict[str, Any]]


@dataclass(frozen=True)
class OverTime:
    """Motion of an alert over time, and its drawn charts. speeds: of pairs, None for families without."""

    motion: AlertMotion | None
    series: list[selectors.ProductSeries]
    speeds: list[dict[str, Any]] | None
    glaciers: list[GlacierMotion]
    curves: list[dict[str, Any]]


@dataclass(frozen=True)
class Speeds:
    """Series of speeds, pair by pair: for the charts, and as tables."""

    charts: list[dict[str, Any]]
    views: list[dict[str, Any]]


@dataclass(frozen=True)
class Truth:
    """What was simulated where an alert is, and the share of its area that it fills, in words."""

    put_in: list[Any]
    share: str


@dataclass(frozen=True)
class SeriesRow:
    """Series of a data set in the area of an alert, with its name, what it measures and its whole change in words.

    provisional: sentence on the values that new passes added; empty without any.
    """

    product: Product
    series: AreaSeries
    name: str
    component: str
    change: str
    provisional: str


@dataclass(frozen=True)
class AlertBlocks:
    """Blocks that an alert's public page and its case share, each by its name in the templates.

    matches: coherence before and after; curves: drawn charts; rates: a histogram where there is no curve; most blocks
    are None or empty if there is nothing to say.
    """

    card: AlertCard
    alert_geojson: dict[str, Any]
    map_config: dict[str, Any]
    map_caption: str
    measured: bool
    advice: list[str]
    cause: Cause
    history: History
    evidence: Evidence
    agreement: blocks.Told | None
    methods: blocks.Told | None
    speeds: Speeds | None
    limits: list[str]
    truth: Truth | None
    glaciers: list[dict[str, str]]
    motion: blocks.Motion | None
    since: SinceBlock | None
    curves: list[Any]
    rates: dict[str, Any] | None
    matches: tuple[float, float] | None
    places: blocks.Places | None
    residents: blocks.Told | None
    series: list[SeriesRow]


def alert_page(alert: Alert, with_missing: bool) -> dict[str, Any]:
    """Return the context of an alert's public page. with_missing: name layers not loaded, for operators."""
    reviews = [
        {
            "heading": VERDICT_HEADINGS[review.verdict],
            "reason": "" if review.verdict == Verdict.FIELD_VISIT else in_language(review.reason.label),
            "note": in_language(review.public_note),
            "at": review.created_at,
        }
        for review in reviews_standing(alert=alert)  # public, therefore without names and internal notes
    ]
    around = surroundings(alert, with_missing) | exposure_block(alert) | {"has_points": points_exist(area=alert.area)}
    around["town"] = town_words(area=alert.area, simulated=alert.simulated)
    around["taken"] = alerts_taken(alerts=[alert]).get(alert.pk, [])
    around["sealed"] = blocks.sealed_block(alert)
    around["first_outline"] = blocks.first_outline(alert)
    return vars(alert_blocks(alert)) | around | {"reviews": reviews, "looks": looks_at_alert(alert)}


def alert_report(alert: Alert) -> dict[str, Any]:
    """Return the context of the printed report, with the same figures as the alert's page."""
    page = alert_page(alert, with_missing=False)
    card, places, evidence, agreement = (page[name] for name in ("card", "places", "evidence", "agreement"))
    lists = {"evidence": evidence.rows, "agreement": agreement.rows if agreement else [], "reviews": page["reviews"]}
    cut = shortened(lists | {"limits": page["limits"], "credits": site_facts()["attributions"]}, MOST)
    inner = [outline["geometry"] for outline in places.outlines["features"]] if places else []
    return {
        **page,
        **cut,
        "evidence": replace(evidence, rows=cut["evidence"]),
        "agreement": agreement and replace(agreement, rows=cut["agreement"]),
        "longest_note": MAX_NOTE_LENGTH,
        "plan": alert_plan(alert, card, inner),
        "coordinates": coordinates(card.longitude, card.latitude),
        "picture": _picture(evidence.rows),
        "drawn_charts": page["curves"][:MAX_SERIES],
        "printed_on": timezone.now(),
        "permalink": f"{settings.PUBLIC_URL}{card.url}",
        "simulated": alert.simulated,
    }


def _picture(evidence: Sequence[EvidenceRow]) -> dict[str, Any] | None:
    """Return the first available picture of PICTURES and its detection, or None."""
    shown = (
        (item, picture) for name in PICTURES for item in evidence for picture in item.pictures if picture.name == name
    )
    return next(({"detection": item.detection.pk, "picture": picture} for item, picture in shown), None)


def alert_blocks(alert: Alert) -> AlertBlocks:
    """Return the blocks that the public page and the reviewers' page of an alert share."""
    card, detections = alert_card(alert), detections_shown(alert=alert)
    newest_first = sorted(detections, key=lambda one: data_end(one.scan.prediction.run.input), reverse=True)
    sources = [source for detection in detections for source in _sources(detection)]
    stretch = full_colour_mm_yr(alert.peak_rate_mm_yr)
    raster = evidence_raster([detection.scan.prediction for detection in detections])
    has_truth = alert.simulated and alert.is_measured and truth_is_loaded()
    over = motion_over_time(alert, card, detections)
    motion, series, speeds, drawn = over.motion, over.series, over.speeds, over.curves
    of_curve = motion.product.direction if motion else ""  # of two tracks, the one whose curve is drawn
    config = map_config(bounds_of(alert.area), alert.component, of_curve)
    shown = {"component": alert.component, "direction": of_curve}
    colours = {"stretch": stretch, "still": selectors.still_mm_yr(detections=newest_first, **shown)}
    words = card.voice.evidence._replace(why=WHY) if card.provisional else card.voice.evidence
    inside = None if drawn or not alert.is_measured else selectors.rates_inside(alert=alert, detections=newest_first)
    computed, after = card.cause_is_computed, alert.coherence_after
    return AlertBlocks(
        card=card,
        alert_geojson=alert_feature(alert, card),
        map_config=config | {"colours": colours, "evidence_raster": raster},
        map_caption=raster["caption"] if raster else colour_caption(alert.component or "los", stretch),
        measured=alert.is_measured,
        advice=card.voice.advice(alert.kind, alert.state),
        cause=Cause(
            with_surroundings(alert, card.voice.causes(alert)) if computed else [],
            card.voice.cause_shares(alert) if computed else [],
        ),
        history=History([step_row(step) for step in alert.transitions.select_related("update", "alert")], kin(alert)),
        evidence=Evidence(words, [_evidence_row(detection, card) for detection in newest_first]),
        agreement=blocks.agreement_block(alert, detections),
        methods=blocks.method_block(alert, detections),
        speeds=None if speeds is None else Speeds(speeds, [series_table(view) for view in speeds]),
        limits=card.voice.limits(alert, sources or [row["product"] for row in series]),
        truth=Truth(list(truth_in(area=alert.area)), percent(truth_share(area=alert.area))) if has_truth else None,
        glaciers=[glacier_link(glacier) for glacier in over.glaciers],
        motion=blocks.motion_block(motion) if motion else None,
        since=since_block(alert, newest_first) if alert.is_measured else None,
        curves=drawn,
        rates=None if inside is None else rates_chart(*inside, stretch),
        matches=None if after is None else (promised(alert.coherence_before), after),
        places=blocks.places_block(detections),
        residents=blocks.reports_block(alert),
        series=[_series_row(**values) for values in series],
    )


def motion_over_time(alert: Alert, card: AlertCard, detections: Sequence[Detection]) -> OverTime:
    """Return the motion of an alert over time; without charts where no data have shown it."""
    speeds = series_of(detections) if card.voice.evidence.series == "speeds" else None  # a glacier's are on its page
    glaciers = motions_touching(area=alert.area, simulated=alert.simulated)
    flows = [view for glacier in glaciers for view in glacier.views] if alert.kind == Kind.GLACIER_SURGE else []
    motion, series = selectors.alert_motion(alert=alert), selectors.alert_series(alert=alert)
    drawn = curves(motion, series, speeds or flows) if alert.is_measured else []
    return OverTime(motion, series, speeds, glaciers, drawn)


def _sources(detection: Detection) -> list[Product | ScenePair]:
    """Return the data behind a detection: its run's pair, or its run's product and others that show the motion."""
    run = detection.scan.prediction.run
    if run.pair:
        return [run.pair]
    own, *others = products_of(run=run)
    shown = {reason["product"] for reason in detection.reasons if reason.get("seen")}
    return [own, *(other for other in others if other.name in shown)]


def _evidence_row(detection: Detection, card: AlertCard) -> EvidenceRow:
    run = detection.scan.prediction.run
    has_points = run.product and not run.product.points_deleted_at
    return EvidenceRow(
        detection,
        run,
        source=data_set_name(str(run.input)),
        product_url=reverse("product-analysis", args=[run.product_id]) if has_points else "",
        pair_url=reverse("pair-detail", args=[run.pair_id]) if run.pair_id else "",
        finding=card.voice.finding(detection, run.input),
        pictures=captions(detection),
        likely=how_likely(run.model_version.parameters, detection),
        score=round(detection.score, 2),
        area_label=area_label(detection.area_m2),
        made=blocks.provenance(detection),
    )


def how_likely(parameters: Mapping[str, Any], detection: Detection) -> str:
    """Describe how often a detection with this score is right; empty for wide regions and if it is unknown."""
    reliability = reliability_of(parameters.get("settings", {}), max(1, len(detection.reasons)))
    if reliability is None or detection.extent != Extent.LOCAL:
        return ""
    share = min(99, math.floor(100 * float(reliability.probability(detection.score))))
    likely = _("Of 100 places that look like this to the computer, about %(share)s move by %(rate)s mm a year or more.")
    assumed = _("Assumed for that: one place in %(places)s of the country does.")
    figures = {"share": share, "rate": whole(MOVING_MM_YR), "places": whole(1 / BASE_RATE)}
    return f"{likely} {assumed}" % figures


def _series_row(product: Product, series: AreaSeries, provisional: ProvisionalMean | None) -> SeriesRow:
    change = float(series.mean_mm[-1] - series.mean_mm[0])
    sigma_mm = float(series.high_mm[-1] - series.low_mm[-1]) / 2 / math.sqrt(series.n_sampled)
    # Translators: %(size)s is "12", %(way)s is "sinking" or "away from the satellite"
    label = _("%(size)s mm (%(way)s)")
    changed = label % {"size": figure(change), "way": direction(product.component, change)}
    if abs(change) < SHOWN_SIGMAS * sigma_mm:
        changed = _("motion not certain: %(rate)s") % {"rate": f"{figure(change)} mm"}
    added = provisional_sentence(provisional.dates[-1]) if provisional else ""
    return SeriesRow(product, series, data_set_name(product.name), component_label(product.component), changed, added)
