"""Batches: one verdict on several similar cases, which can be taken back together.

Cases that another person holds, or that have changed since they were shown, are skipped and reported.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from detection.models import Alert, Detection, Review, ReviewBatch
from detection.reviews.audit import audit_write
from detection.reviews.claims import Claimed
from detection.reviews.outlines import distance_m
from detection.reviews.services import MAX_NOTE_LENGTH, alert_review, may_take_back, review_take_back
from detection.rules.verdicts import Verdict
from detection.selectors import RUN, alerts_to_review
from ground_motion.core.areas import box_around, join_halves
from ingest.foundation.geos import geos

VERDICTS = (Verdict.REJECT, Verdict.CONFIRM, Verdict.FINISH)  # Several cases can share these verdicts.
MAX_SIMILAR = 11
NEAR_TIME = timedelta(days=7)
NEAR_M = 55_000.0


class Skipped(NamedTuple):
    """Case that a batch left unchanged. holder: the person who holds it; empty if it has changed since it was shown."""

    alert: Alert
    holder: str = ""


class Batch(NamedTuple):
    """Outcome of a batch. row: None if nothing was decided; proposed: cases that a second person must agree to."""

    row: ReviewBatch | None
    done: list[Alert]
    proposed: list[Alert]
    skipped: list[Skipped]


def cases_similar(*, alert: Alert) -> list[Alert]:
    """Return other waiting cases of the same kind from the same product, pair or burst, or nearby in the same week.

    The nearest come first.
    """
    same_data = Q()
    for source in (f"{RUN}__product", f"{RUN}__pair", f"{RUN}__pair__reference__burst"):
        seen_in = {name for name in alert.detections.values_list(source, flat=True) if name}
        same_data |= Q(**{f"{source}__in": seen_in})
    same = Detection.objects.filter(same_data, alert=OuterRef("pk"))
    box = geos(box_around(alert.area, NEAR_M))
    week = (alert.created_at - NEAR_TIME, alert.created_at + NEAR_TIME)
    near = Q(created_at__range=week, area__intersects=box)
    waiting = alerts_to_review().filter(kind=alert.kind, simulated=alert.simulated).exclude(pk=alert.pk)
    found = list(waiting.filter(Exists(same) | near))
    away = {
        candidate.pk: distance_m(*(join_halves(each.area).centroid for each in (alert, candidate)))
        for candidate in found
    }
    return sorted(found, key=lambda candidate: (away[candidate.pk], candidate.pk))[:MAX_SIMILAR]


def batch_review(
    *,
    cases: Mapping[int, str],
    verdict: Verdict,
    reason_code: str,
    public_note: str,
    internal_note: str,
    reviewer: User,
) -> Batch:
    """Give one verdict on several cases in one transaction. cases: alert's primary key -> state in which it was shown.

    ValueError for a verdict that several cases cannot share, and for a note that is too long.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"several cases cannot be answered with {verdict} at once")
    if max(len(public_note), len(internal_note)) > MAX_NOTE_LENGTH:
        raise ValueError(f"a note of more than {MAX_NOTE_LENGTH} characters; shorten it")
    with transaction.atomic():
        batch = Batch(ReviewBatch.objects.create(reviewer=reviewer), [], [], [])
        # Rows are locked in one order, against deadlocks.
        for alert in Alert.objects.filter(pk__in=cases).order_by("pk"):
            try:
                with transaction.atomic():
                    review = alert_review(
                        alert=alert,
                        verdict=verdict,
                        reason_code=reason_code,
                        public_note=public_note,
                        internal_note=internal_note,
                        reviewer=reviewer,
                        expected_state=cases[alert.pk],
                    )
                    if isinstance(review, Review):
                        Review.objects.filter(pk=review.pk).update(batch=batch.row)
                (batch.done if isinstance(review, Review) else batch.proposed).append(alert)
            except Claimed as held:
                batch.skipped.append(Skipped(alert, held.claim.holder.get_username()))
            except ValueError:
                batch.skipped.append(Skipped(alert))
        return _record(batch, reviewer, f"batch.{verdict}", reason_code)


def batch_take_back(*, batch: ReviewBatch, reviewer: User) -> Batch:
    """Undo the verdicts of a batch that still stand, in one transaction."""
    with transaction.atomic():
        undone = Batch(batch, [], [], [])
        for review in batch.reviews.select_related("alert", "transition").order_by("alert_id"):
            try:
                with transaction.atomic():
                    review_take_back(review=review, reviewer=reviewer)
                undone.done.append(review.alert)
            except Claimed as held:
                undone.skipped.append(Skipped(review.alert, held.claim.holder.get_username()))
            except ValueError:
                undone.skipped.append(Skipped(review.alert))
        return _record(undone, reviewer, "batch.taken-back", "")


def may_take_back_batch(*, batch: ReviewBatch) -> bool:
    """Return whether any verdict of a batch can still be taken back."""
    reviews = batch.reviews.select_related("alert", "transition")
    return any(may_take_back(review=review, alert=review.alert) for review in reviews)


def _record(batch: Batch, reviewer: User, action: str, reason: str) -> Batch:
    """Record a batch in the audit and return it. If it decided nothing, nothing is recorded and its row is None."""
    if not batch.done:
        if batch.row is not None and not batch.row.reviews.exists():
            batch.row.delete()
        return batch._replace(row=None)
    done, skipped = (
        ", ".join(noted.code for noted in part) for part in (batch.done, [noted.alert for noted in batch.skipped])
    )
    detail = "; ".join(part for part in (reason, done, f"skipped: {skipped}" if skipped else "") if part)
    audit_write(actor=reviewer, action=action, subject=str(batch.row), detail=detail)
    return batch
