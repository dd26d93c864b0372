"""Services that record verdicts on alerts and take them back. Each step is written to the audit."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from detection.alerts.life import alert_transition
from detection.by_hand import columns_set_by_hand, values_by_hand
from detection.kinds import family
from detection.models import Alert, AlertRelation, Claim, Proposal, Review
from detection.reviews.audit import audit_write
from detection.reviews.claims import lock
from detection.reviews.proposals import confirmation_propose, needs_second, proposal_answer, proposal_overtake
from detection.rules.lifecycle import TAKEN_BACK, State
from detection.rules.verdicts import REASONS, STATE_AFTER, Verdict, verdicts_open
from detection.tables.alerts import MERGED_INTO
from detection.tables.reviews import SetByHand
from ground_motion.core.errors import promised

SPECIALIST = "a specialist"  # Names are never published.
MAX_NOTE_LENGTH = 1000


def alert_review(
    *,
    alert: Alert,
    verdict: Verdict,
    reason_code: str,
    reviewer: User,
    expected_state: str,
    public_note: str = "",
    internal_note: str = "",
    other: Alert | None = None,
) -> Review | Proposal:
    """Record a specialist's verdict. Without a note, the sentence of the reason is published.

    A confirmation that a second person must agree to is only proposed (`proposals`). other: the alert of which this one
    is a duplicate. Raises Overtaken if the alert is no longer in expected_state, Claimed if another person holds it,
    ValueError for a verdict that its state does not allow.
    """
    if reason_code not in REASONS.get(verdict, {}) or verdict is Verdict.TAKEN_BACK:
        raise ValueError(f"{reason_code!r} is no reason for {verdict}")
    if max(len(public_note), len(internal_note)) > MAX_NOTE_LENGTH:
        raise ValueError(f"a note of more than {MAX_NOTE_LENGTH} characters; shorten it")
    with transaction.atomic():
        before = lock(alert, reviewer, expected_state)
        if verdict not in verdicts_open(before):
            raise ValueError(f"an alert that is {before} cannot be answered with {verdict}")
        if (verdict is Verdict.DUPLICATE) != (other is not None):
            raise ValueError("a duplicate, and nothing else, names another alert")
        if other is not None:
            may_go_on_as(alert, other)
        if public_note.strip() and not may_note(alert=alert, verdict=verdict):
            raise ValueError(
                "a public note on this alert needs a second person: leave it empty, and edit the alert's text"
            )
        said = {
            "reason_code": reason_code,
            "public_note": public_note.strip() or REASONS[verdict][reason_code].sentence,
            "internal_note": internal_note.strip(),
        }
        if verdict is Verdict.CONFIRM and needs_second(alert=alert):
            proposal = confirmation_propose(alert=alert, proposer=reviewer, **said)
            Claim.objects.filter(alert=alert, holder=reviewer).delete()
            return proposal
        return _record(Review(alert=alert, verdict=verdict, reviewer=reviewer, other=other, **said), before)


def review_publish(*, proposal: Proposal, publisher: User, expected_state: str) -> Review:
    """Agree with a proposed confirmation and publish it.

    Raises Overtaken if the alert or proposal has changed since it was shown, Claimed if another person holds the alert,
    ValueError for the publisher's own proposal, or if the alert's state no longer allows a confirmation.
    """
    alert = proposal.alert
    with transaction.atomic():
        before = lock(alert, publisher, expected_state)
        proposal_answer(proposal=proposal, publisher=publisher, outcome=Proposal.Outcome.PUBLISHED)
        if Verdict.CONFIRM not in verdicts_open(before):
            raise ValueError(f"an alert that is {before} cannot be confirmed; decline it")
        said = {name: getattr(proposal, name) for name in ("reason_code", "public_note", "internal_note")}
        review = Review(alert=alert, verdict=Verdict.CONFIRM, reviewer=proposal.proposer, **said)
        proposal.review = _record(review, before, publisher)
        if proposal.change:
            SetByHand.objects.filter(alert=alert).update(**proposal.change)
        proposal.shown = values_by_hand(columns_set_by_hand(alert))
        proposal.save(update_fields=["review", "shown"])
        return review


def review_take_back(*, review: Review, reviewer: User) -> Review:
    """Undo a verdict and restore the alert's earlier state. ValueError if undone already, or its state has changed."""
    alert = review.alert
    with transaction.atomic():
        before = lock(alert, reviewer, review.transition.to_state if review.transition else alert.state)
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
        if review.other:
            AlertRelation.objects.filter(alert=alert, other=review.other, relation=MERGED_INTO).delete()
        _finish(back, before)
        return back


def may_take_back(*, review: Review, alert: Alert) -> bool:
    """Return whether a review can be undone: it is in force, and every later change of the state was undone."""
    if review.verdict in {Verdict.TAKEN_BACK, Verdict.DRAWN} or Review.objects.filter(takes_back=review).exists():
        return False
    if review.transition is None:
        return True
    later = alert.transitions.filter(pk__gt=review.transition_id).exclude(to_state=F("from_state"))
    # Changes by the computer have no review, so they stand.
    standing = later.filter(review__takes_back=None, review__taken_back_by=None)
    return alert.state == review.transition.to_state and not standing.exists()


def _record(review: Review, before: State, publisher: User | None = None) -> Review:
    """Save a verdict, and change the alert's state as it requires."""
    alert, other, to = review.alert, review.other, STATE_AFTER.get(Verdict(review.verdict))
    why = f"the same place as alert {other.code}" if other else review.reason.label
    review.transition = alert_transition(alert=alert, to=to, reason=why, actor=SPECIALIST) if to else None
    review.save()
    if other is not None:
        AlertRelation.objects.get_or_create(alert=alert, other=other, relation=MERGED_INTO)
    _finish(review, before, publisher)
    return review


def _finish(review: Review, before: State, publisher: User | None = None) -> None:
    """Finish a verdict: update the alert's date, release the person's claim, and write to the audit."""
    alert, undone, actor = review.alert, review.takes_back, publisher or promised(review.reviewer)
    alert.updated_at = timezone.now()
    alert.save(update_fields=["updated_at"])
    Claim.objects.filter(alert=alert, holder=actor).delete()
    if review.transition:
        proposal_overtake(alert=alert, by=actor)
    said = f"takes back {undone.verdict}" if undone else f"{review.reason_code}: {review.public_note}"
    audit_write(
        actor=actor,
        action=f"review.{review.verdict}",
        subject=alert.code,
        before=before,
        after=alert.state,
        detail=f"proposed by {review.reviewer}; {said}" if publisher else said,
    )


def may_note(*, alert: Alert, verdict: Verdict) -> bool:
    """Return whether a verdict may have a public note.

    Nothing that one person wrote is published with an alert that needs a second person. A confirmation may have a note,
    because the second person reads the note, too. The fixed sentence of a reason may always be published.
    """
    return verdict is Verdict.CONFIRM or not needs_second(alert=alert)


def may_go_on_as(alert: Alert, other: Alert) -> None:
    """Raise ValueError unless an alert can be a duplicate of another one."""
    if other.pk == alert.pk:
        raise ValueError("an alert is no duplicate of itself")
    if other.state in {State.MERGED, *TAKEN_BACK}:
        raise ValueError(f"alert {other.code} is not followed any more")
    mine, others = ((family(one.kind), one.extent, one.simulated) for one in (alert, other))
    if mine != others:
        raise ValueError(f"alert {other.code} is of another kind")
