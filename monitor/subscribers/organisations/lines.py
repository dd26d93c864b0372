"""Lines of an organisation: added by its owners, changed and removed."""

from collections.abc import Sequence
from typing import Any

import shapely
from django.contrib.gis.geos import LineString
from django.utils import timezone
from django.utils.translation import gettext as _
from shapely.ops import substring

from ground_motion.core.errors import one_line
from ground_motion.core.projections import EARTH
from monitor.models.lines import Line
from monitor.models.subscriptions import Organisation
from monitor.subscribers.organisations.escalations import organisation_audit
from monitor.subscribers.organisations.services import alone
from monitor.subscribers.quotas.known import network_of_organisation
from monitor.subscribers.quotas.services import organisation_key, room_held
from monitor.subscribers.subscriptions import limits
from monitor.subscribers.subscriptions.members import memberships_of
from monitor.subscribers.subscriptions.services import VILLAGE_ADDRESS
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal

DEMO_PART = (0.73, 1.0)  # The demo shows this part of the railway, which runs through the city that sinks.
MAX_LINES = 20
MAX_CHANGES = 50  # An organisation may change its lines this often in a day, because a change needs new readings.
CORNER_BYTES = 16
# A reading takes about this much: four lists of 2,000 stations, and 400 cells by 60 dates. Three are reserved at first.
READING_BYTES, RESERVED_READINGS = 120_000, 3
READ_WITH = ("half_width_m", "limit_mm_m_yr")  # A line's name, kind and first station change no reading.


def line_add(*, organisation: Organisation, course: shapely.LineString, length_m: float, **wish: Any) -> Line:
    """Add a line. course: degrees; wish: name, kind, half_width_m, first_station_m, limit_mm_m_yr. Raises Refusal."""
    size_bytes = line_bytes(n_corners=len(course.coords), n_readings=0)
    with alone(organisation) as mine:
        if mine.lines.count() >= MAX_LINES:
            raise Refusal(_("An organisation has %(number)s lines at most.") % {"number": whole(MAX_LINES)})
        _count(mine, "line added", wish["name"])
        mailbox, network = organisation_key(organisation=mine.pk), network_of_organisation(organisation=mine)
        with room_held(size_bytes=size_bytes, mailbox=mailbox, network=network):
            return Line.objects.create(
                organisation=mine,
                geometry=LineString(list(course.coords), srid=4326),
                length_m=length_m,
                changed_at=timezone.now(),
                size_bytes=size_bytes,
                mailbox=mailbox,
                network=network,
                **wish | {"name": one_line(wish["name"])},
            )


def line_bytes(*, n_corners: int, n_readings: int) -> int:
    """Return the bytes that a line counts for: at least with RESERVED_READINGS, which it is going to have."""
    return n_corners * CORNER_BYTES + max(RESERVED_READINGS, n_readings) * READING_BYTES


def line_change(*, line: Line, **wish: Any) -> None:
    """Change a line, and make its readings again if they depend on it. wish: as for `line_add`. Raises Refusal."""
    with alone(line.organisation) as mine:
        _count(mine, "line changed", wish["name"])
        changed = mine.lines.filter(pk=line.pk)
        if not changed.filter(**{name: wish[name] for name in READ_WITH}).exists():
            wish["changed_at"] = timezone.now()
        changed.update(**wish | {"name": one_line(wish["name"])})


def line_remove(*, line: Line) -> None:
    """Remove a line with its readings, breaks and waiting notices. Raises Refusal."""
    with alone(line.organisation) as mine:
        organisation_audit(organisation=mine, action="line removed", after=line.name)
        mine.lines.filter(pk=line.pk).delete()


def demo_line_make(*, corners: Sequence[tuple[float, float]]) -> None:
    """Make the railway of the demo's organisation: the end of a longer one, whose corners are given in degrees."""
    mine = memberships_of(email=VILLAGE_ADDRESS).first()
    if mine is None or mine.organisation.lines.exists():
        return
    whole_line = shapely.LineString(corners)
    course = shapely.LineString(substring(whole_line, *DEMO_PART, normalized=True).coords)
    length_m = EARTH.geometry_length(course)
    wish = {"name": "Coal line", "kind": Line.Kind.RAIL, "half_width_m": 15.0, "limit_mm_m_yr": 0.2}
    first_m = EARTH.geometry_length(whole_line) - length_m
    line_add(organisation=mine.organisation, course=course, length_m=length_m, first_station_m=first_m, **wish)


def _count(organisation: Organisation, action: str, name: str) -> None:
    """Add a change of a line to the audit log. Raises Refusal beyond the daily limit."""
    if not limits.allowed_for_organisation(organisation=organisation, most=MAX_CHANGES, what="lines"):
        raise Refusal(_("Daily limit reached. Try again tomorrow."))
    organisation_audit(organisation=organisation, action=action, after=name)
