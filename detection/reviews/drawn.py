"""Alerts drawn by a person at places that the search missed. They begin confirmed, and belong to no run.

If a second person has to agree (`proposals`), they begin unreviewed, and their confirmation is proposed.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from shapely import from_wkb
from shapely.geometry.base import BaseGeometry

from detection.alerts import life
from detection.alerts.describe import exposure_refresh
from detection.alerts.importance import importance_refresh
from detection.kinds import KINDS
from detection.models import Alert, AlertTransition, Review
from detection.reviews.audit import audit_write
from detection.reviews.edits import texts_of
from detection.reviews.outlines import Unfit, distance_m, outline_of
from detection.reviews.proposals import needs_second, proposal_make
from detection.reviews.services import MAX_NOTE_LENGTH, SPECIALIST
from detection.rules.lifecycle import LIVING, Source, State
from detection.rules.severity import Severity
from detection.rules.verdicts import REASONS, Verdict
from detection.search.areas import to_django
from detection.tables.reviews import SetByHand
from ground_motion.core.areas import area_of, box_around
from ingest.foundation.geos import geos
from ingest.foundation.locks import Lock, hold_lock
from ingest.models import Product

REASON = "reported by a specialist"
SAME_PLACE_M = 250.0
MAX_SHOWN = 8
EARLIEST = date(1900, 1, 1)


class PlaceTaken(ValueError):
    """Conflict: living alerts lie where one was drawn; `alerts` lists them, the nearest first."""

    def __init__(self, alerts: list[Alert]) -> None:
        super().__init__(", ".join(alert.code for alert in alerts))
        self.alerts = alerts


class Drawn(NamedTuple):
    """Statement of a person about a place.

    outline: GeoJSON; seen_on: the day on which the motion was seen; texts: public, by language;
    reason: a key of REASONS[Verdict.DRAWN]; note: for reviewers only.
    """

    kind: str
    severity: str
    outline: str
    seen_on: date
    reason: str
    texts: Mapping[str, str] = {}
    note: str = ""


def alert_draw(*, drawn: Drawn, by: User, known: Collection[str] = ()) -> Alert:
    """Create a confirmed alert from a person's drawing, in one transaction. Later searches keep what the person set.

    If its severity requires a second person, the alert begins unreviewed, and its confirmation is proposed.

    known: codes of living alerts nearby that the person has checked to be other places. Raises PlaceTaken if any other
    of the nearest ones is within SAME_PLACE_M, so that no place is followed twice, and Unfit for invalid input.
    """
    outline, texts = _check(drawn), texts_of(drawn.texts)
    area = to_django(outline)
    with hold_lock(Lock.ALERTS):
        near = living_near(outline)
        if any(neighbour.code not in known for neighbour in near):
            raise PlaceTaken(near)
        # Where no data cover the ground, the alert is simulated if all data are.
        flags = Product.objects.values_list("simulated", flat=True)
        seen = set(flags.filter(footprint__intersects=area)) or set(flags)
        alert = Alert.objects.create(
            kind=drawn.kind,
            severity=drawn.severity,
            area=area,
            area_m2=area_of(outline),
            first_motion=drawn.seen_on,
            last_motion=drawn.seen_on,
            state=State.FIRST,
            source=Source.PERSON,
            simulated=seen == {True},
        )
        proposed = needs_second(alert=alert)
        by_hand = {"kind": alert.kind, "severity": alert.severity, "area": area}
        SetByHand.objects.create(alert=alert, texts={} if proposed else texts, **by_hand)
        if not proposed:
            alert.state = State.CONFIRMED
            alert.save(update_fields=["state"])
        step = AlertTransition.objects.create(alert=alert, to_state=alert.state, reason=REASON, actor=SPECIALIST)
        life.life_of(alert, [])
        exposure_refresh(alert=alert)
        importance_refresh(alert=alert)
        said = {"public_note": REASONS[Verdict.DRAWN][drawn.reason].sentence, "internal_note": drawn.note.strip()}
        Review.objects.create(
            alert=alert, transition=step, verdict=Verdict.DRAWN, reason_code=drawn.reason, reviewer=by, **said
        )
        beside = f"; beside {', '.join(sorted(neighbour.code for neighbour in near))}" if near else ""
        audit_write(
            actor=by, action="alert.drawn", subject=alert.code, after=alert.state, detail=f"{drawn.reason}{beside}"
        )
        if proposed:
            known_by = drawn.reason if drawn.reason in REASONS[Verdict.CONFIRM] else "plausible"
            change = {"texts": texts} if texts else None
            proposal_make(alert=alert, proposer=by, reason_code=known_by, change=change, **said)
        return alert


def living_near(outline: BaseGeometry) -> list[Alert]:
    """Return living alerts within 250 metres of an outline in degrees, the nearest first."""
    alerts = Alert.objects.filter(state__in=LIVING, area__intersects=geos(box_around(outline, SAME_PLACE_M)))
    away = [(distance_m(outline, from_wkb(bytes(alert.area.wkb))), alert.pk, alert) for alert in alerts]
    return [alert for metres, _pk, alert in sorted(away, key=lambda row: row[:2]) if metres <= SAME_PLACE_M][:MAX_SHOWN]


def _check(drawn: Drawn) -> BaseGeometry:
    """Check all fields; return the outline, in degrees. Raises Unfit."""
    if drawn.kind not in set(KINDS):
        raise Unfit(_("Please choose a kind."))
    if drawn.severity not in set(Severity):
        raise Unfit(_("There is no such importance."))
    if drawn.reason not in REASONS[Verdict.DRAWN]:
        raise Unfit(_("Please say how the motion is known."))
    if not EARLIEST <= drawn.seen_on <= timezone.now().date():
        raise Unfit(_("The day on which it was seen lies in the future or too far back."))
    if len(drawn.note) > MAX_NOTE_LENGTH:
        raise Unfit(_("A note has at most %(most)s characters.") % {"most": MAX_NOTE_LENGTH})
    if not drawn.outline.strip():
        raise Unfit(_("Draw the outline, or write it as GeoJSON."))
    return outline_of(drawn.outline)
