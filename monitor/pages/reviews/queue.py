"""List of cases: filters, waiting cases by urgency, recently reviewed ones, shortcuts; and the quality of reviews."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy

from detection import selectors as detections
from detection.models import Alert, Proposal
from detection.reviews.queue import ORDERS, Wanted, cases_wanted, seconds_waited, sort_cases
from detection.reviews.record import oldest_waiting, time_to_review
from detection.rules.codes import encode
from detection.rules.importance import DAYS_PER_STEP
from detection.rules.lifecycle import State
from ingest.context.regions import region_by_name
from ingest.models import AdministrativeRegion
from monitor.pages.alerts.choice import KINDS, SEVERITIES, STATES
from monitor.pages.record.views import record_of
from monitor.subscribers.accounts.selectors import reviewers
from monitor.web.guards import account_in
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.filters import alerts_touching
from monitor.wording.dates import duration_words

CLAIMS = [("mine", pgettext_lazy("cases", "held by me")), ("free", pgettext_lazy("cases", "held by nobody else"))]
PUBLICATION = [("waiting", pgettext_lazy("cases", "waits for a second person"))]
VISITS = [("due", pgettext_lazy("cases", "visit due")), ("planned", pgettext_lazy("cases", "visit planned for later"))]
CHOICES = {name: {value for value, _ in values} for name, values in (
    ("kind", KINDS), ("state", STATES), ("severity", SEVERITIES), ("claim", CLAIMS),
    ("publication", PUBLICATION), ("visit", VISITS),
)}  # fmt: skip
REVIEWED_LATELY = 12
STEP_S = 86_400 * DAYS_PER_STEP  # A shorter wait does not count in the order.
PER_TABLE = 200  # rows of the table
HEADINGS = {
    "kind": pgettext_lazy("of an alert", "Kind"),
    "speed": gettext_lazy("How fast"),
    "area": gettext_lazy("Area"),
    "importance": gettext_lazy("Importance"),
    "state": pgettext_lazy("of an alert", "State"),
    "found": pgettext_lazy("date", "Found"),
    "": gettext_lazy("Urgency"),
}
PER_PAGE = 40  # rows of the list; keyboard shortcuts also reach the cases beyond them
LOOKED_BACK = timedelta(days=365)


class QueueChoice:
    """Filters of the list in a request; invalid values are ignored."""

    def __init__(self, request: HttpRequest) -> None:
        self.person = request.user
        self.values = {
            name: value if (value := request.GET.get(name, "")) in known else "" for name, known in CHOICES.items()
        }
        self.region_text = request.GET.get("region", "")[:200]
        self.order = order if (order := request.GET.get("sort", "")) in ORDERS else ""
        self.is_table = request.GET.get("view") == "table"

    @cached_property
    def region(self) -> AdministrativeRegion | None:
        """Return the chosen region; None if none is chosen or its name is unknown."""
        return region_by_name(text=self.region_text) if self.region_text else None

    @property
    def wanted(self) -> Wanted:
        """Return the filters as arguments of the query for cases."""
        return Wanted(
            **{name: self.values[name] for name in ("kind", "state", "severity", "visit")},
            among=alerts_touching(self.region) if self.region else None,
            mine=self.values["claim"] == "mine",
            free=self.values["claim"] == "free",
            proposed=self.values["publication"] == "waiting",
        )

    @property
    def chosen(self) -> dict[str, str]:
        """Return the filters that are set, by parameter of the address."""
        region = self.region.slug if self.region else ""
        return {name: value for name, value in {**self.values, "region": region}.items() if value}

    @property
    def query(self) -> str:
        """Return the filters, the order and the form of the list, as a query string."""
        return urlencode(self.chosen | self.shown)

    @property
    def shown(self) -> dict[str, str]:
        """Return the order and the form of the list, by parameter of the address."""
        return ({"sort": self.order} if self.order else {}) | ({"view": "table"} if self.is_table else {})

    def fields(self) -> dict[str, Any]:
        """Return the context of the filter form."""
        return {
            "values": self.values,
            "kinds": KINDS,
            "states": STATES,
            "severities": SEVERITIES,
            "claims": CLAIMS,
            "publication": PUBLICATION if settings.SECOND_PERSON_FROM or self.values["publication"] else [],
            "visits": VISITS,
            "colleagues": list(reviewers()),
            "region": self.region.slug if self.region else self.region_text,
            "unknown_region": "" if self.region else self.region_text,
            "n_chosen": len(self.chosen),
            "shown": self.shown,
        }


def queue_context(request: HttpRequest, chosen: Alert | None = None) -> dict[str, Any]:
    """Return the context of the list: the page with the chosen case, and the codes of the cases before and after it."""
    now, choice = timezone.now(), QueueChoice(request)
    rows = _waiting(request, choice, now)
    all_open = not (choice.values["state"] or choice.values["publication"])
    lately = list(detections.alerts_reviewed_lately(limit=REVIEWED_LATELY)) if all_open else []
    numbers = [*rows, *(alert.pk for alert in lately if alert.pk not in set(rows))]
    at = numbers.index(chosen.pk) if chosen and chosen.pk in numbers else -1
    position = at + 1 if 0 <= at < len(rows) else 0
    per_page = PER_TABLE if choice.is_table and not chosen else PER_PAGE
    page = Paginator(rows, per_page).get_page(math.ceil(position / per_page) or request.GET.get("page"))
    cases = detections.alerts_to_review(states=list(State)).annotate(waited_s=seconds_waited(now))
    alerts = cases.in_bulk(page.object_list) if rows else {}
    waiting = [alerts[number] for number in page if number in alerts]
    proposed = {*Proposal.objects.filter(outcome=Proposal.Outcome.WAITING).values_list("alert", flat=True)}
    listed = _listed([*waiting, *lately], proposed, request, now)
    return {
        "choice": choice.fields(),
        "query": f"?{choice.query}" if choice.query else "",
        "is_table": choice.is_table,
        "sort": choice.order,
        "rises": bool(choice.order) and not ORDERS[choice.order].descending,
        "headings": HEADINGS.items(),
        "n_waiting": len(rows),
        "n_proposed": len(proposed),
        "listed": page,
        "waiting": listed[: len(waiting)],
        "lately": listed[len(waiting) :],
        "chosen_code": chosen.code if chosen else "",
        "position": position,
        "next_code": encode(numbers[at + 1]) if at + 1 < len(numbers) else "",
        "previous_code": encode(numbers[at - 1]) if at > 0 else "",
    }


def case_following(request: HttpRequest, alert: Alert) -> Alert | None:
    """Return the first other case of the list that no other reviewer holds, or None."""
    now, choice = timezone.now(), QueueChoice(request)
    held = {pk for pk, claim in detections.claims_living(now=now).items() if claim.holder != request.user}
    free = [pk for pk in _waiting(request, choice, now) if pk not in held and pk != alert.pk]
    return Alert.objects.get(pk=free[0]) if free else None


def _waiting(request: HttpRequest, choice: QueueChoice, now: datetime) -> list[int]:
    cases = cases_wanted(wanted=choice.wanted, person=account_in(request), now=now)
    return sort_cases(cases=cases, now=now, order=choice.order)


def _listed(alerts: list[Alert], proposed: set[int], request: HttpRequest, now: datetime) -> list[dict[str, Any]]:
    living = detections.claims_living(now=now).items()
    claims = {pk: claim for pk, claim in living if claim.holder != request.user}
    return [
        {
            "card": card,
            "waited": duration_words(waited_s) if (waited_s := float(getattr(alert, "waited_s", 0))) >= STEP_S else "",
            "visit_due": getattr(alert, "visit_due", False),
            "visit_planned": getattr(alert, "visit_planned", False),
            "claim": claims.get(alert.pk),
            "proposed": alert.pk in proposed,
        }
        for alert, card in zip(alerts, alert_cards(alerts), strict=True)
    ]


def quality(reviews: Sequence[Any], simulated: bool) -> dict[str, Any]:
    """Return what the page on the quality of reviews says of real or simulated ground. reviews: see `judgements`."""
    n_waiting, oldest = oldest_waiting(simulated=simulated)
    times = time_to_review(since=timezone.now() - LOOKED_BACK, simulated=simulated)
    kinds = record_of(reviews, simulated=simulated)["groups"][0]
    return {
        "simulated": simulated,
        "n_waiting": n_waiting,
        "oldest": oldest,
        "times": [
            {
                "severity": dict(SEVERITIES)[time.severity],
                "decided": time.decided,
                "median": duration_words(time.median.total_seconds()),
                "nine_of_ten": duration_words(time.nine_of_ten.total_seconds()),
            }
            for time in times
        ],
        "kinds": kinds,
        "anything": bool(n_waiting or times or kinds["rows"]),
    }
