"""How right alerts are on simulated nations: one alert a place, its kind, its peak, and nothing where nothing moves.

Velocity fields are loaded file by file, searched by the shipped method and turned into alerts as in the service; only
then is what was put in looked at. Kinds are counted twice: as the velocity fields alone name them, and with the layers
of surroundings that the demo loads. Nations of other seeds than the demo's; all that is loaded is rolled back.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from django.db import transaction
from django.test.utils import override_settings
from shapely import contains_xy, from_wkb, unary_union
from shapely.geometry.base import BaseGeometry

from bench.measure import report
from detection.alerts.describe import alert_recount
from detection.alerts.plan import SAME_PLACE_SHARE
from detection.alerts.services import prediction_scan
from detection.kinds import FAMILIES, KIND_OF_CLASS, Extent, Family
from detection.models import Alert
from detection.selectors import PUBLIC_STATES, detections_shown, predictions_unscanned
from ingest.context.services import context_load
from ingest.products.services import product_load
from ingest.readers.context.records import ContextKind
from ml.services import run_execute, runs_queue
from ml.simulation.files.context import write_heights
from ml.simulation.files.nation import write_glacier, write_mine, write_products
from ml.simulation.files.settled import write_railway, write_roads
from ml.simulation.ground.sources import TruthArea
from ml.simulation.nation import Nation, simulate_nation
from ml.statistics.intervals import bootstrap_over

FIRST_SEED = 2_101  # no training, no tuning and no demo draws these
HOUR_SECONDS = 3600.0
LEAST_MM_YR, LEAST_M = 5.0, 300.0  # slower or smaller objects are not expected, and no false alarms either
CLASS_OF = {"mine_water_uplift": "uplift", "fill_settlement": "fill_or_quarry"}  # of the network, of the rest the same


class Seen(NamedTuple):
    """An alert and its outline in degrees; orbit: track that gave its rates."""

    alert: Alert
    outline: BaseGeometry
    orbit: int


def run(rounds: int = 10) -> dict[str, Any]:
    """Live through so many nations with one track and with two."""
    by_tracks: dict[str, list[dict[str, Any]]] = {"one track": [], "two tracks": []}
    for seed in range(FIRST_SEED, FIRST_SEED + rounds):
        nation = simulate_nation(seed)
        for tracks, nations in enumerate(by_tracks.values(), start=1):
            nations.append(_lived(nation, tracks))
    return report("nations", [row for name, nations in by_tracks.items() for row in _summary(nations, name)])


def _lived(nation: Nation, tracks: int) -> dict[str, Any]:
    """Figures of one nation as seen by so many of its tracks."""
    unseen = override_settings(RUN_BEAT_SECONDS=HOUR_SECONDS)  # other connections do not see what is rolled back
    with unseen, tempfile.TemporaryDirectory() as folder, transaction.atomic():
        paths = write_products(nation, Path(folder))
        for path in paths[: tracks * len(paths) // len(nation.region.tracks)]:
            product_load(path=path)
            for run in runs_queue(method=settings.SCHEDULED_METHODS["deformation"], task="deformation"):
                run_execute(run_id=run.pk)
            for prediction in predictions_unscanned():
                prediction_scan(prediction=prediction)
        figures = measured(nation, [_seen(alert) for alert in _alerts()])
        _surroundings_load(nation, Path(folder))
        with_layers = measured(nation, [_seen(alert) for alert in _alerts()])
        transaction.set_rollback(True)
    return figures | {"kinds_with_layers": with_layers["kinds"]}


def _surroundings_load(nation: Nation, folder: Path) -> None:
    """What of the demo's surroundings speaks for causes, and every alert brought up to it."""
    layers = {
        ContextKind.ELEVATION: write_heights(nation.region, folder / "heights.tif"),
        ContextKind.GLACIERS: write_glacier(nation, folder / "glaciers.geojson"),
        ContextKind.MINES: write_mine(nation, folder / "mines.geojson"),
        ContextKind.ROADS: write_roads(nation, folder / "roads.geojson"),
        ContextKind.RAILWAYS: write_railway(nation, folder / "railways.geojson"),
    }
    for kind, path in layers.items():
        context_load(path=path, kind=kind, simulated=True, attribution="Simulated data")
    for alert in _alerts():
        alert_recount(alert=alert)


def _alerts() -> Sequence[Alert]:
    return Alert.objects.filter(kind__in=FAMILIES[Family.VELOCITY], extent=Extent.LOCAL, state__in=PUBLIC_STATES)


def _seen(alert: Alert) -> Seen:
    strongest = max(detections_shown(alert=alert), key=lambda one: abs(one.peak_rate_mm_yr))
    return Seen(alert, from_wkb(bytes(alert.area.wkb)), strongest.reasons[0]["orbit"])


