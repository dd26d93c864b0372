"""What people do with alerts: verdicts, taking them back, and who looks at what. Each is written into the audit."""

from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.alerts.transitions import alert_transition
from detection.models import Alert, AuditEntry, Claim, Review
from detection.rules.lifecycle import State
from detection.rules.verdicts import REASONS, STATE_AFTER, Verdict, verdicts_open

SPECIALIST = "a specialist"  # the public never reads a name
CLAIM_LASTS = timedelta(minutes=15)
LONGEST_NOTE = 1000


class Overtaken(ValueError):
    """The alert is no longer what the person saw: somebody, or new data, was quicker."""


def alert_review(
    *,
    alert: Alert,
    verdict: Verdict,
    reason_code: str,
    public_note: str,
    internal_note: str,
    reviewer: AbstractBaseUser,
    expected_state: str,
) -> Review:
    """Record what a specialist says. Without a note the sentence of the reason is published.

    Overtaken where the alert is no longer in expected_state; ValueError for a verdict that its state does not allow.
    """
    if reason_code not in REASONS.get(verdict, {}) or verdict is Verdict.TAKEN_BACK:
        raise ValueError(f"{reason_code!r} is no reason for {verdict}")
    if max(len(public_note), len(internal_note)) > LONGEST_NOTE:
        raise ValueError(f"a note of more than {LONGEST_NOTE} characters; shorten it")
    with transaction.atomic():
        before = _locked(alert, expected_state)
        if verdict not in verdicts_open(before):
            raise ValueError(f"an alert that is {before} cannot be answered with {verdict}")
        reason, to = REASONS[verdict][reason_code], STATE_AFTER.get(verdict)
        step = alert_transition(alert=alert, to=to, reason=reason.label, actor=SPECIALIST) if to else None
        review = Review.objects.create(
            alert=alert,
            transition=step,
            verdict=verdict,
            reason_code=reason_code,
            public_note=public_note.strip() or reason.sentence,
            internal_note=internal_note.strip(),
            reviewer=reviewer,
        )
        _after(review, before)
        return review


def review_take_back(*, review: Review, reviewer: AbstractBaseUser) -> Review:
    """Undo a verdict: the alert returns to the state before it. ValueError where it was undone, or life went on."""
    alert = review.alert
    with transaction.atomic():
        before = _locked(alert, review.transition.to_state if review.transition else alert.state)
        if not may_take_back(review=review, alert=alert):
            raise ValueError("this can no longer be taken back; record a new verdict instead")
        step = None
        if review.transition:
            to = State(review.transition.from_state)
            step = alert_transition(alert=alert, to=to, reason="the verdict was taken back", actor=SPECIALIST)
        back = Review.objects.create(
            alert=alert,
            transition=step,
            verdict=Verdict.TAKEN_BACK,
            reason_code="taken-back",
            public_note=REASONS[Verdict.TAKEN_BACK]["taken-back"].sentence,
            reviewer=reviewer,
            takes_back=review,
        )
        _after(back, before)
        return back


def may_take_back(*, review: Review, alert: Alert) -> bool:
    """Whether a review still stands, is the last one that changed the state, and the state is still what it made."""
    if review.verdict == Verdict.TAKEN_BACK or Review.objects.filter(takes_back=review).exists():
        return False
    if review.transition is None:
        return True
    later = alert.reviews.filter(pk__gt=review.pk, transition__isnull=False, takes_back=None, taken_back_by=None)
    return alert.state == review.transition.to_state and not later.exists()


def claim_take(*, alert: Alert, holder: AbstractBaseUser) -> Claim:
    """Say that somebody looks at an alert, unless somebody else does; the claim that holds now. One alert a person."""
    now = timezone.now()
    Claim.objects.filter(holder=holder).exclude(alert=alert).delete()
    if not Claim.objects.filter(alert=alert, holder=holder, until__gte=now).update(until=now + CLAIM_LASTS):
        Claim.objects.filter(alert=alert, until__lt=now).delete()
        try:
            with transaction.atomic():
                return Claim.objects.create(alert=alert, holder=holder, since=now, until=now + CLAIM_LASTS)
        except IntegrityError:  # somebody else holds it
            pass
    return Claim.objects.select_related("holder").filter(alert=alert).first() or claim_take(alert=alert, holder=holder)


def audit_write(*, actor: AbstractBaseUser, action: str, subject: str, before="", after="", detail="") -> AuditEntry:
    """Add a row that nobody can change."""
    return AuditEntry.objects.create(
        actor=actor.get_username(), action=action, subject=subject, before=before, after=after, detail=detail
    )


def _locked(alert: Alert, expected_state: str) -> State:
    """Hold the alert's row until the end of the transaction, and bring the object up to it."""
    alert.state = Alert.objects.select_for_update().values_list("state", flat=True).get(pk=alert.pk)
    if alert.state != expected_state:
        raise Overtaken(f"alert {alert.code} was changed by somebody else; look at it again")
    return State(alert.state)


def _after(review: Review, before: State) -> None:
    """What every word of a specialist brings with it: a new date, a free alert, an audit row."""
    alert, undone = review.alert, review.takes_back
    alert.updated_at = timezone.now()
    alert.save(update_fields=["updated_at"])
    Claim.objects.filter(alert=alert, holder=review.reviewer).delete()
    audit_write(
        actor=review.reviewer,
        action=f"review.{review.verdict}",
        subject=alert.code,
        before=before,
        after=alert.state,
        detail=f"takes back {undone.verdict}" if undone else f"{review.reason_code}: {review.public_note}",
    )
