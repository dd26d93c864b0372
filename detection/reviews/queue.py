"""Review queue: waiting cases by importance and time without a look, and the alerts near a case."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import F, FloatField, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Abs, Coalesce, Extract, Least

from detection.lists import rows_among
from detection.models import Alert, Claim, Proposal, Review
from detection.rules.importance import DAYS_PER_STEP, MAX_WAIT_STEPS
from detection.rules.lifecycle import LIVING, State
from detection.selectors import PUBLIC_STATES, UNREVIEWED_STATES, alerts_to_review
from ground_motion.core.areas import box_around
from ingest.foundation.geos import geos

NEAR_M = 10_000.0
MAX_NEIGHBOURS = 8
ORDERS = {  # The table of cases can be sorted by these columns: the largest, gravest and latest come first.
    "kind": F("kind").asc(),
    "speed": Abs("peak_rate_mm_yr").desc(nulls_last=True),
    "area": F("area_m2").desc(),
    "importance": F("importance").desc(),
    "state": F("state").asc(),
    "found": F("created_at").desc(),
}


class Wanted(NamedTuple):
    """Filters of the queue; an empty filter excludes no case.

    among: primary keys of alerts; mine, free, visit: see `cases_wanted`.
    """

    kind: str = ""
    state: str = ""
    severity: str = ""
    among: Sequence[int] | None = None
    mine: bool = False
    free: bool = False
    proposed: bool = False
    visit: str = ""


def cases_wanted(*, wanted: Wanted, person: User, now: datetime) -> QuerySet[Alert]:
    """Return cases that match the filters; without a state, those that wait for a verdict or a visit.

    mine: held by the person; free: held by nobody else; proposed: with a proposal waiting, in any state; visit: living
    alerts whose visit is due, or planned for later.
    """
    proposed = Proposal.objects.filter(outcome=Proposal.Outcome.WAITING).values("alert")
    states = State if wanted.proposed else LIVING if wanted.visit else UNREVIEWED_STATES
    cases = alerts_to_review(states=[wanted.state] if wanted.state else states)
    if wanted.proposed:
        cases = cases.filter(pk__in=proposed)
    elif not wanted.state and not wanted.visit:
        cases = cases.exclude(pk__in=proposed.exclude(reason_code=""))  # A text that waits for approval is no verdict.
    if wanted.visit:
        cases = cases.filter(**{f"visit_{wanted.visit}": True})
    for name in ("kind", "severity"):
        if value := getattr(wanted, name):
            cases = cases.filter(**{name: value})
    if wanted.among is not None:
        cases = cases.filter(pk__in=rows_among(wanted.among))
    held = Claim.objects.filter(until__gte=now)
    if wanted.mine:
        cases = cases.filter(pk__in=held.filter(holder=person).values("alert"))
    if wanted.free:
        cases = cases.exclude(pk__in=held.exclude(holder=person).values("alert"))
    return cases


def sort_cases(*, cases: QuerySet[Any], now: datetime, order: str = "") -> list[int]:
    """Return the primary keys of cases in one of ORDERS; reads no outlines.

    Without an order, the most urgent come first and those with a planned visit last.

    Urgency is the importance plus steps for the time since somebody last judged the case, or else since it was found.
    """
    waits = seconds_waited(now) / (86_400.0 * DAYS_PER_STEP)
    urgency = F("importance") + Least(waits, MAX_WAIT_STEPS, output_field=FloatField())
    own = [ORDERS[order]] if order else []
    return list(cases.order_by(*own, "visit_planned", urgency.desc(), "-id").values_list("pk", flat=True))


def seconds_waited(now: datetime) -> Extract:
    """Return an expression for the seconds since somebody last judged a case, or else since it was found."""
    judged = Review.objects.filter(alert=OuterRef("pk")).order_by("-created_at").values("created_at")[:1]
    return Extract(Value(now) - Coalesce(Subquery(judged), F("created_at")), "epoch")


def alerts_near(*, alert: Alert) -> list[Alert]:
    """Return other alerts within ten kilometres, the nearest first, with `away_m`: metres between the outlines."""
    away = RawSQL("ST_Distance(area::geography, ST_GeomFromEWKB(%s)::geography)", [bytes(alert.area.ewkb)])
    near = Alert.objects.filter(
        state__in=[*PUBLIC_STATES, State.REJECTED], area__intersects=geos(box_around(alert.area, NEAR_M))
    )
    near = near.filter(simulated=alert.simulated).exclude(pk=alert.pk).annotate(away_m=away)
    return list(near.filter(away_m__lte=NEAR_M).order_by("away_m", "pk")[:MAX_NEIGHBOURS])
