"""Review queue: waiting cases in the order of `detection.rules.queue`, and the alerts near a case."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.gis.geos import Polygon
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from detection.models import Alert, Claim, Detection, Proposal
from detection.rules.lifecycle import LIVING, State
from detection.rules.queue import priority
from detection.rules.severity import Severity
from detection.selectors import PUBLIC_STATES, UNREVIEWED_STATES, alerts_to_review

NEAR_M = 10_000.0
MOST_NEIGHBOURS = 8


class Wanted(NamedTuple):
    """Filters of the queue; an empty filter excludes no case.

    among: primary keys of alerts; mine, free, given, visit: see `cases_wanted`.
    """

    kind: str = ""
    state: str = ""
    severity: str = ""
    among: Sequence[int] | None = None
    mine: bool = False
    free: bool = False
    given: int | None = None
    given_to_nobody: bool = False
    proposed: bool = False
    visit: str = ""


def cases_wanted(*, wanted: Wanted, person: AbstractBaseUser, now: datetime) -> QuerySet[Alert]:
    """Return cases that match the filters; without a state, those that wait for a verdict or a visit.

    mine: held by the person; free: held by nobody else; given: assigned to this account; proposed: with a proposal
    waiting, in any state; visit: living ones whose visit is due, or planned for later.
    """
    proposed = Proposal.objects.filter(outcome=Proposal.Outcome.WAITING).values("alert")
    states = State if wanted.proposed else LIVING if wanted.visit else UNREVIEWED_STATES
    cases = alerts_to_review(states=[wanted.state] if wanted.state else states)
    if wanted.proposed:
        cases = cases.filter(pk__in=proposed)
    elif not wanted.state and not wanted.visit:
        cases = cases.exclude(pk__in=proposed)
    if wanted.visit:
        cases = cases.filter(**{f"visit_{wanted.visit}": True})
    for name in ("kind", "severity"):
        if value := getattr(wanted, name):
            cases = cases.filter(**{name: value})
    if wanted.among is not None:
        cases = cases.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [list(wanted.among)]))
    held = Claim.objects.filter(until__gte=now)
    if wanted.mine:
        cases = cases.filter(pk__in=held.filter(holder=person).values("alert"))
    if wanted.free:
        cases = cases.exclude(pk__in=held.exclude(holder=person).values("alert"))
    if wanted.given is not None:
        cases = cases.filter(assignment__assignee=wanted.given)
    return cases.filter(assignment=None) if wanted.given_to_nobody else cases


def rows_proposed() -> set[int]:
    """Return the primary keys of alerts with a proposal that waits for a second person."""
    return set(Proposal.objects.filter(outcome=Proposal.Outcome.WAITING).values_list("alert", flat=True))


def in_order(*, cases: QuerySet[Alert], now: datetime) -> list[int]:
    """Return the primary keys of cases, the most urgent first, those with a planned visit last; reads no outlines.

    Equally urgent cases keep the order of the query.
    """
    score = Detection.objects.filter(alert=OuterRef("pk")).order_by("-score").values("score")[:1]
    names = ("pk", "severity", "exposure__weight", "state", "score", "created_at", "visit_planned")
    facts = cases.annotate(score=Subquery(score)).values(*names)

    def place(one) -> tuple[bool, float]:
        urgency = priority(
            severity=Severity(one["severity"]),
            exposure_weight=one["exposure__weight"],
            state=State(one["state"]),
            score=one["score"],
            days_waiting=(now - one["created_at"]).days,
        )
        return one["visit_planned"], -urgency

    return [one["pk"] for one in sorted(facts, key=place)]


def alerts_near(*, alert: Alert) -> list[Alert]:
    """Return other alerts within ten kilometres, the nearest first, with `away_m`: metres between the outlines."""
    reach = NEAR_M / 111_000
    wide = reach / max(0.05, math.cos(math.radians(alert.area.centroid.y)))
    west, south, east, north = alert.area.extent
    box = Polygon.from_bbox((west - wide, south - reach, east + wide, north + reach))
    away = RawSQL("ST_Distance(area::geography, ST_GeomFromEWKB(%s)::geography)", [bytes(alert.area.ewkb)])
    near = Alert.objects.filter(state__in=[*PUBLIC_STATES, State.REJECTED], area__bboverlaps=box)
    near = near.filter(simulated=alert.simulated).exclude(pk=alert.pk).annotate(away_m=away)
    return list(near.filter(away_m__lte=NEAR_M).order_by("away_m", "pk")[:MOST_NEIGHBOURS])
