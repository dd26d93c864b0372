"""The list of cases: what waits, in the order of urgency; what was judged lately; and where the keys lead."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from detection import selectors as detections
from detection.models import Alert, Assignment, Claim
from detection.reviews.queue import cases_wanted, in_order, rows_proposed
from detection.rules.codes import encode
from detection.rules.lifecycle import State
from monitor.pages.reviews.choice import QueueChoice
from monitor.wording.cards.cards import AlertCard, alert_cards
from monitor.wording.refusals import number_or_none

REVIEWED_LATELY = 12
PER_PAGE = 40  # rows of the list; the keys lead on beyond them


def queue_context(request: HttpRequest, chosen: Alert | None = None) -> dict[str, Any]:
    """Return the part of the list with the chosen case, and the cases before and after it."""
    now, choice = timezone.now(), QueueChoice(request)
    rows = _waiting(request, choice, now)
    all_open = not (choice.values["state"] or choice.values["publication"])
    lately = list(detections.alerts_reviewed_lately(limit=REVIEWED_LATELY)) if all_open else []
    numbers = [*rows, *(alert.pk for alert in lately if alert.pk not in set(rows))]
    at = numbers.index(chosen.pk) if chosen and chosen.pk in numbers else -1
    page = _page(request, at, len(rows))
    start = page * PER_PAGE
    waiting = _in_this_order(rows[start : start + PER_PAGE])
    proposed = rows_proposed()
    listed = _listed([*waiting, *lately], proposed, request, now)
    return {
        "choice": choice.fields(),
        "query": f"?{choice.query}" if choice.query else "",
        "n_waiting": len(rows),
        "n_proposed": len(proposed),
        "first_shown": start + 1,
        "last_shown": start + len(waiting),
        "page_before": page if start else 0,  # pages count from 1
        "page_after": page + 2 if start + PER_PAGE < len(rows) else 0,
        "waiting": listed[: len(waiting)],
        "lately": listed[len(waiting) :],
        "chosen_code": chosen.code if chosen else "",
        "position": at + 1 if 0 <= at < len(rows) else 0,
        "next_code": encode(numbers[at + 1]) if at + 1 < len(numbers) else "",
        "previous_code": encode(numbers[at - 1]) if at > 0 else "",
    }


def case_following(request: HttpRequest, alert: Alert) -> Alert | None:
    """Return the first case of the list that nobody else holds."""
    now, choice = timezone.now(), QueueChoice(request)
    held = {pk for pk, claim in detections.claims_living(now=now).items() if claim.holder != request.user}
    free = [pk for pk in _waiting(request, choice, now) if pk not in held and pk != alert.pk]
    return Alert.objects.get(pk=free[0]) if free else None


def _waiting(request: HttpRequest, choice: QueueChoice, now: datetime) -> list[int]:
    return in_order(cases=cases_wanted(wanted=choice.wanted, person=request.user, now=now), now=now)


def _page(request: HttpRequest, at: int, n_rows: int) -> int:
    """Return the part of the list, from 0: that of the chosen case, else the one in the address."""
    if 0 <= at < n_rows:
        return at // PER_PAGE
    number = number_or_none(request.GET.get("page", "")) or 1
    return min(max(number - 1, 0), max(0, (n_rows - 1) // PER_PAGE))


def _in_this_order(numbers: list[int]) -> list[Alert]:
    alerts = detections.alerts_to_review(states=list(State)).in_bulk(numbers) if numbers else {}
    return [alerts[number] for number in numbers if number in alerts]


def _listed(alerts: list[Alert], proposed: set[int], request: HttpRequest, now: datetime) -> list[dict[str, Any]]:
    claims = detections.claims_living(now=now)
    given = {
        one.alert_id: one.assignee
        for one in Assignment.objects.filter(alert__in=[alert.pk for alert in alerts]).select_related("assignee")
    }
    return [
        _row(alert, card, claims.get(alert.pk), request)
        | {"given": given.get(alert.pk), "proposed": alert.pk in proposed}
        for alert, card in zip(alerts, alert_cards(alerts), strict=True)
    ]


def _row(alert: Alert, card: AlertCard, claim: Claim | None, request: HttpRequest) -> dict[str, Any]:
    return {
        "card": card,
        "visit_due": getattr(alert, "visit_due", False),
        "visit_planned": getattr(alert, "visit_planned", False),
        "claim": claim if claim and claim.holder != request.user else None,
    }
