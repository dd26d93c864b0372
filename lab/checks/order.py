"""Check that the queue and the lists of the demo are sorted by importance: `detection.rules.importance`."""

import json
import re

from django.conf import settings
from django.core.management.base import CommandError

from detection.alerts.importance import terms_of
from detection.kinds import Family, Kind, family
from detection.models import Alert
from detection.rules.importance import MIN_MOVING
from detection.rules.lifecycle import State
from detection.rules.motion import motion_of, stated
from detection.selectors import PUBLIC_STATES, steepest_tilts
from ground_motion.methods.deformation.motion.series import Trend
from lab.checks.site import Site

FIRST = 3  # The accelerating mine under buildings must have this rank or a higher one.


def check(site: Site) -> str:
    """Return one line on the order of the queue and the list. Raises CommandError where it is not that of the rule."""
    rows = Alert.objects.filter(state__in=PUBLIC_STATES).select_related("motion", "exposure", "by_hand")
    alerts, tilts = {row.code: row for row in rows}, steepest_tilts(alerts=[*rows])
    steps = {code: terms_of(one, tilts.get(one.pk)).score for code, one in alerts.items()}
    features = json.loads(site.get("alerts.geojson"))["features"]
    queue = signed_in(site).get("review/").decode()
    lists = {
        "the queue": re.findall(r'data-case="(\w+)"', queue.split("Recently reviewed")[0]),
        "the list": re.findall(r'data-alert-code="(\w+)"', site.get("alerts/").decode()),
        "alerts.geojson": [feature["properties"]["code"] for feature in features],
    }
    for name, codes in lists.items():
        if codes != sorted(codes, key=lambda code: -steps[code]):
            raise CommandError(f"{name} is not in the order of importance: {', '.join(codes)}")
        still = [_is_still(alerts[code]) for code in codes]
        if still != sorted(still) or still != [alerts[code].importance < MIN_MOVING for code in codes]:
            shown = [f"{code} ({'still' if rests else 'moves'})" for code, rests in zip(codes, still, strict=True)]
            raise CommandError(f"in {name}, a place without motion precedes a moving one: {', '.join(shown)}")
    queue = ", ".join(lists["the queue"])
    mines = [at for at, code in enumerate(lists["the queue"], 1) if _speeds_up_under_buildings(alerts[code])]
    if not mines:
        raise CommandError(f"no mine that speeds up under buildings is in the queue: {queue}")
    if mines[0] > FIRST:
        raise CommandError(f"the mine that speeds up under buildings is number {mines[0]} of the queue: {queue}")
    return f"order: the queue is {queue}; the mine that speeds up under buildings is number {mines[0]}"


def _is_still(alert: Alert) -> bool:
    """Return whether pages show an alert as at rest, or its headline figure is no motion."""
    shown = stated(alert) if family(alert.kind) is Family.VELOCITY else None
    at_rest = shown is not None and (shown.at_rest or not shown.headline.is_motion)
    return alert.state == State.FINISHED or at_rest


def _speeds_up_under_buildings(alert: Alert) -> bool:
    motion = motion_of(alert)
    weight = getattr(alert, "exposure", None) and alert.exposure.weight
    return alert.kind == Kind.MINING and motion is not None and motion.trend == Trend.FASTER and weight == 2


def signed_in(site: Site) -> Site:
    """Return a visitor who is signed in as the demo's operator. Raises CommandError."""
    path, operator = settings.DEMO_ACCOUNTS_FILE, Site(site.url)
    if not path.exists():
        raise CommandError(f"{path} is missing; run manage.py demoaccounts")
    fields = {"username": "operator", "password": json.loads(path.read_text())["operator"]}
    operator.post("login/", fields)
    if "Sign out" not in operator.get("review/").decode():
        raise CommandError("the demo operator could not sign in")
    return operator
