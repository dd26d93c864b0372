"""Pairing of images of the same ground and track that are a given number of days apart."""

from collections.abc import Sequence
from typing import NamedTuple

from django.utils import timezone

from ground_motion.core.pixel_grids import common_grid, footprint_of, same_lattice
from ingest.foundation.geos import geos
from ingest.foundation.locks import rows_of
from ingest.models import Scene, ScenePair

MIN_SHARE = 0.3  # Images of a pair share this part of the smaller footprint; neighbouring slices share less.
BATCH = 1000

_ALIKE = """
    JOIN ingest_scene secondary
    USING (source_format, track, direction, burst, polarisation, mode, backscatter, simulated)"""
_APART = "round(extract(epoch FROM secondary.acquired_at - reference.acquired_at) / 86400)::int"
# An image corrected for terrain is not paired with an uncorrected one, because relief displaces the latter's pixels.
_SHARES = """
    ST_Intersects(reference.footprint, secondary.footprint)
    AND ST_Area(ST_Intersection(reference.footprint, secondary.footprint))
        >= %(share)s * LEAST(ST_Area(reference.footprint), ST_Area(secondary.footprint))
    AND coalesce(reference.header->>'geolocation', '') = coalesce(secondary.header->>'geolocation', '')
    AND abs(reference.posting_m - secondary.posting_m) < 1e-6 * reference.posting_m"""
_MISSING = f"""
    SELECT reference.id, secondary.id, {_APART} AS days, secondary.acquired_at FROM ingest_scene reference {_ALIKE}
    WHERE reference.state = 'ready' AND secondary.state = 'ready' AND {_APART} = ANY(%(days)s) AND {_SHARES}
      AND NOT EXISTS (SELECT 1 FROM ingest_scenepair known
                      WHERE known.reference_id = reference.id AND known.secondary_id = secondary.id)"""  # noqa: S608
_OF_NEW = f"{_MISSING} AND reference.id = ANY(%(new)s) UNION {_MISSING} AND secondary.id = ANY(%(new)s)"
_IN_ORDER = "SELECT * FROM ({missing}) AS missing (reference, secondary, days, acquired_at) ORDER BY 4, 1, 2"
# Images in no pair: how many others are of their kind, how many of these share the ground, the days to the nearest.
_ALONE = f"""
    SELECT reference.id, count(secondary.id), count(secondary.id) FILTER (WHERE shares),
           min(abs({_APART})) FILTER (WHERE shares)
    FROM ingest_scene reference LEFT JOIN LATERAL (
        SELECT secondary.id, secondary.acquired_at, {_SHARES} AS shares FROM ingest_scene secondary
        WHERE secondary.id <> reference.id AND secondary.state = 'ready'
          AND (secondary.source_format, secondary.track, secondary.direction, secondary.burst, secondary.polarisation,
               secondary.mode, secondary.backscatter, secondary.simulated)
            = (reference.source_format, reference.track, reference.direction, reference.burst, reference.polarisation,
               reference.mode, reference.backscatter, reference.simulated)) secondary ON true
    WHERE reference.state = 'ready' AND (%(tracks)s::int[] IS NULL OR reference.track = ANY(%(tracks)s))
      AND NOT EXISTS (SELECT 1 FROM ingest_scenepair known
                      WHERE reference.id IN (known.reference_id, known.secondary_id))
    GROUP BY reference.id"""  # noqa: S608


class Alone(NamedTuple):
    """Image in no pair. n_others: others of its track and kind; n_sharing: on its ground; nearest_days: to nearest."""

    scene: int
    n_others: int
    n_sharing: int
    nearest_days: int | None


def pairs_make(*, baselines_days: Sequence[int], new_only: bool = False) -> int:
    """Pair scenes that share ground and are one of `baselines_days` apart; return the number of new pairs.

    new_only: only for scenes not searched before. A scene's row says why it is in no pair.
    """
    unpaired = dict(Scene.objects.ready().filter(paired_at=None).values_list("pk", "track"))
    if new_only and not unpaired:
        return 0
    missing = _OF_NEW if new_only else _MISSING
    wanted = {"days": list(baselines_days), "share": MIN_SHARE, "new": list(unpaired)}
    rows = [row[:3] for row in rows_of(_IN_ORDER.format(missing=missing), wanted)]
    before = ScenePair.objects.count()
    for start in range(0, len(rows), BATCH):
        _make(rows[start : start + BATCH])
    _say_why_alone(
        baselines_days, sorted({track for track in unpaired.values() if track is not None}) if new_only else None
    )
    Scene.objects.filter(pk__in=unpaired).update(paired_at=timezone.now())
    return ScenePair.objects.count() - before


def _make(rows: Sequence[tuple[int, int, int]]) -> None:
    scenes = Scene.objects.in_bulk({number for row in rows for number in row[:2]})
    pairs = []
    for reference, secondary, days in rows:
        grids = scenes[reference].pixel_grid, scenes[secondary].pixel_grid
        shared = common_grid(*grids)
        if shared is None:
            continue
        pairs.append(
            ScenePair(
                reference_id=reference,
                secondary_id=secondary,
                temporal_baseline_days=days,
                epsg=shared.epsg,
                grid=list(shared.transform)[:6],
                rows=shared.rows,
                cols=shared.cols,
                footprint=geos(footprint_of(shared)),
                resampled=not same_lattice(*grids),
            )
        )
    ScenePair.objects.bulk_create(pairs, ignore_conflicts=True)


def _say_why_alone(baselines_days: Sequence[int], tracks: list[int] | None) -> None:
    rows = rows_of(_ALONE, {"share": MIN_SHARE, "tracks": tracks})
    alone = {row.scene: _why(row, baselines_days) for row in map(Alone._make, rows)}
    ready = Scene.objects.ready() if tracks is None else Scene.objects.ready().filter(track__in=tracks)
    changed = [scene for scene in ready.in_bulk(alone).values() if scene.reason != alone[scene.pk]]
    for scene in changed:
        scene.reason = alone[scene.pk]
    Scene.objects.bulk_update(changed, ["reason"], batch_size=BATCH)
    ready.exclude(reason="").exclude(pk__in=alone).update(reason="")


def _why(row: Alone, baselines_days: Sequence[int]) -> str:
    if not row.n_others:
        return "In no pair: it is the only image of its track, kind and polarisation so far."
    if not row.n_sharing:
        others = f"none of the {row.n_others} other images of its track"
        return f"In no pair: {others} shows enough of the same ground, laid alike."
    wanted = ", ".join(str(days) for days in sorted(baselines_days))
    return f"In no pair: the nearest image of this ground is {row.nearest_days} days apart (pairs: {wanted} days)."