def measured(nation: Nation, seen: Sequence[Seen]) -> dict[str, Any]:
    """Counts of one nation: alerts against what was put in."""
    truths = nation.region.truths
    expected = [truth for truth in truths if abs(truth.rate_mm_yr) >= LEAST_MM_YR and truth.size_m >= LEAST_M]
    matches = [_matches(truth.polygon, seen) for truth in expected]
    moving = unary_union([truth.polygon for truth in truths])
    false = [one for one in seen if not one.outline.intersects(moving)]
    peaks = [
        (one.alert, peak)
        for truth, found in zip(expected, matches, strict=True)
        for one in found[:1]
        if (peak := _peak_los(nation, truth, one.orbit)) is not None
    ]
    return {
        "objects": len(expected),
        "found": sum(bool(found) for found in matches),
        "one_alert": sum(len(found) == 1 for found in matches),
        "alerts": len(seen),
        "false": len(false),
        "false_in_sea": sum(not _on_land(nation, one.outline) for one in false),
        "land_km2": float(np.isfinite(nation.region.terrain.height_m).sum()) * nation.region.terrain.posting_m**2 / 1e6,
        "kinds": [
            (KIND_OF_CLASS[CLASS_OF.get(truth.kind, truth.kind)].value, found[0].alert.kind if found else "")
            for truth, found in zip(expected, matches, strict=True)
        ],
        "peak_errors": [abs(alert.peak_rate_mm_yr / peak - 1) for alert, peak in peaks],
        "peak_held": [_holds(alert, peak) for alert, peak in peaks if alert.peak_low_mm_yr is not None],
    }


def _matches(truth: BaseGeometry, seen: Sequence[Seen]) -> list[Seen]:
    """The alerts of the place of an object, first the one that shares most ground with it."""
    shared = [(one.outline.intersection(truth).area, one) for one in seen]
    same = [(area, one) for area, one in shared if area >= SAME_PLACE_SHARE * min(one.outline.area, truth.area)]
    return [one for _, one in sorted(same, key=lambda pair: -pair[0])]


def _on_land(nation: Nation, outline: BaseGeometry) -> bool:
    """Whether any point of any track lies in an outline."""
    return any(contains_xy(outline, track.longitude_deg, track.latitude_deg).any() for track in nation.region.tracks)


def _peak_los(nation: Nation, truth: TruthArea, orbit: int) -> float | None:
    """What was put in, along the line of sight of a track, where it is fastest at a point; None without points."""
    track = next(one for one in nation.region.tracks if one.geometry.number == orbit)
    inside = contains_xy(truth.polygon, track.longitude_deg, track.latitude_deg)
    if not inside.any():
        return None
    los = sum(rate[inside] * part for rate, part in zip(track.truth, track.geometry.los, strict=True))
    return float(los[np.argmax(np.abs(los))])


def _holds(alert: Alert, peak: float) -> bool:
    low, high = sorted((alert.peak_low_mm_yr, alert.peak_high_mm_yr))
    return bool(low <= peak <= high)


def f1_of_kinds(kinds: Sequence[tuple[str, str]]) -> dict[str, float]:
    """F1 of each kind that was put in. kinds: (put in, alert's).

    An object without an alert, and one whose alert names no cause (sinking, rising, not known), is missed: it lowers
    the recall of its own kind and the precision of none.
    """
    scores = {}
    for kind in sorted({true for true, _ in kinds}):
        right = sum(true == given == kind for true, given in kinds)
        wrong = sum((true == kind) != (given == kind) for true, given in kinds)
        scores[kind] = 2 * right / (2 * right + wrong)
    return scores


def macro_f1(kinds: Sequence[tuple[str, str]]) -> float:
    """Mean of `f1_of_kinds`."""
    return float(np.mean(list(f1_of_kinds(kinds).values())))


def named_share(kinds: Sequence[tuple[str, str]]) -> float:
    """Share of the objects whose alert names one of the kinds that were put in."""
    causes = {true for true, _ in kinds}
    return float(np.mean([given in causes for _, given in kinds]))


def _summary(nations: Sequence[dict[str, Any]], of: str) -> list[dict[str, Any]]:
    """Each figure over all nations, with its 95 % interval over nations."""

    def line(what: str, unit: str, statistic: Any) -> dict[str, Any]:
        groups = [np.array([number], dtype=np.float64) for number in range(len(nations))]
        measured = bootstrap_over(groups, lambda drawn: statistic([nations[int(number)] for number in drawn]))
        value, low, high = (round(float(part), 3) for part in measured)
        row = {"what": f"{of}: {what}", "value": value, "unit": unit, "control": None, "ratio": None}
        return row | {"n": len(nations), "low": low, "high": high}

    def total(name: str, chosen: Sequence[dict[str, Any]]) -> float:
        return float(sum(one[name] for one in chosen))

    def joined(name: str, chosen: Sequence[dict[str, Any]]) -> list[Any]:
        return [value for one in chosen for value in one[name]]

    return [
        line("objects with an alert", "share", lambda some: total("found", some) / total("objects", some)),
        line("objects with exactly one", "share", lambda some: total("one_alert", some) / total("objects", some)),
        line("false alerts", "per 1,000 km²", lambda some: 1000 * total("false", some) / total("land_km2", some)),
        line("alerts in the sea", "alerts", lambda some: total("false_in_sea", some)),
        line("kinds", "macro-F1", lambda some: macro_f1(joined("kinds", some))),
        line("kinds with the demo's layers", "macro-F1", lambda some: macro_f1(joined("kinds_with_layers", some))),
        line("objects whose cause is named", "share", lambda some: named_share(joined("kinds", some))),
        *(
            line(f"kind {kind}", "F1", lambda some, of=kind: f1_of_kinds(joined("kinds", some))[of])
            for kind in sorted({true for true, _ in joined("kinds", nations)})
        ),
        line("error of the peak rate", "share, median", lambda some: float(np.median(joined("peak_errors", some)))),
        line("peaks within their 90 % interval", "share", lambda some: float(np.mean(joined("peak_held", some)))),
    ]
