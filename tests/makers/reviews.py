"""What people at a review desk do in tests: verdicts, edits, and several answers at the same moment."""

from collections.abc import Callable
from datetime import date
from threading import Barrier, Thread

from django.contrib.auth.models import User
from django.contrib.gis.geos import MultiPolygon
from django.db import connection

from detection.alerts.life import life_of
from detection.models import Alert, AlertEdit, AlertTransition, Proposal, Review
from detection.reviews.claims import Overtaken
from detection.reviews.edits import alert_edit, edit_publish, last_edit
from detection.reviews.services import alert_review, review_publish
from detection.rules.verdicts import REASONS, Verdict
from detection.tables.reviews import SetByHand
from tests.waiting import HANG_SECONDS


def say(alert: Alert, verdict: Verdict, reviewer: User, reason: str = "", **changes) -> Review | Proposal:
    """Answer a case with the first reason of a verdict, or another one."""
    fields = {"public_note": "", "internal_note": "", "expected_state": alert.state}
    fields |= {"reason_code": reason or next(iter(REASONS[verdict]))}
    return alert_review(alert=alert, verdict=verdict, reviewer=reviewer, **fields | changes)


def edit(alert: Alert, editor: User, announce: bool = True, **wanted) -> AlertEdit | Proposal | None:
    """Change an alert as somebody does who sees its newest state."""
    alert.refresh_from_db()
    seen = {"expected_state": alert.state, "expected_edit": last_edit(alert), "announce": announce}
    return alert_edit(alert=alert, editor=editor, wanted=wanted, **seen)


def publish(proposal: Proposal, publisher: User, **changes) -> Review | AlertEdit:
    """Agree with what another person proposed, as somebody does who sees its newest state."""
    seen = {"expected_state": proposal.alert.state} | changes
    return (review_publish if proposal.confirms else edit_publish)(proposal=proposal, publisher=publisher, **seen)


def at_the_same_moment(*calls: Callable[[], object]) -> list[object]:
    """Return what the calls return, each in a thread of its own; "overtaken" for those that come too late."""
    outcomes, together = [], Barrier(len(calls))

    def answer(call: Callable[[], object]) -> None:
        together.wait(timeout=HANG_SECONDS)
        try:
            outcomes.append(call())
        except Overtaken:
            outcomes.append("overtaken")
        finally:
            connection.close()

    threads = [Thread(target=answer, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=HANG_SECONDS)
    assert len(outcomes) == len(calls)
    return outcomes


def drawn_alert(by: User, area: MultiPolygon, *, seen_on: date, note: str = "", **more) -> Alert:
    """Return a confirmed alert as versions before 0.5 stored it when a person drew it: without any figure."""
    values = {"kind": "subsidence", "severity": "moderate", "area": area} | more
    days = {"first_motion": seen_on, "last_motion": seen_on}
    alert = Alert.objects.create(**values, **days, area_m2=640_000.0, state="confirmed", source="person")
    SetByHand.objects.create(alert=alert, texts={"en": "Cracks in the <road>.", "de": "Risse."}, **values)
    step = AlertTransition.objects.create(alert=alert, to_state="confirmed", reason="drawn", actor="a specialist")
    life_of(alert, [])
    said = {"reason_code": "told", "public_note": REASONS[Verdict.DRAWN]["told"].sentence, "internal_note": note}
    Review.objects.create(alert=alert, transition=step, verdict=Verdict.DRAWN, reviewer=by, **said)
    return alert
