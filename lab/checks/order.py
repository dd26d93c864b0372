"""Check that the queue and the lists of the demo stand in the order of what matters: `detection.rules.importance`."""

import json
import re
from collections.abc import Sequence

from django.core.management.base import CommandError

from detection.alerts.importance import terms_of
from detection.kinds import Family, Kind, family
from detection.models import Alert
from detection.rules.importance import MIN_MOVING
from detection.rules.lifecycle import State
from detection.rules.motion import motion_of, stated
from detection.selectors import PUBLIC_STATES, steepest_tilts
from ground_motion.methods.deformation.motion.series import Trend
from lab.checks.review import cases_waiting, signed_in
from lab.checks.site import Site

FIRST = 3  # places among which the accelerating mine under buildings must be


def check(site: Site) -> str:
    """Return one line on the order of the queue and the list. Raises CommandError where it is not that of the rule."""
    rows = Alert.objects.filter(state__in=PUBLIC_STATES).select_related("motion", "exposure", "by_hand")
    alerts, tilts = {row.code: row for row in rows}, steepest_tilts(alerts=[*rows])
    steps = {code: terms_of(one, tilts.get(one.pk)).score for code, one in alerts.items()}
    features = json.loads(site.get("alerts.geojson"))["features"]
    lists = {
        "the queue": cases_waiting(signed_in(site)),
        "the list": re.findall(r'data-alert-code="(\w+)"', site.get("alerts/").decode()),
        "alerts.geojson": [feature["properties"]["code"] for feature in features],
    }
    for name, codes in lists.items():
        if codes != sorted(codes, key=lambda code: -steps[code]):
            raise CommandError(f"{name} is not in the order of importance: {', '.join(codes)}")
        _check_motion(name, [alerts[code] for code in codes])
    queue = ", ".join(lists["the queue"])
    mines = [at for at, code in enumerate(lists["the queue"]) if _speeds_up_under_buildings(alerts[code])]
    if not mines:
        raise CommandError(f"no mine that speeds up under buildings is in the queue: {queue}")
    mine = mines[0]
    if mine >= FIRST:
        raise CommandError(f"the mine that speeds up under buildings is number {mine + 1} of the queue: {queue}")
    return f"order: the queue is {queue}; the mine that speeds up under buildings is number {mine + 1}"


def _check_motion(name: str, alerts: Sequence[Alert]) -> None:
    """Raise CommandError if a place without motion precedes a moving one, by what pages show of it."""
    still = [alert.state == State.FINISHED or _is_still(alert) for alert in alerts]
    if still != sorted(still) or still != [alert.importance < MIN_MOVING for alert in alerts]:
        shown = ", ".join(
            f"{alert.code} ({'still' if rests else 'moves'})" for alert, rests in zip(alerts, still, strict=True)
        )
        raise CommandError(f"in {name}, a place without motion precedes a moving one: {shown}")


def _is_still(alert: Alert) -> bool:
    """Return whether the figure that stands for an alert is no motion, or the alert is at rest."""
    told = stated(alert) if family(alert.kind) is Family.VELOCITY else None
    return told is not None and (told.at_rest or not told.headline.is_motion)


def _speeds_up_under_buildings(alert: Alert) -> bool:
    motion = motion_of(alert)
    weight = getattr(alert, "exposure", None) and alert.exposure.weight
    return alert.kind == Kind.MINING and motion is not None and motion.trend == Trend.FASTER and weight == 2
